/*
 * frames_invariants.c - the checkers see each invariant that is broken, and
 * name it.
 *
 * Each test breaks one thing in a machine that is in use and mends it again.
 */
#include "base/memory.h"
#include "frames/bitmap.h"
#include "frames/freelist.h"
#include "frames/section.h"
#include "frames/summary.h"
#include "frames/tree.h"
#include "frames_on.h"

#define FRONT  1
#define ENGINE 10 /* + the number of the engine's invariant */

static uint64_t taken; /* a single frame of a process */

/* The upper zone has a chunk with some frames in use, and an empty one. */
static struct cairn_frames *start(enum cairn_frames_engine engine)
{
    struct cairn_frames *frames = &on_machine.frames;
    cairn_pfn pfn;

    on_take_arena(&on_machine);
    frames_build_zones(&on_machine);
    on_machine.zones[0] = on_machine.zones[1];
    on_machine.zones[0].count = 4 * CAIRN__CHUNK_FRAMES;
    on_machine.zone_count = 1;
    on_start(&on_machine, engine, false);
    for (unsigned i = 0; i < 100; i++)
        CHECK_EQ(cairn_frames_alloc(frames, 0, 0, CAIRN_OWNER_USER, &pfn),
                 CAIRN_OK);
    CHECK(on_take_block(&on_machine, 4) != ON_NONE);
    CHECK_EQ(cairn_frames_check(frames), 0);
    taken = pfn.value;
    return frames;
}

static void expect_broken(unsigned number)
{
    CHECK_EQ(cairn_frames_check(&on_machine.frames), number);
}

static void expect_whole(void)
{
    expect_broken(0);
}

static struct cairn__slot *slot_now(void)
{
    return cairn__frames_slot(&on_machine.frames, cairn_pfn_make(taken));
}

static unsigned chunk_now(void)
{
    return cairn__frames_chunk_number(cairn_pfn_make(taken));
}

static uint8_t *state_at(uint64_t frame)
{
    return cairn__frames_state(&on_machine.frames, cairn_pfn_make(frame));
}

/* Write, expect what is broken then, and take it back. */
#define EXPECT_BROKEN_BY(place, value, number)                                 \
    do {                                                                       \
        __typeof__(place) former_ = (place);                                   \
        (place) = (__typeof__(place))(value);                                  \
        expect_broken(number);                                                 \
        (place) = former_;                                                     \
        expect_whole();                                                        \
    } while (0)

/* ---- Whatever the engine ------------------------------------------------- */

/* One frame more or less; and if the front does not see it, the engine does. */
static void break_sums(struct cairn_frames *frames)
{
    EXPECT_BROKEN_BY(frames->total_frames, frames->total_frames + 1, FRONT);
    EXPECT_BROKEN_BY(frames->free_frames, frames->free_frames - 1, FRONT);
    EXPECT_BROKEN_BY(frames->cpus[0].live[CAIRN_OWNER_HEAP], 1, FRONT);
    EXPECT_BROKEN_BY(frames->cpus[0].user_singles, 1, FRONT);
}

static void break_free_frames(struct cairn_frames *frames, unsigned number)
{
    frames->free_frames++;
    frames->total_frames++;
    expect_broken(number);
    frames->free_frames--;
    frames->total_frames--;
    expect_whole();
}

CAIRN_TEST(frames_check_sees_a_broken_sum)
{
    break_sums(start(CAIRN_ENGINE_TREE));
}

/* ---- Tree ---------------------------------------------------------------- */

CAIRN_TEST(frames_check_sees_a_broken_index_of_the_tree)
{
    struct cairn_frames *frames = start(CAIRN_ENGINE_TREE);
    struct cairn__slot *slot = slot_now();
    struct cairn__section *section = slot->section;
    uint8_t *own = &section->classes[chunk_now()];
    struct cairn__summary *summary = &frames->summaries[*own];
    size_t number = (size_t)(slot - frames->slots);

    break_free_frames(frames, ENGINE + 1);
    EXPECT_BROKEN_BY(*own, CAIRN__TREE_NONE, ENGINE + 2);
    EXPECT_BROKEN_BY(*own, *own - 1, ENGINE + 2);
    EXPECT_BROKEN_BY(section->kinds[63], CAIRN__CHUNK_EMPTY, ENGINE + 6);
    EXPECT_BROKEN_BY(slot->empty, slot->empty & (slot->empty - 1), ENGINE + 6);
    EXPECT_BROKEN_BY(slot->empty, slot->empty | CAIRN__BIT(chunk_now()),
                     ENGINE + 2);
    cairn__summary_remove(summary, number);
    expect_broken(ENGINE + 3);
    cairn__summary_add(summary, number);
    expect_whole();
    cairn__summary_add(&frames->summaries[0], number);
    expect_broken(ENGINE + 3);
    cairn__summary_remove(&frames->summaries[0], number);
    expect_whole();
}

