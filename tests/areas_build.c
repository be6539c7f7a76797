/*
 * areas_build.c - see areas_build.h.
 */
#include "areas_build.h"

#include "frames_arena.h"

struct areas_build areas;

static cairn_pfn held[ARENA_FRAMES];
static unsigned held_count;

static void release(void *context, cairn_pfn frame)
{
    CHECK_EQ(cairn_frames_free(context, frame), CAIRN_OK);
}

void areas_start(uint64_t base, uint64_t bytes)
{
    struct cairn_pagetable_config config = {
        .mode = CAIRN_PAGING_4LEVEL,
        .features = {.phys_bits = 46, .has_nx = true, .has_1gib = true},
        .release = release,
        /* Nobody has it loaded, so nobody is told to flush. */
        .user_end = UINT64_MAX,
    };

    frames_arena_start(CAIRN_MISUSE_STATUS, 0, 0);
    held_count = 0;
    config.source = cairn_frames_source(&arena.frames);
    config.release_context = &arena.frames;
    CHECK_EQ(cairn_pagetable_init(&areas.table, &config), CAIRN_OK);
    CHECK_EQ(cairn_areas_init(&areas.set, cairn_span_make(base, bytes),
                              &areas.table, &arena.frames),
             CAIRN_OK);
}

void areas_verify(void)
{
    CHECK_EQ(cairn_areas_check(&areas.set), 0);
    CHECK_EQ(cairn_pagetable_check(&areas.table), 0);
}

void areas_end(void)
{
    areas_give_back();
    areas_verify();
    CHECK_EQ(areas.table.table_count, 1);
    CHECK_EQ(cairn_areas_destroy(&areas.set), CAIRN_OK);
    cairn_pagetable_destroy(&areas.table);
    CHECK_EQ(frames_arena_free(), arena.total);
}

uint64_t areas_free_frames(void)
{
    return frames_arena_free();
}

uint64_t areas_owner_frames(enum cairn_owner owner)
{
    struct cairn_frames_stats stats;

    cairn_frames_stats(&arena.frames, &stats);
    return stats.owner_frames[owner];
}

void areas_give_back(void)
{
    while (held_count > 0)
        CHECK_EQ(cairn_frames_free(&arena.frames, held[--held_count]),
                 CAIRN_OK);
}

void areas_leave(unsigned count)
{
    cairn_pfn pfn;

    areas_give_back();
    while (cairn_frames_alloc(&arena.frames, 0, 0, CAIRN_OWNER_USER, &pfn) ==
           CAIRN_OK)
        held[held_count++] = pfn;
    while (count-- > 0 && held_count > 0)
        CHECK_EQ(cairn_frames_free(&arena.frames, held[--held_count]),
                 CAIRN_OK);
}

struct cairn_area *areas_alloc(uint64_t bytes,
                               struct cairn_area_request request)
{
    struct cairn_area *area = NULL;

    request.bytes = bytes;
    if (request.kind == CAIRN_AREA_RESERVED)
        request.kind = CAIRN_AREA_PAGES;
    CHECK_EQ(cairn_area_alloc(&areas.set, &request, &area), CAIRN_OK);
    return area;
}

struct cairn_areas_stats areas_stats(void)
{
    struct cairn_areas_stats stats;

    cairn_areas_stats(&areas.set, &stats);
    return stats;
}
