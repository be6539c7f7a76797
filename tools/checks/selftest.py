"""selftest.py - does every check find what it is for?

A small tree without findings is written to a temporary folder; each plant is
added to a copy of it, and its check must report the expected message.
"""

import shutil
import tempfile
import time
from pathlib import Path

from .tree import CHECKS, PLANTS, Finding, Tree, parallel, perform, run as run_program

CLEAN = {
    "include/cairn/types.h": """\
/*
 * cairn/types.h - the types of the self-test.
 */
#ifndef CAIRN_TYPES_H
#define CAIRN_TYPES_H

#include <stdint.h>

#define CAIRN_MUST_CHECK   __attribute__((warn_unused_result))
#define CAIRN_PRINTF(f, a) __attribute__((format(printf, f, a)))

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    uint64_t value;
} cairn_pfn;

enum cairn_status {
    CAIRN_OK,
    CAIRN_NO_MEMORY, /* it's gone: "{" */
};

#ifdef __cplusplus
}
#endif

#endif
""",
    "include/cairn/platform.h": """\
/*
 * cairn/platform.h - what the host supplies.
 */
#ifndef CAIRN_PLATFORM_H
#define CAIRN_PLATFORM_H

#include <cairn/types.h>

#ifdef __cplusplus
extern "C" {
#endif

CAIRN_PRINTF(1, 2) void cairn_platform_log(const char *format, ...);

#ifdef __cplusplus
}
#endif

#endif
""",
    "include/cairn/frames.h": """\
/*
 * cairn/frames.h - physical frames.
 */
#ifndef CAIRN_FRAMES_H
#define CAIRN_FRAMES_H

#include <cairn/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Called for each frame. */
typedef int (*cairn_frames_visit)(void *context, cairn_pfn pfn);

CAIRN_MUST_CHECK enum cairn_status
cairn_frames_alloc(unsigned order, unsigned flags, cairn_pfn *out);

#ifdef __cplusplus
}
#endif

#endif
""",
    "arch/x86/arch_cpu.h": """\
/*
 * arch_cpu.h - instructions.
 */
#ifndef CAIRN_ARCH_CPU_H
#define CAIRN_ARCH_CPU_H

#if defined(__x86_64__)
#define CAIRN_ARCH_BITS 64
#else
#define CAIRN_ARCH_BITS 32
#endif

#endif
""",
    "src/frames/tree.h": """\
/*
 * frames/tree.h - frame engine, its interface.
 */
#ifndef CAIRN_FRAMES_TREE_H
#define CAIRN_FRAMES_TREE_H

#include <cairn/frames.h>

enum cairn_status cairn__tree_take(cairn_pfn *out);

#endif
""",
    "src/frames/tree.c": """\
/*
 * tree.c - frame engine.
 */
#include <cairn/frames.h>
#include <cairn/platform.h>

#include "arch_cpu.h"
#include "frames/tree.h"

static const char braces[] = "{{{{{{ /* not a comment";

static int odd(int a)
{
    for (;;) {
        if (a == '{') {
            return braces[0];
        }
    }
}

enum cairn_status cairn__tree_take(cairn_pfn *out)
{
    if (odd((int)out->value)) {
        cairn_platform_log("// %d", CAIRN_ARCH_BITS);
    }
    return CAIRN_NO_MEMORY;
}
""",
    "sim/mmu.h": "#include <cairn/types.h>\n#include <stdio.h>\n",
    "sim/mmu.c": '#include "mmu.h"\n\n#ifdef __x86_64__\n#endif\n',
    "kernel/main.h": "#include <cairn/frames.h>\n",
    "kernel/main.c": '#include "main.h"\n\n#include "boot/text.h"\n',
    "boot/text.h": "#include <stdint.h>\n",
    "tests/frames_test.c": """\
#include "frames/tree.h"
#include "sim/mmu.h"

CAIRN_TEST(frames_take)
{
    cairn__tree_take(0);
}
""",
    "run": '#!/bin/sh\nexec echo "$@"\n',
}


def write(root, files):
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")


def build(root):
    """The two archives that `symbols` reads, from all of src/."""
    for arch, mode in (("x86_64", "-m64"), ("i386", "-m32")):
        folder = root / "build" / arch
        folder.mkdir(parents=True)
        sources = [str(path) for path in (root / "src").rglob("*.c")]
        includes = [f"-I{root / name}" for name in ("include", "src", "arch/x86")]
        flags = ["-w", "-std=gnu11", "-ffreestanding", "-fno-pic", "-fno-stack-protector"]
        run_program(["gcc", "-c", mode, *flags, *includes, *sources], folder)
        objects = [path.name for path in folder.glob("*.o")]
        run_program(["ar", "rcs", "libcairn.a", *objects], folder)


def findings(config, files, names):
    """What the named checks find in the clean tree with `files` added."""
    with tempfile.TemporaryDirectory(prefix="cairn-check-") as folder:
        root = Path(folder)
        shutil.copy(config, root)
        write(root, {**CLEAN, **files})
        if "symbols" in names:
            build(root)
        tree = Tree(root)
        return [result for item in CHECKS if item.name in names
                for result in perform(item, tree) if isinstance(result, Finding)]


def run(root, only):
    """Exit status: 0 when the clean tree passes and every plant is found."""
    begin, wrong = time.monotonic(), 0
    config = root / ".clang-format"
    names = [item.name for item in CHECKS if not item.is_report and (not only or item.name in only)]
    plants = [item for item in PLANTS if item.check in names]
    for finding in findings(config, {}, names):
        print(f"WRONG  the clean tree has a finding: {finding}")
        wrong += 1
    for name in sorted(set(names) - {item.check for item in plants}):
        print(f"WRONG  {name}: no violation is planted for it")
        wrong += 1
    for item, found in zip(plants, parallel(
            lambda p: findings(config, p.files, [p.check]), plants)):
        seen = any(item.expect in finding.message
                   and (finding.path in item.files or finding.path.startswith("build/"))
                   for finding in found)
        wrong += not seen
        print(f"{'found' if seen else 'MISSED':6} {item.check:16} {item.expect}")
        print("".join(f"       instead: {finding}\n" for finding in found if not seen), end="")
    print(f"self-test: {'FAIL' if wrong else 'ok'}: {len(names)} checks, {len(plants)} violations "
          f"planted, {wrong} problems, {time.monotonic() - begin:.1f} s")
    return 1 if wrong else 0
