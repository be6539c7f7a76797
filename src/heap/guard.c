/*
 * heap/guard.c - a few blocks on pages of their own, between unmapped ones.
 *
 * HOW    Pages 1, 3, 5, ... of a range are slots for one block each; those with
 *        even numbers are never mapped.  A block lies against the end of its
 *        page or against its start, as a random bit says, so that a wrong
 *        access just behind or just before it faults.  The rest of the page is
 *        filled and looked at when the block is freed.  Then the page is
 *        unmapped, and the slot goes to the end of the list of those that are
 *        not in use: the longer ago a block was freed, the sooner its address
 *        is used again.
 *
 *        When a request comes that no bin answers, a counter goes down; whoever
 *        brings it to 0 gets a guarded block, and sets it to a random number,
 *        guard_every on average.  So the common path knows nothing of guards.
 *
 * STATES FREE     never used, or not for long; in the list
 *        CHANGING  on its way; nobody else touches it
 *        LIVE      the caller's
 *        FREED     unmapped; in the list
 *
 * LOCKS  The heap's, for the list and the states; pages are mapped and
 *        unmapped without it.
 *
 * FAILS  No slot, or no page for it: the request is served as others are.
 *
 * TESTS  tests/heap_guard.c, tests/heap_misuse.c, tests/kernel/guards_live.c
 */
#include "base/align.h"
#include "base/lock.h"
#include "base/memory.h"
#include "heap/debug.h"

#define NO_SLOT UINT16_MAX

enum slot_state {
    SLOT_FREE,
    SLOT_CHANGING,
    SLOT_LIVE,
    SLOT_FREED
};

struct slot {
    struct cairn_heap_finding block; /* as it would be told */
    uint16_t next;                   /* [lock] of those not in use */
    uint8_t state;                   /* [lock] to change; atomic */
};

struct cairn__heap_guarded {
    struct cairn_heap_guards from; /* constant */
    unsigned until_next;           /* atomic */
    unsigned random;               /* whoever brings until_next to 0 */
    size_t sequence;               /* [lock] */
    uint16_t first;                /* [lock] unused longest; NO_SLOT: none */
    uint16_t last;                 /* [lock] */
    struct slot slots[];
};

/* ---- Slots --------------------------------------------------------------- */

static uintptr_t page_of(const struct cairn__heap_guarded *guarded,
                         unsigned nth)
{
    return guarded->from.start + (2 * (uintptr_t)nth + 1) * CAIRN__PAGE;
}

static uint8_t state_of(const struct slot *slot)
{
    return __atomic_load_n(&slot->state, __ATOMIC_ACQUIRE);
}

static void set_state(struct slot *slot, enum slot_state state)
{
    __atomic_store_n(&slot->state, (uint8_t)state, __ATOMIC_RELEASE);
}

/* [lock] */
static void append(struct cairn__heap_guarded *guarded, uint16_t nth)
{
    guarded->slots[nth].next = NO_SLOT;
    if (guarded->first == NO_SLOT)
        guarded->first = nth;
    else
        guarded->slots[guarded->last].next = nth;
    guarded->last = nth;
}

/* The slot that is unused for longest, CHANGING; NO_SLOT: none is unused. */
static uint16_t take_slot(struct cairn_heap *heap)
{
    struct cairn__heap_guarded *guarded = heap->guarded;
    unsigned long state = cairn__lock_acquire(&heap->lock);
    uint16_t nth = guarded->first;

    if (nth != NO_SLOT) {
        guarded->first = guarded->slots[nth].next;
        set_state(&guarded->slots[nth], SLOT_CHANGING);
        guarded->slots[nth].block.sequence = ++guarded->sequence;
    }
    cairn__lock_release(&heap->lock, state);
    return nth;
}

static void give_slot(struct cairn_heap *heap, uint16_t nth,
                      enum slot_state slot_state)
{
    unsigned long state = cairn__lock_acquire(&heap->lock);

    set_state(&heap->guarded->slots[nth], slot_state);
    append(heap->guarded, nth);
    cairn__lock_release(&heap->lock, state);
}

/* ---- Whose turn ---------------------------------------------------------- */

