/*
 * heap/debug.c - level debug: headers, red zones, poison, quarantine.
 *
 * WHAT   The heap that the host sees has no engine of its own but another heap
 *        below it, of level checked, with the engine of the configuration.  Of
 *        each of that one's blocks ("base blocks") the host gets the middle:
 *
 *          head | front zone | the block, size bytes | back zone
 *
 *        The block begins 2^shift bytes behind the base block, at least 64, so
 *        that a pointer leads to a few base blocks it could be in; whether
 *        there is one, the heap below knows, which reads no wild pointer.  The
 *        back zone goes on to the base block's last byte.
 *
 * HOW    The common path of the front finds nothing: all its bins are bin 0,
 *        which is always empty, and its directory leads nowhere.
 *
 *        What is freed is poisoned and goes into the quarantine of the CPU that
 *        frees it, a ring; what leaves that is looked at and freed below.  It
 *        leaves first in, first out, when there are more blocks or bytes than
 *        the configuration wants, when memory is out, and by draining.
 *
 * INVARIANTS (the check tests each by this number; below 90, the engine's)
 *   90   Every base block in use has a head whose seal is right.
 *   91   The zones of live blocks are as they were filled.
 *   92   What is in quarantine is as it was poisoned.
 *
 * LOCKS  None: a quarantine is its CPU's, with interrupts off.  Of two CPUs
 *        that free a block at the very same time, both are told that all is
 *        well; it is noticed when the block leaves quarantine again.
 *
 * COST   Twice what level fast costs, in programs; docs/HEAP.md has numbers.
 *
 * FAILS  No memory below: the CPU's quarantine is freed, and it is tried again.
 *
 * TESTS  tests/heap_debug.c, tests/heap_misuse.c, tests/heap_random.c,
 *        tests/host/heap_debug_threads.c
 *
 * NOT    Reads of freed memory are not noticed, they see poison: guards do
 *        that.  Of a block of more than two pages, the first and the last are
 *        poisoned and looked at.
 */
#include "heap/debug.h"
#include "base/align.h"
#include "base/bits.h"
#include "base/lock.h"
#include "base/memory.h"
#include "heap/slab.h"

#define LEAST_SHIFT  6u /* head and front zone have at least 64 bytes */
#define ZONE_LEAST   16u
#define SEQUENCE_LOT 256u /* numbers that a CPU takes at once */
#define SEARCH_BYTES ((uintptr_t)64 << 10)
#define SEARCH_PAGES CAIRN_HEAP_LARGE_PAGES
#define LIVE         0x4556494cu
#define FREED        0x44454546u
#define SEAL         ((uintptr_t)0x9e3779b97f4a7c15u)

struct head {
    size_t size; /* that was asked for */
    uintptr_t alloc_site;
    uintptr_t free_site;
    size_t sequence;
    uintptr_t seal; /* of what does not change, and where it is */
    uint32_t state; /* atomic: LIVE, FREED */
    uint32_t shift;
};

struct kept {
    struct head *head;
    size_t bytes; /* of the base block */
};

struct debug_cpu {
    size_t sequence; /* the next number ... */
    size_t sequence_end;
    struct kept *ring; /* constant */
    unsigned first;
    unsigned count;
    size_t bytes; /* of base blocks in the ring */
} __attribute__((aligned(64)));

struct cairn__heap_debug {
    struct cairn_heap below;
    struct cairn__heap_leaf *no_leaf; /* the directory of the heap above */
    size_t sequence;                  /* atomic: the next lot */
    struct debug_cpu cpus[];          /* then the rings */
};

/* ---- Heads --------------------------------------------------------------- */

static uintptr_t seal_of(const struct head *head)
{
    uintptr_t mix = ((uintptr_t)head ^ SEAL) + head->size;

    mix = mix * SEAL ^ head->alloc_site;
    mix = mix * SEAL ^ head->sequence;
    return mix + head->shift;
}

static bool is_sealed(const struct head *head)
{
    return head->seal == seal_of(head) && head->shift >= LEAST_SHIFT &&
           head->shift < sizeof(uintptr_t) * 8;
}

