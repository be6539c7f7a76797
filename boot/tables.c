/*
 * tables.c - builds the page tables that the kernel starts on.
 *
 * HOW    Each step maps one leaf of the largest size to which both addresses
 *        are aligned and that does not reach beyond the range, walking down
 *        from the root.  So a range gets a head of 4 KiB pages, a middle of
 *        large ones, and a tail; if virt and phys are not congruent, it is all
 *        small pages.
 *
 * INVARIANTS
 *   T1   A table is zeroed before an entry leads to it.
 *   T2   A present entry is never changed, so a large page is never taken for
 *        a table and a mapping never replaced.
 *   T3   No leaf is both writable and executable, on a CPU that has NX;
 *        without, bit 63 is reserved, and 0 in all entries.
 *   T4   Entries of tables allow everything; the leaf alone decides.
 *
 * COST   One walk of at most five levels for each leaf.
 *
 * FAILS  By false; see tables.h.  Nothing is undone.
 *
 * SOURCE Intel SDM vol. 3A, "Paging", subsection "4-Level Paging and 5-Level
 *        Paging", tables of the formats of entries.
 *
 * NOT    No unmapping, no splitting, no user pages, no locks; with five levels
 *        only the addresses that four have, too.
 */
#include "boot/tables.h"

#define ENTRY_PRESENT       0x001u
#define ENTRY_WRITABLE      0x002u
#define ENTRY_WRITE_THROUGH 0x008u
#define ENTRY_CACHE_OFF     0x010u
#define ENTRY_LARGE         0x080u
#define ENTRY_GLOBAL        0x100u
#define ENTRY_NO_EXECUTE    ((uint64_t)1 << 63)
#define ENTRY_ADDRESS       ((uint64_t)0x000ffffffffff000)

#define TABLE_ENTRIES 512u
#define LEVEL_BITS    9u
#define LEVEL_1GIB    2u /* level 0 holds the 4 KiB pages */
#define LEVEL_2MIB    1u

#define ALL_FLAGS                                                              \
    (BOOT_TABLES_WRITABLE | BOOT_TABLES_EXECUTABLE | BOOT_TABLES_GLOBAL |      \
     BOOT_TABLES_UNCACHED)

#define CPUID_EXTENDED_MAX      0x80000000u
#define CPUID_EXTENDED_FEATURES 0x80000001u
#define CPUID_EDX_1GIB_PAGES    (1u << 26)
#define CPUID_EDX_NX            (1u << 20)

#if defined(__x86_64__)
/* Register EDX of a leaf of CPUID. */
static uint32_t cpuid_edx(uint32_t leaf, uint32_t *eax)
{
    uint32_t a = leaf, b, c = 0, d;

    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    *eax = a;
    return d;
}

static uint32_t cpu_features(void)
{
    uint32_t eax;

    (void)cpuid_edx(CPUID_EXTENDED_MAX, &eax);
    if (eax < CPUID_EXTENDED_FEATURES)
        return 0;
    return cpuid_edx(CPUID_EXTENDED_FEATURES, &eax);
}
#else
static uint32_t cpu_features(void)
{
    return CPUID_EDX_NX; /* built on another CPU, by a test */
}
#endif

static uint64_t *table_at(uint64_t phys)
{
    return (uint64_t *)(uintptr_t)phys;
}

/* Bytes that one entry of a table of `level` spans. */
static uint64_t level_bytes(unsigned level)
{
    return CAIRN_FRAME_SIZE << (level * LEVEL_BITS);
}

static unsigned index_of(uint64_t virt, unsigned level)
{
    return (unsigned)(virt / level_bytes(level)) % TABLE_ENTRIES;
}

/* A zeroed frame for a table (T1). */
static bool take_table(struct boot_tables *tables, uint64_t *phys)
{
    if (!tables->alloc(tables->context, phys))
        return false;
    if (*phys % CAIRN_FRAME_SIZE != 0 || *phys >= CAIRN_PHYS_LIMIT)
        return false;
    __builtin_memset(table_at(*phys), 0, CAIRN_FRAME_SIZE);
    tables->frames++;
    return true;
}

