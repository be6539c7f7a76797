/*
 * paging_model_private.h - shared by the files of the model.
 */
#ifndef PAGING_MODEL_PRIVATE_H
#define PAGING_MODEL_PRIVATE_H

#include "paging_build.h"

#define PAGES_MAX  3072
#define MODEL_CPUS 4
#define NOT_MAPPED UINT64_MAX

/* How a page is mapped. */
struct view {
    uint64_t phys; /* NOT_MAPPED, or where it is */
    unsigned rights;
    enum cairn_cache cache;
    bool is_written; /* and nobody has been told */
    bool is_suspect; /* so is another one of a large page that it was part of */
};

/* What other CPUs may find until the transaction ends. */
enum flux {
    SETTLED,   /* what it was before */
    RIGHTS,    /* the same page, with the former rights or the latter */
    HARVESTED, /* the same page */
    REPLACED,  /* the former page, or what comes now, or nothing */
    HAZY       /* anything: what was begun was taken back */
};

struct page {
    struct view now;
    struct view then; /* when the transaction has ended */
    enum flux flux;
    bool is_told;       /* that it was removed, or harvested */
    bool is_told_dirty; /* ... as dirty */
    bool is_late;      /* written while it is harvested: before that or after */
    bool is_late_near; /* so was another one of what may be its large page */
};

struct range {
    unsigned first;
    unsigned count;
};

struct transaction {
    struct range range; /* none: its count is 0 */
    bool listens;       /* somebody wants to be told of what is removed */
};

extern struct page model[PAGES_MAX];
extern struct transaction transaction;
extern struct cairn_pagetable paging_second; /* shares what is in the model */
extern bool has_second;
extern bool runs_out; /* frames may */

uint64_t va_of(unsigned page);

/* The page table, or the one that shares the region with it. */
struct cairn_pagetable *any_table(void);

/* What the simulated MMU reads there; false: nothing, or outside. */
bool look_at(unsigned number, struct sim_mmu_view *view);

/* The largest page that the page could be part of. */
struct range large_around(unsigned number);
void suspect(struct range range);

/* Around all that one transaction does. */
void begin_changes(struct range range, bool listens);
void end_changes(void);
void set_flux(struct range range, enum flux flux);

/* For `removed` and `seen`; the context is &transaction. */
void tell_removed(void *context, const struct cairn_mapping *mapping);
void tell_seen(void *context, const struct cairn_mapping *mapping);

/* A CPU reads, writes or executes something in that page. */
void touch(unsigned number);

/* Is that so of the pages from `at` on, when the transaction has ended? */
void compare_query(const struct cairn_mapping *mapping, unsigned at);

/* ---- Calls (paging_model_calls.c) ---------------------------------------- */

void paging_model_call(void);

#endif