static uint32_t state_of(const struct head *head)
{
    return __atomic_load_n(&head->state, __ATOMIC_RELAXED);
}

static uintptr_t block_of(const struct head *head)
{
    return (uintptr_t)head + ((uintptr_t)1 << head->shift);
}

/* Bytes of the base block there; 0: none is in use. */
static size_t bytes_at(const struct cairn_heap *heap, uintptr_t base)
{
    const struct cairn_heap *below = &heap->debug->below;

    return below->engine->usable(below, (const void *)base);
}

struct place {
    struct head *head; /* NULL: no block begins there */
    size_t bytes;      /* of the base block */
    bool is_damaged;   /* one does, perhaps, but its head is destroyed */
};

/* The block that begins at `start`, live or in quarantine. */
static struct place find(const struct cairn_heap *heap, uintptr_t start)
{
    struct place place = {0};
    unsigned shift = LEAST_SHIFT;
    struct head *head;

    do {
        head = (struct head *)(start - ((uintptr_t)1 << shift));
        place.bytes = bytes_at(heap, (uintptr_t)head);
        if (place.bytes != 0 && !is_sealed(head)) {
            place.is_damaged = true;
        } else if (place.bytes != 0 && head->shift == shift) {
            place.head = head;
            return place;
        }
        shift++;
    } while (shift < sizeof(uintptr_t) * 8 - 1 &&
             cairn__is_aligned(start, (uintptr_t)1 << shift));
    return place;
}

/* ---- Findings ------------------------------------------------------------ */

static struct cairn_heap_finding describe(const struct head *head,
                                          enum cairn_status status,
                                          uintptr_t address, uintptr_t site)
{
    struct cairn_heap_finding finding = {
        .status = status,
        .block = block_of(head),
        .size = head->size,
        .sequence = head->sequence,
        .address = address,
        .alloc_site = head->alloc_site,
        .free_site = state_of(head) == FREED ? head->free_site : 0,
        .site = site,
    };

    return finding;
}

static uintptr_t front_of(const struct head *head)
{
    return (uintptr_t)(head + 1);
}

static void fill_zones(struct head *head, size_t bytes)
{
    uintptr_t end = block_of(head) + head->size;

    cairn__fill(front_of(head), block_of(head) - front_of(head),
                CAIRN_HEAP_BYTE_FRESH);
    cairn__fill(end, (uintptr_t)head + bytes - end, CAIRN_HEAP_BYTE_FRESH);
}

struct stretch {
    uintptr_t start;
    size_t bytes;
};

/*
 * What is filled at once: zones and block alike, whose length depends on the
 * class only; of more than two pages, the block alone, for its ends.
 */
static struct stretch stretch_of(const struct head *head, size_t bytes)
{
    if (bytes <= 2 * CAIRN__PAGE)
        return (struct stretch){front_of(head), bytes - sizeof(*head)};
    return (struct stretch){block_of(head), head->size};
}

/* A new block: what is not zeroed, and the zones. */
static void fill_fresh(struct head *head, size_t bytes, unsigned flags)
{
    struct stretch stretch = stretch_of(head, bytes);

    if ((flags & CAIRN_HEAP_ZEROED) == 0)
        cairn__fill(stretch.start, stretch.bytes, CAIRN_HEAP_BYTE_FRESH);
    if ((flags & CAIRN_HEAP_ZEROED) != 0 || stretch.start == block_of(head))
        fill_zones(head, bytes);
}

static void poison(struct head *head, size_t bytes)
{
    struct stretch stretch = stretch_of(head, bytes);

    cairn__fill(stretch.start, stretch.bytes, CAIRN_HEAP_BYTE_FREED);
}

