/*
 * malloc/guards.c - guarded blocks in a process.
 *
 * HOW    A range of addresses without access, of which a page gets access and
 *        loses it again; what it had is given back.  A fault in there is
 *        explained on standard error; then it happens once more, without this
 *        handler.  A program with a handler of its own for that signal replaces
 *        this one.
 */
#include "malloc/guards.h"

#include "malloc/host.h"
#include <cairn/heap_debug.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

#define SLOTS 1024u
#define PAGE  ((size_t)CAIRN_FRAME_SIZE)

static struct cairn_heap_guards guards;
static const struct cairn_heap *watched;

static bool map(void *context, uintptr_t page)
{
    (void)context;
    return mprotect((void *)page, PAGE, PROT_READ | PROT_WRITE) == 0;
}

/* If the system has no memory for one more mapping, the page stays. */
static void unmap(void *context, uintptr_t page)
{
    (void)context;
    (void)madvise((void *)page, PAGE, MADV_DONTNEED);
    (void)mprotect((void *)page, PAGE, PROT_NONE);
}

void guards_configure(struct cairn_heap_config *config)
{
    const char *every = getenv("CAIRN_MALLOC_GUARD");
    void *range;

    if (every == NULL || atoi(every) <= 0)
        return;
    range = mmap(NULL, (2 * SLOTS + 1) * PAGE, PROT_NONE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (range == MAP_FAILED)
        return;
    guards = (struct cairn_heap_guards){
        .start = (uintptr_t)range, .slots = SLOTS, .map = map, .unmap = unmap};
    config->guards = &guards;
    config->guard_every = (unsigned)atoi(every) & (UINT32_MAX / 4);
}

static void explain(int number, siginfo_t *info, void *unused)
{
    char text[CAIRN_HEAP_FINDING_BYTES];
    struct cairn_heap_finding finding;

    (void)unused;
    if (cairn_heap_guard_explain(watched, (uintptr_t)info->si_addr, &finding))
        host_print(cairn_heap_finding_text(&finding, text));
    signal(number, SIG_DFL);
}

void guards_watch(const struct cairn_heap *heap)
{
    struct sigaction action = {.sa_sigaction = explain, .sa_flags = SA_SIGINFO};

    watched = heap;
    if (guards.slots != 0)
        (void)sigaction(SIGSEGV, &action, NULL);
}
