/*
 * cairn/fault.h - why a CPU has raised a page fault.
 *
 * The error code says what was tried; what the tables say now tells why it was
 * refused, or that it would not be refused any more.
 *
 * A fault that nobody can answer is somebody's mistake: cairn_fault_explain
 * puts a name to it, of the stack or area too, for whoever reports it.
 *
 * Assumes   as ptwalk.h; CR0.WP is on.
 * Context   any, NMI and #MC too; nothing is waited for, and no table written.
 * Source    Intel SDM vol. 3A, section "Page-Fault Exceptions", and "Access
 *           Rights" of chapter "Paging".
 */
#ifndef CAIRN_FAULT_H
#define CAIRN_FAULT_H

#include <cairn/areas.h>

CAIRN_BEGIN_DECLS

/* Bits of the error code. */
#define CAIRN_FAULT_PRESENT      0x01u /* refused; else nothing was mapped */
#define CAIRN_FAULT_WRITE        0x02u
#define CAIRN_FAULT_USER         0x04u /* in ring 3 */
#define CAIRN_FAULT_RESERVED     0x08u /* a reserved bit of an entry is set */
#define CAIRN_FAULT_FETCH        0x10u /* of an instruction, with NX or SMEP */
#define CAIRN_FAULT_KEY          0x20u /* protection key */
#define CAIRN_FAULT_SHADOW_STACK 0x40u
#define CAIRN_FAULT_ENCLAVE      0x8000u /* SGX */

enum cairn_fault_cause {
    CAIRN_CAUSE_NOT_MAPPED,
    CAIRN_CAUSE_NOT_WRITABLE,
    CAIRN_CAUSE_NOT_EXECUTABLE,
    CAIRN_CAUSE_KERNEL_PAGE, /* a process has used a page of the kernel */
    CAIRN_CAUSE_USER_DATA,   /* the kernel has, of a process: SMAP */
    CAIRN_CAUSE_USER_CODE,   /* the kernel has executed it: SMEP */
    CAIRN_CAUSE_KEY,         /* protection key, shadow stack, enclave */
    CAIRN_CAUSE_CORRUPT,     /* an entry on the way has a reserved bit set */
    CAIRN_CAUSE_SPURIOUS,    /* it is allowed now: try again */
    CAIRN_CAUSE_COUNT
};

/* A fault, as the CPU tells it. */
struct cairn_fault {
    cairn_va address; /* CR2 */
    uint32_t error;   /* CAIRN_FAULT_* */
};

/*
 * Why it has happened.
 *
 *   root     physical address of the root in use, or what CR3 has
 *   mapping  out: what is mapped there now; NULL: no matter
 *
 * What has been mapped or allowed since is CAIRN_CAUSE_SPURIOUS: another CPU
 * has done it, or this one had cached less.
 */
enum cairn_fault_cause cairn_fault_cause(enum cairn_paging_mode mode,
                                         cairn_phys root,
                                         const struct cairn_fault *fault,
                                         struct cairn_mapping *mapping);

/* For messages: "nothing is mapped there".  Never NULL. */
const char *cairn_fault_cause_text(enum cairn_fault_cause cause);

/* "write by the kernel", "fetch by a process", ...  Never NULL. */
const char *cairn_fault_access_text(const struct cairn_fault *fault);

/* ---- Reports ------------------------------------------------------------- */

/* Addresses from 0 on that are taken for null pointers and fields there. */
#define CAIRN_FAULT_NULL_BYTES (64 * CAIRN_KIB)

/* What was wrong. */
enum cairn_mistake {
    CAIRN_MISTAKE_NONE,      /* nothing that has a name: see the cause */
    CAIRN_MISTAKE_NULL,      /* null dereference */
    CAIRN_MISTAKE_OVERFLOW,  /* of a stack: its guard below */
    CAIRN_MISTAKE_UNDERFLOW, /* of a stack: its guard above */
    CAIRN_MISTAKE_BEFORE,    /* the guard below an area */
    CAIRN_MISTAKE_BEHIND,    /* the guard above an area */
    CAIRN_MISTAKE_FREED,     /* an area or stack that was freed */
    CAIRN_MISTAKE_WRITE_TO_CODE,
    CAIRN_MISTAKE_WRITE_TO_CONSTANTS,
    CAIRN_MISTAKE_JUMP_TO_DATA,
    CAIRN_MISTAKE_USER_DATA, /* SMAP */
    CAIRN_MISTAKE_USER_CODE, /* SMEP */
    CAIRN_MISTAKE_CORRUPT,   /* a table */
    CAIRN_MISTAKE_COUNT
};

struct cairn_fault_report {
    enum cairn_fault_cause cause;
    enum cairn_mistake mistake;
    struct cairn_mapping mapping; /* what is mapped there now */
    bool has_area;
    bool is_unsure; /* a set was being changed: an area may be missing */
    struct cairn_area_info area;
};

/*
 * Explain a fault.
 *
 *   sets    where there are areas and stacks: pointers, NULL behind the last;
 *           NULL: nowhere
 *   report  written whole
 */
void cairn_fault_explain(enum cairn_paging_mode mode, cairn_phys root,
                         const struct cairn_fault *fault,
                         struct cairn_areas *const *sets,
                         struct cairn_fault_report *report);

/*
 * "overflow of stack 'idle'", "null dereference", ...; or the cause.
 *
 *   text  at least CAIRN_FAULT_TEXT_BYTES; returned
 */
#define CAIRN_FAULT_TEXT_BYTES 72
const char *cairn_fault_text(const struct cairn_fault_report *report,
                             char *text);

/* The same without names, "overflow of a stack"; "?" outside of the
 * enumeration. */
const char *cairn_mistake_text(enum cairn_mistake mistake);

CAIRN_END_DECLS

#endif
