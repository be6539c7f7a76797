/*
 * systems/layouts.h - where the five systems have what, as data.
 *
 * Bases are those of the systems' documents; where these say nothing, those of
 * their code.  A size that neither says is the room up to what comes next.
 */
#ifndef KERNEL_SYSTEMS_LAYOUTS_H
#define KERNEL_SYSTEMS_LAYOUTS_H

#include <cairn/layout.h>

struct system_layout {
    const char *system;
    enum cairn_paging_mode mode;
    const struct cairn_layout_request *requests;
    size_t count;
};

#define SYSTEM_LAYOUT(name, paging_mode, table)                                \
    {                                                                          \
        .system = (name), .mode = (paging_mode), .requests = (table),          \
        .count = sizeof(table) / sizeof((table)[0])                            \
    }

extern const struct system_layout layout_theseus;
extern const struct system_layout layout_slayer;
extern const struct system_layout layout_hardened;
extern const struct system_layout layout_mio;
extern const struct system_layout layout_hexium;

/* Of the reference kernel, what slides. */
extern const struct system_layout layout_reference;

#define SYSTEM_LAYOUTS 5
extern const struct system_layout *const system_layouts[SYSTEM_LAYOUTS];

#endif
