/*
 * report/layout.c - a layout as text.
 *
 * TESTS  tests/layout_report.c
 */
#include <cairn/format.h>
#include <cairn/report.h>

#include "report/line.h"

#define BITS_TEXT_BYTES 12

static const char *mode_name(enum cairn_paging_mode mode)
{
    static const char *const names[CAIRN_PAGING_MODES] = {
        [CAIRN_PAGING_4LEVEL] = "4 levels", [CAIRN_PAGING_5LEVEL] = "5 levels",
        [CAIRN_PAGING_PAE] = "PAE",         [CAIRN_PAGING_32BIT] = "32 bits",
        [CAIRN_PAGING_TOY] = "toy",
    };

    return names[mode];
}

/* One decimal place, rounded down. */
static const char *bits_text(char text[BITS_TEXT_BYTES], unsigned hundredths)
{
    cairn_format(text, BITS_TEXT_BYTES, "%u.%u", hundredths / 100,
                 hundredths / 10 % 10);
    return text;
}

static void line_of_range(const struct cairn_layout_range *range,
                          const struct cairn_sink *sink)
{
    char size[CAIRN_SIZE_TEXT_BYTES];
    char bits[BITS_TEXT_BYTES];
    uint64_t first = range->span.start.value;
    bool is_drawn = range->places != 1;

    cairn__report_line(sink, "  0x%016llx  0x%016llx %11s %5s  %*s%s",
                       (unsigned long long)first,
                       (unsigned long long)(first + (range->span.bytes - 1)),
                       cairn_format_size(size, range->span.bytes),
                       is_drawn ? bits_text(bits, cairn_layout_entropy(range))
                                : "-",
                       (int)cairn_layout_depth(range) * 2, "", range->name);
}

void cairn_report_layout(const struct cairn_layout *layout,
                         const struct cairn_sink *sink)
{
    const struct cairn_layout_range *range = NULL;
    char bits[BITS_TEXT_BYTES];
    unsigned entropy = 0;

    for (size_t i = 0; i < layout->count; i++)
        entropy += cairn_layout_entropy(&layout->ranges[i]);
    cairn__report_line(sink, "layout: %u ranges, %s, %s bits of entropy",
                       (unsigned)layout->count, mode_name(layout->mode),
                       bits_text(bits, entropy));
    cairn__report_line(sink, "  %-18s  %-18s %11s %5s  %s", "first byte",
                       "last byte", "size", "bits", "name");
    while ((range = cairn_layout_next(layout, range)) != NULL)
        line_of_range(range, sink);
}
