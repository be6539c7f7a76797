/*
 * space/text.c - code is changed without a page that is writable and
 * executable.
 *
 * HOW    A copy takes the place of the page while that is written:
 *
 *          step            code that runs  copy, by the window  page, so
 *          0 copy          page, old       writable             readable
 *          1 protect       page, old       readable             readable
 *          2 exchange      copy, old       readable             readable
 *          3 open          copy, old       readable             writable
 *          4 patch, close  copy, old       readable             readable
 *          5 exchange      page, new       readable             readable
 *          6 open          page, new       writable             readable
 *
 *        Each line is flushed on all CPUs before the next begins, so in no
 *        TLB is a frame executable and writable either.  An exchange is one
 *        store: whoever runs in the page meanwhile, this code too, goes on.
 *
 *        The copy could be patched, and stay.  Then the page's frame would be
 *        no code any more, though it lies in the kernel's image, large pages
 *        could never be joined again, and each patch would cost a frame.
 *
 *        Large pages are split before the first step, and joined at the end.
 *        From step 0 on, nothing needs memory.
 *
 * LOCKS  None of its own; one call at a time.
 *
 * FAILS  Before step 1.
 *
 * SOURCE Intel SDM vol. 3A, section "Handling Self- and Cross-Modifying Code".
 *
 * TESTS  tests/host/text.c, tests/kernel/text_live.c
 */
#include <cairn/text.h>

#include "base/align.h"
#include "base/assert.h"
#include "base/memory.h"
#include "paging/format.h"

#define PAGE CAIRN_FRAME_SIZE

/* How large pages were, in bytes. */
struct sizes {
    uint64_t code;
    uint64_t alias; /* 0: there is none */
};

struct patch {
    const struct cairn_text *text;
    uint64_t at;
    const uint8_t *bytes;
    size_t count;
    cairn_pfn spare;
    unsigned spare_rights; /* of its alias */
    uint64_t spare_bytes;  /* size of the page that is that alias */
    struct sizes sizes[2]; /* of the pages that have bytes */
};

/* ---- One page of a table ------------------------------------------------- */

/* Split what is mapped there down to a page of 4 KiB. */
static enum cairn_status split(struct cairn_pagetable *table, uint64_t va)
{
    struct cairn_cursor cursor;
    enum cairn_status status = cairn_cursor_begin(
        &cursor, table, cairn_va_make(va), PAGE, CAIRN_INTENT_MAP);

    if (status != CAIRN_OK)
        return status;
    status = cairn_cursor_resize(&cursor, PAGE);
    cairn_cursor_end(&cursor);
    return status;
}

/* Join the pages around it to one of that size; 0: there is none. */
static void join(struct cairn_pagetable *table, uint64_t va, uint64_t bytes)
{
    for (unsigned level = 2; level <= table->format->levels; level++) {
        uint64_t span = cairn__span(table->format, level);
        struct cairn_cursor cursor;
        enum cairn_status status;

        if (span > bytes)
            return;
        status =
            cairn_cursor_begin(&cursor, table, cairn_va_make(va & ~(span - 1)),
                               span, CAIRN_INTENT_CHANGE);
        if (status != CAIRN_OK)
            return; /* tables that the cursor might need: they stay small */
        status = cairn_cursor_resize(&cursor, span);
        cairn_cursor_end(&cursor);
        cairn__assert(status != CAIRN_BAD_ARGUMENT);
    }
}

static void protect(struct cairn_pagetable *table, uint64_t va, unsigned rights)
{
    enum cairn_status status =
        cairn_protect_range(table, cairn_va_make(va), PAGE, rights);

    cairn__assert(status == CAIRN_OK);
}

static void exchange(struct cairn_pagetable *table, uint64_t va,
                     cairn_pfn frame)
{
    struct cairn_cursor cursor;
    enum cairn_status status = cairn_cursor_begin(
        &cursor, table, cairn_va_make(va), PAGE, CAIRN_INTENT_CHANGE);

    cairn__assert(status == CAIRN_OK);
    status = cairn_cursor_exchange(&cursor, frame);
    cairn__assert(status == CAIRN_OK);
    cairn_cursor_end(&cursor);
}