/* What is wrong around a block whose head is good: status and address. */
static enum cairn_status look_around(const struct head *head, size_t bytes,
                                     uintptr_t *address)
{
    uintptr_t end = block_of(head) + head->size;

    *address = cairn__find_other(end, (uintptr_t)head + bytes - end,
                                 CAIRN_HEAP_BYTE_FRESH);
    if (*address != 0)
        return CAIRN_OVERRUN;
    *address = cairn__find_other(
        front_of(head), block_of(head) - front_of(head), CAIRN_HEAP_BYTE_FRESH);
    return *address != 0 ? CAIRN_UNDERRUN : CAIRN_OK;
}

/* A block in quarantine: has it been written, or its zones? */
static bool is_touched(const struct head *head, size_t bytes,
                       struct cairn_heap_finding *finding)
{
    struct stretch stretch;
    uintptr_t address;

    if (!is_sealed(head) || state_of(head) != FREED) {
        *finding = (struct cairn_heap_finding){.status = CAIRN_USED_AFTER_FREE,
                                               .address = (uintptr_t)head};
        return true;
    }
    stretch = stretch_of(head, bytes);
    address =
        cairn__find_other(stretch.start, stretch.bytes, CAIRN_HEAP_BYTE_FREED);
    if (address != 0)
        *finding = describe(head, CAIRN_USED_AFTER_FREE, address, 0);
    return address != 0;
}

/* ---- Quarantine [own CPU, interrupts off] -------------------------------- */

static bool is_over(const struct cairn_heap *heap, const struct debug_cpu *cpu)
{
    return cpu->count > heap->config.quarantine_blocks ||
           cpu->bytes > heap->config.quarantine_bytes;
}

static struct kept pop(const struct cairn_heap *heap, struct debug_cpu *cpu)
{
    struct kept kept = cpu->ring[cpu->first];

    cpu->first =
        cpu->first == heap->config.quarantine_blocks ? 0 : cpu->first + 1;
    cpu->count--;
    cpu->bytes -= kept.bytes;
    return kept;
}

/* The ring has a place for one more than may stay. */
static void push(const struct cairn_heap *heap, struct debug_cpu *cpu,
                 struct kept kept)
{
    unsigned size = heap->config.quarantine_blocks + 1;
    unsigned at = cpu->first + cpu->count;

    cpu->ring[at < size ? at : at - size] = kept;
    cpu->count++;
    cpu->bytes += kept.bytes;
}

/* ---- What leaves it ------------------------------------------------------ */

/*
 * Free it below; a block that was written is told.  One without a good head
 * may be somebody else's by now, and is left alone.
 */
static void settle(struct cairn_heap *heap, struct kept kept)
{
    struct cairn_heap_finding finding;
    bool is_wrong = is_touched(kept.head, kept.bytes, &finding);

    if (!is_wrong || finding.block != 0) {
        kept.head->seal = 0;
        (void)cairn_heap_free(&heap->debug->below, kept.head);
    }
    if (is_wrong)
        (void)cairn__heap_found(heap, &finding);
}

static struct debug_cpu *enter(struct cairn_heap *heap, unsigned long *state)
{
    *state = cairn_platform_irq_save();
    return &heap->debug->cpus[cairn_platform_cpu()];
}

static void keep(struct cairn_heap *heap, struct kept kept)
{
    unsigned long state;
    struct debug_cpu *cpu;
    bool is_more = false;

    if (kept.bytes > heap->config.quarantine_bytes) {
        settle(heap, kept);
        return;
    }
    cpu = enter(heap, &state);
    push(heap, cpu, kept);
    while (is_over(heap, cpu)) {
        kept = pop(heap, cpu);
        is_more = is_over(heap, cpu);
        cairn_platform_irq_restore(state);
        settle(heap, kept);
        if (!is_more)
            return;
        cpu = enter(heap, &state);
    }
    cairn_platform_irq_restore(state);
}

/* Empty the quarantine of a CPU: the own one, or one that nobody is. */
static void empty(struct cairn_heap *heap, struct debug_cpu *cpu)
{
    struct kept kept;
    unsigned long state;
    bool has_one;

    do {
        state = cairn_platform_irq_save();
        has_one = cpu->count != 0;
        if (has_one)
            kept = pop(heap, cpu);
        cairn_platform_irq_restore(state);
        if (has_one)
            settle(heap, kept);
    } while (has_one);
}

