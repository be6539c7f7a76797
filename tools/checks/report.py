"""report.py - figures to know; they never fail."""

import re
from collections import Counter
from statistics import median, quantiles

from .csource import directives
from .tree import Note, check

MEDIAN_AIM = 15
ASSERTIONS_AIM = 0.7


@check("figures", "prints function lengths, assertions a function, files and lines", True)
def figures(tree):
    yield from function_figures(tree)
    files, lines = Counter(), Counter()
    for path in tree.sources() + tree.scripts():
        folder = path.split("/")[0] if "/" in path else "(root)"
        files[folder] += 1
        lines[folder] += len(tree.lines(path))
    parts = ", ".join(f"{folder} {files[folder]}/{lines[folder]}" for folder in sorted(files))
    yield Note(f"files/lines: {parts or 'none'}; total {files.total()}/{lines.total()}")


def function_figures(tree):
    found = [function for path in tree.c_files("src") for function in tree.functions(path)]
    if not found:
        yield Note("src/: no functions yet")
        return
    lengths = sorted(function.length for function in found)
    tenth = round(quantiles(lengths * 2, n=10, method="inclusive")[-1])
    assertions = sum(assertions_in(tree, path) for path in tree.c_files("src"))
    ratio = assertions / len(found)
    yield Note(f"src/ functions: {len(found)}, median {median(lengths):g} lines (aim <= "
               f"{MEDIAN_AIM}), 90th percentile {tenth}, longest {lengths[-1]}")
    yield Note(f"src/ assertions: {assertions}, {ratio:.2f} a function (aim >= {ASSERTIONS_AIM})")


def assertions_in(tree, path):
    """Uses of cairn__assert(); its definition is a directive, which code() blanks."""
    uses = len(re.findall(r'\bcairn__assert\(', tree.code(path)))
    in_macros = (text for _, text, _ in directives(tree.plain(path))
                 if not re.match(r'#\s*define\s+cairn__assert\(', text))
    return uses + sum(len(re.findall(r'\bcairn__assert\(', text)) for text in in_macros)
