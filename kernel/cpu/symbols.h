/*
 * symbols.h - the names of the kernel's functions.
 *
 * The table is generated from the linked kernel (tools/symbols2c).  Offsets
 * count from the image's first byte, so that they hold wherever it runs.
 */
#ifndef KERNEL_CPU_SYMBOLS_H
#define KERNEL_CPU_SYMBOLS_H

#include <stddef.h>
#include <stdint.h>

struct symbol {
    uint32_t offset; /* of the function, in the image */
    uint32_t name;   /* of the name, in symbol_names */
};

extern const struct symbol symbols[]; /* ascending */
extern const size_t symbol_count;
extern const char symbol_names[];

#define SYMBOL_TEXT_BYTES 80

/* "memory_map+0x12", or "?" for an address outside of the kernel's code. */
const char *symbols_text(uint64_t address, char buffer[SYMBOL_TEXT_BYTES]);

#endif
