/*
 * spaces.c - the kernel's address space; see spaces.h.
 *
 * HOW    What the layout has in the upper half is in use there: areas and
 *        stacks have sets of their own in their ranges.  Processes have all of
 *        the lower half but its first page.
 *
 * FAILS  By panic: what boots has frames for that.
 */
#include "spaces.h"

#include "kernel.h"
#include "platform.h"

/* Ranges of the upper half that are in no other one. */
static size_t list_used(struct cairn_span *used)
{
    size_t count = 0;

    for (size_t i = 0; i < kernel.layout.count; i++) {
        const struct cairn_layout_range *range = &kernel.layout.ranges[i];

        if (range->outer == NULL &&
            range->span.start.value >= kernel.table.config.user_end)
            used[count++] = range->span;
    }
    return count;
}

void spaces_start(void)
{
    uint64_t end = kernel.table.config.user_end;
    struct cairn_span used[CAIRN_LAYOUT_MAX];
    const struct cairn_space_config config = {
        .table = &kernel.table,
        .frames = &kernel.frames,
        .half = cairn_span_make(0 - end, end),
        .user = cairn_span_make(CAIRN_FRAME_SIZE, end - CAIRN_FRAME_SIZE),
        .used = used,
        .used_count = list_used(used),
        .window_base = kernel.window.base,
    };

    kernel_require(cairn_space_init(&kernel.space, &config, &kernel.root),
                   "address space");
}
