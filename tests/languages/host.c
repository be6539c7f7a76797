/*
 * host.c - a process as the machine of Cairn's heap, for a program in another
 * language: libcairn.a as a kernel links it, and this.
 */
#include "host.h"

#include <cairn/kmalloc.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#define PAGES ((size_t)4096)

static _Alignas(CAIRN_FRAME_SIZE) uint8_t memory[PAGES][CAIRN_FRAME_SIZE];
static size_t runs[PAGES]; /* pages of what begins there; 0: free or inside */
static unsigned passed;
static unsigned failed;
static struct cairn_heap heap;
static jmp_buf panic_jump;
static const char *panic_text;
static bool panic_expected;

/* ---- Pages --------------------------------------------------------------- */

static void *take(void *context, struct cairn_heap_pages *request)
{
    size_t align = request->align;
    size_t first = 0;

    (void)context;
    for (size_t at = 0; first + request->count <= PAGES; at++) {
        if (at == first + request->count) {
            runs[first] = request->count;
            return memory[first];
        }
        if (runs[at] != 0) {
            at += runs[at] - 1;
            first = (at + align) & ~(align - 1);
            while (((uintptr_t)memory[first] / CAIRN_FRAME_SIZE) % align != 0)
                first++;
        }
    }
    return NULL;
}

static void give(void *context, void *start, size_t count)
{
    size_t first = (size_t)((uint8_t *)start - memory[0]) / CAIRN_FRAME_SIZE;

    (void)context;
    host_check(runs[first] == count, "pages come back as they went");
    runs[first] = 0;
}

/* ---- What the library asks for ------------------------------------------- */

void cairn_platform_log(enum cairn_log_level level, const char *text)
{
    (void)level;
    (void)text;
}

void cairn_platform_panic(const char *text)
{
    panic_text = text;
    if (panic_expected)
        longjmp(panic_jump, 1);
    printf("panic: %s\n", text);
    exit(1);
}

unsigned long cairn_platform_irq_save(void)
{
    return 0;
}

void cairn_platform_irq_restore(unsigned long state)
{
    (void)state;
}

unsigned cairn_platform_cpu(void)
{
    return 0;
}

unsigned cairn_platform_cpu_count(void)
{
    return 1;
}

/* ---- For the program ----------------------------------------------------- */

void host_check(int is_good, const char *what)
{
    passed += is_good != 0;
    failed += is_good == 0;
    if (is_good == 0)
        printf("FAIL %s\n", what);
}

unsigned long host_live_blocks(void)
{
    struct cairn_heap_stats stats;

    cairn_heap_stats(&heap, &stats);
    return stats.live_blocks;
}

const char *host_panic_of(void (*act)(void))
{
    panic_text = NULL;
    panic_expected = true;
    if (setjmp(panic_jump) == 0)
        act();
    panic_expected = false;
    return panic_text;
}

int main(void)
{
    struct cairn_heap_config config = cairn_heap_config_default();

    config.source.alloc = take;
    config.source.free = give;
    config.source.start = (uintptr_t)memory;
    config.source.end = (uintptr_t)memory + sizeof(memory);
    if (cairn_heap_init(&heap, &config) != CAIRN_OK)
        return 1;
    cairn_kmalloc_use(&heap);
    language_try();
    host_check(host_live_blocks() == 0, "nothing is left");
    host_check(cairn_heap_check(&heap) == 0, "the heap is whole");
    printf("%u passed, %u failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
