/*
 * cmd_paging.c - ptwalk, ptdump, translate: the page tables in use; mem, dump,
 * write, fill: memory through them.
 *
 * HOW    Everything goes by the tables that CR3 leads to, as memory has them.
 *        Before bytes are read or written, each page of them is looked up: what
 *        would fault is refused, and then nothing has been read or written.
 *
 * NOT    No page that user processes may use is mapped yet, so SMAP is not
 *        thought of.  What can be written may be the kernel itself.
 */
#include "console/console.h"
#include "cpu/cpu.h"
#include "cpu/insn.h"
#include "kernel.h"
#include "monitor/monitor.h"
#include "monitor/text.h"
#include <cairn/format.h>
#include <cairn/map.h>
#include <cairn/platform.h>
#include <cairn/ptwalk.h>

#define TABLE_ENTRIES 512u /* of each level, in both modes */
#define INDEX_BITS    9u
#define PAGE_BITS     12u
#define DUMP_ENTRIES  16u
#define MEM_BYTES     128u
#define MEM_BYTES_MAX (64 * CAIRN_KIB)
#define LINE_BYTES    16u

/* The way to an address. */
struct way {
    struct cairn_ptwalk_step steps[CAIRN_PTWALK_STEPS];
    unsigned count;
    struct cairn_mapping mapping;
};

static void find_way(uint64_t va, struct way *out)
{
    out->count =
        cairn_ptwalk(cpu_paging_mode(), cairn_phys_make(insn_read_cr3()),
                     cairn_va_make(va), out->steps, &out->mapping);
}

/* Read a number of at most `limit`; returns 0, or 1 after saying what it is. */
static int read_number(char **argv, int index, uint64_t limit, uint64_t *out)
{
    if (monitor_number(argv[0], argv[index], out) != 0)
        return 1;
    if (*out > limit)
        return monitor_fail("%s: %s is too large; the most is %llu", argv[0],
                            argv[index], (unsigned long long)limit);
    return 0;
}

/* Check how many arguments there are. */
static int want(int argc, char **argv, int least, int most)
{
    if (argc - 1 < least)
        return monitor_fail("%s: too few arguments; try help %s", argv[0],
                            argv[0]);
    if (argc - 1 > most)
        return monitor_fail("%s: too many arguments; try help %s", argv[0],
                            argv[0]);
    return 0;
}

/* ---- Page tables --------------------------------------------------------- */

static int print_mapping(const struct cairn_mapping *mapping)
{
    char size[CAIRN_SIZE_TEXT_BYTES];
    char text[CAIRN_RIGHTS_TEXT_BYTES];
    if (!mapping->is_mapped) {
        console_printf("0x%016llx: not mapped\n",
                       (unsigned long long)mapping->start.value);
        return 0;
    }
    console_printf("0x%016llx: physical 0x%016llx, in a page of %s, %s\n",
                   (unsigned long long)mapping->start.value,
                   (unsigned long long)mapping->phys.value,
                   cairn_format_size(size, mapping->page_bytes),
                   cairn_mapping_text(mapping, text));
    return 0;
}

/* The way to the address in argv[index]; returns 0, or 1 after saying why. */
static int read_way(char **argv, int index, struct way *out)
{
    uint64_t va;
    if (monitor_number(argv[0], argv[index], &va) != 0)
        return 1;
    find_way(va, out);
    if (out->count == 0)
        return monitor_fail("%s: 0x%016llx is not canonical", argv[0],
                            (unsigned long long)va);
    return 0;
}

static int run_ptwalk(int argc, char **argv)
{
    char text[CAIRN_ENTRY_TEXT_BYTES];
    struct way way;
    if (want(argc, argv, 1, 1) != 0 || read_way(argv, 1, &way) != 0)
        return 1;
    for (unsigned i = 0; i < way.count; i++) {
        const struct cairn_ptwalk_step *step = &way.steps[i];
        console_printf(
            "  %-5s %3u  at 0x%016llx: 0x%016llx  %s\n",
            cairn_ptwalk_level_name(step->level), step->index,
            (unsigned long long)step->entry_at.value,
            (unsigned long long)step->entry,
            cairn_entry_text(step->entry, step->level, step->is_leaf, text));
    }
    return print_mapping(&way.mapping);
}

static int run_translate(int argc, char **argv)
{
    struct way way;
    if (want(argc, argv, 1, 1) != 0 || read_way(argv, 1, &way) != 0)
        return 1;
    return print_mapping(&way.mapping);
}

/* Whether entries of that level that are like this map pages. */
static bool is_leaf(uint64_t entry, unsigned level)
{
    return (entry & 1) != 0 &&
           (level == 1 || (level < 4 && (entry & 1 << 7) != 0));
}