static void drain(struct cairn_heap *heap)
{
    unsigned long state;
    struct debug_cpu *cpu = enter(heap, &state);

    cairn_platform_irq_restore(state);
    empty(heap, cpu);
    cairn_heap_drain(&heap->debug->below);
}

/* ---- Allocate ------------------------------------------------------------ */

static size_t next_sequence(struct cairn_heap *heap)
{
    unsigned long state;
    struct debug_cpu *cpu = enter(heap, &state);
    size_t number;

    if (cpu->sequence == cpu->sequence_end) {
        cpu->sequence = __atomic_fetch_add(&heap->debug->sequence, SEQUENCE_LOT,
                                           __ATOMIC_RELAXED);
        cpu->sequence_end = cpu->sequence + SEQUENCE_LOT;
    }
    number = ++cpu->sequence;
    cairn_platform_irq_restore(state);
    return number;
}

static void *take_base(struct cairn_heap *heap, size_t bytes, size_t align,
                       unsigned flags)
{
    struct cairn_heap *below = &heap->debug->below;
    void *base = cairn_heap_alloc_aligned(below, bytes, align, flags);

    if (base == NULL) {
        drain(heap);
        base = cairn_heap_alloc_aligned(below, bytes, align, flags);
    }
    return base;
}

/*
 * Bytes of the base block that has been taken for so many: its class says,
 * if it is one of the slab engine's, since that is the shorter way.
 */
static size_t bytes_taken(const struct cairn_heap *heap,
                          const struct head *head, size_t bytes, size_t align)
{
    const struct cairn_heap *below = &heap->debug->below;
    unsigned bin;

    if (bytes > CAIRN_HEAP_SMALL_MAX || align > CAIRN_HEAP_ALIGN ||
        !below->is_direct)
        return bytes_at(heap, (uintptr_t)head);
    bin = below->bins[(bytes + CAIRN_HEAP_ALIGN - 1) / CAIRN_HEAP_ALIGN];
    return bin != 0 ? cairn__class_bytes(bin / sizeof(struct cairn__bin))
                    : bytes_at(heap, (uintptr_t)head);
}

void *cairn__debug_alloc(struct cairn_heap *heap,
                         const struct cairn__heap_call *call)
{
    size_t align = call->size >= CAIRN__PAGE && call->align < CAIRN__PAGE
                       ? CAIRN__PAGE
                       : call->align;
    unsigned shift = align <= (size_t)1 << LEAST_SHIFT
                         ? LEAST_SHIFT
                         : cairn__bit_lowest(align);
    size_t bytes = ((size_t)1 << shift) + call->size + ZONE_LEAST;
    struct head *head = take_base(heap, bytes, align, call->flags);

    if (head == NULL)
        return NULL;
    head->size = call->size;
    head->alloc_site = call->site;
    head->free_site = 0;
    head->sequence = next_sequence(heap);
    head->shift = shift;
    head->seal = seal_of(head);
    __atomic_store_n(&head->state, LIVE, __ATOMIC_RELAXED);
    fill_fresh(head, bytes_taken(heap, head, bytes, align), call->flags);
    return (void *)block_of(head);
}

/* ---- Pointers that are no live blocks ------------------------------------ */

/* The head of the block that `address` is inside of; NULL: none is found. */
static const struct head *surrounding(const struct cairn_heap *heap,
                                      uintptr_t address)
{
    uintptr_t base = address & ~(uintptr_t)(CAIRN_HEAP_ALIGN - 1);
    uintptr_t far = base - SEARCH_PAGES * CAIRN__PAGE;
    uintptr_t near = base - SEARCH_BYTES;
    size_t bytes;

    while (base > far) {
        bytes = bytes_at(heap, base);
        if (bytes != 0 && address - base < bytes)
            return is_sealed((const struct head *)base) ? (void *)base : NULL;
        base -= base > near ? CAIRN_HEAP_ALIGN : CAIRN__PAGE;
        if (base <= near)
            base &= ~(uintptr_t)(CAIRN__PAGE - 1);
    }
    return NULL;
}

