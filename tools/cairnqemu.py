"""cairnqemu.py - boots a Cairn kernel in QEMU, listens to it, and says how it ended.

WHAT   run(Config) starts one machine and returns a Result.  ./run (through tools/boot) and
       the test driver (tools/testall) are its two users.

HOW    The kernel talks on the first serial port and ends QEMU through the debug exit port
       0xf4.  Its serial line and QEMU's control line (QMP) are socket pairs that QEMU
       inherits, so there is no path, no port number and nobody to race with; one select
       loop serves both, the terminal and the clock.

CONTRACT WITH THE KERNEL
       Command line   OPTION... [-- COMMAND; COMMAND...], at most 1023 bytes.
                      exit=debug  the kernel may end QEMU through port 0xf4 (always given)
                      hold        do not end: print "[cairn] holding, status N" and halt,
                                  so that a picture of the screen can be taken
       Port 0xf4      0x10 success, 0x11 failure (failed command or test, panic); QEMU then
                      exits with 33 or 35.  Everything else is a fault of its own: QEMU
                      exits with 0 when the CPU resets.
       Serial         The first line of Cairn contains "Cairn" or begins with "[cairn]".
                      What came before it is the firmware's, and hidden.
       Monitor        Without COMMANDs it prompts with "cairn> "; `poweroff` ends it.

NOT    No build, no installation of packages (see ./run and tools/setup).
"""

import codecs
import collections
import contextlib
import difflib
import hashlib
import json
import os
import re
import select
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import termios
import time
import tty
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
QEMU = "qemu-system-x86_64"
OVMF = Path("/usr/share/ovmf/OVMF.fd")

SUCCESS, KERNEL_FAILED, USAGE, BROKEN = 0, 1, 2, 3
# QEMU's exit status is (value written << 1) | 1; GRUB's script writes the third value.
EXIT_SUCCESS, EXIT_FAILURE, EXIT_GRUB = 0x21, 0x23, 0x25

MIB, GIB, TIB = 1 << 20, 1 << 30, 1 << 40
UNRESERVED_ABOVE = 1 * GIB  # beyond this, guest memory may exceed what the host would promise
WIDE_ABOVE = 900 * GIB  # beyond this, 40 physical address bits get too narrow
ADDRESS_HOLES = 14 * GIB  # address space a PC keeps for devices
CMDLINE_MAX = 1023
ISO_KEEP = 8
IMAGE_BYTES = 32 * MIB
# UEFI looks for a key this many milliseconds long before it boots.
WAITING = ["-boot", "menu=on,splash-time=20000"]
FREEZE_AFTER = 1  # seconds from its first word on; it is not busy then
FREEZE_SECONDS = 60  # until the firmware says something, or QEMU has read or written a state
TIMEOUT_DEFAULT = 120
TAIL_LINES = 20
PROMPT = "cairn> "
LEAVE = b"\x01x"  # Ctrl-A X: QEMU's own key to end it
DEFAULT_COMMANDS = "meminfo; mmap; early"
BOOTS = ("uefi", "pvh", "multiboot2", "multiboot2-uefi")


class UsageError(Exception):
    """What the user asked for cannot be; the text says what to type instead."""


class BootError(Exception):
    """The machine could not even be put together."""


# ---- what to boot ----------------------------------------------------------------------------


@dataclass
class Config:
    """One machine.  The fields up to `verbose` are the variables of ./run in lower case."""

    boot: str = "uefi"
    mem: int = 512 * MIB
    cpus: int = 1
    cpu: str = "max"
    cmd: str = ""
    args: str = ""
    screenshot: str = ""
    gdb: bool = False
    accel: str = "tcg"
    timeout: int = 0  # 0: TIMEOUT_DEFAULT, or none where a human sits in front
    kernel: str = str(BUILD / "kernel" / "cairn.elf")
    loader: str = str(BUILD / "loader" / "BOOTX64.EFI")
    qemu_args: str = ""
    icount: bool = False
    log: str = ""
    dry: bool = False
    window: bool = False
    verbose: bool = False
    interactive: bool = False  # the terminal is the serial line
    serial_input: Optional[bytes] = None  # typed at the monitor's first prompt
    frozen: str = ""  # file of a state: freeze_firmware() writes it, run() goes on from there

    def cmdline(self):
        """The kernel's command line."""
        words = ["exit=debug"] + (["hold"] if self.screenshot else []) + self.args.split()
        words += ["nokaslr"] if self.gdb else []  # symbols are where they were linked to
        return " ".join(words + (["--", self.cmd] if self.cmd else []))

    def cpu_model(self):
        """The -cpu argument; `max` gets the address bits that much memory needs."""
        wide = self.cpu == "max" and self.mem > WIDE_ABOVE
        return "max,phys-bits=46" if wide else self.cpu

    def seconds_allowed(self):
        """The time limit, or None."""
        watched = self.interactive or self.gdb
        return self.timeout or (None if watched else TIMEOUT_DEFAULT)


