"""mallocprograms.py - real programs that allocate, for tools that run them on other mallocs.

WHAT   PROGRAMS lists them: how each is found, what it works on, how it is started.  Those that
       are not installed are told, not missed.  Sources of their work are in tests/programs/;
       what is large is made in a folder that goes away.

       `programs` is the stage of ./test that compares what they print.

HOW    tests/programs/launch.c, linked statically, starts each and measures it: LD_PRELOAD is
       set behind it, and it is so small that it does not count.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "tests" / "programs"
CAIRN = ROOT / "build" / "malloc" / "libcairn-malloc.so"
SECONDS = 300
STATEMENTS = 100000
WORKS = ("batch", "churn", "phases", "strings", "threads", "across")


@dataclass
class Outcome:
    """What came of one run."""

    seconds: float  # of CPU time
    kib: int  # at the peak
    status: int
    digest: str  # of what it printed


@dataclass
class Program:
    """One program: what must be installed, how to start it, what to feed it."""

    name: str
    needs: tuple
    words: Callable  # (Workshop) -> arguments
    stdin: str = ""  # a file of the workshop
    is_micro: bool = False
    run: Callable = None  # another way to run it than run_plain

    def missing(self):
        """The first thing that is not installed; empty if all is."""
        return next((need for need in self.needs if not shutil.which(need)), "")


class Workshop:
    """A folder with launch, work and what programs read."""

    def __init__(self):
        self.holder = tempfile.TemporaryDirectory(prefix="cairn-programs-")
        self.path = Path(self.holder.name)
        self.compile("launch", "-static")
        self.compile("work", "-pthread")
        self.compile("malloc", "-pthread", "-ldl", "-Wno-deprecated-declarations")
        self.write_statements()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.holder.cleanup()

    def compile(self, name, *flags):
        """Build tests/programs/NAME.c."""
        subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", self.path / name,
                        SOURCES / f"{name}.c", *flags], check=True)

    def write_statements(self):
        """10^5 statements for sqlite3."""
        with open(self.path / "statements.sql", "w", encoding="ascii") as out:
            out.write("create table t(a integer primary key, b text, c real);\n"
                      "create index i on t(b); begin;\n")
            for i in range(STATEMENTS - 8):
                text = str(i * 7919 % 1000003) + "y" * (i * 31 % 70)
                if i % 10 < 7:
                    out.write(f"insert into t values({i}, '{text}', {i / 7});\n")
                elif i % 10 < 9:
                    out.write(f"update t set b = '{text}' where a = {i - 5};\n")
                else:
                    out.write(f"delete from t where a = {i * 13 % (i + 1)};\n")
            out.write("commit;\nselect count(*), sum(length(b)) from t;\n"
                      "select b, count(*) from t group by substr(b, 1, 2);\n"
                      "create table u as select * from t order by b;\n"
                      "select count(*) from t join u using (b);\n")

    def run_plain(self, program, preload, extra=None):
        """Run a program that ends by itself."""
        report, printed = self.path / "report", self.path / "printed"
        words = [str(word) for word in program.words(self)]
        stdin = open(self.path / program.stdin, "rb") if program.stdin else subprocess.DEVNULL
        environment = {**os.environ, "LAUNCH_PRELOAD": str(preload), **(extra or {})}
        with open(printed, "wb") as out:
            subprocess.run([self.path / "launch", report, *words], stdin=stdin, stdout=out,
                           stderr=subprocess.DEVNULL, env=environment, cwd=ROOT, check=False,
                           timeout=SECONDS)
        return self.outcome(printed.read_bytes())

    def outcome(self, printed):
        """Read what launch has reported."""
        seconds, kib, status = (self.path / "report").read_text(encoding="ascii").split()
        return Outcome(float(seconds), int(kib), int(status),
                       hashlib.sha256(printed).hexdigest())

    def run(self, program, preload):
        """Run it with that library preloaded, or none."""
        if program.run:
            return program.run(self, program, preload)
        return self.run_plain(program, preload)


def run_redis(workshop, program, preload):
    """The server is measured; redis-benchmark gives it work.

    What the server holds in the end must not depend on chance, so lists and
    hashes that are compared are filled by redis-cli.
    """
    socket = workshop.path / "redis.sock"
    with subprocess.Popen([workshop.path / "launch", workshop.path / "report",
                           *program.words(workshop)], stdout=subprocess.DEVNULL,
                          env={**os.environ, "LAUNCH_PRELOAD": str(preload)}) as server:
        for _ in range(100):
            if socket.exists():
                break
            time.sleep(0.05)
        cli = ["redis-cli", "-s", str(socket)]
        subprocess.run(["redis-benchmark", "-s", socket, "-q", "-n", "30000", "-r", "10000", "-d",
                        "200", "-t", "set,get,incr,lpush,rpop,sadd,hset,zadd"], check=False,
                       stdout=subprocess.DEVNULL, timeout=SECONDS)
        subprocess.run([*cli, "flushall"], check=False, stdout=subprocess.DEVNULL)
        commands = "".join(f"set k{i} {'v' * (i % 300)}\nrpush l{i % 50} {i * i}\n"
                           f"hset h{i % 70} f{i} {i}\n" for i in range(5000))
        subprocess.run(cli, input=commands, text=True, check=False, stdout=subprocess.DEVNULL)
        said = subprocess.run([*cli, "debug", "digest"], check=False, stdout=subprocess.PIPE)
        subprocess.run([*cli, "shutdown", "nosave"], check=False, stdout=subprocess.DEVNULL)
        server.wait(timeout=60)
    return workshop.outcome(said.stdout)


def redis_words(workshop):
    """A server that writes no files and listens at a socket of its own."""
    return ["redis-server", "--port", "0", "--unixsocket", workshop.path / "redis.sock", "--save",
            "", "--appendonly", "no", "--enable-debug-command", "yes", "--dir", workshop.path]


def programs(report):
    """real programs on Cairn's heap as malloc: nothing changes"""
    if report.make("malloc"):
        words = ["tools/malloc-programs"] + (["--all"] if report.options.all else [])
        status, output = report.command(*words, timeout=3600)
        report.tests("programs", status == 0, output)


