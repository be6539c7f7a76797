/*
 * main.c - everything is set up: greet, run the commands of the command line.
 *
 * Command line   options -- commands
 *
 *   exit=debug   report the end to QEMU's device isa-debug-exit
 *   hold         stop at the end and keep the screen
 *   verbose      say what the page tables map, before any command
 *   la57=on      5 levels of page tables, if the CPU can; PVH only (entry.S)
 *   nokaslr      everything that could be at a random address is at a fixed one
 *   seed=N       the same random numbers each time
 *   layout=NAME  what lies where: cairn (default), or as theseus, slayer,
 *                hardened or hexium have it
 *   starve       behind another option: the boot finds no frames for page
 *                tables, and panics; Multiboot 2 and PVH only
 *   engine=NAME  how frames are found: tree (default), bitmap, freelist
 *   heap=NAME    how the heap is kept: slab (default), firstfit
 *   heaplevel=N  how much of its misuse is noticed: 0, 1 (default), 2
 *
 * Unknown options are ignored: boot loaders add their own.  Commands are run as
 * if typed into the monitor, then the machine is switched off; the status says
 * whether all succeeded.  Without "--" the monitor waits for input.
 */
#include "audit.h"
#include "console/console.h"
#include "cpu/cpu.h"
#include "cpu/insn.h"
#include "heap.h"
#include "kernel.h"
#include "layout.h"
#include "machine.h"
#include "monitor/monitor.h"
#include "monitor/text.h"
#include "platform.h"
#include "spaces.h"
#include "stacks.h"
#include "systems/layouts.h"
#include "tables.h"
#include <cairn/format.h>
#include <cairn/report.h>
#include <cairn/version.h>

#define MAIN_CR0_WRITE_PROTECT       (1u << 16)
#define MAIN_CPUID_EXTENDED          0x80000000u
#define MAIN_CPUID_EXTENDED_FEATURES 0x80000001u
#define MAIN_CPUID_NX                (1u << 20) /* of EDX */
#define MAIN_MSR_EFER                0xc0000080u
#define MAIN_EFER_NXE                (1u << 11)

/* ---- Greeting ------------------------------------------------------------ */

static void greet(void)
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

static bool has_no_execute(void)
{
    if (insn_cpuid(MAIN_CPUID_EXTENDED, 0).eax < MAIN_CPUID_EXTENDED_FEATURES)
        return false;
    if (!(insn_cpuid(MAIN_CPUID_EXTENDED_FEATURES, 0).edx & MAIN_CPUID_NX))
        return false;
    return (insn_read_msr(MAIN_MSR_EFER) & MAIN_EFER_NXE) != 0;
}

static void print_protection(void)
{
    bool is_write_protected = (insn_read_cr0() & MAIN_CR0_WRITE_PROTECT) != 0;
    console_printf("[cairn] W^X: CR0.WP %s, EFER.NXE %s\n",
                   is_write_protected ? "on" : "off",
                   has_no_execute() ? "on" : "off");
}

static void print_mappings(void)
{
    struct cairn_audit_config config;
    audit_configure(&config);
    cairn_report_mappings(&config, &monitor_sink);
}

/* ---- Command line -------------------------------------------------------- */

static bool is_end_of_word(char c)
{
    return c == ' ' || c == '\t' || c == '\0';
}

static bool is_word(const char *text, size_t length, const char *word)
{
    return text_length(word) == length && text_begins_with(text, word, length);
}

/* An engine that there is, else it stays the default. */
static void take_engine(const char *text, size_t length)
{
    for (unsigned i = 0; i <= CAIRN_ENGINE_FREELIST; i++) {
        enum cairn_frames_engine engine = (enum cairn_frames_engine)i;
        if (is_word(text, length, cairn_report_engine_name(engine))) {
            kernel.frames_config.engine = engine;
            return;
        }
    }
    console_printf("[cairn] engine=%.*s: there are tree, bitmap, freelist\n",
                   (int)length, text);
}