/* Entry `index` of the table in which `step` is; false if it is 0. */
static bool print_entry(const struct cairn_ptwalk_step *step, unsigned index)
{
    char text[CAIRN_ENTRY_TEXT_BYTES];
    uint64_t table = step->entry_at.value - step->index * sizeof(uint64_t);
    const uint64_t *entry = cairn_platform_phys_to_virt(
        cairn_phys_make(table + index * sizeof(uint64_t)), sizeof(uint64_t));
    if (entry == NULL || *entry == 0)
        return false;
    console_printf("  %-5s %3u  0x%016llx  %s\n",
                   cairn_ptwalk_level_name(step->level), index,
                   (unsigned long long)*entry,
                   cairn_entry_text(*entry, step->level,
                                    is_leaf(*entry, step->level), text));
    return true;
}

static void print_table(const struct cairn_ptwalk_step *step, unsigned start,
                        uint64_t count)
{
    uint64_t table = step->entry_at.value - step->index * sizeof(uint64_t);
    uint64_t left = count;
    console_printf("%s at 0x%016llx\n", cairn_ptwalk_level_name(step->level),
                   (unsigned long long)table);
    for (unsigned i = start; i < TABLE_ENTRIES && left > 0; i++)
        left -= print_entry(step, i) ? 1 : 0;
    if (left == count)
        console_printf("  no entry from %u on\n", start);
}

/* Is the first word of the path an address?  No index is so large. */
static bool is_address(int argc, char **argv)
{
    uint64_t value;
    return argc > 2 && text_read_number(argv[2], &value) &&
           value >= TABLE_ENTRIES;
}

/*
 * The way by the indices in argv[2] and after, one for each level above `level`
 * from the root's on; returns how many, or -1 after saying what is wrong.
 */
static int read_indices(int argc, char **argv, unsigned level, struct way *out)
{
    unsigned levels = out->steps[0].level;
    unsigned count = levels - level;
    uint64_t va = 0;
    for (unsigned i = 0; i < count; i++) {
        uint64_t index;
        if (2 + (int)i >= argc) {
            monitor_fail("ptdump: to a %s lead %u indices, or an address",
                         cairn_ptwalk_level_name(level), count);
            return -1;
        }
        if (read_number(argv, 2 + (int)i, TABLE_ENTRIES - 1, &index) != 0)
            return -1;
        va |= index << (INDEX_BITS * (levels - i - 1) + PAGE_BITS);
    }
    if ((va >> (INDEX_BITS * levels + PAGE_BITS - 1) & 1) != 0)
        va |= UINT64_MAX << (INDEX_BITS * levels + PAGE_BITS);
    find_way(va, out);
    return (int)count;
}

/* The path from argv[2] on; returns its words, or -1 after saying why. */
static int read_path(int argc, char **argv, unsigned level, struct way *out)
{
    if (!is_address(argc, argv))
        return read_indices(argc, argv, level, out);
    return read_way(argv, 2, out) == 0 ? 1 : -1;
}

static int print_level(const struct way *way, unsigned level, unsigned start,
                       uint64_t count)
{
    for (unsigned i = 0; i < way->count; i++) {
        if (way->steps[i].level == level) {
            print_table(&way->steps[i], start, count);
            return 0;
        }
    }
    return monitor_fail("ptdump: no %s on the way to 0x%016llx",
                        cairn_ptwalk_level_name(level),
                        (unsigned long long)way->mapping.start.value);
}

/* ptdump LEVEL PATH [START [COUNT]] */
static int run_ptdump(int argc, char **argv)
{
    struct way way;
    uint64_t level;
    uint64_t start = 0;
    uint64_t count = DUMP_ENTRIES;
    int next;
    find_way(0, &way);
    if (want(argc, argv, 1, 7) != 0 || read_number(argv, 1, 5, &level) != 0)
        return 1;
    if (level < 1 || level > way.steps[0].level)
        return monitor_fail("ptdump: there is no level %u, only 1 to %u",
                            (unsigned)level, way.steps[0].level);
    next = read_path(argc, argv, (unsigned)level, &way);
    if (next < 0 || want(argc, argv, 1, next + 3) != 0)
        return 1;
    next += 2;
    if (argc > next && read_number(argv, next, TABLE_ENTRIES - 1, &start) != 0)
        return 1;
    if (argc > next + 1 &&
        read_number(argv, next + 1, TABLE_ENTRIES, &count) != 0)
        return 1;
    return print_level(&way, (unsigned)level, (unsigned)start, count);
}

MONITOR_COMMAND(ptwalk, "ADDRESS",
                "the entries of the page tables on the way to an address",
                run_ptwalk)
MONITOR_COMMAND(ptdump, "LEVEL INDEX...|ADDRESS [FIRST [COUNT]]",
                "entries of the page table of a level (1: PT) on that way",
                run_ptdump)
MONITOR_COMMAND(translate, "ADDRESS",
                "the physical address, size and rights of a page",
                run_translate)

