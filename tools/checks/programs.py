"""programs.py - what compilers, clang-format, cppcheck and shellcheck say."""

import os
import re
import shutil

from .tree import Finding, Note, check, parallel, plant, run

WARNINGS = "-Wall -Wextra -Werror -ffreestanding -fsyntax-only"
C_COMPILER = f"gcc -x c -std=gnu11 {WARNINGS}"
CPP_COMPILERS = (f"g++ -x c++ -std=c++17 {WARNINGS}", f"clang++ -x c++ -std=c++17 {WARNINGS}")
MODES = ("-m64", "-m32")
PUBLIC_PATH = "-Iinclude"
# There is no C++ library for 32 bits.
CPP_ONLY = "-DCAIRN_NEW_WITHOUT_LIBRARY"
PRIVATE_PATH = "-Iinclude -Isrc -Iarch/x86"

# Pointers into linker sections are compared and subtracted on purpose; which
# configurations exist is the business of the Makefile.
CPPCHECK = ("cppcheck --quiet --enable=warning,performance,portability --std=c11 "
            "--template={file}:{line}:{severity}:{message}:[{id}] --error-exitcode=3 "
            "--suppress=comparePointers --suppress=subtractPointers "
            "--suppress=preprocessorErrorDirective "
            "-Iinclude -Isrc -Iarch/x86 -D__GNUC__=12 -D__STDC_VERSION__=201112L")
CPPCHECK_TARGETS = {
    "x86_64": "--platform=unix64 -D__x86_64__=1 -D__SIZEOF_POINTER__=8",
    "i386": "--platform=unix32 -D__i386__=1 -D__SIZEOF_POINTER__=4",
}

_DIAGNOSTIC = re.compile(r'^(.*?):(\d+):\d+: (?:fatal )?(?:error|warning): (.*)$', re.MULTILINE)
_CPPCHECK_LINE = re.compile(r'^([^:\n]+):(\d+):(\w+:.*)$', re.MULTILINE)
_SHELL_LINE = re.compile(r'^([^:\n]+):(?: line )?(\d+):(?:\d+:)? ?(.*)$', re.MULTILINE)


@check("headers", "every header compiles alone: C, public ones also C++, 64 and 32 bit")
def headers(tree):
    jobs = [(f"{C_COMPILER} {mode} {PRIVATE_PATH}", path)
            for path in tree.headers("src", "arch") for mode in MODES]
    jobs += [(f"{compiler} {mode} {PUBLIC_PATH}", path)
             for path in tree.under("include", suffixes=(".h",)) for mode in MODES
             for compiler in (C_COMPILER,) + CPP_COMPILERS]
    jobs += [(f"{compiler} {mode} {PUBLIC_PATH} {CPP_ONLY}", path)
             for path in tree.under("include", suffixes=(".hpp",)) for mode in MODES
             for compiler in CPP_COMPILERS]
    said = {}
    for (command, path), output in zip(jobs, parallel(lambda job: compile_alone(tree, *job), jobs)):
        words = command.split()
        mode = next(word for word in words if word in MODES)
        for place, line, message in complaints(output, path):
            said.setdefault((place, line), (message, []))[1].append(f"{words[0]} {mode}")
    for (path, line), (message, compilers) in said.items():
        yield Finding(path, line, f"does not compile alone ({', '.join(compilers)}): {message}")


def compile_alone(tree, command, path):
    """Output of compiling a file that only includes the header, twice; empty if fine."""
    text = f'#include "{tree.root / path}"\n' * 2
    status, output = run(command.split() + ["-"], tree.root, text)
    return (output or "failed").replace(f"{tree.root}/", "") if status else ""


def complaints(output, path):
    """(path, line, message) of the first thing a compiler said."""
    match = _DIAGNOSTIC.search(output)
    if match:
        inside = match[1] not in ("<stdin>", "")
        yield match[1] if inside else path, int(match[2]) if inside else 1, match[3]
    elif output:
        yield path, 1, output.strip().splitlines()[0]


