/*
 * frames_work.c - how much work an allocation is, whatever the memory.
 *
 * HOW    Memory is used up but for one place near its end, which a search from
 *        the first frame on would reach last.  On a machine with 64 times the
 *        memory that must be nearly the same work.
 *
 *        Work is counted in instructions: the processor stops after each one
 *        while the trap flag is set (Intel SDM vol. 3B, "Debug Exception
 *        (#DB)"), and a signal handler counts, so the number is the same each
 *        time.  It includes what the sanitizers add.  Since that is slow,
 *        engines and orders that have more to do are timed instead; of many
 *        times the shortest, which hardly depends on what else the machine
 *        does.
 */
#include "harness/test.h"
#include "sim/ram.h"

#include <cairn/frames.h>
#include <signal.h>
#include <string.h>
#include <x86intrin.h>

#define TRAP_FLAG 0x100
/* One frame, there and back, without magazines. */
#define STEPS_MAX (sizeof(void *) == 8 ? 15000 : 40000)
#define TIMES     200

static struct cairn_frames frames;
static struct cairn_memmap map;
static struct cairn_memory_range storage[32];
static volatile uint64_t steps;

static void count_step(int signal)
{
    (void)signal;
    steps++;
}

/* A machine with `bytes` bytes from 4 GiB on, of which metadata need none. */
static void start(enum cairn_frames_engine engine, bool has_magazines,
                  uint64_t bytes)
{
    struct cairn_frames_config config = cairn_frames_config_default();

    config.engine = engine;
    config.has_magazines = has_magazines;
    sim_ram_reset();
    CHECK(sim_ram_add(0, 32 * CAIRN_MIB));
    memset(&frames, 0, sizeof(frames));
    CHECK_EQ(cairn_memmap_init(&map, storage, 32), CAIRN_OK);
    CHECK_EQ(
        cairn_memmap_add(&map, 0, 32 * CAIRN_MIB, CAIRN_MEMORY_USABLE) |
            cairn_memmap_add(&map, 4 * CAIRN_GIB, bytes, CAIRN_MEMORY_USABLE),
        CAIRN_OK);
    CHECK_EQ(cairn_memmap_finish(&map, cairn_phys_make(CAIRN_MIB)), CAIRN_OK);
    CHECK_EQ(cairn_frames_init(&frames, &map, NULL, &config), CAIRN_OK);
}

static bool take(cairn_order order, cairn_pfn *out)
{
    return cairn_frames_alloc(&frames, order, 0, CAIRN_OWNER_USER, out) ==
           CAIRN_OK;
}

/* Use up all memory but 2 MiB near its end. */
static void use_up(void)
{
    cairn_pfn highest = {0};
    cairn_pfn pfn;

    for (cairn_order order = CAIRN_ORDER_MAX + 1; order-- > 0;) {
        while (take(order, &pfn)) {
            if (order == CAIRN_ORDER_MAX && pfn.value > highest.value)
                highest = pfn;
        }
    }
    CHECK_EQ(cairn_frames_free(&frames, highest), CAIRN_OK);
    for (cairn_order order = CAIRN_ORDER_MAX; order-- > CAIRN_ORDER_2MIB;)
        CHECK(take(order, &pfn));
}

/* Take one block and give it back, all magazines being empty before. */
static void exercise(cairn_order order)
{
    cairn_pfn pfn;

    CHECK(take(order, &pfn));
    CHECK_EQ(cairn_frames_free(&frames, pfn), CAIRN_OK);
}

static uint64_t instructions_of(cairn_order order)
{
    void (*former)(int) = signal(SIGTRAP, count_step);

    exercise(order);
    cairn_frames_drain(&frames);
    steps = 0;
    __writeeflags(__readeflags() | TRAP_FLAG);
    exercise(order);
    __writeeflags(__readeflags() & ~(unsigned)TRAP_FLAG);
    (void)signal(SIGTRAP, former);
    CHECK(steps > 0);
    return steps;
}

static uint64_t time_of(cairn_order order)
{
    uint64_t shortest = UINT64_MAX;

    for (unsigned i = 0; i < TIMES; i++) {
        uint64_t begin;
        uint64_t time;

        cairn_frames_drain(&frames);
        begin = __rdtsc();
        exercise(order);
        time = __rdtsc() - begin;
        shortest = time < shortest ? time : shortest;
    }
    return shortest;
}

CAIRN_TEST(C22_instructions_of_an_allocation_do_not_grow_with_memory)
{
    for (unsigned i = CAIRN_ENGINE_TREE; i <= CAIRN_ENGINE_BITMAP; i++) {
        uint64_t small;
        uint64_t large;

        start((enum cairn_frames_engine)i, false, CAIRN_GIB);
        use_up();
        small = instructions_of(0);
        start((enum cairn_frames_engine)i, false, 64 * CAIRN_GIB);
        use_up();
        large = instructions_of(0);
        CHECK(large <= STEPS_MAX);
        CHECK(large <= small + small / 8);
    }
}

static void compare_times(enum cairn_frames_engine engine, bool has_magazines)
{
    static const cairn_order orders[] = {0, 3, 9};
    uint64_t small[3];

    start(engine, has_magazines, CAIRN_GIB);
    use_up();
    for (unsigned i = 0; i < 3; i++)
        small[i] = time_of(orders[i]);
    start(engine, has_magazines, 64 * CAIRN_GIB);
    use_up();
    for (unsigned i = 0; i < 3; i++)
        CHECK(time_of(orders[i]) <= 4 * small[i]);
}

CAIRN_TEST(C22_time_of_an_allocation_does_not_grow_with_memory)
{
    for (unsigned i = CAIRN_ENGINE_TREE; i <= CAIRN_ENGINE_FREELIST; i++) {
        compare_times((enum cairn_frames_engine)i, false);
        compare_times((enum cairn_frames_engine)i, true);
    }
}
