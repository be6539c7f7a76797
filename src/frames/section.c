/*
 * frames/section.c - the metadata of a section, from nothing to valid.
 *
 * TESTS  tests/frames_*.c
 */
#include "frames/section.h"

#include "base/memory.h"

struct cairn__section cairn__section_pristine;
struct cairn__section cairn__section_void;

void cairn__section_open(struct cairn__slot *slot)
{
    struct cairn__section *section = slot->storage;

    if (slot->section == section)
        return;
    cairn__assert(section != NULL);
    for (unsigned i = 0; i < CAIRN__SECTION_CHUNKS; i++)
        section->kinds[i] = (slot->empty >> i & 1) != 0 ? CAIRN__CHUNK_EMPTY
                                                        : CAIRN__CHUNK_ABSENT;
    memset(section->index, 0, sizeof(section->index));
    memset(section->classes, CAIRN__TREE_EMPTY, sizeof(section->classes));
    section->ready = 0;
    section->medium = 0;
    __atomic_store_n(&slot->section, section, __ATOMIC_RELEASE);
}
