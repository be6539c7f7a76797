/*
 * host.h - a heap for programs in other languages.
 */
#ifndef TEST_LANGUAGES_HOST_H
#define TEST_LANGUAGES_HOST_H

#include <cairn/compiler.h>

CAIRN_BEGIN_DECLS

/* Count a check, and print it if it fails. */
void host_check(int is_good, const char *what);

/* Blocks in use. */
unsigned long host_live_blocks(void);

/* The text of the panic that `act` ends in; NULL: it comes back. */
const char *host_panic_of(void (*act)(void));

/* What is tried: the program's main part. */
void language_try(void);

CAIRN_END_DECLS

#endif