/* A number, else numbers stay random. */
static void take_seed(const char *text, size_t length)
{
    char number[32];
    cairn_format(number, sizeof number, "%.*s", (int)length, text);
    kernel.has_seed = text_read_number(number, &kernel.seed);
    if (!kernel.has_seed)
        console_printf("[cairn] seed=%s: that is no number\n", number);
}

/* A system whose addresses this kernel can have, else its own stay. */
static void take_layout(const char *text, size_t length)
{
    const struct system_layout *system = NULL;
    for (unsigned i = 0; i < SYSTEM_LAYOUTS; i++) {
        if (is_word(text, length, system_layouts[i]->system))
            system = system_layouts[i];
    }
    if (system == NULL && !is_word(text, length, "cairn"))
        console_printf("[cairn] layout=%.*s: there are theseus, slayer, "
                       "hardened, hexium, cairn\n",
                       (int)length, text);
    else if (system != NULL && system->mode == CAIRN_PAGING_32BIT)
        console_printf("[cairn] layout=%s: that system has addresses of 32 "
                       "bits, this kernel of 64\n",
                       system->system);
    else if (system != NULL && system->mode != cpu_paging_mode())
        console_printf("[cairn] layout=%s: that system has 4 levels of page "
                       "tables, these are 5\n",
                       system->system);
    else
        kernel.system = system;
}

static void take_option(const char *text, size_t length)
{
    if (is_word(text, length, "exit=debug"))
        kernel.may_exit_qemu = true;
    else if (is_word(text, length, "hold"))
        kernel.holds_at_end = true;
    else if (is_word(text, length, "nokaslr"))
        kernel.has_fixed_layout = true;
    else if (text_begins_with(text, "seed=", 5))
        take_seed(text + 5, length - 5);
    else if (is_word(text, length, "verbose"))
        kernel.is_verbose = true;
    else if (text_begins_with(text, "engine=", 7))
        take_engine(text + 7, length - 7);
    else if (text_begins_with(text, "layout=", 7))
        take_layout(text + 7, length - 7);
    else
        (void)heap_take_option(text, length);
}

/* Take the options; returns the commands, or NULL if there is no "--". */
static const char *take_options(const char *text)
{
    while (*text != '\0') {
        size_t length = 0;
        while (!is_end_of_word(text[length]))
            length++;
        if (is_word(text, length, "--"))
            return text + length;
        take_option(text, length);
        text += text[length] == '\0' ? length : length + 1;
    }
    return NULL;
}

/* ---- Frames -------------------------------------------------------------- */

/* From here on the early allocator is finished. */
static void start_frames(void)
{
    cairn_early_stats(&kernel.early, &kernel.early_stats);
    heap_prepare(&kernel.frames_config);
    enum cairn_status status = cairn_frames_init(
        &kernel.frames, &kernel.boot.map, &kernel.early, &kernel.frames_config);
    if (status != CAIRN_OK)
        kernel_panic("frame allocator, engine %s: %s",
                     cairn_report_engine_name(kernel.frames_config.engine),
                     cairn_status_text(status));
}

/* Commands of the command line; NULL: there are none. */
static const char *commands;

/* On a stack with guards. */
static void run(void)
{
    if (kernel.is_verbose)
        print_mappings();
    if (commands != NULL)
        machine_poweroff(monitor_run(commands) == 0);
    console_printf("Type 'help' for the list of commands.\n");
    monitor_interactive();
}

CAIRN_NORETURN void kernel_main(void)
{
    kernel.frames_config = cairn_frames_config_default();
    commands = take_options(kernel.boot.command_line);
    greet();
    print_memory();
    layout_start();
    start_frames();
    tables_start();
    print_early();
    print_frames();
    print_window();
    print_layout();
    print_protection();
    heap_start();
    spaces_start();
    stacks_start();
    stacks_enter(run);
}
