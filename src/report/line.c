/*
 * report/line.c - one formatted line into a sink.
 */
#include "report/line.h"

#include <cairn/format.h>

#define LINE_BYTES 80

void cairn__report_line(const struct cairn_sink *sink, const char *format, ...)
{
    char line[LINE_BYTES];
    va_list arguments;

    va_start(arguments, format);
    cairn_format_va(line, sizeof(line), format, arguments);
    va_end(arguments);
    sink->line(sink->context, line);
}
