/*
 * heap/kmalloc.c - one heap for everybody.
 *
 * TESTS  tests/heap_kmalloc.c, tests/kernel/heap_live.c, tests/languages/
 */
#include <cairn/kmalloc.h>

static struct cairn_heap *used; /* atomic */

void cairn_kmalloc_use(struct cairn_heap *heap)
{
    __atomic_store_n(&used, heap, __ATOMIC_RELEASE);
}

struct cairn_heap *cairn_kmalloc_heap(void)
{
    return __atomic_load_n(&used, __ATOMIC_ACQUIRE);
}

void *cairn_kmalloc(size_t size)
{
    struct cairn_heap *heap = cairn_kmalloc_heap();

    return heap == NULL ? NULL : cairn_heap_alloc(heap, size, 0);
}

void *cairn_kmalloc_aligned(size_t size, size_t align)
{
    struct cairn_heap *heap = cairn_kmalloc_heap();

    return heap == NULL ? NULL : cairn_heap_alloc_aligned(heap, size, align, 0);
}

void *cairn_kcalloc(size_t count, size_t size)
{
    struct cairn_heap *heap = cairn_kmalloc_heap();

    return heap == NULL ? NULL : cairn_heap_calloc(heap, count, size);
}

void *cairn_krealloc(void *block, size_t size)
{
    struct cairn_heap *heap = cairn_kmalloc_heap();

    return heap == NULL ? NULL : cairn_heap_realloc(heap, block, size);
}

bool cairn_kfree(void *block)
{
    struct cairn_heap *heap = cairn_kmalloc_heap();

    if (block == NULL)
        return true;
    return heap != NULL && cairn_heap_free(heap, block) == CAIRN_OK;
}
