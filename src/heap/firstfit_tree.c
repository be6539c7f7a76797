/*
 * heap/firstfit_tree.c - heap pages in order of addresses; see firstfit.h.
 */
#include "heap/firstfit.h"

uint32_t cairn__heap_run_priority(const struct cairn__heap_run *run)
{
    uint32_t number = (uint32_t)(run->base / CAIRN__PAGE);

    number ^= number >> 15;
    number *= 0x2c1b3c6du;
    number ^= number >> 12;
    number *= 0x297a2d39u;
    return number ^ number >> 15;
}

/* ---- The largest of each subtree ----------------------------------------- */

static uint16_t larger(uint16_t most, const struct cairn__heap_run *below)
{
    return below != NULL && below->most > most ? below->most : most;
}

/* False: it was right. */
static bool refresh(struct cairn__heap_run *run)
{
    uint16_t before = run->most;

    run->most = larger(larger(run->longest, run->left), run->right);
    return run->most != before;
}

void cairn__heap_run_changed(struct cairn__heap_run *run)
{
    while (run != NULL && refresh(run))
        run = run->parent;
}

/* ---- Change -------------------------------------------------------------- */

/* Where the tree points at it. */
static struct cairn__heap_run **place_of(struct cairn__heap_run **root,
                                         const struct cairn__heap_run *run)
{
    if (run->parent == NULL)
        return root;
    return run->parent->left == run ? &run->parent->left : &run->parent->right;
}

static void link(struct cairn__heap_run **place, struct cairn__heap_run *parent,
                 struct cairn__heap_run *run)
{
    *place = run;
    if (run != NULL)
        run->parent = parent;
}

/* It and its parent change places. */
static void rotate(struct cairn__heap_run **root, struct cairn__heap_run *run)
{
    struct cairn__heap_run *parent = run->parent;

    link(place_of(root, parent), parent->parent, run);
    if (parent->left == run) {
        link(&parent->left, parent, run->right);
        link(&run->right, run, parent);
    } else {
        link(&parent->right, parent, run->left);
        link(&run->left, run, parent);
    }
    (void)refresh(parent);
    (void)refresh(run);
}

static bool is_above(const struct cairn__heap_run *run,
                     const struct cairn__heap_run *other)
{
    return cairn__heap_run_priority(run) > cairn__heap_run_priority(other);
}

void cairn__heap_run_insert(struct cairn__heap_run **root,
                            struct cairn__heap_run *run)
{
    struct cairn__heap_run **place = root;
    struct cairn__heap_run *parent = NULL;

    while (*place != NULL) {
        parent = *place;
        place = run->base < parent->base ? &parent->left : &parent->right;
    }
    run->left = NULL;
    run->right = NULL;
    run->most = run->longest;
    link(place, parent, run);
    cairn__heap_run_changed(parent);
    while (run->parent != NULL && is_above(run, run->parent))
        rotate(root, run);
}

void cairn__heap_run_remove(struct cairn__heap_run **root,
                            struct cairn__heap_run *run)
{
    struct cairn__heap_run *child;

    while (run->left != NULL && run->right != NULL)
        rotate(root, is_above(run->left, run->right) ? run->left : run->right);
    child = run->left != NULL ? run->left : run->right;
    link(place_of(root, run), run->parent, child);
    cairn__heap_run_changed(run->parent);
}

/* ---- Find ---------------------------------------------------------------- */

struct cairn__heap_run *cairn__heap_run_find(struct cairn__heap_run *root,
                                             uintptr_t address)
{
    while (root != NULL &&
           (address < root->base ||
            address - root->base >= root->page_count * CAIRN__PAGE))
        root = address < root->base ? root->left : root->right;
    return root;
}

struct cairn__heap_run *cairn__heap_run_first(struct cairn__heap_run *root,
                                              size_t units)
{
    if (root == NULL || root->most < units)
        return NULL;
    for (;;) {
        if (root->left != NULL && root->left->most >= units)
            root = root->left;
        else if (root->longest >= units)
            return root;
        else
            root = root->right;
    }
}

struct cairn__heap_run *cairn__heap_run_next(struct cairn__heap_run *run,
                                             size_t units)
{
    struct cairn__heap_run *next = cairn__heap_run_first(run->right, units);

    while (next == NULL && run->parent != NULL) {
        const struct cairn__heap_run *child = run;

        run = run->parent;
        if (run->left != child)
            continue;
        next = run->longest >= units ? run
                                     : cairn__heap_run_first(run->right, units);
    }
    return next;
}
