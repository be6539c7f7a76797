/*
 * base/status.c - a text for each status.
 */
#include <cairn/status.h>

const char *cairn_status_text(enum cairn_status status)
{
    static const char *const texts[CAIRN_STATUS_COUNT] = {
        [CAIRN_OK] = "ok",
        [CAIRN_BAD_ARGUMENT] = "bad argument",
        [CAIRN_NO_MEMORY] = "no memory",
        [CAIRN_NO_SPACE] = "no space left in the caller's storage",
        [CAIRN_NO_MEMORY_MAP] = "no memory map",
        [CAIRN_BAD_BOOT_DATA] = "boot data contradict their specification",
        [CAIRN_NOT_REACHABLE] = "physical address is not reachable",
        [CAIRN_NOT_FOUND] = "not found",
        [CAIRN_IN_USE] = "in use",
        [CAIRN_DOUBLE_FREE] = "free already",
        [CAIRN_NOT_FIRST] = "not the begin of an allocation",
        [CAIRN_NOT_MEMORY] = "not memory of this allocator",
        [CAIRN_WRONG_SIZE] = "another size than it was allocated with",
        [CAIRN_OVERRUN] = "written behind its end",
        [CAIRN_UNDERRUN] = "written before its start",
        [CAIRN_USED_AFTER_FREE] = "used after it was freed",
    };

    if ((unsigned)status >= CAIRN_STATUS_COUNT)
        return "unknown status";
    return texts[status];
}
