/*
 * frames/misuse.h - is there an allocation that begins at this frame?
 */
#ifndef CAIRN__FRAMES_MISUSE_H
#define CAIRN__FRAMES_MISUSE_H

#include "frames/section.h"

/* The first frame of an allocation; state is NULL if it is none. */
struct cairn__head {
    uint8_t *state;
    enum cairn__chunk_kind kind;
    enum cairn_status status; /* why it is none */
};

/* Tell the caller, or panic, as the configuration says. */
enum cairn_status cairn__misuse(struct cairn_frames *frames, cairn_pfn pfn,
                                enum cairn_status status);

/* Why a frame in such a chunk, with that state, begins no allocation. */
enum cairn_status cairn__misuse_reason(enum cairn__chunk_kind kind,
                                       uint8_t state);

/* Look the frame up; on the common path of free, hence inline. */
static inline struct cairn__head
cairn__misuse_find(const struct cairn_frames *frames, cairn_pfn first)
{
    struct cairn__head head = {NULL, CAIRN__CHUNK_ABSENT, CAIRN_NOT_MEMORY};
    struct cairn__section *section;
    uint8_t *state;

    if (!cairn__frames_covers(frames, first))
        return head;
    section = cairn__slot_section(cairn__frames_slot(frames, first));
    head.kind = cairn__section_kind(section, cairn__frames_chunk_number(first));
    state = &section->states[first.value % CAIRN__SECTION_FRAMES];
    if (head.kind < CAIRN__CHUNK_SPARSE &&
        (head.kind != CAIRN__CHUNK_HUGE ||
         first.value % CAIRN__CHUNK_FRAMES != 0))
        head.status = cairn__misuse_reason(head.kind, 0);
    else if (*state < CAIRN__STATE_HEAD)
        head.status = cairn__misuse_reason(CAIRN__CHUNK_SPARSE, *state);
    else
        head.state = state;
    return head;
}

#endif
