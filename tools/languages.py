"""languages.py - the stage `languages`: the heap under C++ and Rust, built as a kernel would."""

import shutil


def languages(report):
    """operator new of C++, and the global allocator of Rust if there is a compiler"""
    wanted = ["new"]
    if shutil.which("rustc"):
        wanted.append("global")
    else:
        report.write("no rustc: examples/rust is not tried\n")
        print("languages: no rustc, so examples/rust is not tried", flush=True)
    for name in wanted:
        program = f"build/languages/{name}"
        if report.make(program):
            status, output = report.command(program)
            report.tests(name, status == 0, output)