static unsigned draw(struct cairn__heap_guarded *guarded)
{
    unsigned random = __atomic_load_n(&guarded->random, __ATOMIC_RELAXED);

    random ^= random << 13;
    random ^= random >> 17;
    random ^= random << 5;
    __atomic_store_n(&guarded->random, random, __ATOMIC_RELAXED);
    return random;
}

/* 1 .. 2 * every - 1, each as likely. */
static bool is_due(struct cairn_heap *heap)
{
    struct cairn__heap_guarded *guarded = heap->guarded;
    unsigned every = heap->config.guard_every;

    if (__atomic_sub_fetch(&guarded->until_next, 1, __ATOMIC_RELAXED) != 0)
        return false;
    __atomic_store_n(&guarded->until_next, 1 + draw(guarded) % (2 * every - 1),
                     __ATOMIC_RELAXED);
    return true;
}

/* ---- Allocate ------------------------------------------------------------ */

static void fill(const struct slot *slot, uintptr_t page, bool is_zeroed)
{
    uintptr_t block = slot->block.block;
    uintptr_t end = block + slot->block.size;

    cairn__fill(page, block - page, CAIRN_HEAP_BYTE_FRESH);
    cairn__fill(block, slot->block.size, is_zeroed ? 0 : CAIRN_HEAP_BYTE_FRESH);
    cairn__fill(end, page + CAIRN__PAGE - end, CAIRN_HEAP_BYTE_FRESH);
}

static uintptr_t place_in(struct cairn__heap_guarded *guarded, uintptr_t page,
                          const struct cairn__heap_call *call)
{
    size_t align =
        call->align < CAIRN_HEAP_ALIGN ? CAIRN_HEAP_ALIGN : call->align;

    if ((draw(guarded) >> 16 & 1) != 0)
        return page;
    return (page + CAIRN__PAGE - call->size) & ~(uintptr_t)(align - 1);
}

static void *occupy(struct cairn_heap *heap, uint16_t nth,
                    const struct cairn__heap_call *call)
{
    struct cairn__heap_guarded *guarded = heap->guarded;
    struct slot *slot = &guarded->slots[nth];
    uintptr_t page = page_of(guarded, nth);

    if (!guarded->from.map(guarded->from.context, page)) {
        give_slot(heap, nth, SLOT_FREE);
        return NULL;
    }
    slot->block.status = CAIRN_OK;
    slot->block.block = place_in(guarded, page, call);
    slot->block.size = call->size;
    slot->block.alloc_site = call->site;
    slot->block.free_site = 0;
    fill(slot, page, (call->flags & CAIRN_HEAP_ZEROED) != 0);
    set_state(slot, SLOT_LIVE);
    return (void *)slot->block.block;
}

void *cairn__guard_alloc(struct cairn_heap *heap,
                         const struct cairn__heap_call *call)
{
    uint16_t nth;

    if (call->size == 0 || call->size > CAIRN__PAGE ||
        call->align > CAIRN__PAGE || !is_due(heap))
        return NULL;
    nth = take_slot(heap);
    return nth == NO_SLOT ? NULL : occupy(heap, nth, call);
}

/* ---- Free ---------------------------------------------------------------- */

bool cairn__guard_has(const struct cairn_heap *heap, const void *block)
{
    const struct cairn__heap_guarded *guarded = heap->guarded;

    return guarded != NULL &&
           (uintptr_t)block - guarded->from.start <
               (2 * (size_t)guarded->from.slots + 1) * CAIRN__PAGE;
}

/* The slot whose page has that address, or NO_SLOT. */
static uint16_t slot_of(const struct cairn__heap_guarded *guarded,
                        uintptr_t address)
{
    uintptr_t page = (address - guarded->from.start) / CAIRN__PAGE;

    return page % 2 == 1 ? (uint16_t)(page / 2) : NO_SLOT;
}

