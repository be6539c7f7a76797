/*
 * frames/misuse.c - what is wrong with a frame that cannot be freed.
 *
 * TESTS  tests/frames_misuse.c
 */
#include "frames/misuse.h"

enum cairn_status cairn__misuse(struct cairn_frames *frames, cairn_pfn pfn,
                                enum cairn_status status)
{
    if (frames->config.misuse == CAIRN_MISUSE_PANIC)
        cairn__panic("frame %#llx freed: %s", (unsigned long long)pfn.value,
                     cairn_status_text(status));
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
