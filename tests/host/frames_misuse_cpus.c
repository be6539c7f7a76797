/*
 * frames_misuse_cpus.c - what one CPU has freed, another one frees again.
 */
#include "frames_on.h"
#include "sim/platform.h"

static uint64_t free_frames(void)
{
    CHECK_EQ(cairn_frames_check(&on_machine.frames), 0);
    return on_free_frames(&on_machine);
}

static void expect_refused(unsigned cpu, uint64_t frame)
{
    uint64_t before = free_frames();

    sim_set_cpu(cpu);
    CHECK_EQ(on_give(&on_machine, frame), CAIRN_DOUBLE_FREE);
    sim_set_cpu(0);
    CHECK_EQ(free_frames(), before);
}

static void run(enum cairn_frames_engine engine, bool has_magazines)
{
    on_machine.config = cairn_frames_config_default();
    on_machine.config.engine = engine;
    on_machine.config.has_magazines = has_magazines;
    on_machine.config.cpu_count = 2;
    CHECK_EQ(frames_build_start(&on_machine), CAIRN_OK);
    for (cairn_order order = 0; order < 10; order++) {
        uint64_t one = on_take_block(&on_machine, order);
        uint64_t other = on_take_block(&on_machine, order);

        CHECK_EQ(on_give(&on_machine, one), CAIRN_OK); /* CPU 0 has it */
        expect_refused(1, one);
        sim_set_cpu(1);
        CHECK_EQ(on_give(&on_machine, other), CAIRN_OK); /* CPU 1 has it */
        expect_refused(0, other);
        expect_refused(1, other);
        expect_refused(1, one);
    }
    cairn_frames_drain(&on_machine.frames);
    CHECK_EQ(free_frames(), frames_build_total(&on_machine));
}

CAIRN_TEST(C8_misuse_freed_again_by_another_cpu)
{
    on_take_arena(&on_machine);
    frames_build_zones(&on_machine);
    for (unsigned i = CAIRN_ENGINE_TREE; i <= CAIRN_ENGINE_FREELIST; i++) {
        run((enum cairn_frames_engine)i, false);
        run((enum cairn_frames_engine)i, true);
    }
}
