/*
 * systems.c - the layouts of the five systems: accepted, and at the documented
 * addresses.
 */
#include "harness/test.h"
#include "systems/layouts.h"

static struct cairn_layout layout;

struct wanted {
    const char *name;
    uint64_t start;
    uint64_t end; /* 0: not documented, or where addresses end */
};

static void load(const struct system_layout *system)
{
    const struct cairn_layout_range *met;

    CHECK_EQ(cairn_layout_init(&layout, system->mode), CAIRN_OK);
    CHECK_EQ(cairn_layout_add_all(&layout, system->requests, system->count,
                                  NULL, &met),
             CAIRN_OK);
}

static void check_ranges(const struct wanted *wanted, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct cairn_layout_range *range =
            cairn_layout_find(&layout, wanted[i].name);

        CHECK(range != NULL);
        CHECK_EQ(range->span.start.value, wanted[i].start);
        if (wanted[i].end != 0)
            CHECK_EQ(range->span.start.value + range->span.bytes,
                     wanted[i].end);
    }
}

#define CHECK_RANGES(table) check_ranges(table, sizeof(table) / sizeof(*table))

CAIRN_TEST(F1_layout_of_theseus)
{
    static const struct wanted wanted[] = {
        {"identity", 0, 0x40000000}, /* F3 */
        {"window", 0xffff800000000000u, 0},
        {"areas", 0xffff900000000000u, 0xffffb00000000000u},
        {"acpi", 0xffffff8000000000u, 0},
        {"map copy", 0xffffff8800000000u, 0},
        {"temporary", 0xfffffffe00000000u, 0xfffffffe00001000u},
        {"image margin", 0xffffffff7fff0000u, 0xffffffff80000000u},
        {"image", 0xffffffff80000000u, 0},
        {"framebuffer", 0xffffffff90000000u, 0},
        {"temporary heap", 0xffffffffa0000000u, 0xffffffffa0100000u},
        {"heap", 0xffffffffb0000000u, 0xffffffffb0100000u},
    };

    load(&layout_theseus);
    CHECK_RANGES(wanted);
    CHECK_TEXT(
        cairn_layout_at(&layout, cairn_va_make(0xffff8000fee00000u))->name,
        "local apic");
    CHECK_TEXT(
        cairn_layout_at(&layout, cairn_va_make(0xffff8000fec00000u))->name,
        "io apic");
}

/* A screen that would reach the temporary heap is refused, and says so. */
CAIRN_TEST(F8_layout_refuses_a_screen_of_more_than_256_mib)
{
    struct cairn_layout_request requests[16];
    const struct cairn_layout_range *met = NULL;
    size_t failed = 0;

    for (size_t i = 0; i < layout_theseus.count; i++) {
        requests[i] = layout_theseus.requests[i];
        if (requests[i].span.start.value == 0xffffffff90000000u)
            requests[i].span.bytes += CAIRN_FRAME_SIZE;
    }
    CHECK_EQ(cairn_layout_init(&layout, CAIRN_PAGING_4LEVEL), CAIRN_OK);
    CHECK_EQ(cairn_layout_add_all(&layout, requests, layout_theseus.count,
                                  &failed, &met),
             CAIRN_IN_USE);
    CHECK_TEXT(requests[failed].name, "temporary heap");
    CHECK_TEXT(met->name, "framebuffer");
}

CAIRN_TEST(F2_layout_of_slayer)
{
    static const struct wanted wanted[] = {
        {"user", 0, 0x800000000000u},
        {"window", 0xffff800000000000u, 0},
        {"image", 0xffffffff80000000u, 0},
    };

    load(&layout_slayer);
    CHECK_RANGES(wanted);
    CHECK_EQ(cairn_layout_find(&layout, "image")->span.bytes, 2 * CAIRN_GIB);
}

