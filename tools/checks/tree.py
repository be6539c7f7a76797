"""tree.py - what every check uses: the tree of files, findings, the registry."""

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from . import csource

C_SUFFIXES = (".c", ".h")
CPP_SUFFIXES = (".cc", ".cpp", ".hpp")
ASM_SUFFIXES = (".S",)
GENERATED = "build/"
SKIPPED_FOLDERS = {".git", "__pycache__"}
LARGEST_TEXT = 4 << 20

CHECKS = []
PLANTS = []


@dataclass(frozen=True, order=True)
class Finding:
    """One thing that is wrong, with what to do about it."""
    path: str
    line: int
    message: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.message}"


@dataclass(frozen=True)
class Note:
    """A remark for the progress line; never a failure."""
    text: str


@dataclass(frozen=True)
class Check:
    name: str
    about: str
    function: object
    is_report: bool = False


@dataclass(frozen=True)
class Plant:
    """A violation for the self-test: these files, and a part of the message."""
    check: str
    expect: str
    files: dict = field(hash=False)


def check(name, about, is_report=False):
    """Registers the decorated generator of Findings and Notes as a check."""
    def register(function):
        CHECKS.append(Check(name, about, function, is_report))
        return function
    return register


def plant(name, expect, files):
    PLANTS.append(Plant(name, expect, files))


def perform(item, tree):
    """Runs one check.  A missing program is a finding, not a crash."""
    try:
        return list(item.function(tree))
    except FileNotFoundError as error:
        return [Finding("tools/setup", 1, f"{error.filename} is missing; run tools/setup")]


def parallel(function, items):
    """[function(item) for item in items] on all CPUs, for work done by programs."""
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
        return list(pool.map(function, items))


def run(command, root, text=""):
    """(exit status, all output) of a program that is started in `root`."""
    done = subprocess.run(command, cwd=root, input=text, text=True, errors="replace",
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout


class Tree:
    """The files under one root, by path relative to it, read at most once."""

    def __init__(self, root):
        self.root = Path(root)
        self.files = sorted(path for path in self._listed() if self._is_ours(path))
        self._known = set(self.files)
        self.text = cache(self._read)
        self.lines = cache(lambda path: csource.split_lines(self.text(path)))
        self.plain = cache(lambda path: csource.without_comments(self.text(path)))
        self.code = cache(lambda path: csource.code_only(self.text(path)))
        self.functions = cache(lambda path: csource.functions(self.code(path)))

    def __contains__(self, path):
        return path in self._known

    def under(self, *folders, suffixes=()):
        """Files below any of `folders` (none: everywhere) that end in a suffix."""
        return [path for path in self.files
                if (not folders or path.startswith(tuple(f + "/" for f in folders)))
                and (not suffixes or path.endswith(suffixes))]

    def c_files(self, *folders):
        return self.under(*folders, suffixes=C_SUFFIXES + CPP_SUFFIXES)

    def headers(self, *folders):
        return self.under(*folders, suffixes=(".h", ".hpp"))

    def sources(self, *folders):
        """C, C++ and assembly."""
        return self.under(*folders, suffixes=C_SUFFIXES + CPP_SUFFIXES + ASM_SUFFIXES)

    def scripts(self):
        """Python and shell: by name, or by the first line of a file without suffix."""
        return [path for path in self.files if path.endswith((".py", ".sh"))
                or (not os.path.splitext(path)[1] and self.interpreter(path))]

    def interpreter(self, path):
        """`sh` for `#!/bin/sh` and for `#!/usr/bin/env sh`; else an empty string."""
        first = self.text(path).split("\n", 1)[0]
        words = first[2:].split() if first.startswith("#!") else []
        if len(words) > 1 and words[0].endswith("/env"):
            words = words[1:]
        return os.path.basename(words[0]) if words else ""

    def _read(self, path):
        """The text of a file; empty when it is binary or far too long for a source."""
        full = self.root / path
        data = full.read_bytes() if full.stat().st_size <= LARGEST_TEXT else b""
        return "" if b"\0" in data else data.decode("utf-8", errors="replace")

    def _listed(self):
        if (self.root / ".git").exists():
            status, output = run(["git", "ls-files", "-z", "--cached", "--others",
                                  "--exclude-standard"], self.root)
            if status == 0:
                return [path for path in set(output.split("\0")) if path]
        return [path.relative_to(self.root).as_posix() for path in self.root.rglob("*")]

    def _is_ours(self, path):
        full = self.root / path
        return (not path.startswith(GENERATED) and SKIPPED_FOLDERS.isdisjoint(path.split("/"))
                and full.is_file() and not full.is_symlink())
