"""layers.py - who may include what.

A file sees its own layer and lower ones.  An include is resolved the way the
compiler would: the file's own folder, its top folder, then the search path.
"""

import posixpath
import re
from dataclasses import dataclass

from .csource import directives
from .tree import Finding, check, plant

# Lowest first; the position is the rank.  All but arch and init are src/<layer>/.
LAYERS = ("arch", "base", "memmap", "frames", "paging", "space", "heap", "report", "init")

# include/cairn/<name>.h belongs to the layer.  A new public header is entered here.
PUBLIC = {
    "base": "types status platform config version compiler format lock source entropy",
    "memmap": "memmap early boot handoff multiboot limine uefi",
    "frames": "frames dma",
    "paging": "window paging map temporary physmap ptwalk",
    "space": "ranges areas space stack fault layout text",
    "heap": "heap heap_source heap_stage kmalloc heap_debug cache new",
    "report": "report audit",
    "init": "cairn init",
}
PUBLIC_LAYER = {name: layer for layer, names in PUBLIC.items() for name in names.split()}

# What arch/ sees of the layer above it.
ARCH_SEES = {f"include/cairn/{name}.h" for name in ("types", "status", "config", "compiler")}

# Top folders that see a few others only.  The rest (sim, tests, ...) sees all.
FOLDER_SEES = {
    "boot": ("boot", "include"),
    "loader": ("loader", "boot", "include"),
    "kernel": ("kernel", "boot", "include"),
    "examples": ("examples", "include"),
}
LIBRARY = ("include", "src", "arch")
FREESTANDING_FOLDERS = LIBRARY + ("boot", "loader", "kernel")
FREESTANDING = {f"{name}.h" for name in
                "stdint stddef stdbool stdarg limits stdnoreturn stdalign".split()}
FREESTANDING_CPP = {"new"}  # for .hpp
SEARCH_PATH = ("include", "src", "arch/x86", "", "boot", "kernel", "loader", "sim", "tests")

MMU_PREFIX = "sim/mmu"
MMU_MUST_NOT_SEE = ("paging", "arch")

ARCH_NAME = re.compile(r'\b\w*(?:x86|i[3-6]86|amd64|aarch64|riscv|_M_X64|_M_IX86)\w*\b', re.I)
ARCH_IF_ALLOWED = ("arch", "boot", "kernel", "loader", "sim", "tests")

_INCLUDE = re.compile(r'#\s*include\s*(?:"([^"]+)"|<([^>]+)>|(\w.*))')


@dataclass(frozen=True)
class Include:
    """One #include: `target` is a path in the tree, or None outside of it."""
    line: int
    name: str
    quoted: bool
    target: str


def top(path):
    return path.split("/", 1)[0]


def layer_of(path):
    """The layer of a file of the library; None when it has none."""
    parts = path.split("/")
    stem = posixpath.splitext(parts[-1])[0]
    if parts[:2] == ["include", "cairn"] and len(parts) == 3:
        return PUBLIC_LAYER.get(stem)
    if parts[0] == "arch":
        return "arch"
    if parts[0] == "src" and len(parts) > 2:
        return parts[1] if parts[1] in LAYERS[1:-1] else None
    return "init" if parts[0] == "src" and stem == "init" else None


def resolve(tree, path, name, quoted):
    own = (posixpath.dirname(path), top(path)) if quoted else ()
    for folder in own + SEARCH_PATH:
        target = posixpath.normpath(posixpath.join(folder, name))
        if target in tree:
            return target
    return None


def includes(tree, path):
    for line, text, _ in directives(tree.plain(path)):
        match = _INCLUDE.match(text)
        if match:
            name = match[1] or match[2] or match[3]
            quoted = bool(match[1])
            yield Include(line, name, quoted, resolve(tree, path, name, quoted))


@check("layers", "a file includes its own layer and lower ones only, spelled as agreed")
def layers(tree):
    graph = {path: list(includes(tree, path)) for path in tree.sources()}
    for path, found in graph.items():
        yield from misplaced(path)
        for include in found:
            message = fault(path, include)
            if message:
                yield Finding(path, include.line, message)
    yield from mmu_independence(graph)
    yield from cycles(graph)


def misplaced(path):
    """Every file of the library has a layer."""
    if top(path) not in LIBRARY or layer_of(path):
        return
    if path.startswith("include/cairn/"):
        what = "this public header has no layer; add it to PUBLIC in tools/checks/layers.py"
    elif path.startswith("include/"):
        what = "public headers live in include/cairn/"
    else:
        what = f"not in a layer; only init.c is in src/, the rest in {'/ '.join(LAYERS[1:-1])}/"
    yield Finding(path, 1, what)


def fault(path, include):
    """What is wrong with one include; None if nothing."""
    if include.target is None:
        return outside_fault(path, include)
    if include.quoted and include.target.startswith("include/"):
        return f'a public header is included as <{include.target[len("include/"):]}>'
    if top(path) in LIBRARY:
        return library_fault(path, include)
    sees = FOLDER_SEES.get(top(path))
    if sees and top(include.target) not in sees:
        return f"{top(path)}/ must not see {include.target}; it sees only {', '.join(sees)}"
    return None


