/*
 * frames_arena.c - a frame allocator on the memory that a test gets.
 */
#include "frames_arena.h"

#include "base/memory.h"
#include "harness/test.h"

#define FRAME_WORDS 512

struct frames_arena arena;

static void add(uint64_t first, uint64_t count)
{
    CHECK_EQ(cairn_memmap_add(&arena.map,
                              (arena.first + first) << CAIRN_FRAME_SHIFT,
                              count << CAIRN_FRAME_SHIFT, CAIRN_MEMORY_USABLE),
             CAIRN_OK);
}

static void start(const struct cairn_frames_config *config, uint64_t hole_first,
                  uint64_t hole_count)
{
    uint64_t after = hole_first + hole_count;
    uint64_t phys;

    (void)test_memory(ARENA_FRAMES << CAIRN_FRAME_SHIFT, &phys);
    memset(&arena, 0, sizeof(arena));
    arena.first = phys >> CAIRN_FRAME_SHIFT;
    CHECK_EQ(cairn_memmap_init(&arena.map, arena.storage, 32), CAIRN_OK);
    add(0, hole_first);
    add(after, ARENA_FRAMES - after);
    CHECK_EQ(cairn_memmap_finish(&arena.map, cairn_phys_make(0)), CAIRN_OK);
    CHECK_EQ(cairn_frames_init(&arena.frames, &arena.map, NULL, config),
             CAIRN_OK);
    arena.total = frames_arena_free();
    CHECK(arena.total >= 16);
}

void frames_arena_start(enum cairn_misuse misuse, uint64_t hole_first,
                        uint64_t hole_count)
{
    struct cairn_frames_config config = cairn_frames_config_default();

    config.misuse = misuse;
    config.cpu_count = 1;
    start(&config, hole_first, hole_count);
}

void frames_arena_start_on(enum cairn_frames_engine engine, bool has_magazines)
{
    struct cairn_frames_config config = cairn_frames_config_default();

    config.engine = engine;
    config.has_magazines = has_magazines;
    config.cpu_count = 1;
    start(&config, 0, 0);
}

uint64_t frames_arena_free(void)
{
    struct cairn_frames_stats stats;

    CHECK_EQ(cairn_frames_check(&arena.frames), 0);
    cairn_frames_stats(&arena.frames, &stats);
    return stats.free_frames;
}

static uint64_t *words_of(cairn_pfn pfn)
{
    return cairn_platform_phys_to_virt(cairn_phys_of(pfn), 4096);
}

bool frames_arena_is_filled(cairn_pfn pfn, uint64_t word)
{
    const uint64_t *words = words_of(pfn);

    for (unsigned i = 0; i < FRAME_WORDS; i++) {
        if (words[i] != word)
            return false;
    }
    return cairn_frames_info(&arena.frames, pfn).usage != CAIRN_FRAME_ABSENT;
}

void frames_arena_soil(uint64_t word)
{
    cairn_pfn pfns[ARENA_FRAMES];
    unsigned count = 0;

    while (cairn_frames_alloc(&arena.frames, 0, 0, CAIRN_OWNER_USER,
                              &pfns[count]) == CAIRN_OK) {
        for (unsigned i = 0; i < FRAME_WORDS; i++)
            words_of(pfns[count])[i] = word;
        count++;
    }
    CHECK_EQ(count, arena.total);
    while (count-- > 0)
        CHECK_EQ(cairn_frames_free(&arena.frames, pfns[count]), CAIRN_OK);
    cairn_frames_drain(&arena.frames);
}
