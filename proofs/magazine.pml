/*
 * magazine.pml - a CPU's magazine while other CPUs freeze and empty it.
 *
 * The magazine is all that a CPU keeps for itself: its stacks of blocks, the
 * claim and the word of it in hand, and frames of sparse chunks.  One flag
 * guards them together, so that one number of frames stands for them here.
 *
 * The owner allocates and frees with interrupts off and without a lock.  When
 * it has nothing, it claims all that the engine has.  Two other CPUs empty the
 * magazine (src/frames/cache.c, cairn__cache_drain).
 *
 * Properties
 *   - nobody touches the magazine while somebody else does (the asserts on
 *     `users`), and no frame is lost or made (the asserts on sums);
 *   - who finds another drainer at it goes on when no frame is on its way any
 *     more (the assert on `moving`), or an allocation would fail for nothing;
 *   - nobody waits for ever (no invalid end state).
 *
 * Mutants (tools/prove compiles each and wants an error):
 *   NO_QUIESCE       the drainer does not wait for the owner to come out
 *   IGNORE_FROZEN    the owner does not look at is_frozen
 *   CHECK_EARLY      the owner looks before it switches interrupts off
 *   UNFREEZE_EARLY   is_frozen is cleared before the magazine is empty
 *   PLAIN_FREEZE     is_frozen is tested and then set, not exchanged
 *   LOSE_REST        the drainer forgets one frame
 *   NO_WAIT          who finds another drainer at it does not wait
 */
#define FRAMES 2

byte magazine = 1; /* frames in it */
byte engine = 1;   /* frames in the engine; changed in one step: a lock */
byte held = 0;     /* frames that somebody has allocated */
bit frozen = 0;
bit off = 0;       /* the owner's interrupts are off */
byte users = 0;    /* who is inside the magazine now */
byte moving = 0;   /* frames between the magazine and the engine */

#define SUM (magazine + engine + held + moving)

inline enter()
{
    assert(users == 0);
    users++
}

inline leave()
{
    users--
}

/* Allocate one frame and free it again, as the owner's CPU does. */
inline use_magazine()
{
    bit seen = 0;
    bit has = 0;

#ifdef CHECK_EARLY
    seen = frozen;
#endif
    off = 1;
#ifndef CHECK_EARLY
    seen = frozen;
#endif
#ifdef IGNORE_FROZEN
    seen = 0;
#endif
    if
    :: seen ->
        atomic {
            if
            :: engine > 0 -> engine--; held++; has = 1
            :: else -> skip
            fi
        }
    :: else ->
        enter();
        if
        :: magazine == 0 -> atomic { magazine = engine; engine = 0 }
        :: else -> skip
        fi;
        if
        :: magazine > 0 -> magazine--; held++; has = 1
        :: else -> skip
        fi;
        leave()
    fi;
    off = 0;

    /* ... the frame is used ... */
#ifdef CHECK_EARLY
    seen = frozen;
#endif
    off = 1;
#ifndef CHECK_EARLY
    seen = frozen;
#endif
#ifdef IGNORE_FROZEN
    seen = 0;
#endif
    if
    :: has && seen -> atomic { engine++; held-- }
    :: has && !seen ->
        enter();
        magazine++; held--;
        leave()
    :: !has -> skip
    fi;
    off = 0
}

active proctype owner()
{
    use_magazine();
    use_magazine()
}

active [2] proctype drainer()
{
    bit mine = 0;

#ifdef PLAIN_FREEZE
    if
    :: frozen == 0 -> mine = 1
    :: else -> skip
    fi;
    if
    :: mine -> frozen = 1
    :: else -> skip
    fi;
#else
    atomic {
        if
        :: frozen == 0 -> frozen = 1; mine = 1
        :: else -> skip
        fi
    }
#endif
    if
    :: mine ->
#ifndef NO_QUIESCE
        off == 0;
#endif
#ifdef UNFREEZE_EARLY
        frozen = 0;
#endif
        enter();
        atomic { moving = magazine; magazine = 0 }
#ifdef LOSE_REST
        if
        :: moving > 0 -> moving--
        :: else -> skip
        fi;
#endif
        atomic { engine = engine + moving; moving = 0 }
        leave();
        frozen = 0
    :: else ->
#ifdef NO_WAIT
        assert(moving == 0)
#else
        atomic { frozen == 0; assert(moving == 0) }
#endif
    fi
}

active proctype judge()
{
    /* At the end of everything the sum is what it was. */
    timeout;
    assert(SUM == FRAMES)
}