def source(name):
    """A file of tests/programs/."""
    return SOURCES / name


INCLUDES = ["-Iinclude", "-Isrc", "-Iarch/x86", "-std=gnu11"]
PROGRAMS = (
    Program("python", ("python3",), lambda w: [real_python(), source("work.py")]),
    Program("perl", ("perl",), lambda w: ["perl", source("work.pl")]),
    Program("lua", ("lua5.4",), lambda w: ["lua5.4", source("work.lua")]),
    Program("sqlite", ("sqlite3",), lambda w: ["sqlite3", ":memory:"], stdin="statements.sql"),
    Program("gcc", ("gcc",), lambda w: ["gcc", "-O2", "-S", *INCLUDES, "-o", "-",
                                        ROOT / "src" / "paging" / "cursor.c"]),
    Program("git", ("git",), lambda w: ["git", "-C", ROOT, "log", "--stat", "-n", "100"]),
    Program("node", ("node",), lambda w: ["node", source("work.js")]),
    Program("ghostscript", ("gs",), lambda w: [
        "gs", "-q", "-dNOPAUSE", "-dBATCH", "-dSAFER", "-sDEVICE=ppmraw", "-r100",
        "-sOutputFile=-", source("work.ps")]),
    Program("redis", ("redis-server", "redis-benchmark", "redis-cli"), redis_words,
            run=run_redis),
    *(Program(f"work {part}", (), lambda w, part=part: [w.path / "work", part], is_micro=True)
      for part in WORKS),
)


def real_python():
    """What `python3` becomes: it may be a script that looks for it."""
    words = ["python3", "-c", "import sys; print(sys.executable)"]
    return subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