/*
 * Why nothing begins at `start`: the heap below is asked to free what would be
 * the base block, which is none in use.
 */
static enum cairn_status reason(struct cairn_heap *heap, uintptr_t start)
{
    struct cairn_heap *below = &heap->debug->below;
    unsigned shift = LEAST_SHIFT;
    enum cairn_status first = CAIRN_OK;
    enum cairn_status status;

    do {
        uintptr_t base = start - ((uintptr_t)1 << shift);

        if (bytes_at(heap, base) != 0)
            return CAIRN_NOT_FIRST;
        status = cairn_heap_free(below, (void *)base);
        if (first == CAIRN_OK)
            first = status;
        shift++;
    } while (status != CAIRN_DOUBLE_FREE && (size_t)1 << shift <= CAIRN__PAGE &&
             cairn__is_aligned(start, (uintptr_t)1 << shift));
    return status == CAIRN_DOUBLE_FREE ? status : first;
}

/* No live block begins at `start`: tell why. */
static enum cairn_status refuse(struct cairn_heap *heap, uintptr_t start,
                                const struct place *place, uintptr_t site)
{
    struct cairn_heap_finding finding = {.address = start, .site = site};
    const struct head *head = place->head;

    if (head != NULL) {
        finding = describe(head, CAIRN_DOUBLE_FREE, start, site);
    } else if ((head = surrounding(heap, start)) != NULL) {
        finding = describe(head, CAIRN_NOT_FIRST, start, site);
    } else if (place->is_damaged) {
        finding.status = CAIRN_UNDERRUN;
    } else {
        finding.status = reason(heap, start);
    }
    return cairn__heap_found(heap, &finding);
}

/* ---- Free, resize -------------------------------------------------------- */

static bool is_live(const struct place *place)
{
    return place->head != NULL && state_of(place->head) == LIVE;
}

enum cairn_status cairn__debug_free(struct cairn_heap *heap, void *block,
                                    const size_t *size, uintptr_t site)
{
    struct place place = find(heap, (uintptr_t)block);
    struct head *head = place.head;
    struct cairn_heap_finding finding;
    enum cairn_status status;
    uintptr_t address;

    if (!is_live(&place))
        return refuse(heap, (uintptr_t)block, &place, site);
    if (size != NULL && *size != head->size) {
        finding =
            describe(head, CAIRN_WRONG_SIZE, block_of(head) + *size, site);
        return cairn__heap_found(heap, &finding);
    }
    status = look_around(head, place.bytes, &address);
    if (status != CAIRN_OK)
        finding = describe(head, status, address, site);
    head->free_site = site;
    __atomic_store_n(&head->state, FREED, __ATOMIC_RELAXED);
    poison(head, place.bytes);
    keep(heap, (struct kept){head, place.bytes});
    return status == CAIRN_OK ? CAIRN_OK : cairn__heap_found(heap, &finding);
}

/* The block has another size, in `bytes` that suffice. */
static void set_size(struct head *head, size_t bytes, size_t size)
{
    size_t before = head->size;

    head->size = size;
    head->seal = seal_of(head);
    if (size > before)
        cairn__fill(block_of(head) + before, size - before,
                    CAIRN_HEAP_BYTE_FRESH);
    fill_zones(head, bytes);
}

/*
 * Large blocks stay where they are if they can: who resizes them often counts
 * on that.  Others always move, so that old pointers become wrong.
 */
static bool resize_here(struct cairn_heap *heap, const struct place *place,
                        size_t size)
{
    struct cairn_heap *below = &heap->debug->below;
    struct head *head = place->head;
    size_t bytes = ((size_t)1 << head->shift) + size + ZONE_LEAST;

    if (head->size < CAIRN__PAGE || size < CAIRN__PAGE ||
        !below->engine->resize(below, head, bytes))
        return false;
    set_size(head, bytes_at(heap, (uintptr_t)head), size);
    return true;
}

