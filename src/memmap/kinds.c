/*
 * memmap/kinds.c - what the kinds of memory mean, in one table.
 */
#include "memmap/kinds.h"

struct kind_facts {
    const char *name;
    bool is_ram;
    bool is_reclaimable;
};

static const struct kind_facts facts[CAIRN_MEMORY_KIND_COUNT] = {
    [CAIRN_MEMORY_NONE] = {"hole", false, false},
    [CAIRN_MEMORY_USABLE] = {"usable", true, false},
    [CAIRN_MEMORY_LOW] = {"low memory", true, false},
    [CAIRN_MEMORY_BOOT_SERVICES] = {"boot services", true, true},
    [CAIRN_MEMORY_LOADER] = {"boot loader", true, true},
    [CAIRN_MEMORY_ACPI_RECLAIM] = {"ACPI tables", true, true},
    [CAIRN_MEMORY_KERNEL] = {"kernel", true, false},
    [CAIRN_MEMORY_RESERVED] = {"reserved", false, false},
    [CAIRN_MEMORY_PERSISTENT] = {"persistent", false, false},
    [CAIRN_MEMORY_ACPI_NVS] = {"ACPI NVS", true, false},
    [CAIRN_MEMORY_RUNTIME] = {"UEFI runtime", true, false},
    [CAIRN_MEMORY_MMIO] = {"device", false, false},
    [CAIRN_MEMORY_FRAMEBUFFER] = {"framebuffer", false, false},
    [CAIRN_MEMORY_BAD] = {"bad", true, false},
};

static const struct kind_facts *facts_of(enum cairn_memory_kind kind)
{
    static const struct kind_facts unknown = {"?", false, false};

    return (unsigned)kind < CAIRN_MEMORY_KIND_COUNT ? &facts[kind] : &unknown;
}

const char *cairn_memory_kind_name(enum cairn_memory_kind kind)
{
    return facts_of(kind)->name;
}

bool cairn_memory_kind_is_ram(enum cairn_memory_kind kind)
{
    return facts_of(kind)->is_ram;
}

bool cairn__memory_kind_is_reclaimable(enum cairn_memory_kind kind)
{
    return facts_of(kind)->is_reclaimable;
}
