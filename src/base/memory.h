/*
 * base/memory.h - the four functions of the C library that the host supplies.
 */
#ifndef CAIRN__MEMORY_H
#define CAIRN__MEMORY_H

#include <stddef.h>

void *memcpy(void *to, const void *from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);

#endif
