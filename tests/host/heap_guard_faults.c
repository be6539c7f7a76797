/*
 * heap_guard_faults.c - guarded blocks on pages that really are unmapped: the
 * wrong access itself faults, and can be explained.
 */
#include "heap_build.h"

#include <cairn/heap_debug.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#define HEAP  (&heap_build.heap)
#define PAGE  ((size_t)CAIRN_FRAME_SIZE)
#define SLOTS 4u

static sigjmp_buf out;
static volatile uintptr_t fault_address;

static void on_fault(int number, siginfo_t *info, void *unused)
{
    (void)number, (void)unused;
    fault_address = (uintptr_t)info->si_addr;
    siglongjmp(out, 1);
}

static bool map(void *context, uintptr_t page)
{
    (void)context;
    return mprotect((void *)page, PAGE, PROT_READ | PROT_WRITE) == 0;
}

static void unmap(void *context, uintptr_t page)
{
    (void)context;
    CHECK_EQ(mprotect((void *)page, PAGE, PROT_NONE), 0);
}

static void begin(void)
{
    static struct cairn_heap_guards guards = {
        .slots = SLOTS, .map = map, .unmap = unmap};
    void *range = mmap(NULL, (2 * SLOTS + 1) * PAGE, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(range != MAP_FAILED);
    guards.start = (uintptr_t)range;
    heap_build_prepare(64);
    heap_build.config.level = CAIRN_HEAP_FAST;
    heap_build.config.guards = &guards;
    heap_build.config.guard_every = 1;
    CHECK(heap_build_start());
}

/* Does reading, or writing, that byte fault, and why? */
static enum cairn_status touch(const volatile uint8_t *address, bool is_write)
{
    struct sigaction action = {.sa_sigaction = on_fault,
                               .sa_flags = SA_SIGINFO};
    struct sigaction before;
    struct cairn_heap_finding finding = {.status = CAIRN_OK};

    CHECK_EQ(sigaction(SIGSEGV, &action, &before), 0);
    if (sigsetjmp(out, 1) == 0) {
        if (is_write)
            *(volatile uint8_t *)(uintptr_t)address = 1;
        else
            (void)*address;
    } else {
        CHECK_EQ(fault_address, (uintptr_t)address);
        CHECK(cairn_heap_guard_explain(HEAP, fault_address, &finding));
    }
    CHECK_EQ(sigaction(SIGSEGV, &before, NULL), 0);
    return finding.status;
}

CAIRN_TEST(J4_wrong_accesses_fault_at_once)
{
    uint8_t *block;

    begin();
    for (unsigned i = 0; i < 20; i++) {
        bool is_write = i % 2 == 0;

        block = cairn_heap_alloc_aligned(HEAP, 4096, 32, 0);
        CHECK_EQ(touch(block, is_write), CAIRN_OK);
        CHECK_EQ(touch(block + 4095, is_write), CAIRN_OK);
        CHECK_EQ(touch(block + 4096, is_write), CAIRN_OVERRUN);
        CHECK_EQ(touch(block + 6000, is_write), CAIRN_OVERRUN);
        CHECK_EQ(touch(block - 1, is_write), CAIRN_UNDERRUN);
        CHECK_EQ(cairn_heap_free(HEAP, block), CAIRN_OK);
        CHECK_EQ(touch(block, is_write), CAIRN_USED_AFTER_FREE);
        CHECK_EQ(touch(block + 4095, is_write), CAIRN_USED_AFTER_FREE);
    }
    heap_build_end();
}

/* Each block of whatever size has a guard at one of its ends at once. */
CAIRN_TEST(J4_small_blocks_touch_a_guard)
{
    begin();
    for (size_t size = 32; size <= 4096; size += 32) {
        uint8_t *block = cairn_heap_alloc_aligned(HEAP, size, 32, 0);

        CHECK((touch(block + size, false) == CAIRN_OVERRUN) !=
                  (touch(block - 1, false) == CAIRN_UNDERRUN) ||
              size == 4096);
        CHECK_EQ(cairn_heap_free(HEAP, block), CAIRN_OK);
    }
    heap_build_end();
}
