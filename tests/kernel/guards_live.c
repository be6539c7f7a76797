/*
 * guards_live.c - guarded blocks of a heap of frames in the running kernel:
 * wrong accesses fault, and are explained.
 */
#include "cpu/probe.h"
#include "harness/test.h"
#include "kernel.h"

#include "base/memory.h"
#include <cairn/heap_debug.h>

#define PAGE  CAIRN_FRAME_SIZE
#define SLOTS 8u

static struct cairn_heap heap;
static struct cairn_heap_frames frames_source;
static struct cairn_heap_guard_areas storage;

static void begin(struct cairn_heap_guards *guards)
{
    struct cairn_heap_config config = cairn_heap_config_default();

    CHECK_EQ(cairn_heap_guards_areas(&storage, &kernel.areas, SLOTS, guards),
             CAIRN_OK);
    CHECK_EQ(cairn_heap_source_frames(&frames_source, &kernel.frames,
                                      &config.source),
             CAIRN_OK);
    config.cpu_count = 1;
    config.guards = guards;
    config.guard_every = 1;
    memset(&heap, 0, sizeof(heap));
    CHECK_EQ(cairn_heap_init(&heap, &config), CAIRN_OK);
}

static void wrong(uintptr_t address, enum cairn_status status, uintptr_t block)
{
    struct cairn_heap_finding finding = {0};
    struct probe_fault fault;
    uint8_t value;

    CHECK(!probe_read(address, &value, &fault));
    CHECK_EQ(fault.address, address);
    CHECK(!probe_write(address, 1, &fault));
    CHECK(cairn_heap_guard_explain(&heap, (uintptr_t)fault.address, &finding));
    CHECK_EQ(finding.status, status);
    CHECK_EQ(finding.block, block);
}

CAIRN_TEST(J4_live_guarded_blocks)
{
    struct cairn_heap_guards guards;
    struct probe_fault fault;
    uintptr_t blocks[SLOTS];

    begin(&guards);
    for (unsigned i = 0; i < SLOTS; i++) {
        blocks[i] = (uintptr_t)cairn_heap_alloc_aligned(&heap, PAGE, 32, 0);
        CHECK(blocks[i] - guards.start < (2 * SLOTS + 1) * PAGE);
        CHECK(probe_write(blocks[i], 1, &fault));
        CHECK(probe_write(blocks[i] + PAGE - 1, 1, &fault));
        wrong(blocks[i] + PAGE, CAIRN_OVERRUN, blocks[i]);
        wrong(blocks[i] - 1, CAIRN_UNDERRUN, blocks[i]);
    }
    for (unsigned i = 0; i < SLOTS; i++) {
        CHECK_EQ(cairn_heap_free(&heap, (void *)blocks[i]), CAIRN_OK);
        wrong(blocks[i], CAIRN_USED_AFTER_FREE, blocks[i]);
        CHECK_EQ(cairn_heap_free(&heap, (void *)blocks[i]), CAIRN_DOUBLE_FREE);
    }
    CHECK_EQ(cairn_heap_check(&heap), 0);
    cairn_heap_drain(&heap);
    CHECK_EQ(cairn_area_free(storage.area, NULL, NULL), CAIRN_OK);
}