static void *move(struct cairn_heap *heap, const struct place *place,
                  size_t size, uintptr_t site)
{
    struct cairn__heap_call call = {
        .size = size, .align = CAIRN_HEAP_ALIGN, .site = site};
    struct head *head = place->head;
    void *block = (void *)block_of(head);
    void *other = cairn__debug_alloc(heap, &call);

    if (other == NULL) {
        if (size > head->size)
            return NULL;
        set_size(head, place->bytes, size); /* becoming smaller never fails */
        return block;
    }
    memcpy(other, block, head->size < size ? head->size : size);
    (void)cairn__debug_free(heap, block, NULL, site);
    return other;
}

void *cairn__debug_realloc(struct cairn_heap *heap, void *block, size_t size,
                           uintptr_t site)
{
    struct place place = find(heap, (uintptr_t)block);
    struct cairn_heap_finding finding;
    enum cairn_status status;
    uintptr_t address;

    if (!is_live(&place)) {
        (void)refuse(heap, (uintptr_t)block, &place, site);
        return NULL;
    }
    status = look_around(place.head, place.bytes, &address);
    if (status != CAIRN_OK) {
        finding = describe(place.head, status, address, site);
        fill_zones(place.head, place.bytes); /* told once */
        (void)cairn__heap_found(heap, &finding);
    }
    if (size > SIZE_MAX / 2)
        return NULL;
    return resize_here(heap, &place, size) ? block
                                           : move(heap, &place, size, site);
}

/* ---- Start, CPUs that come and go ---------------------------------------- */

static void make_cpus(struct cairn_heap *heap)
{
    struct cairn__heap_debug *debug = heap->debug;
    unsigned cpu_count = heap->config.cpu_count;
    size_t size = heap->config.quarantine_blocks + 1u;
    struct kept *rings = (struct kept *)(debug->cpus + cpu_count);

    for (unsigned i = 0; i < cpu_count; i++)
        debug->cpus[i].ring = rings + i * size;
}

enum cairn_status cairn__debug_init(struct cairn_heap *heap)
{
    struct cairn_heap_config config = heap->config;
    size_t each = sizeof(struct debug_cpu) +
                  (config.quarantine_blocks + 1u) * sizeof(struct kept);
    size_t pages = cairn__heap_pages_of(sizeof(struct cairn__heap_debug) +
                                        config.cpu_count * each);
    struct cairn__heap_debug *debug = cairn__heap_take_meta(heap, pages);
    enum cairn_status status;

    if (debug == NULL)
        return CAIRN_NO_MEMORY;
    config.level = CAIRN_HEAP_CHECKED;
    config.misuse = CAIRN_MISUSE_STATUS;
    config.guard_every = 0;
    config.is_zero_null = false;
    status = cairn_heap_init(&debug->below, &config);
    if (status != CAIRN_OK) {
        cairn__heap_give_meta(heap, debug, pages);
        return status;
    }
    cairn__lock_init(&debug->below.lock, CAIRN__RANK_HEAP_BELOW);
    heap->debug = debug;
    make_cpus(heap);
    heap->cpus = debug->below.cpus;
    heap->directory = &debug->no_leaf;
    heap->mask = 0;
    heap->engine = &cairn__heap_debug;
    return CAIRN_OK;
}

struct cairn_heap *cairn__debug_below(struct cairn_heap *heap)
{
    return heap->debug == NULL ? NULL : &heap->debug->below;
}

void cairn__debug_retire(struct cairn_heap *heap, unsigned cpu)
{
    empty(heap, &heap->debug->cpus[cpu]);
    cairn_heap_retire_cpu(&heap->debug->below, cpu);
}

void cairn__debug_resume(struct cairn_heap *heap, unsigned cpu)
{
    cairn_heap_resume_cpu(&heap->debug->below, cpu);
}

/* ---- Questions ----------------------------------------------------------- */

static size_t usable(const struct cairn_heap *heap, const void *block)
{
    struct place place = find(heap, (uintptr_t)block);

    return is_live(&place) ? place.head->size : 0;
}

