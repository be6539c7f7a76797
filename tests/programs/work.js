// Objects, strings and JSON.
const all = [];
for (let i = 0; i < 300000; i++) all.push({k: "x" + i, v: [i]});
console.log(JSON.stringify(all).length);
const buffers = [];
for (let i = 0; i < 3000; i++) buffers.push(Buffer.alloc(1 + (i * 977) % 20000, i & 255));
console.log(Buffer.concat(buffers).length);
