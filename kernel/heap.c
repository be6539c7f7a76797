/*
 * heap.c - the kernel's heap; see heap.h.
 *
 * HOW    Pages are frames of CAIRN_OWNER_HEAP, seen through the window.  When
 *        frames are about to be out, the heap gives back what it keeps.
 */
#include "heap.h"

#include "kernel.h"
#include "platform.h"
#include <cairn/kmalloc.h>

static struct cairn_heap_frames frames; /* of the source */

void heap_prepare(struct cairn_frames_config *config)
{
    config->reclaim = cairn_heap_reclaim;
    config->context = &kernel.heap;
}

void heap_start(void)
{
    struct cairn_heap_config config = cairn_heap_config_default();

    kernel_require(
        cairn_heap_source_frames(&frames, &kernel.frames, &config.source),
        "pages of the heap");
    config.engine = (enum cairn_heap_engine)kernel.heap_engine;
    config.level = (enum cairn_heap_level)kernel.heap_level;
    kernel_require(cairn_heap_init(&kernel.heap, &config), "heap");
    cairn_kmalloc_use(&kernel.heap);
}