def outside_fault(path, include):
    """Includes that are no file of the tree: of the compiler, of libc, or missing."""
    if include.quoted:
        return (f'"{include.name}" is not in the tree; write the path below src/ or arch/x86/'
                if top(path) in LIBRARY else None)
    allowed = FREESTANDING | (FREESTANDING_CPP if path.endswith(".hpp") else set())
    if top(path) in FREESTANDING_FOLDERS and include.name not in allowed:
        return (f"<{include.name}> is not freestanding; {top(path)}/ has no libc, only "
                f"{', '.join(sorted(FREESTANDING))}")
    return None


def library_fault(path, include):
    target = include.target
    if top(target) not in LIBRARY or (top(path) == "include" and top(target) != "include"):
        return f"{top(path)}/ must not see {target}; it is outside of its border"
    if top(path) == "arch" and top(target) != "arch" and target not in ARCH_SEES:
        return f"arch/ must not see {target}; of the library it sees {', '.join(sorted(ARCH_SEES))}"
    upper, lower = layer_of(path), layer_of(target)
    if upper and lower and top(path) != "arch" and LAYERS.index(lower) > LAYERS.index(upper):
        return (f"layer {upper} must not see {target} of the higher layer {lower}; move the "
                "declaration down, or let init set a function pointer")
    return spelling_fault(include)


def spelling_fault(include):
    """Internal headers by their path below src/, arch headers by their name."""
    base = {"src": "src/", "arch": "arch/x86/"}.get(top(include.target))
    if base and (not include.quoted or base + include.name != include.target):
        return f'write #include "{include.target.removeprefix(base)}"'
    return None


def mmu_independence(graph):
    """The simulated MMU reads the manual by itself: also not through other headers."""
    for path in graph:
        for include in graph[path] if path.startswith(MMU_PREFIX) else ():
            for reached in sorted(reach(graph, include.target)):
                if layer_of(reached) in MMU_MUST_NOT_SEE:
                    yield Finding(path, include.line, f"<{include.name}> leads to {reached}; the "
                                  "simulated MMU shares no header with src/paging and arch")


def reach(graph, start):
    """Files that are included by `start`, however indirectly, and itself."""
    seen, waiting = set(), [start]
    while waiting:
        path = waiting.pop()
        if path in graph and path not in seen:
            seen.add(path)
            waiting += [include.target for include in graph[path]]
    return seen


def cycles(graph):
    for path in graph:
        for include in graph[path]:
            if path in reach(graph, include.target):
                yield Finding(path, include.line, f"{include.name} includes this file again, "
                              "directly or not; move what both need into a third header")


def planted(path, include):
    """A plant file: its opening, and one include."""
    plant_text = f"/*\n * {posixpath.basename(path)} - planted.\n */\n#include {include}\n"
    return {path: plant_text}


plant("layers", "higher layer frames", planted("src/base/up.c", "<cairn/frames.h>"))
plant("layers", "higher layer frames", planted("src/memmap/up.c", '"frames/tree.h"'))
plant("layers", "higher layer frames", planted("include/cairn/early.h", "<cairn/frames.h>"))
plant("layers", "add it to PUBLIC", planted("include/cairn/novel.h", "<cairn/types.h>"))
plant("layers", "not in a layer", planted("src/stray.c", "<cairn/types.h>"))
plant("layers", "is not freestanding", planted("src/base/libc.c", "<string.h>"))
plant("layers", "is not freestanding", planted("kernel/libc.c", "<stdio.h>"))
plant("layers", "src/ must not see sim/mmu.h", planted("src/base/sim.c", '"sim/mmu.h"'))
plant("layers", "kernel/ must not see", planted("kernel/private.c", '"frames/tree.h"'))
plant("layers", "boot/ must not see", planted("boot/b.c", '"kernel/main.h"'))
plant("layers", "loader/ must not see", planted("loader/l.c", '"arch_cpu.h"'))
plant("layers", "arch/ must not see", planted("arch/x86/arch_up.c", "<cairn/platform.h>"))
plant("layers", "include/ must not see", planted("include/cairn/dma.h", '"frames/tree.h"'))
plant("layers", 'write #include "frames/tree.h"', planted("src/frames/near.c", '"tree.h"'))
plant("layers", "is included as <cairn/types.h>", planted("tests/q.c", '"cairn/types.h"'))
plant("layers", "not in the tree", planted("src/base/lost.c", '"base/lost.h"'))
plant("layers", "shares no header", planted("sim/mmu_walk.c", '"arch_cpu.h"'))
plant("layers", "leads to src/paging/walk.h", {
    **planted("sim/mmu_walk.c", '"sim/cpu.h"'), **planted("sim/cpu.h", '"paging/walk.h"'),
    **planted("src/paging/walk.h", "<cairn/types.h>")})
plant("layers", "includes this file again", {
    **planted("src/base/a.h", '"base/b.h"'), **planted("src/base/b.h", '"base/a.h"')})


@check("arch-if", f"no #if names an architecture outside {', '.join(ARCH_IF_ALLOWED)}")
def arch_if(tree):
    for path in tree.sources():
        if top(path) in ARCH_IF_ALLOWED:
            continue
        for line, text, _ in directives(tree.plain(path)):
            names = ARCH_NAME.findall(text) if re.match(r'#\s*(?:if|elif)', text) else []
            for name in names:
                if not name.endswith("_H"):
                    yield Finding(path, line, f"#if names an architecture ({name}); make it data "
                                  "of the format, or put the instruction behind arch/")


plant("arch-if", "__i386__", {"src/base/cpu.c": "#if 1 && \\\n    defined(__i386__)\n#endif\n"})
plant("arch-if", "__x86_64__", {"include/cairn/types.h": "# ifdef __x86_64__\n#endif\n"})
