"""cairnplaces.py - judges where many boots have put things.

WHAT   For tools/testall, stage random-places: every place is read from what the monitor's
       `layout` prints, must be aligned and where it may be, and boots must show as many
       different ones as the bits that `layout` promises let expect.

NOT    No judgement of how uniform places are: that takes more draws (tests/places.c).
"""

import math
import re

import cairnqemu

# Where a range begins that has bits, as `layout` prints it; and the image in memory.
PLACES = re.compile(r"0x(\w{16})  0x\w{16} +\S+ \wi?B +([0-9.]+)  (\w+)$"
                    r"|^(image, physical): 0x(\w+), ([0-9.]+) bits", re.M)
SLIDES = {  # its first address, where it must end, its alignment
    "image": (0xffffffff80000000, 0xffffffffc0000000, 2 << 20),
    "window": (0xffff800000000000, 0xffffc00000000000, 1 << 30),
    "areas": (0xffffc00000000000, 0xffffe00000000000, 1 << 30),
    "stacks": (0xffffe00000000000, 0xfffff00000000000, 4096),
    "image, physical": (1 << 20, 512 << 20, 2 << 20),
}
SCREEN = range(0xffffffff90000000, 0xffffffffa0000000)


def places_in(output):
    """{name: (start, bits)} of what `layout` printed."""
    found = {}
    for start, bits, name, physical, phys_start, phys_bits in PLACES.findall(output):
        found[name or physical] = int(start or phys_start, 16), float(bits or phys_bits)
    return found


def least_distinct(boots, bits):
    """How many places as many boots must show: what is expected if each of 2^bits places is
    as likely, less six standard deviations.  With many bits, all must differ."""
    places, load = 2.0 ** bits, boots / 2.0 ** bits
    expected = boots - boots * (boots - 1) / (2 * places)
    if load > 0.01:
        expected = places * (1 - math.exp(-load))
    spread = load * boots / 2
    if load > 0.01:
        spread = places * (math.exp(-load) - (1 + load) * math.exp(-2 * load))
    return math.ceil(expected - 6 * math.sqrt(max(spread, 0)) - 0.5)


def judge_places(report, where, boots, name, seen):
    """One range over many boots: [(start, bits)]."""
    first, end, align = SLIDES[name]
    label = name.replace(", ", "_")
    starts = [start for start, _ in seen]
    report.case(f"J3_{where}_{label}_in_all_boots", len(seen) == boots,
                f"{len(seen)} of {boots} tell of it")
    if not seen or min(bits for _, bits in seen) <= 0:
        report.case(f"J3_{where}_{label}_is_random", False, "no bits")
        return
    wrong = [start for start in starts
             if not first <= start < end or start % align or start in SCREEN]
    report.case(f"J3_{where}_{label}_in_range", not wrong, f"not {list(map(hex, wrong))}")
    wanted, distinct = least_distinct(boots, seen[0][1]), len(set(starts))
    report.case(f"J3_{where}_{label}_differ", distinct >= wanted,
                f"{distinct} places in {boots} boots, not {wanted}")
    middle = sorted(starts)[len(starts) // 2]
    report.case(f"J3_{where}_{label}_spread", first + (end - first) // 10 < middle
                < end - (end - first) // 10, f"half of them up to {middle:#x}")


def many_boots(report, where, boots, names, **machine):
    """Where things are in many boots of one machine."""
    seen = {name: [] for name in names}
    for _ in range(boots):
        found = places_in(report.boot(cmd="layout", **machine).output)
        for name in names:
            seen[name] += [found[name]] if name in found else []
    for name in names:
        judge_places(report, where, boots, name, seen[name])


def same_place(report, where, args, **machine):
    """With these options, everything is where it was."""
    first, second = (report.boot(cmd="layout", args=args, **machine).output for _ in range(2))
    lines = [re.findall(r"^  0x.*|^image, physical: 0x\w+", text, re.M)
             for text in (first, second)]
    report.case(f"J3_{where}_{args}_repeats", len(lines[0]) > 6 and lines[0] == lines[1],
                f"{lines[0]} and {lines[1]}")


def without_generator(report, where, lines, **machine):
    """A CPU without RDRAND: each program says so once, and places are random all the same."""
    result = report.boot(cmd="layout; audit", cpu="qemu64", **machine)
    said = re.findall(r"warning.*random numbers: there is no source; what", result.output)
    report.case(f"J3_{where}_no_generator_is_said", len(said) == lines
                and "random numbers: there is no source" in result.output
                and result.status == cairnqemu.SUCCESS, f"said {len(said)} times")
    found = places_in(result.output)
    report.case(f"J3_{where}_random_without_generator",
                all(found.get(name, (0, 0))[1] > 0 for name in ("image", "window")), f"{found}")