/* ---- Aliases ------------------------------------------------------------- */

/* Where the window shows a frame.  False: nowhere. */
static bool find_alias(const struct cairn_text *text, cairn_pfn frame,
                       struct cairn_mapping *out)
{
    uint64_t phys = cairn_phys_of(frame).value;

    return phys < text->window_bytes &&
           cairn_map_look(text->table, cairn_va_make(text->window.value + phys),
                          out) &&
           out->is_mapped && out->phys.value == phys;
}

/* Split it, too; stores how large the page was. */
static enum cairn_status split_alias(const struct cairn_text *text,
                                     cairn_pfn frame, uint64_t *bytes)
{
    struct cairn_mapping alias;

    *bytes = 0;
    if (!find_alias(text, frame, &alias))
        return CAIRN_OK;
    *bytes = alias.page_bytes;
    return split(text->table, alias.start.value);
}

static void join_alias(const struct cairn_text *text, cairn_pfn frame,
                       uint64_t bytes)
{
    join(text->table, text->window.value + cairn_phys_of(frame).value, bytes);
}

static void protect_alias(const struct cairn_text *text, cairn_pfn frame,
                          unsigned rights)
{
    struct cairn_mapping alias;

    if (find_alias(text, frame, &alias))
        protect(text->table, alias.start.value, rights);
}

/* Without NX all is executable, and none may ask for both. */
static unsigned alias_rights(const struct cairn_text *text, cairn_pfn frame)
{
    unsigned known =
        text->table->config.features.has_nx ? ~0u : ~CAIRN_PAGE_EXEC;
    struct cairn_mapping alias;

    return find_alias(text, frame, &alias) ? alias.rights & known : 0;
}

static uint8_t *reach(cairn_pfn frame)
{
    return cairn_platform_phys_to_virt(cairn_phys_of(frame), (size_t)PAGE);
}

/* ---- One page of code ---------------------------------------------------- */

static void tell(const struct patch *patch)
{
    if (patch->text->step != NULL)
        patch->text->step(patch->text->context);
}

static cairn_pfn frame_at(const struct patch *patch, uint64_t va)
{
    struct cairn_mapping page;
    bool is_known =
        cairn_map_look(patch->text->table, cairn_va_make(va), &page);

    cairn__assert(is_known && page.is_mapped);
    return cairn_pfn_of(page.phys);
}

/* The bytes that lie in the page at `va`, into where that can be written. */
static void write_part(const struct patch *patch, uint64_t va, uint8_t *page)
{
    uint64_t start = cairn__max(va, patch->at);
    uint64_t last = cairn__min(va + (PAGE - 1), patch->at + (patch->count - 1));

    memcpy(page + (start - va), patch->bytes + (start - patch->at),
           (size_t)(last - start) + 1);
}

static void patch_page(const struct patch *patch, uint64_t va)
{
    const struct cairn_text *text = patch->text;
    unsigned opened = patch->spare_rights;
    unsigned closed = opened & ~CAIRN_PAGE_WRITE;
    cairn_pfn frame = frame_at(patch, va);
    unsigned rights = alias_rights(text, frame);

    memcpy(reach(patch->spare), reach(frame), (size_t)PAGE);
    protect_alias(text, patch->spare, closed);
    tell(patch);
    exchange(text->table, va, patch->spare);
    tell(patch);
    protect_alias(text, frame, rights | CAIRN_PAGE_WRITE);
    tell(patch);
    write_part(patch, va, reach(frame));
    protect_alias(text, frame, rights);
    tell(patch);
    exchange(text->table, va, frame);
    tell(patch);
    protect_alias(text, patch->spare, opened);
    tell(patch);
}

/* ---- All pages ----------------------------------------------------------- */

