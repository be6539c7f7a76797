/*
 * memmap/source.c - single frames from wherever they come.
 */
#include <cairn/source.h>

#include "base/assert.h"

enum cairn_status cairn_source_alloc(const struct cairn_source *source,
                                     cairn_pfn *out)
{
    cairn__assert(source->alloc != NULL);
    return source->alloc(source->context, out);
}

enum cairn_status cairn_source_alloc_table(const struct cairn_source *source,
                                           cairn_pfn *out)
{
    cairn__assert(source->alloc_table != NULL);
    return source->alloc_table(source->context, out);
}

static enum cairn_status alloc_nothing(void *context, cairn_pfn *out)
{
    (void)context;
    (void)out;
    return CAIRN_NO_MEMORY;
}

struct cairn_source cairn_source_empty(void)
{
    struct cairn_source source = {alloc_nothing, alloc_nothing, NULL};

    return source;
}
