/*
 * main.c - everything is set up: greet, run the commands of the command line.
 *
 * Commands are run as if typed into the monitor, then the machine is switched
 * off; the status says whether all succeeded.  Without any, behind "--" on the
 * command line (options.h), the monitor waits for input.
 */
#include "audit.h"
#include "console/console.h"
#include "cpu/cpu.h"
#include "cpu/features.h"
#include "cpu/insn.h"
#include "heap.h"
#include "kernel.h"
#include "layout.h"
#include "machine.h"
#include "monitor/monitor.h"
#include "platform.h"
#include "spaces.h"
#include "stacks.h"
#include "startup.h"
#include "systems/layouts.h"
#include "tables.h"
#include "temporary.h"
#include <cairn/format.h>
#include <cairn/report.h>
#include <cairn/version.h>

#define MAIN_CR0_WRITE_PROTECT (1u << 16)

/* ---- Greeting ------------------------------------------------------------ */

void kernel_greet(void)
{
    const struct cairn_boot *boot = &kernel.boot;
    console_printf("[cairn] Cairn %s, booted by %s%s%s\n", CAIRN_VERSION_TEXT,
                   boot->protocol, boot->loader[0] != '\0' ? " from " : "",
                   boot->loader);
}

static void print_memory(void)
{
    char installed[CAIRN_SIZE_TEXT_BYTES];
    char usable[CAIRN_SIZE_TEXT_BYTES];
    struct cairn_memmap_totals totals;
    cairn_memmap_totals(&kernel.boot.map, &totals);
    console_printf("[cairn] memory: %s installed, %s usable, %u ranges\n",
                   cairn_format_size(installed, totals.installed_bytes),
                   cairn_format_size(usable, totals.usable_bytes),
                   (unsigned)kernel.boot.map.count);
}

static void print_early(void)
{
    const struct cairn_early_stats *stats = &kernel.early_stats;
    console_printf("[cairn] early allocator: %llu of %llu frames free, %u for "
                   "page tables\n",
                   (unsigned long long)stats->free_frames,
                   (unsigned long long)stats->total_frames,
                   (unsigned)stats->reserve_frames);
}

static void print_lacking(void *context, const char *text)
{
    (void)context;
    console_printf("[cairn] %s\n", text);
}

static const struct cairn_sink lacking_sink = {.line = print_lacking};

static void print_frames_line(void *context, const char *text)
{
    (void)context;
    console_printf("[cairn] frames: %s\n", text);
}

static void print_frames(void)
{
    static const struct cairn_sink sink = {.line = print_frames_line};
    cairn_report_frames_brief(&kernel.frames, &sink);
}

static void print_window(void)
{
    char size[CAIRN_SIZE_TEXT_BYTES];
    if (!cairn_window_is_active(&kernel.window))
        return;
    console_printf("[cairn] window: %s of physical memory at 0x%016llx\n",
                   cairn_format_size(size, kernel.window.limit),
                   (unsigned long long)kernel.window.base);
}

static void print_layout(void)
{
    if (kernel.system != NULL)
        console_printf("[cairn] layout: that of %s\n", kernel.system->system);
}

static void print_protection(void)
{
    bool is_write_protected = (insn_read_cr0() & MAIN_CR0_WRITE_PROTECT) != 0;
    console_printf("[cairn] W^X: CR0.WP %s, EFER.NXE %s\n",
                   is_write_protected ? "on" : "off",
                   cpu_paging_features().has_nx ? "on" : "off");
}

static void print_mappings(void)
{
    struct cairn_audit_config config;
    audit_configure(&config);
    cairn_report_mappings(&config, &monitor_sink);
}

/* ---- Frames -------------------------------------------------------------- */

/* From here on the early allocator is finished. */
static void start_frames(void)
{
    struct cairn_frames_config config = cairn_frames_config_default();
    cairn_early_stats(&kernel.early, &kernel.early_stats);
    config.engine = (enum cairn_frames_engine)kernel.frames_engine;
    heap_prepare(&config);
    enum cairn_status status = cairn_frames_init(
        &kernel.frames, &kernel.boot.map, &kernel.early, &config);
    if (status != CAIRN_OK)
        kernel_panic("frame allocator, engine %s: %s",
                     cairn_report_engine_name(config.engine),
                     cairn_status_text(status));
}

/* On a stack with guards. */
static void run(void)
{
    startup_step("stack with guards");
    if (kernel.is_verbose) {
        (void)monitor_run("startup");
        print_mappings();
    }
    if (kernel.commands_at != 0)
        machine_poweroff(
            monitor_run(&kernel.boot.command_line[kernel.commands_at]) == 0);
    console_printf("Type 'help' for the list of commands.\n");
    monitor_interactive();
}

CAIRN_NORETURN void kernel_main(void)
{
    print_memory();
    layout_start();
    startup_step("layout");
    start_frames();
    startup_step("frames");
    tables_start();
    print_early();
    print_frames();
    print_window();
    print_layout();
    print_protection();
    features_report(FEATURES_ALL, &lacking_sink);
    heap_start();
    startup_step("heap");
    spaces_start();
    stacks_start();
    startup_step("areas, stacks of exceptions");
    temporary_end_start();
    startup_step("what was temporary dropped");
    stacks_enter(run);
}