static enum cairn_status check_page(struct patch *patch, uint64_t va)
{
    const unsigned both = CAIRN_PAGE_WRITE | CAIRN_PAGE_EXEC;
    const struct cairn_text *text = patch->text;
    struct cairn_mapping page;
    cairn_pfn frame;

    if (!cairn_map_look(text->table, cairn_va_make(va), &page))
        return CAIRN_BAD_ARGUMENT;
    if (!page.is_mapped)
        return CAIRN_NOT_FOUND;
    frame = cairn_pfn_of(page.phys);
    if ((page.rights & both) != CAIRN_PAGE_EXEC ||
        (alias_rights(text, frame) & CAIRN_PAGE_WRITE) != 0)
        return CAIRN_BAD_ARGUMENT;
    return reach(frame) != NULL ? CAIRN_OK : CAIRN_NOT_REACHABLE;
}

/* Of the two that a patch may touch. */
static struct sizes *sizes_of(struct patch *patch, uint64_t va)
{
    return &patch->sizes[va > patch->at];
}

static enum cairn_status split_page(struct patch *patch, uint64_t va)
{
    struct cairn_pagetable *table = patch->text->table;
    struct sizes *sizes = sizes_of(patch, va);
    struct cairn_mapping page;
    enum cairn_status status;

    (void)cairn_map_look(table, cairn_va_make(va), &page);
    sizes->code = page.page_bytes;
    status = split(table, va);
    return status == CAIRN_OK
               ? split_alias(patch->text, cairn_pfn_of(page.phys),
                             &sizes->alias)
               : status;
}

static enum cairn_status change_page(struct patch *patch, uint64_t va)
{
    patch_page(patch, va);
    return CAIRN_OK;
}

static enum cairn_status join_page(struct patch *patch, uint64_t va)
{
    const struct sizes *sizes = sizes_of(patch, va);

    join_alias(patch->text, frame_at(patch, va), sizes->alias);
    join(patch->text->table, va, sizes->code);
    return CAIRN_OK;
}

/* Call `act` for each page, as long as it succeeds. */
static enum cairn_status
each(struct patch *patch, enum cairn_status (*act)(struct patch *, uint64_t va))
{
    uint64_t last = cairn__page_down(patch->at + (patch->count - 1));
    uint64_t va = cairn__page_down(patch->at);
    enum cairn_status status = act(patch, va);

    return status == CAIRN_OK && va != last ? act(patch, last) : status;
}

/* With a spare frame that can be written. */
static enum cairn_status patch_with_spare(struct patch *patch)
{
    const struct cairn_text *text = patch->text;
    enum cairn_status status =
        split_alias(text, patch->spare, &patch->spare_bytes);

    if (status == CAIRN_OK)
        status = each(patch, split_page);
    patch->spare_rights = alias_rights(text, patch->spare);
    if (status == CAIRN_OK)
        status = each(patch, change_page);
    (void)each(patch, join_page);
    join_alias(text, patch->spare, patch->spare_bytes);
    return status;
}

enum cairn_status cairn_text_patch(const struct cairn_text *text, cairn_va at,
                                   const void *bytes, size_t count)
{
    struct patch patch = {
        .text = text, .at = at.value, .bytes = bytes, .count = count};
    enum cairn_status status;

    if (count == 0)
        return CAIRN_OK;
    if (count > CAIRN_TEXT_PATCH_MAX || count - 1 > UINT64_MAX - at.value)
        return CAIRN_BAD_ARGUMENT;
    status = each(&patch, check_page);
    if (status == CAIRN_OK)
        status = cairn_frames_alloc(text->frames, 0, 0, CAIRN_OWNER_KERNEL,
                                    &patch.spare);
    if (status != CAIRN_OK)
        return status;
    status = reach(patch.spare) != NULL ? patch_with_spare(&patch)
                                        : CAIRN_NOT_REACHABLE;
    (void)cairn_frames_free(text->frames, patch.spare);
    return status;
}
