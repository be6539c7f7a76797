/*
 * frames/stats.c - numbers, and the checker of the front.
 *
 * TESTS  tests/frames_query.c, tests/frames_check.c
 */
#include "base/lock.h"
#include "frames/cache.h"
#include "frames/engine.h"
#include "frames/section.h"

static uint64_t count_empty(const struct cairn_frames *frames)
{
    uint64_t total = 0;

    for (size_t i = 0; i < frames->slot_count; i++)
        total += cairn__bit_count(frames->slots[i].empty);
    return total;
}

/* Frames from `pfn` on that are known to be no memory; 0: it is memory. */
static uint64_t absent_from(const struct cairn_frames *frames, cairn_pfn pfn)
{
    const struct cairn__section *section =
        cairn__slot_section(cairn__frames_slot(frames, pfn));
    enum cairn__chunk_kind kind = cairn__frames_kind(frames, pfn);

    if (section == &cairn__section_void)
        return CAIRN__SECTION_FRAMES;
    if (kind == CAIRN__CHUNK_ABSENT)
        return CAIRN__CHUNK_FRAMES;
    return kind >= CAIRN__CHUNK_SPARSE &&
                   *cairn__frames_state(frames, pfn) == CAIRN__STATE_ABSENT
               ? 1
               : 0;
}

/* The lowest frame of memory; 0: there is none. */
static cairn_pfn lowest(const struct cairn_frames *frames)
{
    cairn_pfn pfn = cairn_frames_begin(frames);
    uint64_t end = cairn_frames_end(frames).value;
    uint64_t step = 1;

    while (pfn.value < end && step != 0) {
        step = absent_from(frames, pfn);
        pfn.value += step;
    }
    return step == 0 ? pfn : cairn_pfn_make(0);
}

void cairn_frames_stats(struct cairn_frames *frames,
                        struct cairn_frames_stats *out)
{
    unsigned long state = cairn__lock_acquire(&frames->lock);

    *out = (struct cairn_frames_stats){.total_frames = frames->total_frames};
    for (unsigned i = 0; i < frames->config.cpu_count; i++) {
        const struct cairn_frames_cpu *cpu = &frames->cpus[i];

        out->cached_frames += cairn__cache_frames(cpu);
        for (unsigned owner = 0; owner < CAIRN_OWNER_COUNT; owner++)
            out->owner_frames[owner] += cairn__cache_live(cpu, owner);
    }
    out->free_frames = frames->free_frames + out->cached_frames;
    out->free_2mib = count_empty(frames);
    out->metadata_bytes = frames->metadata_bytes;
    out->base = lowest(frames);
    cairn__lock_release(&frames->lock, state);
}

/*
 * The front's invariants:
 *   1    free frames and those of all owners are all frames
 *  10+   the engine's
 */
unsigned cairn_frames_check(struct cairn_frames *frames)
{
    struct cairn_frames_stats stats;
    unsigned long state;
    unsigned broken;
    uint64_t total;

    cairn_frames_stats(frames, &stats);
    total = stats.free_frames;
    for (unsigned owner = 0; owner < CAIRN_OWNER_COUNT; owner++)
        total += stats.owner_frames[owner];
    if (total != stats.total_frames)
        return 1;
    state = cairn__lock_acquire(&frames->lock);
    broken = frames->engine->check(frames);
    cairn__lock_release(&frames->lock, state);
    return broken == 0 ? 0 : 10 + broken;
}
