/*
 * symbols_none.c - the empty table of names of the kernel's first link.
 *
 * The names are known only after a link; the second one replaces these weak
 * definitions by the generated table.  They are in a file of their own, so
 * that no compiler takes their values for granted.
 */
#include "cpu/symbols.h"

#define IN_SYMBOLS __attribute__((weak, section(".rodata.zz_symbols")))

IN_SYMBOLS const struct symbol symbols[1] = {{0, 0}};
IN_SYMBOLS const size_t symbol_count = 0;
IN_SYMBOLS const char symbol_names[1] = "";
