/*
 * frames/query.c - what frames are used for, frame by frame and in sum.
 *
 * HOW    The kind of a chunk answers for all of its frames unless it is split;
 *        then their states do.  A section that has no metadata of its own, yet
 *        or at all, is counted at once.  Nothing is locked: the answer is true
 *        as far as nobody changes what is asked for meanwhile.
 *
 * TESTS  tests/frames_query.c
 */
#include "base/lock.h"
#include "frames/run.h"
#include "frames/section.h"

cairn_pfn cairn_frames_begin(const struct cairn_frames *frames)
{
    return cairn_pfn_make(frames->first_section << CAIRN__SECTION_ORDER);
}

cairn_pfn cairn_frames_end(const struct cairn_frames *frames)
{
    return cairn_pfn_make((frames->first_section + frames->slot_count)
                          << CAIRN__SECTION_ORDER);
}

bool cairn_frames_is_low(struct cairn_frames *frames)
{
    unsigned long state = cairn__lock_acquire(&frames->lock);
    bool is_low = frames->free_frames < frames->config.low_frames;

    cairn__lock_release(&frames->lock, state);
    return is_low;
}

/* The first frame of the block of order 9 or more that `pfn` is part of. */
static cairn_pfn huge_head(const struct cairn_frames *frames, cairn_pfn pfn)
{
    pfn.value = cairn__align_down(pfn.value, CAIRN__CHUNK_FRAMES);
    while (cairn__frames_kind(frames, pfn) == CAIRN__CHUNK_INSIDE)
        pfn.value -= CAIRN__CHUNK_FRAMES;
    return pfn;
}

/* The first frame of the block or run that `pfn`, in a split chunk, is in. */
static cairn_pfn split_head(const struct cairn_frames *frames, cairn_pfn pfn)
{
    while (*cairn__frames_state(frames, pfn) == CAIRN__STATE_TAIL)
        pfn.value--;
    return pfn;
}

static struct cairn_frame_info info_of_head(const struct cairn_frames *frames,
                                            cairn_pfn head)
{
    uint8_t state = *cairn__frames_state(frames, head);
    unsigned order = state & CAIRN__ORDER_MASK;
    struct cairn_frame_info info = {CAIRN_FRAME_FREE, CAIRN_OWNER_BOOT, head, 1,
                                    0};

    if (state < CAIRN__STATE_HEAD)
        return info;
    info.usage = CAIRN_FRAME_ALLOCATED;
    info.order = order;
    info.owner = (enum cairn_owner)((state >> 5) - 1);
    info.count = order == CAIRN_ORDER_RUN ? cairn__run_length(frames, head)
                                          : (uint64_t)1 << order;
    return info;
}

struct cairn_frame_info cairn_frames_info(const struct cairn_frames *frames,
                                          cairn_pfn pfn)
{
    struct cairn_frame_info info = {CAIRN_FRAME_ABSENT, CAIRN_OWNER_BOOT, pfn,
                                    1, 0};
    uint8_t state;

    if (!cairn__frames_covers(frames, pfn))
        return info;
    switch (cairn__frames_kind(frames, pfn)) {
    case CAIRN__CHUNK_EMPTY:
        info.usage = CAIRN_FRAME_FREE;
        return info;
    case CAIRN__CHUNK_ABSENT:
        return info;
    case CAIRN__CHUNK_HUGE:
    case CAIRN__CHUNK_INSIDE:
        return info_of_head(frames, huge_head(frames, pfn));
    default:
        break;
    }
    state = *cairn__frames_state(frames, pfn);
    if (state == CAIRN__STATE_ABSENT)
        return info;
    if (state == CAIRN__STATE_FREE) {
        info.usage = CAIRN_FRAME_FREE;
        return info;
    }
    return info_of_head(frames, split_head(frames, pfn));
}

/* ---- Sums ---------------------------------------------------------------- */

static void add_allocated(struct cairn_frames_census *census,
                          const struct cairn_frame_info *info, cairn_pfn first,
                          uint64_t frames)
{
    census->owner_frames[info->owner] += frames;
    if (info->first.value != first.value)
        return;
    if (info->order == CAIRN_ORDER_RUN)
        census->runs++;
    else
        census->blocks[info->order]++;
}

/* `frames` frames from `first` on, about which `info` says it all. */
static void add(struct cairn_frames_census *census,
                const struct cairn_frame_info *info, cairn_pfn first,
                uint64_t frames)
{
    if (info->usage == CAIRN_FRAME_ALLOCATED)
        add_allocated(census, info, first, frames);
    else if (info->usage == CAIRN_FRAME_ABSENT)
        census->absent_frames += frames;
    else
        census->free_frames += frames;
}

/* Is the frame's section one of which all frames are alike? */
static bool is_uniform(const struct cairn_frames *frames, cairn_pfn pfn)
{
    const struct cairn__section *section =
        cairn__slot_section(cairn__frames_slot(frames, pfn));

    return section == &cairn__section_pristine ||
           section == &cairn__section_void;
}

/* Frames from `pfn` on, below `end`, about which `info` says it all. */
static uint64_t reach(const struct cairn_frames *frames, cairn_pfn pfn,
                      uint64_t end, const struct cairn_frame_info *info)
{
    uint64_t stop = pfn.value + 1;

    if (!cairn__frames_covers(frames, pfn))
        stop = pfn.value < cairn_frames_begin(frames).value
                   ? cairn_frames_begin(frames).value
                   : end;
    else if (is_uniform(frames, pfn))
        stop = (pfn.value | (CAIRN__SECTION_FRAMES - 1)) + 1;
    else if (cairn__frames_kind(frames, pfn) < CAIRN__CHUNK_SPARSE)
        stop = (pfn.value | (CAIRN__CHUNK_FRAMES - 1)) + 1;
    else if (info->usage == CAIRN_FRAME_ALLOCATED)
        stop = info->first.value + info->count;
    return cairn__min(stop, end) - pfn.value;
}

void cairn_frames_count(const struct cairn_frames *frames, cairn_pfn first,
                        cairn_pfn end, struct cairn_frames_census *out)
{
    *out = (struct cairn_frames_census){.free_frames = 0};
    while (first.value < end.value) {
        struct cairn_frame_info info = cairn_frames_info(frames, first);
        uint64_t count = reach(frames, first, end.value, &info);

        add(out, &info, first, count);
        first.value += count;
    }
}