/* What is wrong with freeing that; CAIRN_OK: it is CHANGING now. */
static enum cairn_status begin_free(struct cairn_heap *heap, struct slot *slot,
                                    uintptr_t block, const size_t *size)
{
    enum cairn_status status = CAIRN_OK;
    unsigned long state = cairn__lock_acquire(&heap->lock);

    if (slot->state == SLOT_FREE)
        status = CAIRN_NOT_MEMORY;
    else if (slot->block.block != block)
        status = CAIRN_NOT_FIRST;
    else if (slot->state != SLOT_LIVE)
        status = CAIRN_DOUBLE_FREE;
    else if (size != NULL && *size != slot->block.size)
        status = CAIRN_WRONG_SIZE;
    else
        set_state(slot, SLOT_CHANGING);
    cairn__lock_release(&heap->lock, state);
    return status;
}

static enum cairn_status look_around(const struct slot *slot, uintptr_t page,
                                     uintptr_t *address)
{
    uintptr_t end = slot->block.block + slot->block.size;

    *address = cairn__find_other(page, slot->block.block - page,
                                 CAIRN_HEAP_BYTE_FRESH);
    if (*address != 0)
        return CAIRN_UNDERRUN;
    *address =
        cairn__find_other(end, page + CAIRN__PAGE - end, CAIRN_HEAP_BYTE_FRESH);
    return *address != 0 ? CAIRN_OVERRUN : CAIRN_OK;
}

static enum cairn_status tell(struct cairn_heap *heap,
                              struct cairn_heap_finding finding,
                              uintptr_t address, uintptr_t site)
{
    finding.address = address;
    finding.site = site;
    return cairn__heap_found(heap, &finding);
}

static enum cairn_status refuse(struct cairn_heap *heap,
                                const struct slot *slot, uintptr_t address,
                                enum cairn_status status, uintptr_t site)
{
    struct cairn_heap_finding finding = {0};

    if (slot != NULL && state_of(slot) != SLOT_FREE)
        finding = slot->block;
    finding.status = status;
    return tell(heap, finding, address, site);
}

enum cairn_status cairn__guard_free(struct cairn_heap *heap, void *block,
                                    const size_t *size, uintptr_t site)
{
    struct cairn__heap_guarded *guarded = heap->guarded;
    uint16_t nth = slot_of(guarded, (uintptr_t)block);
    struct slot *slot = nth == NO_SLOT ? NULL : &guarded->slots[nth];
    struct cairn_heap_finding finding;
    enum cairn_status status = CAIRN_NOT_MEMORY;
    uintptr_t address;

    if (slot != NULL)
        status = begin_free(heap, slot, (uintptr_t)block, size);
    if (status != CAIRN_OK)
        return refuse(heap, slot, (uintptr_t)block, status, site);
    finding = slot->block;
    finding.status = look_around(slot, page_of(guarded, nth), &address);
    guarded->from.unmap(guarded->from.context, page_of(guarded, nth));
    slot->block.free_site = site;
    give_slot(heap, nth, SLOT_FREED);
    if (finding.status == CAIRN_OK)
        return CAIRN_OK;
    return tell(heap, finding, address, site);
}

size_t cairn__guard_usable(const struct cairn_heap *heap, const void *block)
{
    uint16_t nth = slot_of(heap->guarded, (uintptr_t)block);
    const struct slot *slot;

    if (nth == NO_SLOT)
        return 0;
    slot = &heap->guarded->slots[nth];
    return state_of(slot) == SLOT_LIVE && slot->block.block == (uintptr_t)block
               ? slot->block.size
               : 0;
}

/* ---- Questions ----------------------------------------------------------- */

void cairn__guard_stats(const struct cairn_heap *heap,
                        struct cairn_heap_stats *out)
{
    const struct cairn__heap_guarded *guarded = heap->guarded;

    for (unsigned i = 0; i < guarded->from.slots; i++) {
        bool is_live = state_of(&guarded->slots[i]) == SLOT_LIVE;

        out->live_blocks += is_live;
        out->live_bytes += is_live ? guarded->slots[i].block.size : 0;
    }
}

void cairn__guard_live(struct cairn_heap *heap, cairn__site_visitor visit,
                       void *context)
{
    struct cairn_heap_site site = {.blocks = 1};

    for (unsigned i = 0; i < heap->guarded->from.slots; i++) {
        const struct slot *slot = &heap->guarded->slots[i];

        if (state_of(slot) != SLOT_LIVE)
            continue;
        site.site = slot->block.alloc_site;
        site.bytes = slot->block.size;
        site.sequence = slot->block.sequence;
        visit(context, &site);
    }
}