@dataclass
class Result:
    """How a machine ended."""

    status: int  # SUCCESS, KERNEL_FAILED or BROKEN
    reason: str  # one line
    output: str  # what Cairn printed, as shown
    firmware: str  # the last lines from before Cairn's first one
    seconds: float


def one_of(*choices):
    """A parser for one of a few words."""

    def parse(text):
        if text not in choices:
            raise ValueError("one of " + ", ".join(choices))
        return text

    return parse


def integer(low, high):
    """A parser for a decimal number."""

    def parse(text):
        if not text.isdecimal() or not low <= int(text) <= high:
            raise ValueError(f"a number from {low} to {high}")
        return int(text)

    return parse


def memory(text):
    """Parse a size of memory: 16M to 4T."""
    match = re.fullmatch(r"(\d+)([MGT])", text.upper())
    size = int(match[1]) * {"M": MIB, "G": GIB, "T": TIB}[match[2]] if match else 0
    if not 16 * MIB <= size <= 4 * TIB:
        raise ValueError("a size from 16M to 4T, like 64M, 8G or 1T")
    return size


def flag(text):
    """Parse 1 or 0."""
    if text not in ("0", "1"):
        raise ValueError("1 or 0")
    return text == "1"


VARIABLES = {
    "BOOT": one_of(*BOOTS),
    "MEM": memory,
    "CPUS": integer(1, 64),
    "CPU": str,
    "CMD": str,
    "ARGS": str,
    "SCREENSHOT": str,
    "GDB": flag,
    "ACCEL": one_of("tcg", "kvm"),
    "TIMEOUT": integer(1, 86400),
    "KERNEL": str,
    "LOADER": str,
    "QEMU_ARGS": str,
    "ICOUNT": flag,
    "LOG": str,
    "DRY": flag,
    "WINDOW": flag,
    "VERBOSE": flag,
}


def split_assignment(word):
    """Split NAME=value and refuse a NAME that means nothing here."""
    name, equals, value = word.partition("=")
    if not equals:
        raise UsageError(f"'{word}' is not of the form NAME=value (monitor commands: "
                         f"CMD=\"{word}\")")
    if name not in VARIABLES:
        near = difflib.get_close_matches(name.upper(), VARIABLES, 1, 0.0)[0]
        raise UsageError(f"there is no variable {name}; did you mean {near}? "
                         "(./run --help lists all)")
    return name, value


def config_from(words, environ):
    """The Config that NAME=value words ask for, over those of the environment."""
    values = {name: environ[name] for name in VARIABLES if environ.get(name)}
    values.update(split_assignment(word) for word in words)
    config = Config()
    for name, value in values.items():
        if value:
            try:
                setattr(config, name.lower(), VARIABLES[name](value))
            except ValueError as error:
                raise UsageError(f"{name}={value}: must be {error}") from None
    check(config)
    return config


