/*
 * audit.h - what the page tables of the kernel should map.
 */
#ifndef KERNEL_AUDIT_H
#define KERNEL_AUDIT_H

#include <cairn/audit.h>

/*
 * What an audit of the tables in use looks for.  One at a time: the areas and
 * the storage are the same each time.
 */
void audit_configure(struct cairn_audit_config *out);

#endif
