/*
 * whole.c - <cairn/cairn.h> is all that a host has to include.
 */
#include <cairn/cairn.h>

#include "harness/test.h"

/* One name each of headers that nothing else would bring in. */
CAIRN_TEST(cairn_h_has_frames_and_dma)
{
    struct cairn_frames_config config = cairn_frames_config_default();
    struct cairn_dma_request request = {.bytes = 1};
    struct cairn_picture picture = {.columns = 1};
    struct cairn_handoff_range handed = {.bytes = 1};
    struct cairn_lock lock = {0, 0};

    CHECK_EQ(config.engine, CAIRN_ENGINE_TREE);
    CHECK_EQ(request.policy, CAIRN_CACHE_WRITE_BACK);
    CHECK_EQ(picture.rows + handed.start + lock.holder, 0);
}
