/*
 * cairn/status.h - what a call can report.
 *
 * A status is about the world (no memory, no such range) or, where the caller
 * may be told of its own mistake, about the arguments.  Unless a function says
 * otherwise, any status but CAIRN_OK means that nothing has changed and that
 * no output was written.
 */
#ifndef CAIRN_STATUS_H
#define CAIRN_STATUS_H

#include <cairn/compiler.h>

CAIRN_BEGIN_DECLS

enum cairn_status {
    CAIRN_OK = 0,
    CAIRN_BAD_ARGUMENT,    /* outside the range that the function documents */
    CAIRN_NO_MEMORY,       /* no frame, block or range of that size is free */
    CAIRN_NO_SPACE,        /* the caller's storage is full */
    CAIRN_NO_MEMORY_MAP,   /* the boot loader handed over no memory map */
    CAIRN_BAD_BOOT_DATA,   /* a boot structure contradicts its specification */
    CAIRN_NOT_REACHABLE,   /* no window covers that physical address */
    CAIRN_NOT_FOUND,       /* no such entry */
    CAIRN_IN_USE,          /* something that still lives there forbids it */
    CAIRN_DOUBLE_FREE,     /* it is free already */
    CAIRN_NOT_FIRST,       /* inside a block: not the address it began at */
    CAIRN_NOT_MEMORY,      /* nothing that this allocator owns */
    CAIRN_WRONG_SIZE,      /* another size than it was allocated with */
    CAIRN_OVERRUN,         /* bytes behind the block have been written */
    CAIRN_UNDERRUN,        /* bytes before the block have been written */
    CAIRN_USED_AFTER_FREE, /* it was written after it was freed */
    CAIRN_STATUS_COUNT
};

/*
 * A short text for `status`, for messages: "no memory".  Never NULL; a value
 * outside the enumeration gives "unknown status".  Any context.
 */
const char *cairn_status_text(enum cairn_status status);

CAIRN_END_DECLS

#endif
