/*
 * sabotage.c - spoils one field of the hand-off, so that the kernel refuses it.
 *
 * The option break=RULE names the rule of cairn_handoff_check that shall be
 * broken, as in enum cairn_handoff_error.  Exactly one field changes, after
 * everything else is done.  A test boots with each name and expects each
 * message.
 */
#include "loader/loader.h"

#define RULE_CHARS 40

struct sabotage {
    const char *rule;
    uint16_t offset; /* of the field in struct cairn_handoff */
    uint16_t bytes;
    uint64_t value;  /* that the field gets, unless ... */
    uint16_t source; /* ... it gets a copy of the field at this offset */
};

#define FIELD(name)                                                            \
    offsetof(struct cairn_handoff, name),                                      \
        sizeof(((struct cairn_handoff *)0)->name)

static const struct sabotage sabotages[] = {
    {"bad-magic", FIELD(magic), 0, 0},
    {"bad-size", FIELD(size), 1, 0},
    {"bad-version", FIELD(version), 0, 0},
    {"no-cpu", FIELD(cpu_count), 0, 0},
    {"boot-services-active", FIELD(boot_services_exited), 0, 0},
    {"framebuffer-no-base", FIELD(framebuffer_base), 0, 0},
    {"framebuffer-no-size", FIELD(framebuffer_bytes), 0, 0},
    {"framebuffer-no-width", FIELD(framebuffer_width), 0, 0},
    {"framebuffer-no-height", FIELD(framebuffer_height), 0, 0},
    {"framebuffer-bad-stride", FIELD(framebuffer_stride), 1, 0},
    {"framebuffer-too-small", FIELD(framebuffer_bytes), 1, 0},
    {"framebuffer-bad-format", FIELD(framebuffer_is_rgb), 2, 0},
    {"map-no-buffer", FIELD(map_base), 0, 0},
    {"map-no-descriptor-size", FIELD(map_descriptor_bytes), 0, 0},
    {"map-bad-descriptor-version", FIELD(map_descriptor_version), 99, 0},
    {"map-no-entries", FIELD(map_entries), 0, 0},
    {"map-too-small", FIELD(map_bytes), 1, 0},
    {"heap-no-base", FIELD(temp_heap_base), 0, 0},
    {"heap-bad-size", FIELD(temp_heap_bytes), 1, 0},
    {"heap-overlaps-kernel", FIELD(temp_heap_base), 0,
     offsetof(struct cairn_handoff, kernel_phys)},
    {"kernel-no-base", FIELD(kernel_phys), 0, 0},
    {"kernel-no-size", FIELD(kernel_bytes), 0, 0},
    {"kernel-bad-size", FIELD(kernel_bytes), 1, 0},
    {"kernel-no-entry", FIELD(kernel_entry), 0, 0},
    {"kernel-entry-outside", FIELD(kernel_entry), 1, 0},
    {"kernel-bad-virt", FIELD(kernel_virt), CAIRN_FRAME_SIZE, 0},
    {"window-no-base", FIELD(window_base), 0, 0},
    {"window-no-size", FIELD(window_bytes), 0, 0},
    {"bad-system-table", FIELD(system_table), 0, 0},
    {"bad-rsdp", FIELD(rsdp), UINT64_MAX, 0},
    {"bad-command-line", FIELD(command_line_bytes), 0, 0},
    {"too-many-ranges", FIELD(range_count), CAIRN_HANDOFF_RANGES_MAX + 1, 0},
    {"bad-range", FIELD(ranges[0].bytes), 0, 0},
};

#define SABOTAGES (sizeof(sabotages) / sizeof(sabotages[0]))
_Static_assert(SABOTAGES == CAIRN_HANDOFF_ERROR_COUNT - 1, "one line a rule");

/* The fields of a screen are all zero, and right, where there is none. */
static bool needs_screen(const struct sabotage *sabotage)
{
    return sabotage->offset >=
               offsetof(struct cairn_handoff, framebuffer_base) &&
           sabotage->offset <
               offsetof(struct cairn_handoff, framebuffer_is_rgb);
}

static efi_status fail_unknown(const char *rule)
{
    console_fail(EFI_INVALID_PARAMETER,
                 "break=%s: there is no such rule.\n  These are:", rule);
    for (size_t i = 0; i < SABOTAGES; i++)
        console_print("%s%s", i % 3 == 0 ? "\n    " : "  ", sabotages[i].rule);
    console_print("\n");
    return EFI_INVALID_PARAMETER;
}

efi_status sabotage_choose(struct loader *loader)
{
    char rule[RULE_CHARS];

    if (!command_value(loader, "break=", rule, sizeof(rule)))
        return EFI_SUCCESS;
    for (size_t i = 0; i < SABOTAGES; i++)
        if (text_equal(rule, sabotages[i].rule))
            loader->sabotage = &sabotages[i];

    if (loader->sabotage == NULL)
        return fail_unknown(rule);
    if (needs_screen(loader->sabotage) &&
        loader->handoff->framebuffer_base == 0)
        return console_fail(EFI_UNSUPPORTED,
                            "break=%s: this machine has no screen.\n", rule);
    console_print("[cairn] the hand-off will be spoilt: %s\n", rule);
    return EFI_SUCCESS;
}

void sabotage_apply(const struct loader *loader)
{
    const struct sabotage *sabotage = loader->sabotage;
    uint8_t *handoff = (uint8_t *)loader->handoff;

    if (sabotage == NULL)
        return;
    memcpy(handoff + sabotage->offset,
           sabotage->source != 0 ? (const void *)(handoff + sabotage->source)
                                 : (const void *)&sabotage->value,
           sabotage->bytes);
}