plant("headers", "gcc -m64, g++ -m64", {"include/cairn/types.h": "int cairn_f(uint32_t a);\n"})
plant("headers", "(g++ -m64, clang++ -m64", {"include/cairn/types.h":
      "#ifndef A\n#define A\nstruct cairn_a {\n    int class;\n};\n#endif\n"})
plant("headers", "(gcc -m32)", {"src/base/wide.h": '_Static_assert(sizeof(long) == 8, "");\n'})


@check("format", "every C file is as clang-format would write it")
def clang_format(tree):
    files = tree.c_files()
    batches = [files[start:start + 8] for start in range(0, len(files), 8)]
    command = ["clang-format", "--style=file", "--fallback-style=none", "--dry-run", "-Werror"]
    for status, output in parallel(lambda batch: run(command + batch, tree.root), batches):
        lines = {}
        for path, line, _ in _DIAGNOSTIC.findall(output):
            lines.setdefault(path, []).append(int(line))
        for path, numbers in lines.items():
            yield Finding(path, min(numbers), f"not as clang-format writes it ({len(numbers)} "
                          f"places); run clang-format -i {path}")
        if status and not lines:
            yield Finding(".clang-format", 1, f"clang-format failed: {output.strip()[:200]}")


plant("format", "clang-format -i src/base/bad.c", {"src/base/bad.c": "int  f (void) {return 1;}\n"})


@check("cppcheck", "cppcheck finds no errors in src/ and arch/, as 64 and as 32 bit")
def cppcheck(tree):
    files = tree.under("src", "arch", suffixes=(".c",))
    said = {}
    for target, options in CPPCHECK_TARGETS.items() if files else ():
        cache = tree.root / "build" / "cppcheck" / target
        cache.mkdir(parents=True, exist_ok=True)
        jobs = [f"-j{os.cpu_count() or 2}", f"--cppcheck-build-dir={cache}"]
        status, output = run(CPPCHECK.split() + options.split() + jobs + files, tree.root)
        found = _CPPCHECK_LINE.findall(output)
        for path, line, message in found or ([("src", 1, output[:200])] if status else []):
            said.setdefault((path, int(line), message), []).append(target)
    for (path, line, message), targets in said.items():
        yield Finding(path, line, f"cppcheck: {message} ({', '.join(targets)})")


plant("cppcheck", "nullPointer", {"src/base/bad.c":
      "int cairn_f(void)\n{\n    int *a = 0;\n    return *a;\n}\n"})
plant("cppcheck", "shiftTooManyBits] (i386)", {"src/base/bad.c":
      "unsigned long cairn_f(unsigned long a)\n{\n    return a << 40;\n}\n"})


@check("shell", "scripts are correct POSIX sh (shellcheck, where it is installed)")
def shell(tree):
    scripts = [path for path in tree.files if tree.interpreter(path) in ("sh", "dash", "bash")]
    for path in scripts:
        if tree.interpreter(path) == "bash":
            yield Finding(path, 1, "needs bash; write it in POSIX sh")
        yield from said_of(run(["sh", "-n", path], tree.root), path)
    if not shutil.which("shellcheck"):
        yield Note("shellcheck is not installed: syntax only")
    elif scripts:
        results = parallel(lambda p: run(["shellcheck", "--format=gcc", p], tree.root), scripts)
        for path, result in zip(scripts, results):
            yield from said_of(result, path)


def said_of(result, path):
    status, output = result
    if not status:
        return
    found = _SHELL_LINE.findall(output) or [(path, 1, output.strip()[:200])]
    for _, line, message in found:
        yield Finding(path, int(line), f"{message.strip()}; correct the script")


plant("shell", "correct the script", {"tools/bad": "#!/bin/sh\nif true; then\n    echo a\n"})
plant("shell", "POSIX sh", {"tools/bad": "#!/usr/bin/env bash\necho a\n"})