CAIRN_TEST(frames_check_sees_a_broken_chunk_of_the_tree)
{
    struct cairn_frames *frames = start(CAIRN_ENGINE_TREE);
    struct cairn__section *section = slot_now()->section;
    unsigned chunk = chunk_now();
    uint64_t free = taken + 1;

    CHECK_EQ(cairn_frames_info(frames, cairn_pfn_make(free)).usage,
             CAIRN_FRAME_FREE);
    EXPECT_BROKEN_BY(section->free_counts[chunk],
                     section->free_counts[chunk] - 1, ENGINE + 4);
    EXPECT_BROKEN_BY(section->lines[chunk][7], 0, ENGINE + 4);
    EXPECT_BROKEN_BY(*state_at(free), CAIRN__STATE_TAIL, ENGINE + 5);
    EXPECT_BROKEN_BY(*state_at(taken), CAIRN__STATE_FREE, ENGINE + 7);
    EXPECT_BROKEN_BY(section->kinds[chunk], CAIRN__CHUNK_DENSE, ENGINE + 8);
    EXPECT_BROKEN_BY(section->medium, section->medium | CAIRN__BIT(chunk),
                     ENGINE + 8);
    EXPECT_BROKEN_BY(section->room[chunk], section->room[chunk] + 1,
                     ENGINE + 9);
}

/* ---- Bitmap and freelist ------------------------------------------------- */

static void break_eager(enum cairn_frames_engine engine)
{
    struct cairn_frames *frames = start(engine);
    struct cairn__slot *slot = slot_now();
    struct cairn__section *section = slot->section;
    unsigned chunk = chunk_now();

    break_sums(frames);
    break_free_frames(frames, ENGINE + 1);
    EXPECT_BROKEN_BY(section->free_counts[chunk],
                     section->free_counts[chunk] - 1, ENGINE + 2);
    EXPECT_BROKEN_BY(slot->empty, slot->empty | CAIRN__BIT(chunk), ENGINE + 3);
    EXPECT_BROKEN_BY(slot->empty, slot->empty & (slot->empty - 1), ENGINE + 3);
    EXPECT_BROKEN_BY(*state_at(taken + 40), CAIRN__STATE_TAIL, ENGINE + 4);
    EXPECT_BROKEN_BY(section->kinds[chunk], CAIRN__CHUNK_SPARSE, ENGINE + 5);
    EXPECT_BROKEN_BY(section->kinds[63], CAIRN__CHUNK_EMPTY, ENGINE + 5);
    EXPECT_BROKEN_BY(*state_at(taken), CAIRN__STATE_FREE, ENGINE + 6);
}

CAIRN_TEST(frames_check_sees_broken_metadata_of_the_bitmap)
{
    struct cairn__bitmap *bitmap;
    uint64_t word;
    uint64_t hole;

    break_eager(CAIRN_ENGINE_BITMAP);
    bitmap = cairn__bitmap_of(&on_machine.frames);
    word = (taken - bitmap->origin) / 64;
    for (hole = 0; on_machine.frames.slots[hole].storage != NULL; hole++)
        continue;
    EXPECT_BROKEN_BY(bitmap->words[hole * 512], UINT64_MAX - 1, ENGINE + 6);
    cairn__summary_add(&bitmap->fits[0], (size_t)word);
    expect_whole();
    cairn__summary_remove(&bitmap->fits[0], (size_t)word);
    expect_broken(ENGINE + 7);
    cairn__summary_add(&bitmap->fits[0], (size_t)word);
    expect_whole();
    cairn__summary_add(&bitmap->fits[9], 0);
    expect_broken(ENGINE + 7);
}

CAIRN_TEST(frames_check_sees_broken_metadata_of_the_freelist)
{
    struct cairn__freelist *list;

    break_eager(CAIRN_ENGINE_FREELIST);
    list = cairn__freelist_of(&on_machine.frames);
    EXPECT_BROKEN_BY(list->levels[list->top][0].prefix, 1, ENGINE + 6);
    EXPECT_BROKEN_BY(list->levels[1][0].best[3], 1, ENGINE + 6);
}