unsigned cairn__guard_check(struct cairn_heap *heap)
{
    struct cairn__heap_guarded *guarded = heap->guarded;
    struct cairn_heap_finding finding;

    for (unsigned i = 0; i < guarded->from.slots; i++) {
        const struct slot *slot = &guarded->slots[i];

        finding = slot->block;
        if (state_of(slot) != SLOT_LIVE)
            continue;
        finding.status =
            look_around(slot, page_of(guarded, i), &finding.address);
        if (finding.status == CAIRN_OK)
            continue;
        cairn__heap_note(heap, &finding);
        return 93;
    }
    return 0;
}

/* Bytes between an address and a block that has been in that slot. */
static uintptr_t distance(const struct slot *slot, uintptr_t address)
{
    uintptr_t end = slot->block.block + slot->block.size;

    if (state_of(slot) == SLOT_FREE)
        return UINTPTR_MAX;
    if (address < slot->block.block)
        return slot->block.block - address;
    return address < end ? 0 : address - end;
}

static void describe(const struct slot *slot, struct cairn_heap_finding *out)
{
    uintptr_t address = out->address;

    *out = slot->block;
    out->address = address;
    if (state_of(slot) == SLOT_FREED)
        out->status = CAIRN_USED_AFTER_FREE;
    if (address < out->block)
        out->status = CAIRN_UNDERRUN;
    else if (address >= out->block + out->size)
        out->status = CAIRN_OVERRUN;
}

bool cairn_heap_guard_explain(const struct cairn_heap *heap, uintptr_t address,
                              struct cairn_heap_finding *out)
{
    const struct cairn__heap_guarded *guarded = heap->guarded;
    const struct slot *nearest = NULL;
    uintptr_t least = UINTPTR_MAX;
    size_t page;

    if (!cairn__guard_has(heap, (const void *)address))
        return false;
    page = (address - guarded->from.start) / CAIRN__PAGE;
    for (size_t i = page / 2 - (page >= 2 && page % 2 == 0); i <= page / 2;
         i++) {
        if (i < guarded->from.slots &&
            distance(&guarded->slots[i], address) < least) {
            nearest = &guarded->slots[i];
            least = distance(nearest, address);
        }
    }
    *out = (struct cairn_heap_finding){.status = CAIRN_NOT_MEMORY,
                                       .address = address};
    if (nearest != NULL)
        describe(nearest, out);
    return true;
}

/* ---- Start --------------------------------------------------------------- */

bool cairn__guards_valid(const struct cairn_heap_config *config)
{
    const struct cairn_heap_guards *guards = config->guards;

    if (config->guard_every == 0 || guards == NULL)
        return true;
    return config->guard_every <= UINT32_MAX / 4 && guards->slots > 0 &&
           guards->slots <= CAIRN_HEAP_GUARD_SLOTS_MAX && guards->map != NULL &&
           guards->unmap != NULL &&
           cairn__is_aligned(guards->start, CAIRN__PAGE);
}

enum cairn_status cairn__guards_init(struct cairn_heap *heap)
{
    const struct cairn_heap_guards *guards = heap->config.guards;
    struct cairn__heap_guarded *guarded;
    size_t bytes;

    if (heap->config.guard_every == 0 || guards == NULL)
        return CAIRN_OK;
    bytes = sizeof(*guarded) + guards->slots * sizeof(struct slot);
    guarded = cairn__heap_take_meta(heap, cairn__heap_pages_of(bytes));
    if (guarded == NULL)
        return CAIRN_NO_MEMORY;
    guarded->from = *guards;
    guarded->until_next = 1;
    guarded->random = (unsigned)(guards->start / CAIRN__PAGE) | 1;
    guarded->first = NO_SLOT;
    for (unsigned i = 0; i < guards->slots; i++)
        append(guarded, (uint16_t)i);
    heap->guarded = guarded;
    return CAIRN_OK;
}
