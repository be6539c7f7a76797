/*
 * paging/temporary.c - the temporary window.
 *
 * HOW    The table with all its entries is made once and kept.  A use writes
 *        one entry of it and invalidates the page on this CPU; that is enough,
 *        because no other CPU uses these pages, and an end invalidates it
 *        again.  So no cursor and no flush of other CPUs is needed.
 *
 *        A CPU may cache a page of another one by speculation.  It has no use
 *        for it: its own pages are others.
 *
 * TESTS  tests/host/paging_windows.c
 */
#include <cairn/temporary.h>

#include "arch_tlb.h"
#include "base/memory.h"
#include "paging/cursor.h"

static uint64_t page_of(const struct cairn_temporary *window, unsigned cpu,
                        unsigned depth)
{
    return window->start.value +
           (cpu * CAIRN_TEMPORARY_DEPTH + depth) * CAIRN_FRAME_SIZE;
}

enum cairn_status cairn_temporary_init(struct cairn_temporary *window,
                                       struct cairn_pagetable *table,
                                       cairn_va start)
{
    uint64_t bytes = CAIRN_TEMPORARY_BYTES(cairn_platform_cpu_count());
    uint64_t span = cairn__span(table->format, 2);
    struct cairn_table *leaf = NULL;
    enum cairn_status status;

    if ((start.value & (CAIRN_FRAME_SIZE - 1)) != 0 ||
        (start.value & (span - 1)) + bytes > span)
        return CAIRN_BAD_ARGUMENT;
    status = cairn__cursor_keep_leaf(table, start.value, bytes, &leaf);
    if (status != CAIRN_OK)
        return status;
    memset(window, 0, sizeof(*window));
    window->table = table;
    window->leaf = leaf;
    window->start = start;
    return CAIRN_OK;
}

static void set_entry(const struct cairn_temporary *window, uint64_t va,
                      uint64_t entry)
{
    const struct cairn__paging_format *format = window->table->format;

    cairn__entry_store(format, window->leaf->entries,
                       cairn__index(format, 1, va), entry);
    cairn__arch_tlb_flush_page(va);
}

static uint64_t entry_of(const struct cairn_temporary *window, cairn_pfn frame)
{
    return cairn_phys_of(frame).value | CAIRN__ENTRY_P | CAIRN__ENTRY_RW |
           CAIRN__ENTRY_A | CAIRN__ENTRY_D | window->table->nx_bit;
}

static bool is_last(const struct cairn_temporary *window,
                    const struct cairn_temporary_use *one)
{
    unsigned cpu = cairn_platform_cpu();

    return window->depth[cpu] > 0 &&
           page_of(window, cpu, window->depth[cpu] - 1u) == one->va.value;
}

void cairn_temporary_begin(struct cairn_temporary *window, cairn_pfn frame,
                           struct cairn_temporary_use *one)
{
    unsigned long irq = cairn_platform_irq_save();
    unsigned cpu = cairn_platform_cpu();
    unsigned depth = window->depth[cpu];

    if (depth == CAIRN_TEMPORARY_DEPTH) {
        cairn_platform_irq_restore(irq);
        cairn__panic("temporary window of CPU %u: more than %u uses", cpu,
                     CAIRN_TEMPORARY_DEPTH);
    }
    one->irq = irq;
    one->va = cairn_va_make(page_of(window, cpu, depth));
    window->depth[cpu] = (uint8_t)(depth + 1);
    set_entry(window, one->va.value, entry_of(window, frame));
}

void cairn_temporary_replace(struct cairn_temporary *window,
                             const struct cairn_temporary_use *one,
                             cairn_pfn frame)
{
    cairn__assert(is_last(window, one));
    set_entry(window, one->va.value, 0);
    set_entry(window, one->va.value, entry_of(window, frame));
}

void cairn_temporary_end(struct cairn_temporary *window,
                         const struct cairn_temporary_use *one)
{
    unsigned cpu = cairn_platform_cpu();

    if (!is_last(window, one))
        cairn__panic("temporary window of CPU %u: %#llx ended out of order",
                     cpu, (unsigned long long)one->va.value);
    set_entry(window, one->va.value, 0);
    window->depth[cpu]--;
    cairn_platform_irq_restore(one->irq);
}

void cairn_temporary_with(struct cairn_temporary *window, cairn_pfn frame,
                          void (*work)(void *context, void *memory),
                          void *context)
{
    struct cairn_temporary_use one;

    cairn_temporary_begin(window, frame, &one);
    work(context, (void *)(uintptr_t)one.va.value);
    cairn_temporary_end(window, &one);
}

/* ---- Zeros --------------------------------------------------------------- */

struct piece {
    uint64_t offset; /* in a frame */
    uint64_t bytes;
};

static void clear_piece(void *context, void *memory)
{
    const struct piece *piece = context;

    memset((char *)memory + piece->offset, 0, (size_t)piece->bytes);
}

/* The piece of one frame that begins at `at`. */
static void *reach(cairn_phys at, uint64_t bytes, struct piece *piece)
{
    piece->offset = at.value & (CAIRN_FRAME_SIZE - 1);
    piece->bytes = cairn__min(bytes, CAIRN_FRAME_SIZE - piece->offset);
    return cairn_platform_phys_to_virt(at, (size_t)piece->bytes);
}

static bool is_all_reached(cairn_phys at, uint64_t bytes)
{
    struct piece piece;

    for (; bytes > 0; bytes -= piece.bytes, at.value += piece.bytes) {
        if (reach(at, bytes, &piece) == NULL)
            return false;
    }
    return true;
}

enum cairn_status cairn_zero_phys(struct cairn_temporary *window,
                                  cairn_phys start, uint64_t bytes)
{
    struct piece piece;

    if (bytes > CAIRN_PHYS_LIMIT || start.value > CAIRN_PHYS_LIMIT - bytes)
        return CAIRN_BAD_ARGUMENT;
    if (window == NULL && !is_all_reached(start, bytes))
        return CAIRN_NOT_REACHABLE;
    for (; bytes > 0; bytes -= piece.bytes, start.value += piece.bytes) {
        void *memory = reach(start, bytes, &piece);

        if (memory != NULL)
            memset(memory, 0, (size_t)piece.bytes);
        else
            cairn_temporary_with(window, cairn_pfn_of(start), clear_piece,
                                 &piece);
    }
    return CAIRN_OK;
}
