/*
 * tables.pml - a cursor finds its table without locks, while tables go and are
 * used again for other addresses and levels (src/paging/cursor.c).
 *
 * There is a root with two slots and two tables.  Writers go down without locks
 * and lock what they find; if nothing is there, they lock the root and link a
 * table.  A remover unlinks a table, has it flushed, and makes it reserve; now
 * and then it is a table of another level for a while.  Hardware keeps a
 * reference to a table until it is flushed.
 *
 * Properties
 *   - what a writer has locked is linked for its address (the assert on
 *     `child`), so that nothing is written into a table that is gone;
 *   - no table is lost because another one takes its slot (the assert in `link`);
 *   - hardware finds only tables of that address, filled (the asserts on
 *     `first` and `is_filled`);
 *   - nobody waits for ever (no invalid end state).
 *
 * Mutants (tools/prove compiles each and wants an error):
 *   NO_CHECK         what is locked is taken for what was looked for
 *   NO_LEVEL         ... if it is not stray and its first address is right
 *   NO_FIRST         ... if it is not stray and its level is right
 *   FREE_FIRST       the table is used again before the flush
 *   NO_FLUSH         ... without any
 *   UNLINK_UNLOCKED  the remover does not lock the table that it unlinks
 *   LINK_FIRST       a table is linked before it is filled
 *   NO_ROOT_CHECK    the slot is not looked at again with the root locked
 */
#define NONE 2

byte child[2] = NONE; /* of the root */
byte level[2];        /* of the tables; 0: not in use */
byte first[2];
bit is_stray[2] = 1;
bit is_filled[2];
bit is_locked[2];
bit is_root_locked;
bit is_reserve[2] = 1;
byte cached = NONE;   /* what hardware has of a slot ... */
byte cached_slot;     /* ... and of which */

inline lock_table(t)
{
    atomic { !is_locked[t] -> is_locked[t] = 1 }
}

inline lock_root()
{
    atomic { !is_root_locked -> is_root_locked = 1 }
}

/* A reserve table, locked, with another meaning; NONE: there is none. */
inline take(t, new_level, new_first)
{
    atomic {
        if
        :: is_reserve[0] -> t = 0; is_reserve[0] = 0
        :: is_reserve[1] -> t = 1; is_reserve[1] = 0
        :: else -> t = NONE
        fi
    };
    if
    :: t != NONE ->
        lock_table(t);
        level[t] = new_level;
        is_stray[t] = 0;
        first[t] = new_first
    :: else -> skip
    fi
}

/* A stray table, locked, becomes reserve. */
inline recycle(t)
{
    atomic { level[t] = 0; is_filled[t] = 0 };
    is_locked[t] = 0;
    is_reserve[t] = 1
}

inline link(t, slot)
{
    assert(child[slot] == NONE);
#ifdef LINK_FIRST
    child[slot] = t;
    is_filled[t] = 1
#else
    is_filled[t] = 1;
    child[slot] = t
#endif
}

inline make()
{
    lock_root();
#ifndef NO_ROOT_CHECK
    if
    :: child[slot] == NONE ->
#endif
        take(t, 1, slot);
        if
        :: t != NONE -> link(t, slot); is_locked[t] = 0
        :: else -> skip
        fi;
#ifndef NO_ROOT_CHECK
    :: else -> skip
    fi;
#endif
    is_root_locked = 0
}

#if defined(NO_CHECK)
#define IS_IT(t) true
#elif defined(NO_LEVEL)
#define IS_IT(t) (!is_stray[t] && first[t] == slot)
#elif defined(NO_FIRST)
#define IS_IT(t) (!is_stray[t] && level[t] == 1)
#else
#define IS_IT(t) (!is_stray[t] && first[t] == slot && level[t] == 1)
#endif

proctype writer(byte slot)
{
    byte t = NONE;

again:
    t = child[slot];
    if
    :: t == NONE -> make(); goto done
    :: else -> skip
    fi;
    lock_table(t);
    if
    :: IS_IT(t) ->
        assert(child[slot] == t);
        is_locked[t] = 0
    :: else ->
        is_locked[t] = 0;
        goto again
    fi;
done:
    skip
}

inline unlink(slot)
{
    lock_root();
    t = child[slot];
    if
    :: t != NONE ->
#ifndef UNLINK_UNLOCKED
        lock_table(t);
#endif
        is_stray[t] = 1;
        child[slot] = NONE;
#ifdef FREE_FIRST
        recycle(t);
#endif
#ifndef NO_FLUSH
        atomic {
            if
            :: cached == t -> cached = NONE
            :: else -> skip
            fi
        };
#endif
#ifndef FREE_FIRST
        recycle(t);
#endif
    :: else -> skip
    fi;
    is_root_locked = 0
}

/* Tables go, and one is of another level for a while. */
proctype remover()
{
    byte t = NONE;
    byte rounds = 0;

    do
    :: rounds < 3 -> unlink(0); rounds++
    :: rounds < 3 -> unlink(1); rounds++
    :: rounds < 3 ->
        take(t, 2, 0);
        if
        :: t != NONE ->
            is_locked[t] = 0;
            lock_table(t);
            is_stray[t] = 1;
            recycle(t)
        :: else -> skip
        fi;
        rounds++
    :: rounds == 3 -> break
    od
}

proctype hardware()
{
end:
    do
    :: atomic { cached == NONE && child[0] != NONE ->
                cached = child[0]; cached_slot = 0 }
    :: atomic { cached == NONE && child[1] != NONE ->
                cached = child[1]; cached_slot = 1 }
    :: atomic { cached != NONE ->
                assert(first[cached] == cached_slot && level[cached] == 1);
                assert(is_filled[cached]) }
    od
}

init
{
    atomic {
        run writer(0); run writer(0); run writer(1);
        run remover(); run hardware()
    }
}
