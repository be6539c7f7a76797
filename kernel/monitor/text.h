/*
 * text.h - the few string functions that the monitor needs; no hardware.
 */
#ifndef KERNEL_MONITOR_TEXT_H
#define KERNEL_MONITOR_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

size_t text_length(const char *text);
bool text_is_equal(const char *a, const char *b);
bool text_begins_with(const char *text, const char *begin, size_t begin_length);

/* < 0, 0, > 0: `a` sorts before `b`, they are equal, it sorts after it. */
int text_compare(const char *a, const char *b);

/*
 * How many slips of the finger lead from `a` to `b`: characters inserted, left
 * out, wrong, or two neighbours exchanged.  Only the first TEXT_DISTANCE_MAX
 * characters count.
 */
#define TEXT_DISTANCE_MAX 24
unsigned text_distance(const char *a, const char *b);

/*
 * Read an unsigned number: decimal or 0x and hexadecimal digits, then possibly
 * K, M, G or T for 2^10, 2^20, 2^30, 2^40 (small letters too).
 *
 * Returns  true and `out`; false, nothing written, if the text is anything
 *          else or the number does not fit.
 */
bool text_read_number(const char *text, uint64_t *out);

#endif
