/*
 * flush.pml - a CPU has others forget what they have cached (src/paging/tlb.c).
 *
 * CPU 0 and CPU 1 each unmap a page of their own and flush, with interrupts
 * off, below one table that both lock, or below two.  CPU 2 loads the page
 * table, and another one later.  Meanwhile hardware caches whatever is mapped,
 * on each CPU that has the page table loaded.
 *
 * Properties
 *   - nobody has a page in its TLB when its frame is given back, nor later (the
 *     asserts on `tlb`);
 *   - nobody waits for ever (no invalid end state).
 *
 * Mutants (tools/prove compiles each and wants an error):
 *   FREE_FIRST       the frame is given back before the flush
 *   NO_WAIT          ... before the others have flushed
 *   NOT_HERE         the CPU forgets to flush itself
 *   MASK_FIRST       who has it loaded is read before the entry is cleared
 *   ENTER_LATE       a CPU enters the mask after it has loaded the root
 *   LEAVE_EARLY      a CPU leaves the mask before it has loaded another root
 *   NO_POLLING       who waits for a flush answers none
 *   LOCK_NO_POLLING  who waits for a table answers none
 *   ANSWER_FIRST     a CPU says that it has flushed before it has
 *   NO_JOB           nobody is told
 */
#define CPUS 3

bit mapped[2] = 1;   /* entries of the page table */
bit given[2];        /* frames that were given back */
bit tlb[6];          /* by CPU, two pages each */
bit users[CPUS];     /* the page table's mask */
bit loaded[CPUS];    /* what CR3 says */
bit pending[6];      /* by initiator, its three CPUs */
bit is_one_table;
bit lock;

#define TLB(cpu, page)       tlb[(cpu) * 2 + (page)]
#define PENDING(from, cpu)   pending[(from) * CPUS + (cpu)]

/* Do what another CPU waits for. */
inline answer(from, cpu)
{
#ifdef ANSWER_FIRST
    PENDING(from, cpu) = 0;
    TLB(cpu, from) = 0
#else
    TLB(cpu, from) = 0;
    PENDING(from, cpu) = 0
#endif
}

inline give_back(page)
{
    given[page] = 1;
    assert(!TLB(0, page) && !TLB(1, page) && !TLB(2, page))
}

inline read_mask()
{
    see_other = users[1 - me];
    see_last = users[2]
}

proctype changer(byte me)
{
    bit see_other = 0;
    bit see_last = 0;

    /* Interrupts are off from here on. */
    if
    :: is_one_table ->
        do
        :: atomic { lock == 0 -> lock = 1 }; break
#ifndef LOCK_NO_POLLING
        :: PENDING(1 - me, me) -> answer(1 - me, me)
#endif
        od
    :: else -> skip
    fi;
#ifdef MASK_FIRST
    read_mask();
    mapped[me] = 0;
#else
    mapped[me] = 0;
    read_mask();
#endif
#ifdef FREE_FIRST
    give_back(me);
#endif
#ifndef NO_JOB
    PENDING(me, 1 - me) = see_other;
    PENDING(me, 2) = see_last;
#endif
#ifndef NOT_HERE
    TLB(me, me) = 0;
#endif
#ifndef NO_WAIT
    do
    :: !PENDING(me, 0) && !PENDING(me, 1) && !PENDING(me, 2) -> break
#ifndef NO_POLLING
    :: PENDING(1 - me, me) -> answer(1 - me, me)
#endif
    od;
#endif
#ifndef FREE_FIRST
    give_back(me);
#endif
    if
    :: is_one_table -> lock = 0
    :: else -> skip
    fi;
    /* Interrupts are on again. */
end:
    do
    :: PENDING(1 - me, me) -> answer(1 - me, me)
    od
}

proctype visitor()
{
    /* Interrupts are off while it loads. */
#ifdef ENTER_LATE
    loaded[2] = 1;
    users[2] = 1;
#else
    users[2] = 1;
    loaded[2] = 1;
#endif
    do
    :: PENDING(0, 2) -> answer(0, 2)
    :: PENDING(1, 2) -> answer(1, 2)
    :: break
    od;
#ifdef LEAVE_EARLY
    users[2] = 0;
#endif
    atomic { loaded[2] = 0; TLB(2, 0) = 0; TLB(2, 1) = 0 };
    users[2] = 0;
end:
    do
    :: PENDING(0, 2) -> answer(0, 2)
    :: PENDING(1, 2) -> answer(1, 2)
    od
}

proctype hardware(byte cpu)
{
end:
    do
    :: atomic { loaded[cpu] && mapped[0] && !TLB(cpu, 0) -> TLB(cpu, 0) = 1 }
    :: atomic { loaded[cpu] && mapped[1] && !TLB(cpu, 1) -> TLB(cpu, 1) = 1 }
    :: atomic { TLB(cpu, 0) && given[0] -> assert(false) }
    :: atomic { TLB(cpu, 1) && given[1] -> assert(false) }
    od
}

init
{
    atomic {
        if
        :: is_one_table = 1
        :: is_one_table = 0
        fi;
        users[0] = 1; users[1] = 1;
        loaded[0] = 1; loaded[1] = 1;
        run changer(0); run changer(1); run visitor();
        run hardware(0); run hardware(1); run hardware(2)
    }
}