static void stats(struct cairn_heap *heap, struct cairn_heap_stats *out)
{
    const struct cairn__heap_debug *debug = heap->debug;
    struct cairn_heap_stats below;

    cairn_heap_stats(&heap->debug->below, &below);
    out->meta_bytes += below.meta_bytes;
    out->source_bytes += below.source_bytes;
    out->live_blocks += below.live_blocks;
    out->live_bytes += below.live_bytes;
    out->kept_bytes += below.kept_bytes;
    for (unsigned i = 0; i < heap->config.cpu_count; i++) {
        out->live_blocks -= debug->cpus[i].count;
        out->live_bytes -= debug->cpus[i].bytes;
        out->kept_bytes += debug->cpus[i].bytes;
    }
}

struct shown {
    cairn__heap_visitor visit;
    void *context;
};

static bool show_block(void *context, const struct cairn_heap_block *base)
{
    const struct shown *shown = context;
    const struct head *head = base->start;
    struct cairn_heap_block block = *base;

    if (!base->is_free && is_sealed(head)) {
        block.start = (void *)block_of(head);
        block.bytes = head->size;
        block.is_free = state_of(head) != LIVE;
    }
    return shown->visit(shown->context, &block);
}

static void walk(struct cairn_heap *heap, cairn__heap_visitor visit,
                 void *context)
{
    struct shown shown = {visit, context};

    cairn_heap_walk(&heap->debug->below, show_block, &shown);
}

struct live {
    cairn__site_visitor visit;
    void *context;
};

static bool show_live(void *context, const struct cairn_heap_block *base)
{
    const struct live *live = context;
    const struct head *head = base->start;
    struct cairn_heap_site site = {.blocks = 1};

    if (base->is_free || !is_sealed(head) || state_of(head) != LIVE)
        return true;
    site.site = head->alloc_site;
    site.bytes = head->size;
    site.sequence = head->sequence;
    live->visit(live->context, &site);
    return true;
}

void cairn__debug_live(struct cairn_heap *heap, cairn__site_visitor visit,
                       void *context)
{
    struct live live = {visit, context};

    cairn_heap_walk(&heap->debug->below, show_live, &live);
}

/* ---- Check --------------------------------------------------------------- */

struct checked {
    struct cairn_heap *heap;
    unsigned wrong;
};

static unsigned check_base(const struct cairn_heap_block *base,
                           struct cairn_heap_finding *finding)
{
    const struct head *head = base->start;
    enum cairn_status status;
    uintptr_t address;

    if (!is_sealed(head)) {
        *finding = (struct cairn_heap_finding){.status = CAIRN_UNDERRUN,
                                               .address = (uintptr_t)head};
        return 90;
    }
    if (state_of(head) != LIVE)
        return is_touched(head, base->bytes, finding) ? 92 : 0;
    status = look_around(head, base->bytes, &address);
    if (status == CAIRN_OK)
        return 0;
    *finding = describe(head, status, address, 0);
    return 91;
}

static bool check_one(void *context, const struct cairn_heap_block *base)
{
    struct checked *checked = context;
    struct cairn_heap_finding finding;

    if (!base->is_free)
        checked->wrong = check_base(base, &finding);
    if (checked->wrong != 0)
        cairn__heap_note(checked->heap, &finding);
    return checked->wrong == 0;
}

static unsigned check(struct cairn_heap *heap)
{
    struct checked checked = {heap, cairn_heap_check(&heap->debug->below)};

    if (checked.wrong == 0)
        cairn_heap_walk(&heap->debug->below, check_one, &checked);
    return checked.wrong;
}

/* What allocates and frees has sites, which an engine does not know. */
static void pages(struct cairn_heap *heap, cairn__heap_page_visitor visit,
                  void *context)
{
    cairn_heap_pages_walk(&heap->debug->below, visit, context);
}

const struct cairn__heap_engine cairn__heap_debug = {
    .usable = usable,
    .drain = drain,
    .stats = stats,
    .walk = walk,
    .pages = pages,
    .check = check,
};
