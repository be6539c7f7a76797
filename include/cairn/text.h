/*
 * cairn/text.h - change code that is mapped read-only and executable.
 *
 * At no moment is a page writable and executable, through one address or
 * through two (J1), and no CPU ever finds a page of the code missing.  When the
 * call returns, the code is where it was before, in the same frames, in pages
 * of the same size.
 *
 * Source   Intel SDM vol. 3A, section "Handling Self- and Cross-Modifying
 *          Code": other CPUs run the new bytes after a serializing instruction.
 *          Here that is the INVLPG, or the return from the interrupt that had
 *          it done.
 */
#ifndef CAIRN_TEXT_H
#define CAIRN_TEXT_H

#include <cairn/frames.h>
#include <cairn/map.h>

CAIRN_BEGIN_DECLS

/* The most bytes of one patch. */
#define CAIRN_TEXT_PATCH_MAX ((size_t)CAIRN_FRAME_SIZE)

/* Where code is, and its aliases. */
struct cairn_text {
    struct cairn_pagetable *table;
    struct cairn_frames *frames; /* one is taken, for as long as a call takes */
    /*
     * Physical [0, window_bytes) is seen in the same table from here on,
     * wherever something is mapped there: writable, but where there is code,
     * readable.  window_bytes 0: no such window.  Another alias that is
     * writable would break the promise; cairn_audit finds it.
     */
    cairn_va window;
    uint64_t window_bytes;
    /* Told after each step of a patch, for tests and audits; may be NULL. */
    void (*step)(void *context);
    void *context;
};

/*
 * Change bytes of code.
 *
 *   at     first byte; may be in any page, of any size
 *   bytes  what is to be there.  Not in the code that changes.
 *   count  bytes, at most CAIRN_TEXT_PATCH_MAX; 0: nothing happens
 *
 * The bytes in one page become others at once; those of two pages one page
 * after the other, so an instruction that lies across may be seen half done.
 * What is called meanwhile on other CPUs is old or new.
 *
 * Returns  CAIRN_OK; CAIRN_NOT_FOUND: not all of it is mapped;
 *          CAIRN_BAD_ARGUMENT: too much, or some of it is not executable (on a
 *          CPU without NX, constants are), or writable, there or through the
 *          window; CAIRN_NO_MEMORY,
 *          CAIRN_NOT_REACHABLE: no frame, no tables to split large pages, or no
 *          window over the code.
 *          Then nothing has changed.  If memory is out, large pages may stay
 *          split, whatever is returned.
 * Context  as cursors.  One call at a time: the caller sees to it.  Neither the
 *          code of the library nor that of cairn_platform_* may lie in the
 *          bytes that change; it may lie in the same pages.
 * Cost     for each page, copying it and six transactions, four of which
 *          flush: the page twice, an alias twice.
 */
CAIRN_MUST_CHECK enum cairn_status
cairn_text_patch(const struct cairn_text *text, cairn_va at, const void *bytes,
                 size_t count);

CAIRN_END_DECLS

#endif
