/*
 * fuzz/early.c - any sequence of calls on an early allocator.
 *
 * The first bytes say which pages are usable, which are skipped, and where the
 * window is; every further two bytes are a call.  After each, the allocator
 * must be what tests/early_model.c says.
 */
/* Coverage is to guide through the library, not through what checks it. */
#pragma clang attribute push(__attribute__((no_sanitize("coverage"))),         \
                             apply_to = function)
#include "early_model.c"
#pragma clang attribute pop

#include <stdlib.h>

#define HEAD_BYTES 12
#define CALLS_MAX  20

static struct early_model model;

static void require(int condition)
{
    if (!condition)
        abort();
}

/* Two bytes of the head give a skipped range behind the last one. */
static void add_skip(struct early_world *world, uint64_t *at, uint8_t gap,
                     uint8_t length)
{
    struct cairn_phys_range *skip = &world->skips[world->skip_count];
    const uint64_t unit = 0x355; /* no divisor of a page */

    if (gap == 0)
        return;
    skip->start.value = *at + (gap - 1) * unit;
    skip->end.value = skip->start.value + 1 + length * unit;
    if (skip->end.value > CAIRN_PHYS_LIMIT)
        return;
    *at = skip->end.value;
    world->skip_count++;
}

static void make_world(struct early_world *world, const uint8_t *head)
{
    const uint64_t bytes = EARLY_PAGES * PAGE;
    static const uint64_t bases[] = {0, CAIRN_PHYS_LIMIT - EARLY_PAGES * PAGE,
                                     4 * CAIRN_GIB - 16 * PAGE, CAIRN_MIB};
    uint64_t at;

    world->base = bases[head[0] % 4];
    for (size_t i = 0; i < EARLY_PAGES; i++)
        world->is_usable[i] = (head[1 + i / 8] >> i % 8 & 1) != 0;
    world->window = cairn_phys_range_make(0, CAIRN_PHYS_LIMIT);
    if ((head[0] & 4) != 0)
        world->window.start.value = world->base + head[5] * (bytes / 255);
    if ((head[0] & 8) != 0)
        world->window.end.value = world->base + head[6] * (bytes / 255);
    world->skip_count = 0;
    at = world->base;
    add_skip(world, &at, head[7], head[8]);
    add_skip(world, &at, head[9], head[10]);
    add_skip(world, &at, head[11], head[11]);
}

static void make_call(struct early_call *call, uint8_t op, uint8_t value)
{
    const uint64_t bytes = EARLY_PAGES * PAGE;

    call->op = op >= 64 ? EARLY_ALLOC : (enum early_op)(op % EARLY_OP_COUNT);
    call->start = value;
    call->bytes = 0;
    if (call->op == EARLY_RECORD) {
        uint64_t offset = value * (bytes / 256) + op / EARLY_OP_COUNT;

        call->start = model.world.base + offset;
        call->bytes = (uint64_t)(value * 37 + op * 11) % 0x6000;
        if (call->bytes > bytes - offset)
            call->bytes = bytes - offset;
    }
    if (call->op == EARLY_FINISH && value >= 32)
        call->op = EARLY_ALLOC_TABLE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct early_world world;
    struct early_call call;

    if (size < HEAD_BYTES)
        return 0;
    make_world(&world, data);
    require(early_model_begin(&model, &world) == NULL);
    for (size_t i = 0; i < CALLS_MAX; i++) {
        size_t at = HEAD_BYTES + 2 * i;

        if (at + 2 > size)
            break;
        make_call(&call, data[at], data[at + 1]);
        require(early_model_step(&model, &call) == NULL);
    }
    return 0;
}
