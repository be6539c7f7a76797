/*
 * paging_cpus.c - see paging_cpus.h.
 */
#include "paging_cpus.h"

#include "base/cpus.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define TABLES_BASE  ((uint64_t)64 << 20)
#define TABLE_FRAMES 2048
#define DATA_MAX     4096
#define TAGGED       8 /* bytes of each frame */

struct cairn_pagetable cpus_tables[CPUS_TABLES];

/* Where CPUs are when the others end. */
static struct cairn_pagetable home;
static unsigned home_frames;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool is_out[TABLE_FRAMES]; /* [lock], as what follows */
static unsigned next_frame;
static unsigned out_count;
static uint64_t queue[DATA_MAX]; /* of free frames, a ring */
static unsigned first_free;
static unsigned free_count;

static unsigned data_count;
static unsigned unexpected;
static char first_unexpected[256];

/* ---- Expectations -------------------------------------------------------- */

void cpus_unexpected(const char *file, int line, const char *text)
{
    pthread_mutex_lock(&lock);
    if (unexpected++ == 0)
        snprintf(first_unexpected, sizeof(first_unexpected), "%s:%d: %s", file,
                 line, text);
    pthread_mutex_unlock(&lock);
}

unsigned cpus_unexpected_count(void)
{
    unsigned count;

    pthread_mutex_lock(&lock);
    count = unexpected;
    pthread_mutex_unlock(&lock);
    return count;
}

/* ---- Frames for tables --------------------------------------------------- */

static enum cairn_status alloc(void *context, cairn_pfn *out)
{
    enum cairn_status status = CAIRN_NO_MEMORY;

    (void)context;
    pthread_mutex_lock(&lock);
    for (unsigned i = 0; i < TABLE_FRAMES && status != CAIRN_OK; i++) {
        unsigned number = next_frame++ % TABLE_FRAMES;

        if (is_out[number])
            continue;
        is_out[number] = true;
        out_count++;
        *out = cairn_pfn_of(
            cairn_phys_make(TABLES_BASE + number * CAIRN_FRAME_SIZE));
        status = CAIRN_OK;
    }
    pthread_mutex_unlock(&lock);
    return status;
}

/* Nobody may come to what is given back: it could be anything next. */
static void release(void *context, cairn_pfn frame)
{
    uint64_t phys = cairn_phys_of(frame).value;
    uint64_t number = (phys - TABLES_BASE) / CAIRN_FRAME_SIZE;

    (void)context;
    CPUS_EXPECT(!sim_mmu_can_use(phys, CAIRN_FRAME_SIZE, NULL));
    /* As entries, they would refer to tables where there is no memory. */
    memset(sim_ram_at(phys, CAIRN_FRAME_SIZE), 0x25, (size_t)CAIRN_FRAME_SIZE);
    pthread_mutex_lock(&lock);
    out_count--;
    if (number < TABLE_FRAMES && is_out[number])
        is_out[number] = false;
    else
        abort();
    pthread_mutex_unlock(&lock);
}

/* ---- Frames for pages ---------------------------------------------------- */

static void tag_frame(uint64_t phys, unsigned char tag)
{
    unsigned char *bytes = sim_ram_at(phys, TAGGED);

    for (unsigned i = 0; i < TAGGED; i++)
        __atomic_store_n(&bytes[i], tag, __ATOMIC_RELAXED);
}

static bool is_tagged(uint64_t phys, unsigned char tag)
{
    const unsigned char *bytes = sim_ram_at(phys, TAGGED);

    for (unsigned i = 0; i < TAGGED; i++) {
        if (__atomic_load_n(&bytes[i], __ATOMIC_RELAXED) != tag)
            return false;
    }
    return true;
}

uint64_t cpus_take_frame(unsigned char tag)
{
    uint64_t phys = 0;

    pthread_mutex_lock(&lock);
    if (free_count > 0) {
        phys = queue[first_free];
        first_free = (first_free + 1) % DATA_MAX;
        free_count--;
    }
    pthread_mutex_unlock(&lock);
    if (phys == 0)
        return 0;
    CPUS_EXPECT(is_tagged(phys, CPUS_FREE));
    tag_frame(phys, tag);
    return phys;
}

void cpus_give_frame(uint64_t phys)
{
    uint64_t number = (phys - CPUS_DATA) / CAIRN_FRAME_SIZE;

    CPUS_EXPECT(number < data_count);
    CPUS_EXPECT(!sim_mmu_can_use(phys, CAIRN_FRAME_SIZE, NULL));
    CPUS_EXPECT(!is_tagged(phys, CPUS_FREE));
    tag_frame(phys, CPUS_FREE);
    pthread_mutex_lock(&lock);
    queue[(first_free + free_count) % DATA_MAX] = phys;
    free_count++;
    pthread_mutex_unlock(&lock);
}

/* ---- Begin and end ------------------------------------------------------- */

