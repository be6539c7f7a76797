"""names.py - names that a host kernel meets: in public headers, and as symbols."""

import re

from .csource import code_only, declarator, directives, line_of, split_commas, statements
from .tree import Finding, Note, check, plant, run

MACRO = re.compile(r'CAIRN_[A-Z0-9_]+')
PUBLIC = re.compile(r'cairn_[a-z0-9_]+')
SYMBOL = re.compile(r'cairn_(platform_)?[a-z0-9_]+|cairn__[a-z0-9_]+')
PLATFORM = re.compile(r'cairn_platform_[a-z0-9_]+')
HOST_FUNCTIONS = {"memcpy", "memset", "memmove", "memcmp"}
# Inline, in one header that only those include who want them.
SHORT_NAMES = {"include/cairn/kmalloc.h": {"kmalloc", "kcalloc", "krealloc", "kfree"}}
SECTION_BORDER = re.compile(r'__(start|stop)_\w+')

# Identifiers with a leading underscore that belong to the language or compiler.
OF_COMPILER = re.compile(
    r'__[a-zA-Z]\w*__|__builtin_\w+|__has_\w+|__cplusplus|__restrict|__func__|'
    r'_(?:Static_assert|Noreturn|Bool|Alignas|Alignof|Generic|Atomic|Thread_local)')

# Keywords of Rust that C allows as names; those of C++ the compiler finds.
RUST_WORDS = ("as async await crate dyn fn impl in let loop match mod move mut pub ref self "
              "Self super trait type unsafe use where").split()

_TAG = re.compile(r'\b(struct|union|enum)\s+'
                  r'(?:(?:CAIRN_\w+|__attribute__)\s*(?:\((?:[^()]|\([^()]*\))*\))?\s*)*'
                  r'([A-Za-z_]\w*)')
_ENUM = re.compile(r'\benum\b[^;{}()]*\{([^}]*)\}')
_TYPEDEF = re.compile(r'\btypedef\b')


@check("public-names", "names in include/ are cairn_* and CAIRN_*, without leading underscore")
def public_names(tree):
    for path in tree.under("include", suffixes=(".h",)):
        code = tree.code(path)
        for rule in (macros, enum_constants, tags, typedefs, declared):
            for line, message in rule(tree, path, code):
                yield Finding(path, line, message)
        yield from reserved_words(path, code_only_with_directives(tree.plain(path)))


def macros(tree, path, _code):
    for line, text, _ in directives(tree.plain(path)):
        match = re.match(r'#\s*define\s+(\w+)', text)
        if match and not MACRO.fullmatch(match[1]):
            yield line, f"macro {match[1]} must be called CAIRN_*"


def enum_constants(_tree, _path, code):
    for body in _ENUM.finditer(code):
        for part in split_commas(body[1]):
            name = re.match(r'\w+', part)
            if name and not MACRO.fullmatch(name[0]):
                offset = body.start(1) + re.search(rf'\b{name[0]}\b', body[1]).start()
                yield line_of(code, offset), f"enum constant {name[0]} must be called CAIRN_*"


def tags(_tree, _path, code):
    for match in _TAG.finditer(code):
        if not PUBLIC.fullmatch(match[2]):
            yield line_of(code, match.start()), f"{match[1]} {match[2]} must be called cairn_*"


def typedefs(_tree, _path, code):
    for match in _TYPEDEF.finditer(code):
        name = typedef_name(code[match.end():])
        if not PUBLIC.fullmatch(name):
            yield line_of(code, match.start()), f"typedef {name} must be called cairn_*"


def typedef_name(text):
    """The name in what follows `typedef`: its braces left out, up to the semicolon."""
    while re.match(r'[^;{}]*\{', text):
        text, count = re.subn(r'\{[^{}]*\}', " ", text, count=1)
        if count == 0:
            return "?"
    text = text.split(";", 1)[0]
    found = declarator(text)
    return found.name if found else last_name(text)


def last_name(text):
    words = re.findall(r'[A-Za-z_]\w*', re.sub(r'\[[^]]*\]', "", text.split("=", 1)[0]))
    return words[-1] if words else "?"


def declared(tree, path, code):
    """Functions and objects."""
    found = [(function.first, function.name) for function in tree.functions(path)]
    for statement in statements(code):
        text = statement.text
        if (statement.depth or statement.end != ";"
                or re.match(r'(typedef|_Static_assert|static_assert)\b', text)):
            continue
        function = declarator(text)
        if function:
            found.append((statement.line, function.name))
        elif re.match(r'(extern|static|const)\b', text):
            found.append((statement.line, last_name(text)))
    for line, name in found:
        allowed = HOST_FUNCTIONS | SHORT_NAMES.get(path, set())
        if not PUBLIC.fullmatch(name) and name not in allowed:
            yield line, f"{name} must be called cairn_<layer>_<verb>"


def code_only_with_directives(plain):
    """Macro bodies count too: `#` is hidden from code_only(), strings are blanked."""
    without_includes = re.sub(r'#\s*(?:include|error|pragma)[^\n]*', "", plain)
    return code_only(without_includes.replace("#", " ").replace("\\\n", " \n"))


