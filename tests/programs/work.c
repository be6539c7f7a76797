/*
 * work.c - small programs that do little but allocate and free, for
 * tools/bench-programs.
 *
 *   work batch     many of one size, freed at random; sizes in turns
 *   work churn     50000 live blocks, one replaced after another
 *   work phases    trees of different sizes, built and torn down
 *   work strings   strings that grow, and a table that doubles
 *   work threads   four threads that replace blocks, and pass them on
 *   work across    one thread allocates what the other frees
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 200000
#define LIVE  50000

static uint64_t seed_of_main = 1;

static uint32_t next_below(uint64_t *seed, uint32_t limit)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((*seed >> 32) * limit >> 32);
}

static void *get(size_t size)
{
    char *block = malloc(size);

    if (block == NULL)
        abort();
    memset(block, 1, size);
    return block;
}

static void shuffle(void **blocks, uint32_t count)
{
    for (uint32_t i = count; i > 1; i--) {
        uint32_t other = next_below(&seed_of_main, i);
        void *block = blocks[other];

        blocks[other] = blocks[i - 1];
        blocks[i - 1] = block;
    }
}

static void batch(void)
{
    static void *blocks[BATCH];
    static const size_t sizes[] = {64, 24, 200, 40, 1000};

    for (unsigned round = 0; round < 20; round++) {
        uint32_t count = BATCH / (round % 5 == 4 ? 4 : 1);

        for (uint32_t i = 0; i < count; i++)
            blocks[i] = get(sizes[round % 5]);
        shuffle(blocks, count);
        for (uint32_t i = 0; i < count; i++)
            free(blocks[i]);
    }
}

/* Mostly small, one of 64 up to 32 KiB. */
static size_t mixed_size(uint64_t *seed)
{
    if (next_below(seed, 64) == 0)
        return 500 + next_below(seed, 32000);
    return 16 + next_below(seed, 500);
}

static void churn(void)
{
    static void *blocks[LIVE];

    for (uint32_t i = 0; i < 8000000; i++) {
        uint32_t nth = next_below(&seed_of_main, LIVE);

        free(blocks[nth]);
        blocks[nth] = get(mixed_size(&seed_of_main));
    }
}

struct node {
    struct node *left;
    struct node *right;
    char rest[];
};

static struct node *grow(unsigned depth, size_t rest)
{
    struct node *node = get(sizeof(struct node) + rest);

    node->left = depth > 0 ? grow(depth - 1, rest) : NULL;
    node->right = depth > 0 ? grow(depth - 1, rest) : NULL;
    return node;
}

static void fell(struct node *node)
{
    if (node == NULL)
        return;
    fell(node->left);
    fell(node->right);
    free(node);
}

static void phases(void)
{
    for (unsigned round = 0; round < 40; round++) {
        struct node *one = grow(16, round % 10 * 24);
        struct node *other = grow(12, 1000 + round * 10);

        fell(one);
        fell(other);
    }
}

static void strings(void)
{
    size_t room = 16;
    size_t count = 0;
    char **table = get(room * sizeof(char *));

    for (unsigned i = 0; i < 300000; i++) {
        char *text = NULL;
        size_t length = 1 + next_below(&seed_of_main, 60);

        for (size_t size = 8; size < 2 * length; size *= 2)
            text = realloc(text, size);
        text = realloc(text, length);
        memset(text, 'x', length);
        if (count == room) {
            room *= 2;
            table = realloc(table, room * sizeof(char *));
        }
        table[count++] = text;
    }
    while (count > 0)
        free(table[--count]);
    free(table);
}

/* ---- Threads ------------------------------------------------------------- */

#define OWN 10000

static void *handed[4];

static void *work_of_thread(void *what)
{
    size_t self = (size_t)(uintptr_t)what;
    uint64_t seed = self + 1;
    void **blocks = calloc(OWN, sizeof(void *));

    for (uint32_t i = 0; blocks != NULL && i < 2000000; i++) {
        uint32_t nth = next_below(&seed, OWN);

        free(blocks[nth]);
        blocks[nth] = get(mixed_size(&seed));
        if (i % 8 == 0)
            blocks[nth] = __atomic_exchange_n(&handed[(self + i / 8) % 4],
                                              blocks[nth], __ATOMIC_ACQ_REL);
    }
    for (uint32_t i = 0; blocks != NULL && i < OWN; i++)
        free(blocks[i]);
    free(blocks);
    return NULL;
}

static void threads(void)
{
    pthread_t started[4];

    for (size_t i = 0; i < 4; i++)
        pthread_create(&started[i], NULL, work_of_thread, (void *)i);
    for (size_t i = 0; i < 4; i++)
        pthread_join(started[i], NULL);
}

/* Packets of blocks, so that the hand-over itself costs little. */
#define PACKET 1000

static void **box;

static void *consume(void *unused)
{
    (void)unused;
    for (unsigned i = 0; i < 300; i++) {
        void **packet;

        while ((packet = __atomic_exchange_n(&box, NULL, __ATOMIC_ACQ_REL)) ==
               NULL)
            continue;
        for (unsigned j = 0; j < PACKET; j++)
            free(packet[j]);
        free(packet);
    }
    return NULL;
}

static void across(void)
{
    pthread_t consumer;
    void **expected;

    pthread_create(&consumer, NULL, consume, NULL);
    for (unsigned i = 0; i < 300; i++) {
        void **packet = get(PACKET * sizeof(void *));

        for (unsigned j = 0; j < PACKET; j++)
            packet[j] = get(16 + j % 200);
        do {
            expected = NULL;
        } while (!__atomic_compare_exchange_n(&box, &expected, packet, false,
                                              __ATOMIC_ACQ_REL,
                                              __ATOMIC_RELAXED));
    }
    pthread_join(consumer, NULL);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } parts[] = {{"batch", batch},     {"churn", churn},
                 {"phases", phases},   {"strings", strings},
                 {"threads", threads}, {"across", across}};

    for (size_t i = 0; argc > 1 && i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (strcmp(argv[1], parts[i].name) == 0) {
            parts[i].run();
            return 0;
        }
    }
    fprintf(stderr,
            "work: batch, churn, phases, strings, threads or across?\n");
    return 2;
}
