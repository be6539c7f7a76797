/*
 * frames/misuse.c - what is wrong with a frame that cannot be freed.
 *
 * HOW    Whether a frame begins an allocation is one look at its state, on the
 *        common path of free.  Only if it does not, it is worth to find out
 *        what the frame is part of: a block in a magazine keeps the states of
 *        a block, so that a frame inside of it looks allocated.
 *
 * TESTS  tests/frames_misuse.c, tests/host/frames_misuse_cpus.c
 */
#include "frames/misuse.h"

enum cairn_status cairn__misuse(struct cairn_frames *frames, cairn_pfn pfn,
                                enum cairn_status status)
{
    static const char *const usages[] = {
        [CAIRN_FRAME_FREE] = "free",
        [CAIRN_FRAME_ALLOCATED] = "allocated",
        [CAIRN_FRAME_ABSENT] = "no memory",
    };
    struct cairn_frame_info info = cairn_frames_info(frames, pfn);

    if (status == CAIRN_NOT_FIRST && info.usage == CAIRN_FRAME_FREE)
        status = CAIRN_DOUBLE_FREE;
    if (frames->config.misuse == CAIRN_MISUSE_PANIC)
        cairn__panic("frame %#llx freed: %s (%s, owner %u, %llu from %#llx on)",
                     (unsigned long long)pfn.value, cairn_status_text(status),
                     usages[info.usage], (unsigned)info.owner,
                     (unsigned long long)info.count,
                     (unsigned long long)info.first.value);
    return status;
}

enum cairn_status cairn__misuse_reason(enum cairn__chunk_kind kind,
                                       uint8_t state)
{
    if (kind == CAIRN__CHUNK_EMPTY)
        return CAIRN_DOUBLE_FREE;
    if (kind == CAIRN__CHUNK_ABSENT || state == CAIRN__STATE_ABSENT)
        return CAIRN_NOT_MEMORY;
    if (kind == CAIRN__CHUNK_INSIDE || kind == CAIRN__CHUNK_HUGE ||
        state == CAIRN__STATE_TAIL)
        return CAIRN_NOT_FIRST;
    return CAIRN_DOUBLE_FREE;
}
