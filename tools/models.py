"""models.py - stages of tools/testall that boot in every way.

WHAT   A matrix of ways to boot and processor models (run), and what becomes of the memory that
       only the start needs (run_reclaim).

       In the matrix each machine runs COMMANDS.  It must end with success, and what it prints must
       say what this processor lacks: a line for each feature at the start, "reduced" lines in
       the audit, no W^X without NX, and nothing of what it has.

HOW    What a model has is in MODELS, by its features' names in QEMU; "-x" and "+x" in its name
       change that.  Machines run two at a time: their firmware, not their kernel, takes long.
"""

import concurrent.futures
import re

import cairnqemu

COMMANDS = "memlayout; audit; stacks; faults"
AT_A_TIME = 2
# What the kernel prints at its start without them.
LACKING = {
    "nx": "[cairn] no NX: data can be executed; W^X is reduced",
    "smep": "[cairn] no SMEP: the kernel can execute what is users'",
    "smap": "[cairn] no SMAP: the kernel can read and write what is users'",
    "umip": "[cairn] no UMIP: users can read where descriptor tables are",
    "pdpe1gb": "[cairn] no pages of 1 GiB: the window has pages of 2 MiB, and more tables",
    "rdrand": "[warning] random numbers: there is no source; "
              "what is chosen by them can be guessed",
}
# What the audit prints.
REDUCED = {
    "nx": "reduced: without NX, all of it can be executed",
    "smep": "reduced: no SMEP: the kernel can execute what is users'",
    "smap": "reduced: no SMAP: the kernel can read and write what is users'",
}
MODELS = {
    "max": set(LACKING),
    "qemu64": {"nx"},
    "Haswell": {"nx", "rdrand", "smep"},
    "EPYC": {"nx", "rdrand", "smep", "smap", "pdpe1gb"},
}
BARE = "max,-rdrand,-pdpe1gb,-smep,-smap,-umip"
# The firmware takes seconds: there, only what differs most.
OFTEN = ("max", "max,-nx", "qemu64", "qemu64,-nx", BARE, "max,-rdrand", "max,-smap", "EPYC")
SELDOM = {"uefi": ("max,-nx", "qemu64,-nx", BARE), "multiboot2-uefi": ("max,-nx", BARE)}
ALL = (*OFTEN, "max,-pdpe1gb", "max,-smep", "max,-umip", "max,-nx,-pdpe1gb", "Haswell")


def features(model):
    """What this model has of LACKING."""
    name, *changes = model.split(",")
    has = set(MODELS[name])
    for change in changes:
        has = has | {change[1:]} if change[0] == "+" else has - {change[1:]}
    return has


def wanted(thorough):
    """(way to boot, model) of each machine."""
    for boot in cairnqemu.BOOTS:
        for model in ALL if thorough else SELDOM.get(boot, OFTEN):
            yield boot, model


def trouble(output, has):
    """What is wrong with what the kernel printed; empty if nothing is."""
    lines = output.splitlines()
    for feature in LACKING:
        for said in (LACKING, REDUCED):
            count = lines.count(said.get(feature, ""))
            if feature in said and count != (feature not in has):
                return f"{count} lines '{said[feature]}'"
    nxe = "on" if "nx" in has else "off"
    # Addresses, size, sizes of pages, rights: all that is writable is executable, or nothing.
    rights = re.findall(r"^0x\w{16} 0x\w+ .* (r[w-][x-][u-][g-])", output, re.M)
    writable = [right[2] for right in rights if right[1] == "w"]
    sizes = re.search(r"^0x\w{16} 0x\w+ .*\b1G\b", output, re.M)
    rules = (
        (f"[cairn] W^X: CR0.WP on, EFER.NXE {nxe}" in lines, f"EFER.NXE is not {nxe}"),
        (writable and set(writable) == {"-" if "nx" in has else "x"},
         "what is writable in memlayout is not as NX says"),
        (bool(sizes) <= ("pdpe1gb" in has), "pages of 1 GiB that there cannot be"),
        (re.search(r"^clean: 0 findings; ", output, re.M), "the audit is not clean"),
        (re.search(r"^6 in all; ", output, re.M), "there are not 6 stacks"),
        (re.search(r"^ +0  in all$", output, re.M), "there were page faults"),
    )
    return "; ".join(text for good, text in rules if not good)


def run(report, thorough):
    """Boot all of them and judge each."""
    machines = list(wanted(thorough))
    configs = [cairnqemu.Config(boot=boot, cpu=model, cmd=COMMANDS, mem=2 * cairnqemu.GIB)
               for boot, model in machines]
    report.begin(f"{len(configs)} machines, {AT_A_TIME} at a time")
    with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
        for (boot, model), result in zip(machines, pool.map(cairnqemu.run, configs)):
            report.write(f"$ ./run BOOT={boot} MEM=2G CPU={model} CMD='{COMMANDS}'\n"
                         f"{result.output}\n-> {result.status}, {result.seconds:.1f} s\n")
            bad = result.status != cairnqemu.SUCCESS
            why = result.reason if bad else trouble(result.output, features(model))
            report.case(f"{boot} {model}", not why, why)


# ---- reclaim ---------------------------------------------------------------------------------

RECLAIMED = re.compile(r"reclaimed \((\d+) frames\)")
FREE = re.compile(r"^    free .*\((\d+) frames\)$", re.M)
# Heap and identity map: their first bytes, and far into the latter.
GONE = ("0xffffffffa0000000", "0x200000", "0x3ffff000")


def reclaim_trouble(result, way):
    """What is wrong with what a machine printed that has reclaimed all."""
    output = result.output
    free, back = FREE.findall(output), [int(count) for count in RECLAIMED.findall(output)]
    rules = (
        (result.status == cairnqemu.SUCCESS, result.reason),
        (len(free) == 2 and len(back) == 5, "two meminfo and five things to reclaim"),
        (len(free) == 2 and int(free[1]) - int(free[0]) == sum(back),
         f"free frames went from {free}, reclaimed were {back}"),
        (output.count("\nread 0x") == len(GONE), "something was not there before"),
        (all(output.count(f"exception 14, error code 0, address {int(address, 0):#018x}") == 1
             for address in GONE), "something is there afterwards"),
        (output.count("clean: 0 ") == 2, "an audit is not clean"),
        (output.count("reduced: the lower half") == 1, "the lower half is not as expected"),
        (back[:1] == [] or back[0] >= 256, "no temporary heap came back"),
        ("uefi" not in way or back[2:3] == [] or back[2] > 1000, "no boot services memory"),
    )
    return "; ".join(text for good, text in rules if not good)


def run_reclaim(report):
    """On each way to boot: frames add up, and what was there faults."""
    probes = "; ".join(f"probe read {address}" for address in GONE)
    command = f"audit; {probes}; reclaim all; {probes}; audit; frames check"
    for way, layout in (*((way, "") for way in cairnqemu.BOOTS), ("pvh", " layout=theseus")):
        result = report.boot(boot=way, args="identity=keep tempheap=keep" + layout, cmd=command)
        why = reclaim_trouble(result, way)
        report.case(f"A14_F4_{way}{layout}", not why, why)
