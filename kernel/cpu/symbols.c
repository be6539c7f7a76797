/*
 * symbols.c - from an address to the function that it lies in.
 */
#include "cpu/symbols.h"

#include "kernel.h"
#include <cairn/format.h>

/* The last symbol at or below `offset`; the caller knows there is one. */
static const struct symbol *find(uint64_t offset)
{
    size_t low = 0;
    size_t high = symbol_count;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (symbols[middle].offset <= offset)
            low = middle;
        else
            high = middle;
    }
    return &symbols[low];
}

const char *symbols_text(uint64_t address, char buffer[SYMBOL_TEXT_BYTES])
{
    uint64_t offset = address - (uintptr_t)kernel_image_begin;
    const struct symbol *symbol;

    if (address < (uintptr_t)kernel_image_begin ||
        address >= (uintptr_t)kernel_text_end || symbol_count == 0 ||
        offset < symbols[0].offset)
        return "?";
    symbol = find(offset);
    cairn_format(buffer, SYMBOL_TEXT_BYTES, "%s+%#llx",
                 &symbol_names[symbol->name],
                 (unsigned long long)(offset - symbol->offset));
    return buffer;
}
