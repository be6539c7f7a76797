-- Binary trees, and strings that are put together.
local function tree(depth)
    if depth == 0 then return {} end
    return {tree(depth - 1), tree(depth - 1)}
end

local function count(node)
    if not node[1] then return 1 end
    return 1 + count(node[1]) + count(node[2])
end

local nodes = 0
for _ = 1, 12 do nodes = nodes + count(tree(15)) end
local parts = {}
for i = 1, 300000 do parts[#parts + 1] = tostring(i) .. ("x"):rep(i % 50) end
print(nodes, #table.concat(parts))
