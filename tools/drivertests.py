"""drivertests.py - the stage `errors`: ./run calls every kind of failure by its name."""

import struct
import tempfile
from pathlib import Path

import cairnqemu

HANG = bytes.fromhex("faf4ebfc")  # cli; hlt; jmp .-2
TRIPLE_FAULT = bytes.fromhex("0f011d00000000cc")  # lidt 0 (where zeros are); int3
ODD_STATUS = bytes.fromhex("b807000000baf4000000ef") + HANG  # out 7 to port 0xf4


def tiny_kernel(code):
    """A 32-bit ELF file that QEMU enters by PVH and that holds nothing but `code`."""
    base, headers = 0x100000, 52 + 2 * 32
    note = struct.pack("<3I4sI", 4, 4, 18, b"Xen\0", base + headers + 20)
    size = headers + len(note) + len(code)
    ident = b"\x7fELF\x01\x01\x01".ljust(16, b"\0")
    header = struct.pack("<2H5I6H", 2, 3, 1, base + headers + 20, 52, 0, 0, 52, 32, 2, 0, 0, 0)
    load = struct.pack("<8I", 1, 0, base, base, size, size, 7, 4096)
    notes = struct.pack("<8I", 4, headers, base + headers, base + headers, 20, 20, 4, 4)
    return ident + header + load + notes + note + code


def expect(report, name, status, words, text):
    """One command that must end with this status and say this."""
    got, output = report.command(*words)
    said = text in output
    report.case(name, got == status and said,
                f"exit status {got} instead of {status}" if got != status
                else f"'{text}' is not in its output")


WRONG_REQUESTS = (
    ("no such variable", ["MEMORY=1G"], "did you mean MEM?"),
    ("not an assignment", ["mmap"], "NAME=value"),
    ("memory without a unit", ["MEM=512"], "must be a size"),
    ("too little memory", ["MEM=8M"], "must be a size"),
    ("too much memory", ["MEM=5T"], "must be a size"),
    ("no processor", ["CPUS=0"], "must be a number"),
    ("no such way to boot", ["BOOT=floppy"], "must be one of"),
    ("too narrow a processor", ["MEM=1T", "CPU=EPYC"], "phys-bits"),
    ("too long a command line", ["CMD=" + "x" * 1010], "at most 1023"),
    ("no such kernel", ["KERNEL=/nosuch", "CMD=x"], "no kernel at /nosuch"),
    ("quotes through GRUB", ["BOOT=multiboot2", "CMD=echo 'x'"], "quotes"),
)


def errors(report):
    """./run calls every kind of failure by its name, and never hangs"""
    boot = ["tools/boot", "BOOT=pvh"]
    for name, words, text in WRONG_REQUESTS:
        expect(report, name, cairnqemu.USAGE, ["tools/boot", *words], text)
    expect(report, "no such variable, ./run", cairnqemu.USAGE, ["./run", "MEMO=1G"], "MEM?")
    expect(report, "panic", cairnqemu.KERNEL_FAILED, boot + ["CMD=panic"], "reported failure")
    expect(report, "exception", cairnqemu.KERNEL_FAILED, boot + ["CMD=fault invalid"], "#UD")
    expect(report, "unknown command", cairnqemu.KERNEL_FAILED, boot + ["CMD=nosuch"], "nosuch")
    expect(report, "reboot", cairnqemu.BROKEN, boot + ["CMD=reboot"], "was reset")
    expect(report, "no terminal", cairnqemu.SUCCESS, boot, "[cairn]")
    expect(report, "QEMU refuses", cairnqemu.BROKEN, boot + ["QEMU_ARGS=-nosuch", "CMD=x"],
           "invalid option")
    tiny_kernels(report, boot)
    screenshot(report, boot)
    _, text = report.command("./run", "--help")
    unnamed = [name for name in cairnqemu.VARIABLES if f" {name}=" not in text]
    report.case("./run --help names every variable", not unnamed, f"not {unnamed}")


def tiny_kernels(report, boot):
    """Kernels that do not keep the contract."""
    cases = (("hang", HANG, "hang"), ("triple fault", TRIPLE_FAULT, "triple fault"),
             ("a status of its own", ODD_STATUS, "wrote 0x7"))
    with tempfile.TemporaryDirectory(prefix="cairn-") as directory:
        for name, code, text in cases:
            path = Path(directory) / "tiny.elf"
            path.write_bytes(tiny_kernel(code))
            words = [f"KERNEL={path}", "TIMEOUT=3", "CMD=x"]
            expect(report, name, cairnqemu.BROKEN, boot + words, text)


def screenshot(report, boot):
    """A picture of the screen is a PNG file."""
    with tempfile.TemporaryDirectory(prefix="cairn-") as directory:
        path = Path(directory) / "screen.png"
        expect(report, "screenshot", cairnqemu.SUCCESS, boot + [f"SCREENSHOT={path}"],
               "the screen is in")
        good = path.exists() and path.read_bytes().startswith(b"\x89PNG")
        report.case("screenshot is a PNG file", good, "there is none")
