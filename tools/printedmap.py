"""printedmap.py - the memory map that the kernel prints: does it add up?"""

import re

HEADING = re.compile(r"^memory map: (\d+) ranges", re.M)
SIZE_LINE = re.compile(r"^  (\S.*?) +[\d.]+ [KMGTP]?i?B +(\d+) frames$", re.M)
RANGE_LINE = re.compile(r"^ +(\d+)  0x([0-9a-f]+) - 0x([0-9a-f]+) .*B  (\S.*)$", re.M)
RAM_KINDS = ("usable", "low memory", "boot services", "boot loader", "ACPI tables", "kernel",
             "ACPI NVS", "UEFI runtime")
FRAME = 4096


def parse_mmap(output):
    """({kind: frames} of the summary, [(start, end, kind)]) that `mmap` printed."""
    heading = HEADING.search(output)
    if not heading:
        raise ValueError("`mmap` printed no line 'memory map: N ranges'")
    sizes = {}
    for match in SIZE_LINE.finditer(output, heading.end()):
        sizes[match[1]] = int(match[2])
        if match[1] == "total":
            break
    found = {int(number): (int(start, 16), int(end, 16), kind)
             for number, start, end, kind in RANGE_LINE.findall(output)}
    ranges = [found[number] for number in sorted(found)]
    if len(ranges) != int(heading[1]):
        raise ValueError(f"{len(ranges)} ranges are listed, the heading says {heading[1]}")
    return sizes, ranges


def map_trouble(output, size):
    """What is wrong with the map that was printed; empty if it is right."""
    try:
        sizes, ranges = parse_mmap(output)
    except ValueError as error:
        return str(error)
    total = sizes.pop("total", 0)
    ram = sum(sizes.get(kind, 0) for kind in RAM_KINDS) * FRAME
    listed = {"holes": total - sum(end - start for start, end, _ in ranges) // FRAME}
    for start, end, kind in ranges:
        listed[kind] = listed.get(kind, 0) + (end - start) // FRAME
    bounds = [bound for start, end, _ in ranges for bound in (start, end)]
    rules = (
        (sum(sizes.values()) == total, "the kinds and holes do not add up to the total"),
        (sizes == listed, f"the ranges listed add up to {listed}, the summary says {sizes}"),
        (bounds == sorted(bounds), "the ranges overlap or are not sorted"),
        (not any(bound % FRAME for bound in bounds), "a range is not made of whole frames"),
        (sizes.get("usable", 0) > 0, "no memory is usable"),
        (not any(start == 0 and kind == "usable" for start, _, kind in ranges),
         "frame 0 is usable"),
        (size * 3 // 4 <= ram <= size, f"{ram} bytes are RAM; the machine has {size}"),
    )
    return "; ".join(text for good, text in rules if not good)