bool boot_tables_init(struct boot_tables *tables)
{
    tables->has_1gib_pages = (cpu_features() & CPUID_EDX_1GIB_PAGES) != 0;
    tables->has_nx = (cpu_features() & CPUID_EDX_NX) != 0;
    tables->frames = 0;
    return take_table(tables, &tables->root);
}

/* [virt, virt + bytes) lies in one half of the canonical addresses. */
static bool is_canonical(uint64_t virt, uint64_t bytes)
{
    uint64_t last = virt + bytes - 1;
    uint64_t half = virt >> 47;

    return last >= virt && last >> 47 == half && (half == 0 || half == 0x1ffff);
}

static bool is_sound(uint64_t virt, uint64_t phys, uint64_t bytes,
                     unsigned flags)
{
    const unsigned both = BOOT_TABLES_WRITABLE | BOOT_TABLES_EXECUTABLE;

    if ((virt | phys | bytes) % CAIRN_FRAME_SIZE != 0)
        return false;
    if ((flags & ~ALL_FLAGS) != 0 || (flags & both) == both)
        return false;
    if (phys > CAIRN_PHYS_LIMIT || bytes > CAIRN_PHYS_LIMIT - phys)
        return false;
    return bytes == 0 || is_canonical(virt, bytes);
}

/* The level of the largest page with which the range can begin. */
static unsigned leaf_level(const struct boot_tables *tables, uint64_t addresses,
                           uint64_t bytes)
{
    unsigned level = tables->has_1gib_pages ? LEVEL_1GIB : LEVEL_2MIB;

    while (level > 0 &&
           (addresses % level_bytes(level) != 0 || bytes < level_bytes(level)))
        level--;
    return level;
}

static uint64_t leaf_bits(const struct boot_tables *tables, unsigned level,
                          unsigned flags)
{
    uint64_t bits = ENTRY_PRESENT;

    if (flags & BOOT_TABLES_WRITABLE)
        bits |= ENTRY_WRITABLE;
    if (tables->has_nx && !(flags & BOOT_TABLES_EXECUTABLE))
        bits |= ENTRY_NO_EXECUTE;
    if (flags & BOOT_TABLES_GLOBAL)
        bits |= ENTRY_GLOBAL;
    if (flags & BOOT_TABLES_UNCACHED)
        bits |= ENTRY_CACHE_OFF | ENTRY_WRITE_THROUGH;
    if (level > 0)
        bits |= ENTRY_LARGE;
    return bits;
}

/* The table that `entry` leads to, made if the entry is empty; or NULL. */
static uint64_t *next_table(struct boot_tables *tables, uint64_t *entry)
{
    uint64_t phys;

    if (*entry & ENTRY_PRESENT)
        return *entry & ENTRY_LARGE ? NULL : table_at(*entry & ENTRY_ADDRESS);
    if (!take_table(tables, &phys))
        return NULL;
    *entry = phys | ENTRY_PRESENT | ENTRY_WRITABLE;
    return table_at(phys);
}

/* Enter one leaf into the table of `level`. */
static bool map_leaf(struct boot_tables *tables, uint64_t virt, uint64_t leaf,
                     unsigned level)
{
    uint64_t *table = table_at(tables->root);

    for (unsigned at = tables->levels - 1; at > level && table != NULL; at--)
        table = next_table(tables, &table[index_of(virt, at)]);
    if (table == NULL || table[index_of(virt, level)] & ENTRY_PRESENT)
        return false;
    table[index_of(virt, level)] = leaf;
    return true;
}

bool boot_tables_map(struct boot_tables *tables, uint64_t virt, uint64_t phys,
                     uint64_t bytes, unsigned flags)
{
    if (!is_sound(virt, phys, bytes, flags))
        return false;

    while (bytes > 0) {
        unsigned level = leaf_level(tables, virt | phys, bytes);
        uint64_t leaf = phys | leaf_bits(tables, level, flags);

        if (!map_leaf(tables, virt, leaf, level))
            return false;
        virt += level_bytes(level);
        phys += level_bytes(level);
        bytes -= level_bytes(level);
    }
    return true;
}
