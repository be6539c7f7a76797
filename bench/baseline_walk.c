/*
 * baseline_walk.c - page tables by a walk from the root for each page.
 *
 * HOW    Four levels, written out as constants; tables are found by adding a
 *        constant to the physical address in an entry.  A missing table is
 *        taken from the source, cleared, and linked.
 *
 * LOCKS  None, and nothing about interrupts: a kernel would need that on top.
 *        No counts either, so that empty tables stay.  One function has all
 *        that, to see what it costs; the locks are in an array, by frame.
 *
 * SOURCE Intel SDM vol. 3A, section "4-Level Paging and 5-Level Paging".
 */
#include "bench/baseline_walk.h"

#include "bench/bench.h"
#include <string.h>

#define PRESENT ((uint64_t)1)
#define LARGE   ((uint64_t)1 << 7)
#define LINK    ((uint64_t)7) /* present, writable, user */
#define ADDRESS ((uint64_t)0x000ffffffffff000)
#define LEVELS  4u

static struct {
    struct bench_walk_config config;
    uint64_t own_root;
    uint64_t root;
} walk;

static inline uint64_t *table_at(uint64_t phys)
{
    return (uint64_t *)(void *)(walk.config.window + phys);
}

static inline unsigned index_of(uint64_t va, unsigned level)
{
    return (unsigned)(va >> (3 + 9 * level)) & 511;
}

static inline uint64_t load(const uint64_t *table, uint64_t va, unsigned level)
{
    return __atomic_load_n(&table[index_of(va, level)], __ATOMIC_RELAXED);
}

static uint64_t make_table(void)
{
    cairn_pfn frame;

    if (cairn_source_alloc_table(&walk.config.source, &frame) != CAIRN_OK)
        bench_fail("walk: no frame for a table");
    memset(table_at(cairn_phys_of(frame).value), 0, CAIRN_FRAME_SIZE);
    return cairn_phys_of(frame).value;
}

void bench_walk_init(const struct bench_walk_config *config)
{
    walk.config = *config;
    walk.own_root = make_table();
    walk.root = walk.own_root;
}

void bench_walk_use(cairn_phys root)
{
    walk.root = root.value;
}

/* ---- Locks --------------------------------------------------------------- */

#define LOCKS 1024

struct table_lock {
    uint32_t holder; /* CPU + 1; 0: nobody */
    uint32_t live;
} __attribute__((aligned(64)));

static struct table_lock locks[LOCKS];

static inline struct table_lock *lock_of(const uint64_t *table)
{
    return &locks[(uintptr_t)table / CAIRN_FRAME_SIZE % LOCKS];
}

static inline bool take_lock(struct table_lock *lock, uint32_t me)
{
    uint32_t nobody = 0;

    return __atomic_compare_exchange_n(&lock->holder, &nobody, me, false,
                                       __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

/* ---- Change -------------------------------------------------------------- */

/* Make the tables that are missing on the way to `va`, and map it. */
static BENCH_NOINLINE void map_slowly(uint64_t va, uint64_t entry)
{
    uint64_t *table = table_at(walk.own_root);

    for (unsigned level = LEVELS; level > 1; level--) {
        uint64_t *link = &table[index_of(va, level)];

        if ((*link & PRESENT) == 0)
            __atomic_store_n(link, make_table() | LINK, __ATOMIC_RELEASE);
        table = table_at(*link & ADDRESS);
    }
    __atomic_store_n(&table[index_of(va, 1)], entry, __ATOMIC_RELAXED);
}

/* The table below that one, on the way to `va`; NULL: none. */
static inline uint64_t *go_down(uint64_t *table, uint64_t va, unsigned level)
{
    uint64_t link = load(table, va, level);

    return (link & PRESENT) == 0 ? NULL : table_at(link & ADDRESS);
}

BENCH_NOINLINE void bench_walk_map(uint64_t va, uint64_t entry)
{
    uint64_t *table = go_down(table_at(walk.own_root), va, 4);

    if (table != NULL)
        table = go_down(table, va, 3);
    if (table != NULL)
        table = go_down(table, va, 2);
    if (table != NULL)
        __atomic_store_n(&table[index_of(va, 1)], entry, __ATOMIC_RELAXED);
    else
        map_slowly(va, entry);
}

BENCH_NOINLINE bool bench_walk_map_locked(uint64_t va, uint64_t entry)
{
    unsigned long state = cairn_platform_irq_save();
    uint64_t *table = go_down(table_at(walk.own_root), va, 4);
    struct table_lock *lock;
    bool is_free;

    if (table != NULL)
        table = go_down(table, va, 3);
    if (table != NULL)
        table = go_down(table, va, 2);
    if (table == NULL)
        bench_fail("walk: no table");
    lock = lock_of(table);
    while (!take_lock(lock, cairn_platform_cpu() + 1))
        __builtin_ia32_pause();
    is_free = __atomic_load_n(&table[index_of(va, 1)], __ATOMIC_RELAXED) == 0;
    if (is_free) {
        __atomic_store_n(&table[index_of(va, 1)], entry, __ATOMIC_RELAXED);
        lock->live++;
    }
    __atomic_store_n(&lock->holder, 0, __ATOMIC_RELEASE);
    cairn_platform_irq_restore(state);
    return is_free;
}

BENCH_NOINLINE uint64_t bench_walk_unmap(uint64_t va)
{
    uint64_t *table = go_down(table_at(walk.own_root), va, 4);

    if (table != NULL)
        table = go_down(table, va, 3);
    if (table != NULL)
        table = go_down(table, va, 2);
    return table == NULL ? 0
                         : __atomic_exchange_n(&table[index_of(va, 1)], 0,
                                               __ATOMIC_SEQ_CST);
}

static void clear_below(uint64_t *table, unsigned level)
{
    for (unsigned i = 0; level > 1 && i < 512; i++) {
        uint64_t phys = table[i] & ADDRESS;

        if ((table[i] & PRESENT) == 0)
            continue;
        clear_below(table_at(phys), level - 1);
        table[i] = 0;
        walk.config.release(NULL, cairn_pfn_of(cairn_phys_make(phys)));
    }
}

void bench_walk_clear(void)
{
    clear_below(table_at(walk.own_root), LEVELS);
}

/* ---- Translate ----------------------------------------------------------- */

BENCH_NOINLINE bool bench_walk_translate(const struct cairn_pagetable *unused,
                                         cairn_va address, cairn_phys *out)
{
    uint64_t va = address.value;
    uint64_t entry = load(table_at(walk.root), va, 4);

    (void)unused;
    if ((entry & PRESENT) == 0)
        return false;
    entry = load(table_at(entry & ADDRESS), va, 3);
    if ((entry & PRESENT) == 0)
        return false;
    if ((entry & LARGE) != 0) {
        out->value =
            (entry & ADDRESS & ~(CAIRN_GIB - 1)) | (va & (CAIRN_GIB - 1));
        return true;
    }
    entry = load(table_at(entry & ADDRESS), va, 2);
    if ((entry & PRESENT) == 0)
        return false;
    if ((entry & LARGE) != 0) {
        out->value = (entry & ADDRESS & ~(2 * CAIRN_MIB - 1)) |
                     (va & (2 * CAIRN_MIB - 1));
        return true;
    }
    entry = load(table_at(entry & ADDRESS), va, 1);
    if ((entry & PRESENT) == 0)
        return false;
    out->value = (entry & ADDRESS) | (va & (CAIRN_FRAME_SIZE - 1));
    return true;
}
