/*
 * sim_boot.c - boots simulated machines with the memory maps of real ones.
 *
 * RAM is exactly where the map's usable entries are; anywhere else nothing
 * answers.  The early allocator hands out the first frames of the machine, and
 * another one the last; each frame gets a tag of its own, and at the end all
 * tags must still be there.  A frame that is handed out twice, or that is no
 * RAM, cannot pass.
 */
#include "harness/test.h"
#include "memmap_corpus.h"
#include "sim/ram.h"

#include <cairn/early.h>
#include <cairn/platform.h>

#define PAGE       ((uint64_t)4096)
#define FRAMES_MAX 4000
#define COUNT_MAX  (16 * CAIRN_GIB)

/* Where the host has few addresses, machines with much memory stay out. */
#define RAM_MAX (sizeof(void *) == 8 ? CAIRN_PHYS_LIMIT : CAIRN_GIB)

static struct cairn_early low;
static struct cairn_early high;
static struct cairn_phys_range taken[CAIRN_EARLY_LOG_MAX];
static cairn_pfn frames[2 * FRAMES_MAX];
static size_t frame_count;
static uint64_t ram_bytes;

/* False: the machine is too large for the host. */
static bool build_ram(const struct test_map *from)
{
    ram_bytes = 0;
    sim_ram_reset();
    for (size_t i = 0; i < from->count; i++) {
        struct spec_entry entry = corpus_entry(from, i);
        uint64_t start = (entry.base + PAGE - 1) / PAGE * PAGE;
        uint64_t end = (entry.base + entry.bytes) / PAGE * PAGE;

        if (entry.kind != CAIRN_MEMORY_USABLE || start >= end)
            continue;
        ram_bytes += end - start;
        if (ram_bytes > RAM_MAX)
            return false;
        CHECK(sim_ram_add(start, end - start));
    }
    return true;
}

static uint64_t *words_of(cairn_pfn pfn)
{
    uint64_t *words =
        cairn_platform_phys_to_virt(cairn_phys_of(pfn), (size_t)PAGE);

    CHECK(words != NULL);
    return words;
}

static uint64_t tag_of(size_t index)
{
    return 0xa5a5000000000000u | index;
}

static void take_frames(struct cairn_early *early)
{
    cairn_pfn pfn;

    for (size_t i = 0; i < FRAMES_MAX; i++) {
        if (cairn_early_alloc(early, &pfn) != CAIRN_OK)
            return;
        words_of(pfn)[0] = tag_of(frame_count);
        words_of(pfn)[511] = pfn.value;
        frames[frame_count++] = pfn;
    }
}

/* Where a window begins that holds about FRAMES_MAX usable frames, the last. */
static uint64_t start_of_last_frames(void)
{
    const struct cairn_memmap *map = &corpus_boot.map;
    uint64_t left = FRAMES_MAX * PAGE;

    for (size_t i = map->count; i > 0; i--) {
        const struct cairn_memory_range *range = &map->ranges[i - 1];
        uint64_t bytes = range->end.value - range->start.value;

        if (range->kind != CAIRN_MEMORY_USABLE)
            continue;
        if (bytes >= left)
            return range->end.value - left;
        left -= bytes;
    }
    return 0;
}

static void check_tags(const struct test_map *from)
{
    for (size_t i = 0; i < frame_count; i++) {
        const uint64_t *words = words_of(frames[i]);

        if (words[0] != tag_of(i) || words[511] != frames[i].value)
            test_fail(__FILE__, __LINE__,
                      "%s: frame %#llx was handed out twice", from->name,
                      (unsigned long long)frames[i].value);
    }
}

static void boot(const struct test_map *from)
{
    struct cairn_early_config config = {.window = {{0}, {CAIRN_PHYS_LIMIT}},
                                        .skip = taken};

    frame_count = 0;
    corpus_add(from, false);
    CHECK_EQ(cairn_memmap_finish(&corpus_boot.map,
                                 cairn_phys_make(corpus_floor(from))),
             CAIRN_OK);
    CHECK_EQ(cairn_early_init(&low, &corpus_boot.map, NULL), CAIRN_OK);
    cairn_early_track(&low);
    take_frames(&low);
    CHECK_EQ(frame_count, FRAMES_MAX);
    config.skip_count = cairn_early_drain(&low, taken, CAIRN_EARLY_LOG_MAX);
    config.window.start.value = start_of_last_frames();
    CHECK_EQ(cairn_early_init(&high, &corpus_boot.map, &config), CAIRN_OK);
    take_frames(&high);
    CHECK_EQ(frames[frame_count - 1].value + 1,
             cairn_memmap_end(&corpus_boot.map,
                              CAIRN_MEMORY_KIND_BIT(CAIRN_MEMORY_USABLE))
                     .value /
                 PAGE);
    check_tags(from);
    CHECK_EQ(cairn_early_check(&low), 0);
    CHECK_EQ(cairn_early_check(&high), 0);
    if (ram_bytes < COUNT_MAX) /* the host looks at every page */
        CHECK_EQ(sim_ram_touched_frames(), frame_count);
}

CAIRN_TEST(B1_simulated_machines_boot_with_the_maps_of_real_ones)
{
    size_t booted = 0;

    for (size_t i = 0; i < test_map_count; i++) {
        if (build_ram(&test_maps[i])) {
            boot(&test_maps[i]);
            booted++;
        }
    }
    CHECK(booted == test_map_count || sizeof(void *) == 4);
    CHECK(booted >= 8);
    sim_ram_reset();
}
