/*
 * cmd_heap.c - heap, heapinfo, caches, leaks: what the kernel's heap has.
 *
 * NOT    Blocks of `heap take` are nobody's until `heap give`; so `leaks` and
 *        the others can be tried.
 */
#include "console/console.h"
#include "kernel.h"
#include "monitor/monitor.h"
#include "monitor/text.h"
#include <cairn/cache.h>
#include <cairn/kmalloc.h>

#define LEAKS_SHOWN 16
#define TRY_MAX     64

static bool is_help(int argc, char **argv)
{
    return argc == 2 &&
           (text_is_equal(argv[1], "-h") || text_is_equal(argv[1], "--help"));
}

/* ---- heap ---------------------------------------------------------------- */

static const char *const help[] = {
    "heap                     blocks by size: in use, free, slabs",
    "heap check               all invariants, of typed caches too",
    "heap drain               give back to the frames what is kept",
    "heap take BYTES [COUNT]  allocate, and print the last address",
    "heap give ADDRESS        free what begins there",
    "heap -h, --help          this",
};

/* Kept free by some layouts; nothing of this kernel's is there. */
static void print_temporary(void)
{
    const struct cairn_layout_range *place =
        cairn_layout_find(&kernel.layout, "temporary heap");

    if (place == NULL)
        console_printf("temporary heap: none\n");
    else
        console_printf("temporary heap: its place, 0x%llx, is kept free\n",
                       (unsigned long long)place->span.start.value);
}

static int run_check(void)
{
    struct cairn_object_cache *cache = cairn_cache_next(&kernel.heap, NULL);
    unsigned broken = cairn_heap_check(&kernel.heap);

    for (; cache != NULL && broken == 0;
         cache = cairn_cache_next(&kernel.heap, cache))
        broken = cairn_cache_check(cache);
    if (broken != 0)
        return monitor_fail("heap: invariant %u is broken", broken);
    console_printf("heap: all invariants hold\n");
    return 0;
}

static int run_take(int argc, char **argv)
{
    uint64_t bytes;
    uint64_t count = 1;
    void *block = NULL;

    if (argc != 3 && argc != 4)
        return monitor_fail("heap: take wants a number of bytes, and perhaps "
                            "how many blocks");
    if (monitor_number("heap", argv[2], &bytes) != 0 ||
        (argc == 4 && monitor_number("heap", argv[3], &count) != 0))
        return 1;
    for (uint64_t i = 0; i < count; i++) {
        block = kmalloc(bytes);
        if (block == NULL)
            return monitor_fail("heap: no memory for block %llu",
                                (unsigned long long)i);
    }
    console_printf("%p\n", block);
    return 0;
}

static int run_give(int argc, char **argv)
{
    uint64_t address;
    enum cairn_status status;

    if (argc != 3)
        return monitor_fail("heap: give wants one address");
    if (monitor_number("heap", argv[2], &address) != 0)
        return 1;
    status = cairn_heap_free(&kernel.heap, (void *)(uintptr_t)address);
    if (status != CAIRN_OK)
        return monitor_fail("heap: 0x%llx not freed: %s",
                            (unsigned long long)address,
                            cairn_status_text(status));
    return 0;
}

static int run_heap(int argc, char **argv)
{
    if (argc == 1) {
        print_temporary();
        console_printf("permanent heap\n");
        cairn_report_heap(&kernel.heap, &monitor_sink);
        cairn_report_heap_usage(&kernel.heap, &monitor_sink);
        return 0;
    }
    if (is_help(argc, argv)) {
        for (unsigned i = 0; i < sizeof(help) / sizeof(help[0]); i++)
            console_printf("%s\n", help[i]);
        return 0;
    }
    if (text_is_equal(argv[1], "take"))
        return run_take(argc, argv);
    if (text_is_equal(argv[1], "give"))
        return run_give(argc, argv);
    if (argc == 2 && text_is_equal(argv[1], "check"))
        return run_check();
    if (argc != 2 || !text_is_equal(argv[1], "drain"))
        return monitor_fail("heap: unknown argument '%.40s'; try heap --help",
                            argv[1]);
    cairn_heap_drain(&kernel.heap);
    return 0;
}

MONITOR_COMMAND(heap,
                "[check | drain | take BYTES [COUNT] | give ADDRESS | --help]",
                "the kernel's heap; take blocks and give them back", run_heap)

/* ---- heapinfo ------------------------------------------------------------ */

static int run_heapinfo(int argc, char **argv)
{
    if (is_help(argc, argv)) {
        console_printf("heapinfo   how much of the heap's memory is in use; "
                       "`heap` tells more\n");
        return 0;
    }
    if (argc > 1)
        return monitor_fail("heapinfo: unknown argument '%.40s'; try heapinfo "
                            "--help",
                            argv[1]);
    cairn_report_heap_usage(&kernel.heap, &monitor_sink);
    return 0;
}

MONITOR_COMMAND(heapinfo, "[--help]", "how much of the heap is in use",
                run_heapinfo)

/* ---- caches -------------------------------------------------------------- */

/* A cache of such objects for a moment, and what it looks like. */
static int run_try(char **argv)
{
    static struct cairn_object_cache cache;
    struct cairn_cache_config config = {.name = "tried"};
    void *objects[TRY_MAX];
    uint64_t bytes;
    enum cairn_status status;

    if (monitor_number("caches", argv[2], &bytes) != 0)
        return 1;
    config.size = bytes;
    status = cairn_cache_init(&cache, &kernel.heap, &config);
    if (status != CAIRN_OK)
        return monitor_fail("caches: no cache of objects of %llu bytes: %s",
                            (unsigned long long)bytes,
                            cairn_status_text(status));
    for (unsigned i = 0; i < TRY_MAX; i++)
        objects[i] = cairn_cache_alloc(&cache, 0);
    (void)cairn_report_caches(&kernel.heap, &monitor_sink);
    for (unsigned i = 0; i < TRY_MAX; i++)
        (void)cairn_cache_free(&cache, objects[i]);
    status = cairn_cache_destroy(&cache);
    return status == CAIRN_OK ? 0 : monitor_fail("caches: it stays");
}

static int run_caches(int argc, char **argv)
{
    if (is_help(argc, argv)) {
        console_printf("caches            typed caches\n"
                       "caches try BYTES  with one of such objects, %u of them "
                       "in use\n",
                       TRY_MAX);
        return 0;
    }
    if (argc == 3 && text_is_equal(argv[1], "try"))
        return run_try(argv);
    if (argc > 1)
        return monitor_fail("caches: unknown argument '%.40s'; try caches "
                            "--help",
                            argv[1]);
    console_printf("%u in all\n",
                   cairn_report_caches(&kernel.heap, &monitor_sink));
    return 0;
}

MONITOR_COMMAND(caches, "[try BYTES | --help]", "typed caches of the heap",
                run_caches)

/* ---- leaks --------------------------------------------------------------- */

static int run_leaks(int argc, char **argv)
{
    uint64_t limit = LEAKS_SHOWN;

    if (is_help(argc, argv)) {
        console_printf("leaks [COUNT]   the first blocks in use, %u if not "
                       "told, and how many there are\n",
                       LEAKS_SHOWN);
        return 0;
    }
    if (argc > 2)
        return monitor_fail("leaks: too many arguments; try leaks --help");
    if (argc == 2 && monitor_number("leaks", argv[1], &limit) != 0)
        return 1;
    cairn_report_heap_live(&kernel.heap, limit, &monitor_sink);
    return 0;
}

MONITOR_COMMAND(leaks, "[COUNT | --help]", "blocks of the heap in use",
                run_leaks)
