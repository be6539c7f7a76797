/*
 * layout_report.c - test of the report about a layout.
 */
#include "harness/test.h"
#include <cairn/report.h>

#define LINES 8

static struct cairn_layout layout;
static unsigned line_count;

static void check_line(void *context, const char *text)
{
    const char *const *wanted = context;

    CHECK(line_count < LINES && wanted[line_count] != NULL);
    CHECK_TEXT(text, wanted[line_count]);
    line_count++;
}

static uint64_t draw(void *context)
{
    return (*(uint64_t *)context)++;
}

CAIRN_TEST(L1_layout_as_text)
{
    static const char *wanted[] = {
        "layout: 4 ranges, 4 levels, 13.5 bits of entropy",
        "  first byte          last byte                 size  bits  name",
        "  0x0000000000001000  0x0000000000001fff       4 KiB     -  first",
        "  0xffff800000001000  0xffff800000002fff       8 KiB   1.5  second",
        "  0xffff800000001000  0xffff800000001fff       4 KiB     -    inner",
        "  0xffffffff90000000  0xffffffffffffffff     1.7 GiB  12.0  last",
        NULL};
    static const struct cairn_layout_request requests[] = {
        {.name = "last",
         .span = {{0xffffffff80000000u}, 0x70000000},
         .slide = {{0xffffffff80000000u}, 0x80000000u},
         .align = 0x10000},
        {.name = "first", .span = {{0x1000}, 0x1000}},
        {.name = "second",
         .span = {{0xffff800000000000u}, 0x2000},
         .slide = {{0xffff800000000000u}, 0x4000}},
        {.name = "inner",
         .inside = "second",
         .span = {{0xffff800000000000u}, 0x1000}}};
    struct cairn_sink sink = {check_line, wanted};
    uint64_t next = 0;

    CHECK_EQ(cairn_layout_init(&layout, CAIRN_PAGING_4LEVEL), CAIRN_OK);
    CHECK_EQ(cairn_layout_add_all(&layout, requests, 4, NULL, NULL), CAIRN_OK);
    next = 0x1000;
    CHECK_EQ(cairn_layout_randomise(&layout, draw, &next), CAIRN_OK);
    line_count = 0;
    cairn_report_layout(&layout, &sink);
    CHECK(wanted[line_count] == NULL);
}