static void start_frames(unsigned count)
{
    CHECK(count <= DATA_MAX);
    CHECK(sim_ram_add(TABLES_BASE, TABLE_FRAMES * CAIRN_FRAME_SIZE));
    CHECK(count == 0 || sim_ram_add(CPUS_DATA, count * CAIRN_FRAME_SIZE));
    memset(is_out, 0, sizeof(is_out));
    out_count = 0;
    first_free = 0;
    free_count = count;
    data_count = count;
    for (unsigned i = 0; i < count; i++) {
        queue[i] = CPUS_DATA + i * CAIRN_FRAME_SIZE;
        tag_frame(queue[i], CPUS_FREE);
    }
}

static void activate_all(struct cairn_pagetable *table)
{
    for (unsigned cpu = SIM_CPUS; cpu-- > 0;) {
        sim_set_cpu(cpu);
        cairn_pagetable_activate(table);
    }
}

/* Tables are in a window, so the quick way of translating is taken. */
static void use_window(void)
{
    static struct cairn_window window;
    uintptr_t memory = (uintptr_t)sim_ram_at(TABLES_BASE, CAIRN_FRAME_SIZE);

    cairn_window_init(&window, 0);
    window.base = memory - (uintptr_t)TABLES_BASE;
    window.limit = TABLES_BASE + TABLE_FRAMES * CAIRN_FRAME_SIZE;
    window.is_active = true;
    paging.config.window = &window;
}

void cpus_start(enum cairn_paging_mode mode, unsigned frame_count)
{
    const struct cairn_source source = {alloc, alloc, NULL};

    paging_machine(mode);
    start_frames(frame_count);
    use_window();
    unexpected = 0;
    paging.config.source = source;
    paging.config.release = release;
    paging.config.features.has_pcid =
        mode == CAIRN_PAGING_5LEVEL || mode == CAIRN_PAGING_TOY;
    CHECK_EQ(cairn_pagetable_init(&home, &paging.config), CAIRN_OK);
    home_frames = out_count;
    for (unsigned i = 0; i < CPUS_TABLES; i++)
        CHECK_EQ(cairn_pagetable_init(&cpus_tables[i], &paging.config),
                 CAIRN_OK);
    activate_all(&cpus_tables[0]);
    sim_mmu_set_adversary(20);
}

static void expect_sound(struct cairn_pagetable *table)
{
    uint64_t root = cairn_pagetable_root(table).value;
    char text[128];

    CHECK_EQ(cairn_pagetable_check(table), 0);
    if (sim_mmu_lint(root, text, sizeof(text)) != 0)
        test_fail(__FILE__, __LINE__, "lint: %s", text);
    CHECK_EQ(sim_mmu_count_tables(root), table->table_count);
    CHECK_EQ(table->table_count, 1);
}

void cpus_end(void)
{
    if (unexpected != 0)
        test_fail(__FILE__, __LINE__, "%u times, first %s", unexpected,
                  first_unexpected);
    for (unsigned i = 0; i < CPUS_TABLES; i++)
        expect_sound(&cpus_tables[i]);
    activate_all(&home);
    for (unsigned i = 0; i < CPUS_TABLES; i++)
        cairn_pagetable_destroy(&cpus_tables[i]);
    CHECK_EQ(out_count, home_frames);
    CHECK_EQ(free_count, data_count);
    CHECK_EQ(sim_mmu_wild_reads(), 0);
    for (unsigned i = 0; i < data_count; i++)
        CHECK(is_tagged(CPUS_DATA + i * CAIRN_FRAME_SIZE, CPUS_FREE));
}

/* ---- Threads ------------------------------------------------------------- */

static void (*work_of_all)(unsigned cpu);
static unsigned missing;
static uint64_t seed;

static void *be_cpu(void *argument)
{
    unsigned cpu = (unsigned)(uintptr_t)argument;

    sim_set_cpu(cpu);
    work_of_all(cpu);
    return NULL;
}

void cpus_run(void (*work)(unsigned cpu), unsigned count)
{
    pthread_t threads[SIM_CPUS];

    work_of_all = work;
    missing = count;
    seed = test_random();
    cpus_watch(240);
    for (uintptr_t i = 0; i < count; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, be_cpu, (void *)i), 0);
    for (unsigned i = 0; i < count; i++)
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    cpus_calm();
    sim_set_cpu(0);
}

void cpus_meet(void)
{
    __atomic_fetch_sub(&missing, 1, __ATOMIC_ACQ_REL);
    while (__atomic_load_n(&missing, __ATOMIC_ACQUIRE) > 0) {
        sim_poll();
        sched_yield();
    }
}

uint64_t cpus_seed(unsigned cpu)
{
    return seed + cpu;
}

unsigned cpus_random(uint64_t *state, unsigned limit)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*state >> 33) % limit;
}

/* ---- The watch-dog ------------------------------------------------------- */

static void bark(int number)
{
    static const char text[] = "FAIL: CPUs wait for each other for ever\n";

    (void)number;
    (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
    abort();
}

void cpus_watch(unsigned seconds)
{
    const struct itimerval timer = {.it_value = {.tv_sec = seconds}};

    signal(SIGALRM, bark);
    CHECK_EQ(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

void cpus_calm(void)
{
    const struct itimerval never = {{0, 0}, {0, 0}};

    CHECK_EQ(setitimer(ITIMER_REAL, &never, NULL), 0);
    signal(SIGALRM, SIG_DFL);
}
