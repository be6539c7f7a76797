"""csource.py - a light reader of C: comments, functions, declarations.

It relies on clang-format, which is itself a check: a function body opens with
a `{` and closes with a `}` alone in column 0, and nothing else does.  So lines
are enough, and no grammar is needed.
"""

import re
from dataclasses import dataclass

_LEXEME = re.compile(r'//(?:\\\n|[^\n])*'
                     r'|/\*.*?(?:\*/|\Z)'
                     r'|"(?:\\.|[^"\\\n])*"'
                     r"|'(?:\\.|[^'\\\n])*'", re.DOTALL)
_DIRECTIVE = re.compile(r'^[ \t]*#(?:\\\n|[^\n])*', re.MULTILINE)
_NOT_NEWLINE = re.compile(r'[^\n]')
_LONE_MACROS = re.compile(r'\s*(?:[A-Z][A-Z0-9_]*\n\s*)*')
_IDENTIFIER = re.compile(r'[A-Za-z_]\w*')
_ATTRIBUTE = re.compile(r'__attribute__|__declspec|_Alignas|__asm__|asm|[A-Z][A-Z0-9_]*')


@dataclass(frozen=True)
class Function:
    """A function with a body.  Lines count from 1; depths list (line, depth)."""
    name: str
    first: int
    last: int
    parameters: int
    depths: tuple

    @property
    def length(self):
        return self.last - self.first + 1


@dataclass(frozen=True)
class Statement:
    """Text up to one of `; { }` outside function bodies, at a depth of braces."""
    line: int
    text: str
    end: str
    depth: int


@dataclass(frozen=True)
class Declarator:
    """The function that a declaration declares, or the pointer to one."""
    name: str
    parameters: tuple
    is_pointer: bool


def split_lines(text):
    """Lines without their newline; a final newline does not begin another one."""
    return text[:-1].split("\n") if text.endswith("\n") else text.split("\n")


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def blank(text):
    return _NOT_NEWLINE.sub(" ", text)


def without_comments(text):
    """The text with comments blanked; strings, lines and columns are kept."""
    return _LEXEME.sub(lambda m: blank(m[0]) if m[0][0] == "/" else m[0], text)


def code_only(text):
    """The text with comments, the inside of strings and directives blanked."""
    def empty(match):
        body = match[0]
        return blank(body) if body[0] == "/" else body[0] + blank(body[1:-1]) + body[-1]
    return _DIRECTIVE.sub(lambda m: blank(m[0]), _LEXEME.sub(empty, text))


def directives(plain):
    """(line, text, number of lines) of each preprocessor directive, joined up."""
    for match in _DIRECTIVE.finditer(plain):
        text = match[0].replace("\\\n", " ").strip()
        yield line_of(plain, match.start()), text, match[0].count("\n") + 1


def functions(code):
    """Every Function in the result of code_only()."""
    lines = [line.rstrip() for line in split_lines(code)]
    found, index = [], 0
    while index < len(lines):
        if lines[index] == "{":
            last = _closing(lines, index)
            found.append(_function(lines, index, last))
            index = last
        index += 1
    return found


def _closing(lines, opening):
    for index in range(opening + 1, len(lines)):
        if lines[index] == "}":
            return index
    return len(lines) - 1


def _signature_start(lines, opening):
    """Signatures end above at an empty line (or comment) or a finished statement."""
    first = opening
    while first > 0 and lines[first - 1] and lines[first - 1][-1] not in ";{}":
        first -= 1
    return first


def _function(lines, opening, last):
    first = _signature_start(lines, opening)
    signature = "\n".join(lines[first:opening])
    declared = declarator(signature) or Declarator(signature, (), False)
    depth, depths = 0, []
    for index in range(opening + 1, last):
        for char in lines[index]:
            depth += {"{": 1, "}": -1}.get(char, 0)
            if char == "{":
                depths.append((index + 1, depth))
    return Function(declared.name, first + 1, last + 1, len(declared.parameters), tuple(depths))


def outside_functions(code):
    """The code with every function, signature and body, blanked."""
    lines = split_lines(code)
    for function in functions(code):
        for index in range(function.first - 1, function.last):
            lines[index] = ""
    return "\n".join(lines)


def statements(code):
    """Every Statement outside functions.

    An `extern "C"` block adds no depth, and macros alone on a line before a
    statement (CAIRN_BEGIN_DECLS) are not part of it.
    """
    code = outside_functions(code)
    open_blocks = []
    for match in re.finditer(r'([^;{}]*)([;{}]|\Z)', code):
        text, end = match[1], match[2]
        skipped = _LONE_MACROS.match(text).end()
        line = line_of(code, match.start() + skipped)
        yield Statement(line, text[skipped:].strip(), end, sum(open_blocks))
        if end == "{":
            open_blocks.append(0 if text[skipped:].startswith("extern") else 1)
        elif end == "}" and open_blocks:
            open_blocks.pop()


def declarator(text):
    """The Declarator of a signature or declaration; None if it declares no function.

    A word in capitals with an argument list is an attribute, or a macro that
    makes the whole declaration, as in CAIRN_TEST(name).
    """
    groups = _groups(re.sub(r'=.*', "", text, flags=re.DOTALL))
    plain = [group for group in groups if not _ATTRIBUTE.fullmatch(group[0])]
    if not plain:
        return None
    word, inner = plain[0]
    if word:
        return Declarator(word, _parameters(inner), False)
    return _parenthesised(inner, plain[1:])


def _parenthesised(inner, rest):
    """`(*name)(list)`, `(*name(list))(list)` or `(name)(list)`."""
    nested = declarator(inner)
    if nested:
        return nested
    names = _IDENTIFIER.findall(inner)
    if not names or not rest:
        return None
    return Declarator(names[-1], _parameters(rest[0][1]), "*" in inner)


def _groups(text):
    """(word that touches the parenthesis, what is inside) of each outermost one."""
    found, depth, start = [], 0, 0
    for index, char in enumerate(text):
        if char in "([":
            if depth == 0:
                start = index
            depth += 1
        elif char in ")]":
            depth -= 1
            if depth == 0 and text[start] == "(":
                word = re.search(r'\w*$', text[:start])[0]
                found.append((word, text[start + 1:index]))
    return found


def _parameters(inner):
    """The parameters in a list; `void` and `...` are none."""
    parts = split_commas(inner)
    return tuple(part for part in parts if part not in ("", "void", "..."))


def split_commas(text):
    parts, depth, start = [], 0, 0
    for index, char in enumerate(text):
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(char, 0)
        if char == "," and depth == 0:
            parts.append(text[start:index].strip())
            start = index + 1
    return parts + [text[start:].strip()]
