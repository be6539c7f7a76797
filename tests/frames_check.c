/*
 * frames_check.c - the checkers see what is broken: without that, all tests
 * that call them would show nothing.
 */
#include "frames/bitmap.h"
#include "frames/section.h"
#include "frames_on.h"

/* Places in the metadata of a chunk of which a frame is taken. */
struct places {
    struct cairn__slot *slot;
    struct cairn__section *section;
    unsigned chunk;
    uint8_t *taken; /* the states of two frames */
    uint8_t *free;
};

static struct places find_places(struct frames_build *build)
{
    uint64_t frame = on_take_block(build, 0);
    uint64_t free = frame ^ 1;
    cairn_pfn pfn = {frame};
    struct places places;

    if (cairn_frames_info(&build->frames, cairn_pfn_make(free)).usage !=
        CAIRN_FRAME_FREE)
        free = frame + 1;
    places.slot = cairn__frames_slot(&build->frames, pfn);
    places.section = cairn__slot_section(places.slot);
    places.chunk = cairn__frames_chunk_number(pfn);
    places.taken = cairn__frames_state(&build->frames, pfn);
    places.free = cairn__frames_state(&build->frames, cairn_pfn_make(free));
    CHECK_EQ(*places.free, CAIRN__STATE_FREE);
    return places;
}

static bool is_right(struct frames_build *build)
{
    return cairn_frames_check(&build->frames) == 0;
}

static void expect_byte(struct frames_build *build, uint8_t *byte,
                        uint8_t broken)
{
    uint8_t right = *byte;

    CHECK(right != broken);
    *byte = broken;
    CHECK(!is_right(build));
    *byte = right;
    CHECK(is_right(build));
}

static void expect_word(struct frames_build *build, uint64_t *word,
                        uint64_t bits)
{
    *word ^= bits;
    CHECK(!is_right(build));
    *word ^= bits;
    CHECK(is_right(build));
}

static void break_all(struct frames_build *build)
{
    struct places places = find_places(build);
    struct cairn_frames *frames = &build->frames;
    uint16_t *count = &places.section->free_counts[places.chunk];

    expect_word(build, &frames->total_frames, 1);
    expect_word(build, &frames->free_frames, 1);
    expect_word(build, &frames->cpus[0].live[CAIRN_OWNER_HEAP], 2);
    expect_byte(build, places.free, CAIRN__STATE_TAIL);
    expect_byte(build, places.free, CAIRN__STATE_ABSENT);
    expect_byte(build, places.free, cairn__state_of(CAIRN_OWNER_USER, 0));
    expect_byte(build, places.taken, CAIRN__STATE_FREE);
    expect_word(build, &places.slot->empty, CAIRN__BIT(places.chunk));
    *count = (uint16_t)(*count + 1);
    CHECK(!is_right(build));
    *count = (uint16_t)(*count - 1);
    frames->free_frames++; /* whose frame would that be? */
    frames->total_frames++;
    CHECK(!is_right(build));
    frames->free_frames--;
    frames->total_frames--;
    CHECK(is_right(build));
}

CAIRN_TEST(frames_check_sees_broken_counts_and_states)
{
    on_all(break_all);
}

CAIRN_TEST(frames_check_sees_broken_indices)
{
    struct cairn__bitmap *bitmap;
    struct places places;

    on_take_arena(&on_machine);
    frames_build_zones(&on_machine);
    on_start(&on_machine, CAIRN_ENGINE_TREE, false);
    places = find_places(&on_machine);
    for (unsigned i = 0; i < CAIRN__TREE_CLASSES; i++)
        expect_word(&on_machine, &places.section->index[i],
                    CAIRN__BIT(places.chunk));
    expect_word(&on_machine, &places.section->lines[places.chunk][3], 1);
    for (unsigned i = 0; i < CAIRN_FRAMES_SUMMARIES; i++)
        expect_word(
            &on_machine, on_machine.frames.summaries[i].levels[0],
            CAIRN__BIT((size_t)(places.slot - on_machine.frames.slots) % 64));
    on_start(&on_machine, CAIRN_ENGINE_BITMAP, false);
    bitmap = cairn__bitmap_of(&on_machine.frames);
    for (uint64_t i = 0; i < bitmap->word_count; i += 97)
        expect_word(&on_machine, &bitmap->words[i], CAIRN__BIT(i % 64));
}