def check(config):
    """Refuse what cannot work, before anything is built or started."""
    line = config.cmdline()
    if len(line.encode()) > CMDLINE_MAX:
        raise UsageError(f"the kernel command line (ARGS and CMD) has {len(line.encode())} "
                         f"bytes; at most {CMDLINE_MAX} fit")
    try:
        shlex.split(config.qemu_args)
    except ValueError as error:
        raise UsageError(f"QEMU_ARGS: {error}") from None
    if "\n" in line:
        raise UsageError("ARGS and CMD are one line; separate commands with ';'")
    if config.boot.startswith("multiboot2") and set(line) & set("'\"\\"):
        raise UsageError("GRUB cannot pass quotes and backslashes on to the kernel; "
                         "leave them out of ARGS and CMD or use BOOT=uefi or BOOT=pvh")
    bits = re.search(r"phys-bits=(\d+)", config.cpu_model())
    width = int(bits[1]) if bits else 40
    if config.accel == "tcg" and config.mem > (1 << width) - ADDRESS_HOLES:
        raise UsageError(f"MEM={config.mem // GIB}G does not fit the {width} physical address "
                         f"bits of CPU={config.cpu}; add phys-bits: "
                         f"CPU={config.cpu.partition(',')[0]},phys-bits=46")


def make_targets(config):
    """The parts of Cairn that this machine needs built: those not given by path."""
    default = Config()
    needed = ["kernel"] if config.kernel == default.kernel else []
    uses_loader = config.boot == "uefi" and config.loader == default.loader
    return needed + (["loader"] if uses_loader else [])


# ---- boot media ------------------------------------------------------------------------------


def require(path, what, remedy):
    """Complain about a missing file."""
    if not Path(path).is_file():
        raise UsageError(f"no {what} at {path}; {remedy}")


def boot_arguments(config, directory):
    """Make what the firmware boots, in `directory`; return QEMU's arguments for it."""
    require(config.kernel, "kernel", "'make kernel' builds it, KERNEL=path names another")
    if config.boot == "pvh":
        return ["-kernel", config.kernel, "-append", config.cmdline()]
    if config.frozen:
        image = system_image(config, Path(directory))
        return firmware() + WAITING + ["-drive", f"format=raw,file={escape(image)}"]
    if config.boot == "uefi":
        esp = system_partition(config, Path(directory) / "esp")
        return firmware() + ["-drive", f"format=raw,file=fat:rw:{escape(esp)}"]
    cdrom = ["-cdrom", str(grub_iso(config))]
    return cdrom if config.boot == "multiboot2" else firmware() + cdrom


def firmware():
    """QEMU's arguments for UEFI."""
    if not OVMF.exists():
        raise BootError(f"no UEFI firmware at {OVMF}; 'tools/setup run' installs it")
    return ["-bios", str(OVMF)]


def system_partition(config, esp):
    """An EFI system partition as a directory, which QEMU presents as a FAT disk."""
    require(config.loader, "loader", "'make loader' builds it, LOADER=path names another")
    (esp / "EFI" / "BOOT").mkdir(parents=True, exist_ok=True)
    (esp / "cairn").mkdir(exist_ok=True)
    shutil.copyfile(config.loader, esp / "EFI" / "BOOT" / "BOOTX64.EFI")
    shutil.copyfile(config.kernel, esp / "cairn" / "kernel.elf")
    (esp / "cairn" / "cmdline.txt").write_text(config.cmdline(), encoding="utf-8")
    return esp


