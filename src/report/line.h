/*
 * report/line.h - one formatted line into a sink.
 */
#ifndef CAIRN__REPORT_LINE_H
#define CAIRN__REPORT_LINE_H

#include <cairn/report.h>

/* At most 79 characters; the rest is cut. */
void cairn__report_line(const struct cairn_sink *sink, const char *format, ...)
    CAIRN_PRINTF(2, 3);

#endif
