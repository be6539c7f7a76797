"""monitorcases.py - what the monitor's commands say, and whether they succeed.

WHAT   For tools/testall, stage monitor: a table of commands, each for a boot of its own.
"""

import re

import cairnqemu
from heapcases import HEAP_MONITOR

# Row of the requirements, command, whether it must succeed, what it must say, kernel's options.
MONITOR = (
    ("L7_meminfo", "meminfo", True, r"installed +511\.\d MiB"),
    ("L7_meminfo_verbose", "meminfo -v", True, r"(?s)Kinds.*Zones.*high"),
    ("L7_meminfo_verbose_in_full", "meminfo --verbose", True, r"(?s)Kinds.*Zones"),
    ("L7_meminfo_map", "meminfo --mmap", True, r"0x0000000200000 - 0x\w+ .* kernel"),
    ("L7_meminfo_help", "meminfo -h", True, r"meminfo --mmap"),
    ("L7_meminfo_bad_flag", "meminfo --frob", False, r"unknown option '--frob'"),
    ("L7_meminfo_too_many", "meminfo -v -v", False, r"too many arguments"),
    ("L8_sizes", "mmap summary", True, r"usable +\d+\.\d MiB"),
    ("L5_mmap_entries", "mmap entries 2 1", True, r"^ +1  0x.*\n +2  0x(?!.*\n +3  )"),
    ("L5_mmap_entry", "mmap entry 0", True, r"^ +0  0x0000000000000"),
    ("L5_mmap_no_such_entry", "mmap entry 99", False, r"99"),
    ("L5_phys", "phys", True, r"(?s)base.*total.*free.*guard"),
    ("L5_phys_address", "phys 0xfee00000", True, r"hole"),
    ("L5_physmem", "physmem", True, r"(?s)base +0x0*[1-9a-f].*total.*free.*guard"),
    ("C19_dump", "frames", True, r"(?s)base +0x.*total.*free.*other owners of RAM.*kernel"),
    ("C20_picture", "memmap plain", True, r"(?s)a cell is.*K kernel"),
    ("C10_give_back", "frames take 3 4; frames check; frames drain", True, r"invariants hold"),
    ("C9_give_frame_0", "frames give 0", False, r"0x0 not given back"),
    ("A14_reclaim", "reclaim loader; frames check", True, r"invariants hold"),
    ("L1_layout", "layout", True,
     r"(?s)layout: \d+ ranges, 4 levels, 7\d\.\d bits.* 1[56]\.\d  window\n"
     r".*3\d\.\d  stacks\n.* 8\.\d  image\n.*  data\n"
     r"image, physical: 0x200000, 0\.0 bits.*a good source"),
    ("L1_layout_5_levels", "layout", True, r"5 levels, 7\d\.\d bits", "la57=on"),
    ("L1_layout_usage", "layout x", False, r"layout: wants no arguments"),
    ("J3_nokaslr", "layout", True,
     r"(?s) 0\.0 bits.*0xffff800000000000 .* -  window\n.*0xffffc00000000000 .* -  areas\n"
     r".*0xffffe00000000000 .* -  stacks\n.*0xffffffff80000000 .* -  image.*not used: nokaslr",
     "nokaslr"),
    ("J3_seed", "layout", True,
     r"(?s)0xffffceeb80000000 .*areas\n.*0xffffede933bc5000 .*stacks.*a fixed seed", "seed=5"),
    ("J3_seed_is_no_number", "layout", True, r"(?s)seed=5x: that is no number.*a good source",
     "seed=5x"),
    ("F1_layout_of_theseus", "layout; audit; stacks", True,
     r"(?s)layout: that of theseus.* 0\.0 bits.*0xffff800000000000  .*TiB     -  window\n"
     r".*0xffff900000000000  0xffffafffffffffff .*areas\n.*0xffffff8000000000  .*acpi\n"
     r".*0xffffff8800000000  .*map copy\n.*0xfffffffe00000000  .*temporary\n"
     r".*0xf{8}80000000  .* image\n.*0xf{8}90000000  .*framebuffer\n.*0xf{8}a0000000  .*"
     r"temporary heap\n.*0xf{8}b0000000  .*heap\n.*^clean: 0 findings.*0xffffaff0000",
     "layout=theseus"),
    ("F2_layout_of_slayer", "layout; audit", True,
     r"(?s)layout: that of slayer.* 0\.0 bits.*0x0000000000000000  0x00007fffffffffff .*user\n"
     r".*0xf{8}80000000  0xf{16} .*image\n.*^clean: 0 findings", "layout=slayer"),
    ("F2_J3_layout_of_hardened", "layout; audit", True,
     r"(?s)layout: that of hardened.* 5\d\.\d bits.*0x0000000000000000  0x00007fffffffffff .*"
     r"user\n.*0xf{8}[8]0000000  0xf{16} .*kernel\n(?=.*0xf{8}\w{8}  .* 18\.\d    stacks\n).*"
     r"^clean: 0 findings", "layout=hardened"),
    ("F11_layout_of_hexium", "ranges areas; layout; audit", True,
     r"(?s)layout: that of hexium.*0xffff800000000000 - .* window\n.* -\n.* stacks\n.*"
     r"0xffff800000000000  0xffffff7fffffffff .*areas\n.*0xffffff8000000000  0xf{16} .*kernel\n"
     r".*^clean: 0 findings", "layout=hexium"),
    ("F1_layout_of_mio_is_refused", "layout", True,
     r"(?s)layout=mio: that system has addresses of 32 bits, this kernel of 64\n.*: \d ranges,",
     "layout=mio"),
    ("F1_layout_wants_4_levels", "layout", True,
     r"(?s)layout=theseus: that system has 4 levels of page tables, these are 5\n.*: \d ranges",
     "layout=theseus la57=on"),
    ("F1_layout_of_nobody", "version", True,
     r"layout=linux: there are theseus, slayer, hardened, hexium, cairn", "layout=linux"),
    ("F1_layout_own", "layout", True, r"layout: \d ranges, 4 levels, 7\d\.\d bits", "layout=cairn"),
    ("L12_early", "early", True, r"boot-consumed +\d+ records in \d+ ranges"),
    ("B1_frames_are_memory", "frames take 2000", True, r"2000 frames written and read back"),
    ("I5_panic", "panic because", False, r"(?s)panic:.*because.*backtrace.*monitor_run"),
    ("I5_page_fault", "fault write 0x123456", False,
     r"(?s)#PF.*0x0000000000123456.*write of an absent page by kernel.*nothing is mapped there.*"
     r"write_at.*cr3"),
    ("I1_faults_are_counted", "probe write 0; probe write 0; faults", True,
     r"(?s)Page faults\n.* 2  nothing is mapped.* 0  none: it is allowed by now\n"
     r" +0  have got.*\n +2  in all\n"
     r"the last one: read by the kernel at 0x0+, by probe_code.*null dereference"),
    ("I1_faults_usage", "faults x", False, r"faults: unknown argument 'x'"),
    ("H4_stacks", "stacks", True,
     r"(?s)(?=.* 64 KiB +[0-9.]+ K?i?B  #DF\n)(?=.* 64 KiB +[0-9.]+ KiB  kernel\n).*6 in all"),
    ("F18_areas", "areas", True, r"0 in all; 16 TiB of addresses are free"),
    ("F11_ranges", "ranges", True,
     r"(?s)0xffff800000000000 - 0x\w{16} .* window\n.* -\n.* areas\n.* stacks\n.* image\n.*"
     r"^\d ranges, .*; \d gaps, .*, the largest \d+.*^tree: 1 levels, 1 nodes, 3 free\n"
     r"invariants hold"),
    ("F11_ranges_of_stacks", "ranges stacks", True,
     r"(?s)(?=.* 72 KiB  kernel\n)(?=.* 72 KiB  #DF\n)(?=.* -\n).*6 ranges, 432 KiB; 7 gaps,"),
    ("F11_ranges_of_areas", "ranges areas", True,
     r"0 ranges, 0 B; 1 gaps, 16 TiB, the largest 16 TiB\ntree: 0 levels, 0 nodes"),
    ("F11_ranges_5_levels", "ranges", True, r"(?s) window\n.* image\n.*invariants hold", "la57=on"),
    ("F11_ranges_help", "ranges --help", True, r"ranges areas\|stacks"),
    ("F11_ranges_usage", "ranges x y", False, r"ranges: too many arguments"),
    ("F11_ranges_no_such_set", "ranges heap", False, r"ranges: there is no set 'heap'"),
    ("I3_stack_overflow", "fault overflow", False,
     r"(?s)#PF.*mistake +overflow of stack 'kernel'\n +place +guard below stack 'kernel', 0x.*"
     r"handler +on stack '#PF', 1 deep.*backtrace.*recurse.*panic:.*overflow of stack 'kernel'"),
    ("I3_overflow_by_one_frame", "fault frame", False,
     r"(?s)#PF.*mistake +overflow of stack 'kernel'.*at .*overflow_by_one_frame"),
    ("I3_above_a_stack", "fault above", False,
     r"(?s)#PF.*mistake +access above stack 'kernel'\n +place +guard above stack 'kernel'"),
    ("I3_freed_stack", "fault freed", False,
     r"(?s)#PF.*mistake +use of freed stack 'gone'\n +place +freed: in stack 'gone'"),
    ("I1_null", "fault null", False,
     r"(?s)read of an absent page by kernel.*mistake +null dereference.*\(#PF\): null deref"),
    ("I1_call_null", "fault call", False,
     r"(?s)instruction fetch of an absent page by kernel.*mistake +null dereference.*at +0x0+ "),
    ("I1_write_to_code", "fault text", False, r"(?s)mistake +write to code\n.*page +of 4 KiB"),
    ("I1_write_to_constants", "fault rodata", False, r"mistake +write to constants\n"),
    ("I1_jump_to_data", "fault data", False,
     r"(?s)fetch of a protected page by kernel.*not executable\n +mistake +jump to data\n"),
    ("I1_jump_to_an_address", "fault exec 0xffffffffffffd000", False,
     r"(?s)instruction fetch of an absent page.*nothing is mapped there"),
    ("I5_not_canonical", "fault canonical", False,
     r"(?s)#GP general.*mistake +use of a non-canonical address, as \w+ has.*access_not_canon"),
    ("I2_an_NMI", "fault nmi", False, r"(?s)NMI non-mask.*handler +on stack 'NMI', 1 deep"),
    ("I2_fault_in_a_handler", "fault handler", False,
     r"(?s)#PF page fault.*null dereference.*make_another.*on stack '#PF', 1 deep"),
    ("I2_fault_in_the_handler_of_faults", "fault nested", False,
     r"(?s)#PF page fault.*0x0+10\n.*null dereference.*make_another.*on stack '#PF', 2 deep"),
    ("I2_fault_in_a_report", "fault report", False,
     r"panic:\S* #PF at 0x\w+, null dereference, while #PF at 0x\w+ is reported"),
    ("I2_double_fault", "fault double", False,
     r"(?s)#DF double fault.*before +a fault at 0x.*mistake +overflow of stack '#PF'.*"
     r"handler +on stack '#DF', 1 deep.*panic:.*\(#DF\): overflow of stack '#PF'"),
    ("L5_fault_help", "fault --help; fault -h", True,
     r"(?s)KIND is\n +divide .*overflow .*double .*exec .*KIND is"),
    ("L5_fault_no_such_kind", "fault nothing", False, r"no kind 'nothing'; try fault --help"),
    ("L5_fault_usage", "fault", False, r"no kind ''; try fault --help"),
    ("L5_fault_no_address", "fault read", False, r"read wants one address"),
    ("L5_fault_too_much", "fault null 1", False, r"null wants no arguments"),
    ("I1_write_to_text", "fault write 0xffffffff80000000", False,
     r"(?s)write of a protected page by kernel.*read-only.*page +of 4 KiB, to 0x.*P\|"),
    ("I5_divide_error", "fault divide", False, r"(?s)#DE divide error.*rip|#DE divide error"),
    ("L3_ptwalk", "ptwalk 0xffffffff80000123", True,
     r"(?s)PML4 +511 +at 0x.*PDPT +510 .*PD +0 .*PT +0 .*P\S*\|G\n.*: physical 0x\w+123, in a p"),
    ("L3_ptwalk_of_a_hole", "ptwalk 0", True, r"(?s)PML4 +0 .*: 0x0+  -\n0x0+: not mapped"),
    ("L3_ptwalk_not_canonical", "ptwalk 0x800000000000", False, r"0x0000800000000000 is not can"),
    ("L3_ptwalk_usage", "ptwalk", False, r"too few arguments; try help ptwalk"),
    ("L3_ptdump", "ptdump 4", True, r"PML4 at 0x\w+000\n +PML4 +256 .*\n +PML4 +257 "),
    ("L3_ptdump_from_to", "ptdump 4 511 1", True, r"PML4 at 0x\w+000\n +PML4 +511 .*"),
    ("L3_ptdump_by_indices", "ptdump 1 511 510 0 3 2", True,
     r"PT at 0x\w+000\n +PT +3 .*\n +PT +4 (?!.*\n +PT )"),
    ("L3_ptdump_of_the_same_table", "ptdump 2 511 510; ptdump 2 0xffffffff80000000", True,
     r"(?s)(PD at 0x\w+000\n).*\1"),
    ("L3_ptdump_16_entries", "ptdump 1 511 510 0", True,
     r"PT at 0x\w+000\n( +PT +\d+ .*\n){15} +PT +15 (?!.*\n +PT )"),
    ("L3_ptdump_too_few_indices", "ptdump 1 511", False, r"to a PT lead 3 indices, or an address"),
    ("L3_ptdump_no_index", "ptdump 2 511 512", False, r"512 is too large"),
    ("L3_ptdump_too_many", "ptdump 4 0 1 2", False, r"too many arguments"),
    ("L3_ptdump_5_levels", "ptdump 1 511 511 510 0 3 1", True, r"PT at .*\n +PT +3 ",
     "la57=on"),
    ("L3_ptdump_some", "ptdump 1 0xffffffff80000000 3 2", True,
     r"PT at 0x\w+000\n +PT +3 .*\n +PT +4 (?!.*\n +PT )"),
    ("L3_ptdump_no_such_level", "ptdump 5", False, r"no level 5, only 1 to 4"),
    ("L3_ptdump_no_table", "ptdump 1 0 0 0", False, r"no PT on the way to 0x0000000000000000"),
    ("L3_ptwalk_5_levels", "ptwalk 0xffffffff80000123", True,
     r"(?s)PML5 +511 +at 0x.*PML4 +511 .*PDPT +510 .*PT +0 .*: physical 0x\w+123, ", "la57=on"),
    ("L2_memlayout", "memlayout", True,
     r"(?s)^0xffff8.* window.*^0xf{8}80000000 0x0000000200000 .* 4K +r-x-g +text.*ranges, 51\d\."),
    ("L1_L2_memlayout_of_the_image", "memlayout", True,
     r" r-x-g +text\n0xf{8}80\w+ .* r---g +rodata\n0xf{8}80\w+ .* rw--g +data\n"),
    ("L2_memlayout_5_levels", "memlayout", True, r"^0xf{8}80000000 .* r-x-g +text", "la57=on"),
    ("L1_layout_when_verbose", "version", True,
     r"(?s)W\^X: .*^0xf{8}80000000 0x\w+ .* r-x-g +text.*^Cairn 0", "verbose"),
    ("F9_memlayout_of_devices", "memlayout", True,
     r"(?s)^0xffff8000fec00000 0x00000fec00000 +1 MiB 4K +rw--g UC +io apic\n"
     r"0xffff8000fee00000 0x00000fee00000 +1 MiB 4K +rw--g UC +local apic\n"),
    ("L9_broad_window", "memlayout; audit", True,
     r"(?s)window: 1 GiB of.*^0xffff800000000000 0x0000000000000 .*window\n.*clean: 0 ",
     "window=broad"),
    ("L9_lean_window", "probe read 0xffff8000000a0000; audit", True, r"(?s)read 0x.*clean: 0 ",
     "window=lean"),
    ("L9_window_of_RAM", "probe read 0xffff8000000a0000", True, r"exception 14, error code 0,"),
    ("L9_no_such_window", "version", True, r"window=wide: there are ram, lean, broad$",
     "window=wide"),
    ("F3_identity_kept", "ptwalk 0x123456; identity; audit", True,
     r"(?s)PD +0 .*8000000000000083  P\|RW\|PS\|NX\n.*identity map: 1 GiB from 0 on\n"
     r"clean: 0 .*reduced: the lower half has an identity map$", "identity=keep"),
    ("F4_identity_dropped_by_hand", "probe write 0x8000; identity drop; probe read 0x8000; audit",
     True, r"(?s)wrote 0x.* map: 12 KiB reclaimed \(3 frames\)\nexception 14, .*8000: .*\nclean: 0",
     "identity=keep"),
    ("F4_identity_dropped_at_the_start", "probe read 0x200000; identity; audit", True,
     r"(?s)exception 14, error code 0, .*\nno identity map; .*clean: 0 (?!.*reduced)",
     "identity=drop tempheap=drop"),
    ("F6_margin", "memlayout; audit", True,
     r"(?s)^0xffffffff7fff0000 0x00000001f0000 +64 KiB 4K +rw--g +margin\n.* 7\.\d MiB .*  margin\n"
     r".*clean: 0 ", "margin=mapped nokaslr"),
    ("N1_order", "startup", True,
     r"(?s)^ +1  interrupts off\n.* CR3 loaded\n.*  stack with guards$"),
    ("N1_order_when_verbose", "version", True,
     r"(?s)^ +1  interrupts off\n.* stack with guards\n.*", "verbose"),
    ("N1_usage", "startup again", False, r"startup: wants no arguments"),
    ("F4_identity_usage", "identity lift", False, r"identity: wants drop, or nothing$"),
    ("G9_heap_at_its_address", "memlayout", True,
     r"^0xffffffffa0000000 0x\w+ +1 MiB 4K +rw--g +temp heap$", "tempheap=keep"),
    ("A14_reclaim_all_of_it", "reclaim all; probe read 0xffffffffa0000000; probe read 0; audit",
     True, r"(?s)temporary heap: 1 MiB reclaimed .*identity map: 12 KiB reclaimed "
     r".*exception 14, error code 0, .*exception 14, error code 0, .*clean: 0 (?!.*reduced)",
     "identity=keep tempheap=keep"),
    ("L2_memlayout_usage", "memlayout all", False, r"memlayout: too many arguments"),
    ("J1_audit", "audit", True, r"^clean: 0 findings; \d+ ranges, 51\d\.\d MiB, \d+ KiB of them c"),
    ("J1_audit_5_levels", "audit", True, r"^clean: 0 findings; ", "la57=on"),
    ("J1_audit_usage", "audit all", False, r"audit: too many arguments"),
    ("L3_translate", "translate 0xffff800000008123", True,
     r"physical 0x0000000000008123, in a page of \d \wiB, P\|RW\S*\|NX"),
    ("L3_translate_a_hole", "translate 0x1000", True, r"0x0000000000001000: not mapped"),
    ("L5_mem", "mem 0xffffffff80000000 20", True,
     r"0xffffffff80000000  d6 50 52 e8 .*\n0xffffffff80000010( +[0-9a-f]{2}){4} +\S{4}$"),
    ("L5_mem_not_canonical", "mem 0xffff7fffffffff00", False, r"mem: 0x\w+ is not canonical"),
    ("L5_mem_unmapped", "mem 0", False, r"mem: 0x0000000000000000 is not mapped$"),
    ("L5_write", "write 0xffff800000008ffe 67 0x61 105 114; dump 0xffff800000008ffe 4", True,
     r"(?s)4 bytes written.*0xffff800000008ffe  43 61 69 72 +Cair$"),
    ("L5_fill", "fill 0xffff800000008000 3 0x21; mem 0xffff800000008000 3", True,
     r"21 21 21 +!!!$"),
    ("L5_write_read_only", "write 0xffffffff80000000 0", False,
     r"0xffffffff80000000 is read-only; nothing written"),
    ("L5_fill_into_a_hole", "fill 0xfffffffffffff000 1 0", False,
     r"is not mapped; nothing written"),
    ("L5_fill_around_the_end", "fill 0xfffffffffffffff0 32 0", False, r"beyond the last address"),
    ("L5_write_no_byte", "write 0xffff800000008000 256", False, r"256 is too large"),
    ("I5_probe_of_a_hole", "probe read 0x1234", True,
     r"exception 14, error code 0, address 0x0000000000001234"),
    ("I5_probe_of_code", "probe write 0xffffffff80000000", True, r"exception 14, error code 0x3,"),
    ("I5_probe", "probe write 0xffff800000008000", True, r"wrote 0x\w\w, which was there"),
    ("I5_probe_usage", "probe jump 0", False, r"jump is neither read, write nor exec"),
    ("I5_probe_mistakes", "probe write 0; probe exec 16; probe exec 0xffff800000008000", True,
     r"(?s)read by the kernel, null dereference.*fetch by the kernel, null deref.*jump to data"),
    ("I5_probe_of_what_runs", "probe exec 0xffffffff80000000", False, r"can be executed; not tr"),
    ("I5_probe_not_canonical", "probe read 0x4000000000000000", True,
     r"exception 13, error code 0: the address is not canonical"),
    ("unknown_command", "mmpa", False, r"did you mean 'mmap'"),
    ("commands_go_on_after_a_failure", "nosuch; version", False, r"(?m)^Cairn 0\."),
)


HOME = re.compile(r"0xffff80000|f{4}8000|f\{8\}80|0xffff8\.|ptdump [14]")


def run(report):
    """Boot once for each, and judge."""
    for name, command, succeeds, pattern, *args in MONITOR + HEAP_MONITOR:
        # Where a test names an address of the image or the window, nothing slides.
        args += ["nokaslr"] if HOME.search(command + pattern) else []
        result = report.boot(boot="pvh", cmd=command, args=" ".join(args))
        wanted = cairnqemu.SUCCESS if succeeds else cairnqemu.KERNEL_FAILED
        said = re.search(pattern, result.output, re.M)
        report.case(name, result.status == wanted and bool(said),
                    result.reason if result.status != wanted else f"no match of {pattern}")
    # Before the kernel has read how it may end QEMU.
    result = report.boot(boot="pvh", cmd="version", args="starve")
    said = re.search(r"panic:\S* out of frames for page tables", result.output)
    report.case("I6_no_frames_for_page_tables", result.status != cairnqemu.SUCCESS and bool(said),
                result.reason)
