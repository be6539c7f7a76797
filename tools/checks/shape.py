"""shape.py - sizes a reader can take in, and how a file begins and ends."""

import re

from .csource import declarator, directives, line_of, statements
from .tree import Finding, check, plant

FUNCTION_LINES = 70
FILE_LINES = 900
C_COLUMNS = 80
SCRIPT_COLUMNS = 100
PARAMETERS = 5
NESTING = 4

# Where function pointers count as functions; elsewhere a firmware may dictate them.
OUR_INTERFACES = ("include", "src", "arch")
OPENING_FOLDERS = ("include", "src", "arch")

# Put together so that this file itself may be checked.
UNFINISHED = re.compile(r'\b(' + "TO" "DO|" "FIX" "ME|" "X" "XX" + r')\b')


@check("function-length", f"a function or macro is at most {FUNCTION_LINES} lines long")
def function_length(tree):
    for path in tree.c_files():
        for function in tree.functions(path):
            if function.length > FUNCTION_LINES:
                yield Finding(path, function.first, f"{function.name} is {function.length} lines "
                              f"long (limit {FUNCTION_LINES}); split it into named steps")
        for line, text, count in directives(tree.plain(path)):
            if count > FUNCTION_LINES:
                yield Finding(path, line, f"macro of {count} lines (limit {FUNCTION_LINES}); "
                              f"make it a static inline function: {text[:30]}")


plant("function-length", "f is 71 lines", {
    "src/base/long.c": "static\nint f(\n    int a)\n{\n" + "    a++;\n" * 66 + "}\n"})


@check("file-length", f"a source file or script is at most {FILE_LINES} lines long")
def file_length(tree):
    for path in sorted(set(tree.sources() + tree.scripts())):
        count = len(tree.lines(path))
        if count > FILE_LINES:
            yield Finding(path, FILE_LINES + 1, f"{count} lines (limit {FILE_LINES}); "
                          "divide the file by subject")


plant("file-length", "901 lines", {"tests/long.c": "int a;\n" * 901})


@check("columns", f"lines: {C_COLUMNS} columns in C and assembly, {SCRIPT_COLUMNS} in scripts")
def columns(tree):
    limits = {path: SCRIPT_COLUMNS for path in tree.scripts()}
    limits.update({path: C_COLUMNS for path in tree.sources()})
    for path, limit in sorted(limits.items()):
        for number, line in enumerate(tree.lines(path), 1):
            width = len(line.expandtabs(8))
            if width > limit:
                yield Finding(path, number, f"{width} columns (limit {limit}); break the line")


plant("columns", "81 columns", {"kernel/wide.S": "/* " + "x" * 75 + " */\n/*" + "x" * 79 + "\n"})
plant("columns", "101 columns", {"tools/wide": "#!/bin/sh\n# " + "x" * 99 + "\n"})


@check("parameters", f"a function has at most {PARAMETERS} parameters")
def parameters(tree):
    for path in tree.c_files():
        counted = [(f.first, f.name, f.parameters) for f in tree.functions(path)]
        if path in tree.headers():
            counted += declared_parameters(tree, path)
        for line, name, count in counted:
            if count > PARAMETERS:
                yield Finding(path, line, f"{name} has {count} parameters (limit {PARAMETERS}); "
                              "pass a struct, or split the function")


def declared_parameters(tree, path):
    """(line, name, count) of declarations, and in our interfaces of pointers too."""
    for statement in statements(tree.code(path)):
        found = declarator(statement.text) if statement.end == ";" else None
        if found and (not found.is_pointer or path.startswith(OUR_INTERFACES)):
            yield statement.line, found.name, len(found.parameters)


SIX = "int a, int b, int c, int d, int e, int f"
plant("parameters", "many has 6", {"src/base/many.c": f"static int many({SIX})\n{{\n}}\n"})
plant("parameters", "many has 6", {"include/cairn/types.h":
      f"/* One. */\nCAIRN_PRINTF(1, 2) enum cairn_x\nmany({SIX}) CAIRN_X(1);\n"})
plant("parameters", "hook has 6", {"src/base/ops.h":
      f"struct ops {{\n    int (*fine)(int a, int (*b)(int, int), ...);\n"
      f"    int (*hook)({SIX});\n}};\n"})


@check("nesting", f"braces nest at most {NESTING} deep inside a function body")
def nesting(tree):
    for path in tree.c_files():
        for function in tree.functions(path):
            worst = max((depth for _, depth in function.depths), default=0)
            if worst > NESTING:
                line = next(line for line, depth in function.depths if depth > NESTING)
                yield Finding(path, line, f"{function.name} nests {worst} levels of braces "
                              f"(limit {NESTING}); return early, or name the inner part")


plant("nesting", "deep nests 5", {"src/base/deep.c":
      "static void deep(void)\n{\n" + "if (1) {\n" * 5 + "} " * 5 + "\n}\n"})


@check("opening", "a file in include/, src/, arch/ opens with `name - what it is`")
def opening(tree):
    for path in tree.sources(*OPENING_FOLDERS):
        lines = tree.lines(path) + ["", ""]
        match = re.match(r' \* (\S+) - \S', lines[1]) if lines[0] == "/*" else None
        if not match or not f"/{path}".endswith(f"/{match[1]}"):
            name = path.split("/", 1)[1] if path.startswith("include/") else path.split("/")[-1]
            yield Finding(path, 1, f"must open with the lines `/*` and ` * {name} - <what it "
                          "is>`, then the theory of the file (style.md)")


plant("opening", "must open with", {"src/base/bare.c": "int cairn__a;\n"})
plant("opening", "must open with", {"src/base/bare.c": "/*\n * other.c - of another.\n */\n"})


@check("unfinished", "no marks of unfinished work in any file")
def unfinished(tree):
    for path in tree.files:
        for match in UNFINISHED.finditer(tree.text(path)):
            yield Finding(path, line_of(tree.text(path), match.start()), f"{match[1]}: do it "
                          "now, or describe the limit under NOT in the opening of the file")


plant("unfinished", "do it now", {"docs/PLAN.md": "text\n\nmore " + "TO" "DO" + ": text\n"})
