/*
 * cmd_boot.c - boot: what the boot loader has handed over.
 */
#include "console/console.h"
#include "kernel.h"
#include "monitor/monitor.h"
#include "monitor/text.h"
#include <cairn/format.h>

static void print_text(const char *name, const char *text)
{
    console_printf("  %-16s ", name);
    console_write(text, text_length(text));
    console_write("\n", 1);
}

static void print_range(const char *name, struct cairn_phys_range range)
{
    char size[CAIRN_SIZE_TEXT_BYTES];
    uint64_t bytes = cairn_phys_range_bytes(range);
    if (bytes == 0) {
        print_text(name, "none");
        return;
    }
    console_printf("  %-16s 0x%016llx - 0x%016llx  %s\n", name,
                   (unsigned long long)range.start.value,
                   (unsigned long long)range.end.value,
                   cairn_format_size(size, bytes));
}

static void print_address(const char *name, uint64_t address)
{
    if (address == 0)
        print_text(name, "none");
    else
        console_printf("  %-16s 0x%016llx\n", name,
                       (unsigned long long)address);
}

static void print_window(void)
{
    char size[CAIRN_SIZE_TEXT_BYTES];
    const struct cairn_window *window = &kernel.window;
    bool is_active = cairn_window_is_active(window);
    uint64_t bytes = is_active ? window->limit : window->identity_limit;
    console_printf("  %-16s 0x%016llx, the first %s of physical memory%s\n",
                   "window", is_active ? (unsigned long long)window->base : 0,
                   cairn_format_size(size, bytes),
                   is_active ? "" : " (identity)");
}

static void print_framebuffer(const struct cairn_framebuffer *framebuffer)
{
    if (!framebuffer->is_present) {
        print_text("framebuffer", "none");
        return;
    }
    console_printf("  %-16s 0x%016llx  %u x %u, %u bytes a line\n",
                   "framebuffer", (unsigned long long)framebuffer->base.value,
                   (unsigned)framebuffer->width, (unsigned)framebuffer->height,
                   (unsigned)framebuffer->pitch_bytes);
}

static void print_modules(const struct cairn_boot *boot)
{
    if (boot->module_count == 0)
        print_text("modules", "none");
    for (size_t i = 0; i < boot->module_count; i++) {
        print_range(i == 0 ? "modules" : "", boot->modules[i].range);
        print_text("", boot->modules[i].name);
    }
    if (boot->modules_dropped != 0)
        console_printf("  %-16s and %u more, not listed\n", "",
                       (unsigned)boot->modules_dropped);
}

static void print_cpus(const struct cairn_boot *boot)
{
    if (boot->cpu_count == 0)
        print_text("processors", "not told");
    else
        console_printf("  %-16s %u\n", "processors", (unsigned)boot->cpu_count);
}

static int run_boot(int argc, char **argv)
{
    const struct cairn_boot *boot = &kernel.boot;
    (void)argv;
    if (argc > 1)
        return monitor_fail("boot: wants no arguments");
    monitor_heading("Boot");
    print_text("protocol", boot->protocol);
    print_text("loader", boot->loader[0] != '\0' ? boot->loader : "not told");
    print_text("command line", boot->command_line);
    if (boot->is_command_line_cut)
        print_text("", "(it was longer)");
    print_range("kernel", kernel_image_range());
    print_address("kernel virtual", boot->kernel_virt != 0
                                        ? boot->kernel_virt
                                        : kernel_virtual_base());
    print_window();
    print_range("temporary heap", boot->temp_heap);
    print_framebuffer(&boot->framebuffer);
    print_address("ACPI RSDP", boot->rsdp.value);
    print_address("UEFI table", boot->uefi_system_table.value);
    print_modules(boot);
    print_cpus(boot);
    return 0;
}

MONITOR_COMMAND(boot, "", "what the boot loader has handed over", run_boot)