def system_image(config, directory):
    """The same as an image.  The firmware may remember where files lie, so images differ in
    the text of the command line only, which is filled up with spaces."""
    esp, image = system_partition(config, directory / "esp"), directory / "esp.img"
    line = config.cmdline().ljust(CMDLINE_MAX)
    (esp / "cairn" / "cmdline.txt").write_text(line, encoding="utf-8")
    with open(image, "wb") as file:
        file.truncate(IMAGE_BYTES)
    geometry = ["-T", str(IMAGE_BYTES // 512), "-h", "16", "-s", "32", "-N", "0"]
    for command in (["mformat", "-i", str(image), *geometry, "::"],
                    ["mcopy", "-s", "-i", str(image), str(esp / "EFI"), str(esp / "cairn"), "::"]):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            raise BootError(f"{command[0]} failed: {last_lines(done.stdout, 1)}")
    return image


def grub_iso(config):
    """A GRUB disc (BIOS and UEFI) with this kernel and command line, made once and kept."""
    key = hashlib.sha256(Path(config.kernel).read_bytes() + config.cmdline().encode())
    iso = BUILD / "iso" / f"{key.hexdigest()[:16]}.iso"
    iso.parent.mkdir(parents=True, exist_ok=True)
    if iso.exists():
        iso.touch()
    else:
        with tempfile.TemporaryDirectory(dir=iso.parent) as work:
            make_iso(config, Path(work)).replace(iso)
        forget_old_isos(iso.parent)
    return iso


def make_iso(config, work):
    """Run grub-mkrescue in `work`."""
    boot = work / "tree" / "boot"
    (boot / "grub").mkdir(parents=True)
    shutil.copyfile(config.kernel, boot / "cairn.elf")
    (boot / "grub" / "grub.cfg").write_text(grub_config(config.cmdline()), encoding="utf-8")
    command = ["grub-mkrescue", "-o", str(work / "new.iso"), str(work / "tree")]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    except FileNotFoundError:
        raise BootError("no grub-mkrescue; 'tools/setup run' installs it") from None
    if done.returncode:
        raise BootError("grub-mkrescue failed: " + last_lines(done.stdout, 3))
    return work / "new.iso"


GRUB_SCRIPT = """\
insmod all_video
if multiboot2 /boot/cairn.elf {words}; then
  boot
fi
insmod iorw
serial --unit=0 --speed=115200
terminal_output serial
multiboot2 /boot/cairn.elf {words}
sleep 1
outb 0xf4 {status}
"""


def grub_config(cmdline):
    """GRUB's script.  When the kernel does not load it tries again with its messages on the
    serial line, and ends QEMU.  Special characters are escaped one by one, because GRUB
    would put quotes around a word with spaces and pass those on to the kernel."""
    words = " ".join(re.sub(r"([^\w=./,:+-])", r"\\\1", word) for word in cmdline.split())
    return GRUB_SCRIPT.format(words=words, status=EXIT_GRUB >> 1)


def forget_old_isos(directory):
    """Keep the discs that were used last."""
    isos = sorted(directory.glob("*.iso"), key=lambda iso: iso.stat().st_mtime, reverse=True)
    for iso in isos[ISO_KEEP:]:
        iso.unlink(missing_ok=True)


# ---- the command line of QEMU ----------------------------------------------------------------


def escape(path):
    """A path inside a QEMU option, where a comma ends the value."""
    return str(path).replace(",", ",,")


def memory_arguments(config):
    """RAM; much of it without asking the host to promise it."""
    size = f"{config.mem // MIB}M"
    if config.mem <= UNRESERVED_ABOVE:
        return ["-M", "q35", "-m", size]
    return ["-M", "q35,memory-backend=ram", "-m", size,
            "-object", f"memory-backend-ram,id=ram,size={size},reserve=off"]


def machine_arguments(config):
    """Everything but the boot media and the lines to us."""
    command = [QEMU] + memory_arguments(config)
    command += ["-cpu", config.cpu_model(), "-smp", str(config.cpus), "-accel", config.accel]
    command += ["-vga", "std", "-nic", "none", "-no-reboot"]
    command += ["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
    command += [] if config.window else ["-display", "none"]
    command += ["-icount", "shift=0,sleep=off"] if config.icount else []
    command += ["-S", "-gdb", "tcp::1234"] if config.gdb else []
    return command


def line_arguments(config, serial_fd, qmp_fd, reset_log):
    """The lines to us: serial port, control, and the log that tells of triple faults."""
    mux = ",mux=on" if config.interactive else ""
    log = f",logfile={escape(config.log)}" if config.log else ""
    lines = ["-chardev", f"socket,id=serial,fd={serial_fd}{mux}{log}", "-serial",
             "chardev:serial"]
    lines += ["-mon", "chardev=serial,mode=readline"] if mux else ["-monitor", "none"]
    lines += ["-chardev", f"socket,id=qmp,fd={qmp_fd}", "-mon", "chardev=qmp,mode=control"]
    return lines + ["-d", "cpu_reset", "-D", str(reset_log)] + shlex.split(config.qemu_args)


def dry_run(config):
    """The command that would run, for a shell; the media it names stay in build/dry."""
    directory = BUILD / "dry"
    directory.mkdir(parents=True, exist_ok=True)
    command = machine_arguments(config) + boot_arguments(config, directory)
    return shlex.join(command + ["-serial", "mon:stdio"] + shlex.split(config.qemu_args))


# ---- what comes over the serial line ---------------------------------------------------------

CURSOR = re.compile(r"\x1b\[[0-9;]*[HfJ]")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[()][0-9A-Z]|[^\[()]|$)")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
NEWLINE = re.compile(r"\r*\n\r*|\r(?!$)")
SPOKEN = re.compile(r"^\[cairn\]|Cairn")
# The UEFI loader prints this, then what to do, and then waits for a key.
LOADER_ERROR, LOADER_SECONDS = "Cairn loader:", 1


def plain(line):
    """A line without escape sequences and control characters."""
    return CONTROL.sub("", ESCAPE.sub("", line))


def coloured(line):
    """A line that keeps its colours and nothing else that steers a terminal."""
    parts, colours = COLOUR.split(line), COLOUR.findall(line) + [""]
    return "".join(plain(text) + colour for text, colour in zip(parts, colours))


class Console:
    """Turns serial bytes into lines, and hides what the firmware says before Cairn does.

    `write` gets what is to be shown.  With `raw`, bytes pass as they are from Cairn's first
    line on, for a human at a terminal.
    """

    def __init__(self, write, raw, colour, verbose):
        self.write, self.raw = write, raw
        self.clean = coloured if colour else plain
        self.spoken = verbose
        self.firmware = collections.deque(maxlen=TAIL_LINES)
        self.lines = []
        self.pending = ""
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, data):
        """Take bytes; return the complete lines among them, plain."""
        text = self.decoder.decode(data)
        passing = self.raw and self.spoken
        *lines, self.pending = NEWLINE.split(CURSOR.sub("\n", self.pending + text))
        bare = [self.take(line, not passing) for line in lines]
        if passing:
            self.write(text)
        elif self.raw and self.spoken:
            self.write(self.pending)
        return bare

    def take(self, line, show):
        """File one line under Cairn's or the firmware's; return it plain."""
        bare = plain(line)
        self.spoken = self.spoken or bool(SPOKEN.search(bare))
        if not self.spoken:
            self.firmware.extend([bare] if bare.strip() else [])
            return bare
        self.lines.append(bare)
        if show:
            self.write(self.clean(line) + ("\r\n" if self.raw else "\n"))
        return bare

    def prompts(self):
        """Whether the monitor waits for a command."""
        return plain(self.pending[-200:]).endswith(PROMPT)

    def last_line(self):
        """The last thing said that is not blank."""
        said = list(self.firmware) + self.lines + [plain(self.pending)]
        return next((line for line in reversed(said) if line.strip()), "")

    def close(self):
        """Show a last line without an end."""
        if self.pending.strip():
            self.take(self.pending.rstrip("\r"), not self.raw)
        self.pending = ""


# ---- one machine -----------------------------------------------------------------------------


class Control:
    """QEMU's control line (QMP): commands out, events and answers in."""

    def __init__(self, line):
        self.line = line
        self.received = b""
        self.send("qmp_capabilities")

    def wait_for(self, text):
        """Listen until QEMU says it; raise BootError if it does not."""
        self.line.settimeout(FREEZE_SECONDS)
        try:
            while text not in self.received:
                data = self.line.recv(65536)
                if not data:
                    raise BootError("QEMU ended before it said " + text.decode())
                self.received += data
        except socket.timeout:
            raise BootError("QEMU did not say " + text.decode()) from None
        self.line.settimeout(None)

    def send(self, command, **arguments):
        """Send one command; answers are read at the end."""
        text = json.dumps({"execute": command, "arguments": arguments})
        with contextlib.suppress(OSError):  # QEMU may be gone; its exit status says why
            self.line.sendall(text.encode() + b"\n")

    def messages(self):
        """All that QEMU said, once it has ended."""
        with contextlib.suppress(OSError):
            while data := self.line.recv(65536):
                self.received += data
        return [json.loads(line) for line in self.received.splitlines() if line.endswith(b"}")]

    def shutdown_reason(self):
        """Why QEMU says that the machine stopped."""
        for message in self.messages():
            if message.get("event") == "SHUTDOWN":
                return message["data"]["reason"]
        return ""


class Session:
    """One QEMU process and the loop that serves its lines."""

    def __init__(self, config, console, directory, on_wait):
        self.config, self.console, self.directory = config, console, Path(directory)
        self.on_wait = on_wait
        self.started = time.monotonic()
        self.to_send = b""
        self.input_left = config.serial_input
        self.held = None  # status that a kernel told by "holding"
        self.timed_out = False
        self.loader_error = None  # what the UEFI loader complained of
        self.give_up_at = None  # when its explanation must be complete
        self.process = self.serial = self.control = None

    def start(self, state=""):
        """Start QEMU, or let it go on from a state."""
        media = boot_arguments(self.config, self.directory)
        self.serial, their_serial = socket.socketpair()
        control, their_control = socket.socketpair()
        fds = (their_serial.fileno(), their_control.fileno())
        command = machine_arguments(self.config) + media
        command += line_arguments(self.config, *fds, self.directory / "reset.log")
        command += ["-incoming", "exec:cat " + shlex.quote(state)] if state else []
        with open(self.directory / "stderr", "wb") as errors:
            try:
                self.process = subprocess.Popen(command, pass_fds=fds, stderr=errors,
                                                stdin=subprocess.DEVNULL, stdout=errors)
            except FileNotFoundError:
                raise BootError(f"no {QEMU}; 'tools/setup run' installs it") from None
        their_serial.close()
        their_control.close()
        self.serial.setblocking(False)
        self.control = Control(control)
        if state:
            self.control.wait_for(b'"RESUME"')
            self.to_send = b"\r"  # the firmware need not wait any longer

    def freeze(self, state):
        """Save the state of the machine while the firmware waits."""
        if not select.select([self.serial], [], [], FREEZE_SECONDS)[0]:
            raise BootError("the firmware said nothing")
        time.sleep(FREEZE_AFTER)
        events = {"capability": "events", "state": True}
        self.control.send("migrate-set-capabilities", capabilities=[events])
        self.control.send("migrate", uri="exec:cat > " + shlex.quote(state))
        self.control.wait_for(b'"status": "completed"')
        self.control.send("quit")
        self.process.wait(FREEZE_SECONDS)

    def serve(self):
        """Move bytes until the machine ends or the time is over."""
        limit = self.config.seconds_allowed()
        readers = [self.serial] + ([sys.stdin] if self.config.interactive else [])
        while True:
            elapsed = time.monotonic() - self.started
            if limit and elapsed > limit:
                self.timed_out = True
                return
            if self.give_up_at and elapsed > self.give_up_at:
                self.control.send("quit")
                return
            self.on_wait(elapsed, self.console.spoken)
            writers = [self.serial] if self.to_send else []
            readable, writable, _ = select.select(readers, writers, [], 0.25)
            if self.serial in readable and not self.hear():
                return
            if sys.stdin in readable:
                self.to_send += os.read(sys.stdin.fileno(), 4096) or LEAVE
            if writable:
                self.speak()

    def hear(self):
        """Read the serial line; False when QEMU has closed it."""
        try:
            data = self.serial.recv(65536)
        except ConnectionError:
            data = b""
        for line in self.console.feed(data):
            match = re.match(r"\[cairn\] holding, status (\d+)", line)
            if match and self.held is None:
                self.picture(int(match[1]))
            if line.startswith(LOADER_ERROR) and self.loader_error is None:
                self.loader_error = line[len(LOADER_ERROR):].strip()
                self.give_up_at = time.monotonic() - self.started + LOADER_SECONDS
        if self.input_left is not None and self.console.prompts():
            self.to_send, self.input_left = self.input_left + b"\rpoweroff\r", None
        return bool(data)

    def speak(self):
        """Write to the serial line as much as QEMU takes; it takes what the UART has room
        for, so the socket's own back-pressure keeps the pace."""
        try:
            self.to_send = self.to_send[self.serial.send(self.to_send):]
        except ConnectionError:
            self.to_send = b""

    def picture(self, status):
        """The kernel holds: save its screen, then end QEMU."""
        self.held = status
        if self.config.screenshot:
            target = os.path.abspath(self.config.screenshot)
            self.control.send("screendump", filename=target, format="png")
        self.control.send("quit")

    def stop(self):
        """End QEMU if it has not ended by itself."""
        if self.process is None:
            return
        try:
            self.process.wait(0 if self.timed_out else 10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def stderr(self):
        """What QEMU complained about."""
        text = (self.directory / "stderr").read_text(errors="replace")
        return last_lines(text, 3) or "it gave no reason"

    def verdict(self):
        """(status, reason) of a machine that has ended."""
        code = self.process.returncode
        if self.timed_out:
            return BROKEN, (f"hang: no end after {self.config.seconds_allowed()} s (TIMEOUT=); "
                            f"the last line printed was: {self.console.last_line() or 'none'}")
        if self.loader_error is not None:
            return BROKEN, f"the loader could not start the kernel: {self.loader_error}"
        if self.held is not None:
            return self.verdict_held()
        if code == EXIT_SUCCESS:
            return SUCCESS, "the kernel ended with success"
        if code == EXIT_FAILURE:
            return KERNEL_FAILED, ("the kernel reported failure: a command or test failed, "
                                   "or it panicked (its last lines say which)")
        if code == 0:
            return BROKEN, self.silent_end()
        if code == EXIT_GRUB:
            return BROKEN, f"GRUB could not load the kernel: {self.console.last_line()}"
        if code > EXIT_FAILURE or (code % 2 and code > 1):
            return BROKEN, f"the kernel wrote {code >> 1:#x} to port 0xf4, which means nothing"
        return BROKEN, f"QEMU failed (exit status {code}): {self.stderr()}"

    def verdict_held(self):
        """(status, reason) of a kernel that held for a picture."""
        errors = [message["error"]["desc"] for message in self.control.messages()
                  if "error" in message]
        if errors:
            return BROKEN, f"no picture was taken: {errors[0]}"
        if self.held:
            return KERNEL_FAILED, f"the kernel reported failure (status {self.held})"
        return SUCCESS, "the kernel ended with success"

    def silent_end(self):
        """Why QEMU ended with 0, which the kernel's exit port never gives."""
        reason = self.control.shutdown_reason()
        log = self.directory / "reset.log"
        if log.exists() and "Triple fault" in log.read_text(errors="replace"):
            return ("the CPU reset (triple fault): an exception while handling an exception; "
                    "GDB=1 stops before the first instruction, "
                    "QEMU_ARGS='-d int -D faults.txt' lists every exception")
        if reason == "guest-reset":
            return "the machine was reset (reboot), so the kernel gave no verdict"
        if reason == "guest-shutdown":
            return "the machine was switched off without the kernel's verdict"
        return "QEMU was ended from outside; 'poweroff' ends the kernel with its verdict"


def last_lines(text, count):
    """The last lines of a text that are not blank, as one line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " / ".join(lines[-count:])


@contextlib.contextmanager
def raw_terminal(wanted):
    """Hand every key to the guest."""
    if not wanted:
        yield
        return
    saved = termios.tcgetattr(sys.stdin)
    tty.setraw(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, saved)


def run(config, write=lambda text: None, on_wait=lambda seconds, spoken: None, colour=False):
    """Boot the machine, wait for its end, return the Result.

    `write` gets the output as it comes; `on_wait` is called a few times a second with the
    time so far and whether Cairn has spoken yet.  Raises UsageError and BootError.
    """
    console = Console(write, config.interactive, colour, config.verbose)
    with tempfile.TemporaryDirectory(prefix="cairn-") as directory:
        session = Session(config, console, directory, on_wait)
        try:
            session.start(config.frozen)
            with raw_terminal(config.interactive):
                session.serve()
        except BaseException:
            session.timed_out = True  # do not wait for QEMU
            raise
        finally:
            session.stop()
        seconds = time.monotonic() - session.started
        status, reason = session.verdict()
    console.close()
    return Result(status, reason, "\n".join(console.lines), "\n".join(console.firmware), seconds)


def freeze_firmware(config):
    """Start the machine and save its state in the file config.frozen while UEFI waits.

    A Config with the same `frozen`, memory, CPUs and loader goes on from there, whatever its
    kernel's command line is, and has the firmware's start, some seconds, behind it.
    """
    console = Console(lambda text: None, False, False, False)
    with tempfile.TemporaryDirectory(prefix="cairn-") as directory:
        session = Session(config, console, directory, lambda seconds, spoken: None)
        try:
            session.start()
            session.freeze(config.frozen)
        finally:
            session.timed_out = True  # do not wait for QEMU
            session.stop()
