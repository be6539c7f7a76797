/*
 * cmd_reclaim.c - reclaim: make memory free that only the boot needed.
 *
 * HOW    What is temporary goes first: as long as it is mapped, it is kept.
 *
 * NOT    Not undone by anything: ACPI tables, once reclaimed, are gone.
 */
#include "console/console.h"
#include "kernel.h"
#include "monitor/monitor.h"
#include "monitor/text.h"
#include "temporary.h"
#include <cairn/format.h>

static const struct {
    const char *word;
    enum cairn_memory_kind kind;
} reclaim_kinds[] = {
    {"boot-services", CAIRN_MEMORY_BOOT_SERVICES},
    {"loader", CAIRN_MEMORY_LOADER},
    {"acpi", CAIRN_MEMORY_ACPI_RECLAIM},
};

#define RECLAIM_KINDS (sizeof reclaim_kinds / sizeof reclaim_kinds[0])

static void print_reclaimed(const char *what, uint64_t bytes)
{
    char back[CAIRN_SIZE_TEXT_BYTES];
    console_printf("%s: %s reclaimed (%llu frames)", what,
                   cairn_format_size(back, bytes),
                   (unsigned long long)(bytes >> CAIRN_FRAME_SHIFT));
}

/* The same, and no more to say of it. */
static void end_reclaimed(const char *what, uint64_t bytes)
{
    print_reclaimed(what, bytes);
    console_printf("\n");
}

static int reclaim(enum cairn_memory_kind kind)
{
    char kept[CAIRN_SIZE_TEXT_BYTES];
    uint64_t reclaimed = 0;
    uint64_t refused = 0;
    enum cairn_status status = cairn_frames_reclaim(
        &kernel.frames, &kernel.boot.map, kind, &reclaimed, &refused);
    if (status != CAIRN_OK)
        return monitor_fail("reclaim: %s: %s", cairn_memory_kind_name(kind),
                            cairn_status_text(status));
    print_reclaimed(cairn_memory_kind_name(kind), reclaimed);
    if (refused != 0)
        console_printf(", %s kept: something there is alive",
                       cairn_format_size(kept, refused));
    console_printf("\n");
    return 0;
}

/* Of the word, or of all; returns how many have failed. */
static int reclaim_named(const char *word, bool is_all)
{
    int failed = 0;
    if (is_all || text_is_equal(word, "heap"))
        end_reclaimed("temporary heap", temporary_drop_heap());
    if (is_all || text_is_equal(word, "identity"))
        end_reclaimed("page tables of the identity map",
                      temporary_drop_identity());
    for (size_t i = 0; i < RECLAIM_KINDS; i++) {
        if (is_all || text_is_equal(word, reclaim_kinds[i].word))
            failed += reclaim(reclaim_kinds[i].kind);
    }
    return failed;
}

static int run_reclaim(int argc, char **argv)
{
    bool is_known = argc == 2 && (text_is_equal(argv[1], "heap") ||
                                  text_is_equal(argv[1], "identity"));
    int failed;
    bool is_all = argc == 2 && text_is_equal(argv[1], "all");
    for (size_t i = 0; argc == 2 && i < RECLAIM_KINDS; i++)
        is_known |= text_is_equal(argv[1], reclaim_kinds[i].word);
    if (!is_all && !is_known)
        return monitor_fail("reclaim: of what?  Try help reclaim");
    monitor_run("meminfo");
    failed = reclaim_named(argv[1], is_all);
    monitor_run("meminfo");
    return failed == 0 ? 0 : 1;
}

static int run_identity(int argc, char **argv)
{
    char size[CAIRN_SIZE_TEXT_BYTES];
    if (argc > 2 || (argc == 2 && !text_is_equal(argv[1], "drop")))
        return monitor_fail("identity: wants drop, or nothing");
    if (argc == 2)
        end_reclaimed("page tables of the identity map",
                      temporary_drop_identity());
    else if (kernel.identity_bytes == 0)
        console_printf("no identity map; option identity=keep makes one\n");
    else
        console_printf("identity map: %s from 0 on\n",
                       cairn_format_size(size, kernel.identity_bytes));
    return 0;
}

MONITOR_COMMAND(identity, "[drop]", "is there an identity map; end it",
                run_identity)
MONITOR_COMMAND(reclaim,
                "boot-services | loader | acpi | heap | identity | all",
                "make memory free that only the boot needed", run_reclaim)