def reserved_words(path, text):
    for match in re.finditer(r'(?<![\w.])[A-Za-z_]\w*', text):
        word = match[0]
        if word[0] == "_" and not OF_COMPILER.fullmatch(word):
            yield Finding(path, line_of(text, match.start()),
                          f"{word} begins with an underscore, which C reserves; rename it")
        elif word in RUST_WORDS:
            yield Finding(path, line_of(text, match.start()),
                          f"{word} is a keyword of Rust; choose a name that C++ and Rust can use")


for expected, text in {
        "macro FRAME_SIZE must": "#define FRAME_SIZE 1\n",
        "enum constant OK must": "enum cairn_status {\n    CAIRN_A = (1),\n    OK,\n};\n",
        "struct range must": "struct range {\n    int a;\n};\n",
        "enum colour must": "enum colour cairn_f(void);\n",
        "typedef pfn_t must":
            "typedef struct {\n    struct cairn_a {\n        int a;\n    } b;\n} pfn_t;\n",
        "typedef hook must": "typedef int (*hook)(int a);\n",
        "frames_get must": 'CAIRN_END_DECLS\n\nextern "C" {\nint\nframes_get(int a);\n}\n',
        "count must": "CAIRN_BEGIN_DECLS\n\nextern int count[4];\n",
        "half must": "static inline int half(int a)\n{\n    return a / 2;\n}\n",
        "_pad begins with": "struct cairn_a {\n    int _pad;\n};\n",
        "type is a keyword of Rust": "struct cairn_a {\n    int type;\n};\n"}.items():
    plant("public-names", expected, {"include/cairn/types.h": text})


HINTS = (
    (r'__stack_chk', "compile with -fno-stack-protector"),
    (r'_GLOBAL_OFFSET|__x86\.get_pc', "compile with -fno-pic"),
    (r'__atomic|__sync', "no libatomic: keep atomics as wide as a register, or take a lock"),
    (r'__u?(div|mod|ash[lr]|lshr|mul|cmp|popcount|clz|ctz)\w*[dst]i\d',
     "no libgcc: use shifts, or base's division helper"),
    (r'', "define it in the library, or call the platform"),
)


@check("symbols", "the built library defines cairn_* only, and needs only the platform")
def symbols(tree):
    if not tree.under("src", suffixes=(".c",)):
        yield Note("no sources")
        return
    for arch in ("x86_64", "i386"):
        archive = f"build/{arch}/libcairn.a"
        if not (tree.root / archive).exists():
            yield Finding(archive, 1, "not built; run make, then check again")
            continue
        for symbol, message in symbol_faults(tree, archive):
            path, line = place(tree, symbol) or (archive, 1)
            yield Finding(path, line, f"{message} [{archive}]")


def symbol_faults(tree, archive):
    defined, needed = read_symbols(tree, archive)
    for name in sorted(defined):
        if PLATFORM.fullmatch(name):
            yield name, f"{name} is the host kernel's to define, not the library's"
        elif not SYMBOL.fullmatch(name):
            yield name, f"symbol {name} must be static, or called cairn_* or cairn__*"
    for name in sorted(needed - defined):
        allowed = PLATFORM.fullmatch(name) or SECTION_BORDER.fullmatch(name)
        if not allowed and name not in HOST_FUNCTIONS:
            yield name, f"the library needs {name}, which no host has to supply; {hint(name)}"


def hint(name):
    return next(advice for pattern, advice in HINTS if re.match(pattern, name))


def read_symbols(tree, archive):
    """(defined, undefined) global symbols of all members."""
    status, output = run(["nm", "--format=posix", "--extern-only", archive], tree.root)
    words = [line.split() for line in output.splitlines()]
    entries = [entry for entry in words if len(entry) >= 2 and len(entry[1]) == 1]
    if status or not entries:
        return set(), {f"(nm failed: {output.strip()[:60]})"}
    needed = {name for name, kind, *_ in entries if kind in "Uwv"}
    return {name for name, kind, *_ in entries if kind not in "Uwv"}, needed


def place(tree, symbol):
    """(path, line) where the library mentions a symbol first, if it does."""
    pattern = re.compile(rf'(?<!\w){re.escape(symbol)}(?!\w)')
    for path in tree.sources("src", "arch"):
        for function in tree.functions(path):
            if function.name == symbol:
                return path, function.first
    for path in tree.sources("src", "arch"):
        match = pattern.search(tree.plain(path))
        if match:
            return path, line_of(tree.plain(path), match.start())
    return None


# The self-test builds both archives from all of src/.
plant("symbols", "symbol helper must", {
    "src/base/bad.c": "int helper(void)\n{\n    return 1;\n}\n"})
plant("symbols", "cairn_platform_log is the host", {
    "src/base/bad.c": "void cairn_platform_log(void)\n{\n}\n"})
plant("symbols", "needs printf", {"src/base/bad.c":
      'int printf(const char *, ...);\nint cairn_a(int a)\n{\n    return printf("%d", a);\n}\n'})
plant("symbols", "no libgcc", {"src/base/bad.c":
      "unsigned long long cairn_a(unsigned long long a, unsigned long long b)\n{\n"
      "    return a / b;\n}\n"})
