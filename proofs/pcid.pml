/*
 * pcid.pml - a CPU keeps what it has cached of a page table that it does not
 * have loaded (src/paging/tlb.c, with PCIDs; flush.pml has the rest).
 *
 * CPU 0 and CPU 1 each unmap a page of their own of one page table, which they
 * do not have loaded themselves, and flush.  CPU 2 loads it three times, and
 * another one in between.  Hardware caches whatever is mapped while the page
 * table is loaded, and keeps it until it is flushed, also while it is not.
 *
 * Properties
 *   - a page whose frame was given back is not in the TLB while the page table
 *     is loaded;
 *   - nobody waits for ever (no invalid end state).
 *
 * Mutants (tools/prove compiles each and wants an error):
 *   KEEP_ALWAYS      what was cached is kept whatever the generation
 *   RAISE_FIRST      the generation is raised before the entry is cleared
 *   RAISE_LATE       ... after it is read who has the page table loaded
 *   NOT_RAISED       ... never
 *   ENTER_LATE       a CPU enters the mask after it has read the generation
 *   NOTE_LATE        a CPU notes the generation that is there after its flush
 *   SKIP             a CPU that has done one flush notes it, though it has not
 *                    done the one before
 *   LEAVE_NOTES      a CPU that has left notes flushes that it has not done
 */

bit mapped[2] = 1;    /* entries of the page table */
bit given[2];         /* frames that were given back */
bit tlb[2];           /* of CPU 2, for the PCID of the page table */
bit is_user;          /* CPU 2 is in the page table's mask */
bit is_loaded;        /* what its CR3 says */
byte generation;      /* of the page table */
byte noted;           /* by CPU 2, for the PCID */
bit pending[2];       /* jobs of CPU 0 and 1 that CPU 2 has to do */
byte raised[2];       /* the generation of each */

/* CPU 2 does what another CPU waits for, if it has the page table loaded. */
inline answer(from)
{
    if
    :: is_loaded ->
        tlb[from] = 0;
#ifdef SKIP
        noted = raised[from]
#else
        if
        :: noted + 1 == raised[from] -> noted = raised[from]
        :: else -> skip
        fi
#endif
    :: else ->
#ifdef LEAVE_NOTES
        noted = raised[from]
#else
        skip
#endif
    fi;
    pending[from] = 0
}

inline raise()
{
    atomic { generation++; raised[me] = generation }
}

proctype changer(byte me)
{
    bit see = 0;

    /* Interrupts are off from here on. */
#ifdef RAISE_FIRST
    raise();
#endif
    mapped[me] = 0;
#ifdef RAISE_LATE
    see = is_user;
    raise();
#else
#ifndef RAISE_FIRST
#ifndef NOT_RAISED
    raise();
#endif
#endif
    see = is_user;
#endif
    pending[me] = see;
    pending[me] == 0;
    given[me] = 1;
    assert(!(is_loaded && tlb[me]))
}

inline load()
{
    /* Interrupts are off. */
#ifdef ENTER_LATE
    now = generation;
    is_user = 1;
#else
    is_user = 1;
    now = generation;
#endif
    if
#ifdef KEEP_ALWAYS
    :: true -> is_loaded = 1
#else
    :: noted == now -> is_loaded = 1
#endif
#ifdef NOTE_LATE
    :: else ->
        atomic { is_loaded = 1; tlb[0] = 0; tlb[1] = 0 };
        noted = generation
#else
    :: else ->
        noted = now;
        atomic { is_loaded = 1; tlb[0] = 0; tlb[1] = 0 }
#endif
    fi;
    /* Interrupts are on. */
    do
    :: pending[0] -> answer(0)
    :: pending[1] -> answer(1)
    :: break
    od
}

inline leave()
{
    /* Interrupts are off. */
    is_loaded = 0;
    is_user = 0;
    /* Interrupts are on. */
    do
    :: pending[0] -> answer(0)
    :: pending[1] -> answer(1)
    :: break
    od
}

proctype visitor()
{
    byte now = 0;

    load();
    leave();
    load();
    leave();
    load();
end:
    do
    :: pending[0] -> answer(0)
    :: pending[1] -> answer(1)
    od
}

proctype hardware()
{
end:
    do
    :: atomic { is_loaded && mapped[0] && !tlb[0] -> tlb[0] = 1 }
    :: atomic { is_loaded && mapped[1] && !tlb[1] -> tlb[1] = 1 }
    :: atomic { is_loaded && tlb[0] && given[0] -> assert(false) }
    :: atomic { is_loaded && tlb[1] && given[1] -> assert(false) }
    od
}

init
{
    atomic {
        run changer(0); run changer(1); run visitor(); run hardware()
    }
}
