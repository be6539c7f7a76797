/*
 * ranges_build.c - see ranges_build.h.
 */
#include "ranges_build.h"

struct ranges_build ranges;

static uint64_t first_frame;
static bool is_out[RANGES_FRAMES];

static enum cairn_status alloc(void *context, cairn_pfn *out)
{
    (void)context;
    if (ranges.left_to_fail == 0)
        return CAIRN_NO_MEMORY;
    ranges.left_to_fail--;
    for (unsigned i = 0; i < RANGES_FRAMES; i++) {
        if (is_out[i])
            continue;
        is_out[i] = true;
        ranges.frames_out++;
        out->value = first_frame + i;
        return CAIRN_OK;
    }
    return CAIRN_NO_MEMORY;
}

static void release(void *context, cairn_pfn frame)
{
    uint64_t number = frame.value - first_frame;

    (void)context;
    CHECK(number < RANGES_FRAMES && is_out[number]);
    is_out[number] = false;
    ranges.frames_out--;
}

void ranges_start(struct cairn_span bounds)
{
    const struct cairn_source source = {alloc, alloc, NULL};
    uint64_t phys;

    (void)test_memory(RANGES_FRAMES * (size_t)CAIRN_FRAME_SIZE, &phys);
    first_frame = phys >> CAIRN_FRAME_SHIFT;
    for (unsigned i = 0; i < RANGES_FRAMES; i++)
        is_out[i] = false;
    ranges.frames_out = 0;
    ranges.left_to_fail = ~0u;
    CHECK_EQ(cairn_ranges_init(&ranges.set, bounds, source, release), CAIRN_OK);
}

void ranges_end(void)
{
    CHECK_EQ(cairn_ranges_check(&ranges.set), 0);
    cairn_ranges_destroy(&ranges.set);
    CHECK_EQ(ranges.frames_out, 0);
    CHECK_EQ(cairn_ranges_check(&ranges.set), 0);
}