CAIRN_TEST(F2_layout_of_the_hardened_kernel)
{
    static const struct wanted wanted[] = {
        {"user", 0, 0x800000000000u},
        {"kernel", 0xffffffff80000000u, 0},
        {"image", 0xffffffff80000000u, 0},
    };

    load(&layout_hardened);
    CHECK_RANGES(wanted);
    CHECK_EQ(cairn_layout_find(&layout, "kernel")->span.bytes, 2 * CAIRN_GIB);
}

static uint64_t draw(void *context)
{
    (void)context;
    return test_random();
}

static const struct cairn_layout_range *in_kernel(const char *name,
                                                  uint64_t align)
{
    const struct cairn_layout_range *range = cairn_layout_find(&layout, name);
    const struct cairn_layout_range *half = range->outer;

    CHECK_TEXT(half->name, "kernel");
    CHECK(range->span.start.value >= half->span.start.value);
    CHECK(range->span.bytes <=
          0 - range->span.start.value); /* the half ends where addresses do */
    CHECK_EQ(range->span.start.value & (align - 1), 0);
    CHECK(range->places > 1);
    return range;
}

static bool is_apart(const struct cairn_layout_range *a,
                     const struct cairn_layout_range *b)
{
    return a->span.start.value - b->span.start.value >= b->span.bytes &&
           b->span.start.value - a->span.start.value >= a->span.bytes;
}

/* Image, heap and stacks are somewhere else each time (H7). */
CAIRN_TEST(J3_hardened_kernel_is_somewhere_else_each_time)
{
    uint64_t stacks = 0;
    uint64_t image = 0;
    unsigned same = 0;

    load(&layout_hardened);
    for (unsigned i = 0; i < 200; i++) {
        const struct cairn_layout_range *a, *b, *c;

        CHECK_EQ(cairn_layout_randomise(&layout, draw, NULL), CAIRN_OK);
        a = in_kernel("image", 2 * CAIRN_MIB);
        b = in_kernel("heap", CAIRN_FRAME_SIZE);
        c = in_kernel("stacks", CAIRN_FRAME_SIZE);
        CHECK(is_apart(a, b) && is_apart(a, c) && is_apart(b, c));
        same += a->span.start.value == image;
        same += c->span.start.value == stacks;
        image = a->span.start.value;
        stacks = c->span.start.value;
    }
    CHECK(same < 10);
    CHECK(cairn_layout_entropy(cairn_layout_find(&layout, "image")) >= 900);
    CHECK(cairn_layout_entropy(cairn_layout_find(&layout, "stacks")) >= 1800);
}

CAIRN_TEST(G8_layout_of_mio)
{
    static const struct wanted wanted[] = {
        {"identity", 0, 0x601000},        {"image", 0x100000, 0x200000},
        {"heap", 0x200000, 0x500000},     {"records", 0x600000, 0x601000},
        {"pool", 0x1f00000, 0xc0000000u},
    };

    load(&layout_mio);
    CHECK_EQ(layout.mode, CAIRN_PAGING_32BIT);
    CHECK_RANGES(wanted);
}

CAIRN_TEST(F11_layout_of_hexium)
{
    static const struct wanted wanted[] = {
        {"areas", 0xffff800000000000u, 0xffffff8000000000u},
        {"window", 0xffff800000000000u, 0},
        {"kernel", 0xffffff8000000000u, 0},
        {"image", 0xffffffff80000000u, 0},
    };

    load(&layout_hexium);
    CHECK_RANGES(wanted);
    CHECK_EQ(cairn_layout_find(&layout, "kernel")->span.bytes, 512 * CAIRN_GIB);
}

/* Only the hardened kernel has slides. */
CAIRN_TEST(J3_other_systems_have_fixed_addresses)
{
    for (unsigned i = 0; i < SYSTEM_LAYOUTS; i++) {
        const struct cairn_layout_range *range = NULL;

        load(system_layouts[i]);
        CHECK_EQ(cairn_layout_randomise(&layout, draw, NULL), CAIRN_OK);
        while ((range = cairn_layout_next(&layout, range)) != NULL)
            CHECK(system_layouts[i] == &layout_hardened ||
                  range->span.start.value == range->home.value);
    }
}