/* ---- Memory -------------------------------------------------------------- */

/* How much there is from `va` on that may be used alike; 0 after saying why. */
static uint64_t check_page(const char *command, uint64_t va, bool is_write)
{
    struct way way;
    const char *trouble = NULL;
    find_way(va, &way);
    if (way.count == 0)
        trouble = "is not canonical";
    else if (!way.mapping.is_mapped)
        trouble = "is not mapped";
    else if (is_write && (way.mapping.rights & CAIRN_PAGE_WRITE) == 0)
        trouble = "is read-only";
    if (trouble == NULL)
        return way.mapping.bytes;
    monitor_fail("%s: 0x%016llx %s%s", command, (unsigned long long)va, trouble,
                 is_write ? "; nothing written" : "");
    return 0;
}

/* May all of these bytes be used?  Says what is wrong if not. */
static bool check_bytes(const char *command, uint64_t va, uint64_t bytes,
                        bool is_write)
{
    uint64_t done = 0;
    if (bytes > 0 && va > UINT64_MAX - (bytes - 1)) {
        monitor_fail("%s: beyond the last address", command);
        return false;
    }
    while (done < bytes) {
        uint64_t good = check_page(command, va + done, is_write);
        if (good == 0)
            return false;
        done += good;
    }
    return true;
}

static volatile uint8_t *byte_at(uint64_t va)
{
    return (volatile uint8_t *)(uintptr_t)va;
}

/* A line of a dump: numbers, then what they are as characters. */
static void print_line(uint64_t va, uint64_t bytes)
{
    char text[LINE_BYTES + 1];
    console_printf("0x%016llx ", (unsigned long long)va);
    for (unsigned i = 0; i < LINE_BYTES; i++) {
        if (i >= bytes) {
            console_printf("   ");
            text[i] = '\0';
            continue;
        }
        uint8_t value = *byte_at(va + i);
        console_printf(" %02x", (unsigned)value);
        text[i] = value >= ' ' && value <= '~' ? (char)value : '.';
    }
    text[LINE_BYTES] = '\0';
    console_printf("  %s\n", text);
}

/* mem VA [BYTES] */
static int run_mem(int argc, char **argv)
{
    uint64_t va;
    uint64_t bytes = MEM_BYTES;
    if (want(argc, argv, 1, 2) != 0 ||
        monitor_number(argv[0], argv[1], &va) != 0)
        return 1;
    if (argc > 2 && read_number(argv, 2, MEM_BYTES_MAX, &bytes) != 0)
        return 1;
    if (!check_bytes(argv[0], va, bytes, false))
        return 1;
    for (uint64_t done = 0; done < bytes; done += LINE_BYTES)
        print_line(va + done, bytes - done);
    return 0;
}

/* write VA BYTE... */
static int run_write(int argc, char **argv)
{
    uint8_t values[MONITOR_WORDS_MAX];
    uint64_t va;
    unsigned count = 0;
    if (want(argc, argv, 2, MONITOR_WORDS_MAX) != 0 ||
        monitor_number(argv[0], argv[1], &va) != 0)
        return 1;
    for (int i = 2; i < argc; i++) {
        uint64_t value;
        if (read_number(argv, i, UINT8_MAX, &value) != 0)
            return 1;
        values[count++] = (uint8_t)value;
    }
    if (!check_bytes(argv[0], va, count, true))
        return 1;
    for (unsigned i = 0; i < count; i++)
        *byte_at(va + i) = values[i];
    console_printf("%u bytes written at 0x%016llx\n", count,
                   (unsigned long long)va);
    return 0;
}

/* fill VA BYTES VALUE */
static int run_fill(int argc, char **argv)
{
    uint64_t va;
    uint64_t bytes;
    uint64_t value;
    if (want(argc, argv, 3, 3) != 0 ||
        monitor_number(argv[0], argv[1], &va) != 0 ||
        monitor_number(argv[0], argv[2], &bytes) != 0 ||
        read_number(argv, 3, UINT8_MAX, &value) != 0)
        return 1;
    if (!check_bytes(argv[0], va, bytes, true))
        return 1;
    for (uint64_t i = 0; i < bytes; i++)
        *byte_at(va + i) = (uint8_t)value;
    console_printf("%llu bytes at 0x%016llx filled with 0x%02x\n",
                   (unsigned long long)bytes, (unsigned long long)va,
                   (unsigned)value);
    return 0;
}

MONITOR_COMMAND(mem, "ADDRESS [BYTES]", "memory at a virtual address", run_mem)
MONITOR_COMMAND(dump, "ADDRESS [BYTES]", "the same as mem", run_mem)
MONITOR_COMMAND(write, "ADDRESS BYTE...",
                "write bytes; refused where that would fault", run_write)
MONITOR_COMMAND(fill, "ADDRESS BYTES VALUE",
                "write one byte all over; refused where that would fault",
                run_fill)
