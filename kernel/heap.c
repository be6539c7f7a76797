/*
 * heap.c - the kernel's heap; see heap.h.
 *
 * HOW    Pages are frames of CAIRN_OWNER_HEAP, seen through the window.  When
 *        frames are about to be out, the heap gives back what it keeps.
 */
#include "heap.h"

#include "console/console.h"
#include "kernel.h"
#include "monitor/text.h"
#include "platform.h"
#include <cairn/kmalloc.h>
#include <cairn/report.h>

static struct cairn_heap_frames frames; /* of the source */
static enum cairn_heap_engine engine = CAIRN_HEAP_SLAB;
static enum cairn_heap_level level = CAIRN_HEAP_CHECKED;

static bool is_word(const char *text, size_t length, const char *word)
{
    return text_length(word) == length && text_begins_with(text, word, length);
}

static void take_engine(const char *text, size_t length)
{
    for (unsigned i = 0; i < CAIRN_HEAP_ENGINE_COUNT; i++) {
        enum cairn_heap_engine nth = (enum cairn_heap_engine)i;

        if (is_word(text, length, cairn_report_heap_engine_name(nth))) {
            engine = nth;
            return;
        }
    }
    console_printf("[cairn] heap=%.*s: there are slab, firstfit\n", (int)length,
                   text);
}

static void take_level(const char *text, size_t length)
{
    if (length == 1 && text[0] >= '0' && text[0] <= '2')
        level = (enum cairn_heap_level)(text[0] - '0');
    else
        console_printf("[cairn] heaplevel=%.*s: there are 0, 1, 2\n",
                       (int)length, text);
}

bool heap_take_option(const char *text, size_t length)
{
    if (text_begins_with(text, "heap=", 5))
        take_engine(text + 5, length - 5);
    else if (text_begins_with(text, "heaplevel=", 10))
        take_level(text + 10, length - 10);
    else
        return false;
    return true;
}

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
    config.engine = engine;
    config.level = level;
    kernel_require(cairn_heap_init(&kernel.heap, &config), "heap");
    cairn_kmalloc_use(&kernel.heap);
}
