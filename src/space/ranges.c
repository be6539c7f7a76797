/*
 * space/ranges.c - a set of ranges: change and find; see ranges.h.
 *
 * LOCKS  The caller's.
 *
 * FAILS  Nodes are reserved before anything changes.
 *
 * COST   Find: a node for each level.  Insert and remove: the same down and up,
 *        and half a leaf is moved on average.
 *
 * TESTS  tests/ranges.c, tests/ranges_random.c; make bench B=ranges
 */
#include "space/ranges.h"

#include "base/memory.h"

#define LEAF  CAIRN__RANGE_LEAF
#define INNER CAIRN__RANGE_INNER
#define ROOMS CAIRN__RANGE_ROOMS

typedef union cairn__range_node node_type;
typedef struct cairn__range_sum sum_type;

/*
 * The way down to a range: a node of each level, and which entry of it; that of
 * the leaf may be one behind the last.
 */
struct way {
    node_type *nodes[CAIRN__RANGE_HEIGHT];
    unsigned slots[CAIRN__RANGE_HEIGHT];
};

/* ---- Memory -------------------------------------------------------------- */

static void give_node(struct cairn_ranges *ranges, node_type *node)
{
    node->head.next = ranges->free;
    ranges->free = node;
    ranges->free_count++;
}

static node_type *take_node(struct cairn_ranges *ranges)
{
    node_type *node = ranges->free;

    cairn__assert(node != NULL);
    ranges->free = node->head.next;
    ranges->free_count--;
    node->head.count = 0;
    return node;
}

static enum cairn_status add_frame(struct cairn_ranges *ranges)
{
    cairn_pfn pfn;
    node_type *nodes;
    enum cairn_status status = cairn_source_alloc(&ranges->source, &pfn);

    if (status != CAIRN_OK)
        return status;
    nodes = cairn_platform_phys_to_virt(cairn_phys_of(pfn),
                                        (size_t)CAIRN_FRAME_SIZE);
    if (nodes == NULL) {
        if (ranges->release != NULL)
            ranges->release(ranges->source.context, pfn);
        return CAIRN_NOT_REACHABLE;
    }
    nodes[0].head.frame = pfn.value;
    nodes[0].head.next_frame = ranges->frames;
    ranges->frames = &nodes[0];
    for (unsigned i = 0; i < CAIRN__RANGE_NODES; i++)
        give_node(ranges, &nodes[i]);
    return CAIRN_OK;
}

/* One range more may split a node of each level, and make a new root. */
static enum cairn_status reserve(struct cairn_ranges *ranges)
{
    enum cairn_status status = CAIRN_OK;

    while (ranges->free_count < ranges->height + 2 && status == CAIRN_OK)
        status = add_frame(ranges);
    return status;
}

enum cairn_status
cairn_ranges_init(struct cairn_ranges *ranges, struct cairn_span bounds,
                  struct cairn_source source,
                  void (*release)(void *context, cairn_pfn frame))
{
    uint64_t last = bounds.start.value + (bounds.bytes - 1);

    if (bounds.bytes == 0 || last < bounds.start.value ||
        ((bounds.start.value | bounds.bytes) & (CAIRN_FRAME_SIZE - 1)) != 0)
        return CAIRN_BAD_ARGUMENT;
    memset(ranges, 0, sizeof(*ranges));
    ranges->source = source;
    ranges->release = release;
    ranges->first = bounds.start.value >> CAIRN_FRAME_SHIFT;
    ranges->end = (last >> CAIRN_FRAME_SHIFT) + 1;
    return CAIRN_OK;
}

void cairn_ranges_destroy(struct cairn_ranges *ranges)
{
    while (ranges->frames != NULL) {
        cairn_pfn pfn = {ranges->frames->head.frame};

        ranges->frames = ranges->frames->head.next_frame;
        if (ranges->release != NULL)
            ranges->release(ranges->source.context, pfn);
    }
    ranges->root = NULL;
    ranges->free = NULL;
    ranges->free_count = 0;
    ranges->height = 0;
    ranges->count = 0;
    ranges->pages = 0;
}

bool cairn__range_pages(const struct cairn_ranges *ranges,
                        struct cairn_span span, uint64_t *first, uint64_t *end)
{
    uint64_t last = span.start.value + (span.bytes - 1);

    if (span.bytes == 0 || last < span.start.value ||
        ((span.start.value | span.bytes) & (CAIRN_FRAME_SIZE - 1)) != 0)
        return false;
    *first = span.start.value >> CAIRN_FRAME_SHIFT;
    *end = (last >> CAIRN_FRAME_SHIFT) + 1;
    return *first >= ranges->first && *end <= ranges->end;
}

/* ---- What is known of a node --------------------------------------------- */

/* The most room between an end and the start behind it. */
CAIRN_INLINE uint64_t widest(const uint64_t *ends, const uint64_t *starts,
                             unsigned count, uint64_t align)
{
    uint64_t most = 0;

    for (unsigned i = 0; i < count; i++)
        most = cairn__max(most, cairn__range_room(ends[i], starts[i], align));
    return most;
}

/* Rooms next to the ranges [from, to) of a leaf. */
static void leaf_rooms(const node_type *leaf, unsigned from, unsigned to,
                       uint64_t *rooms)
{
    unsigned first = from > 0 ? from : 1;
    unsigned end = (unsigned)cairn__min(to + 1, leaf->head.count);
    unsigned gaps = end > first ? end - first : 0;
    const uint64_t *ends = &leaf->leaf.ends[first - 1];
    const uint64_t *starts = &leaf->leaf.starts[first];

#pragma GCC unroll 3
    for (unsigned i = 0; i < ROOMS; i++)
        rooms[i] = widest(ends, starts, gaps, cairn__range_granule(i));
}

/* Rooms in the children [from, to) of a node, and next to them. */
static void inner_rooms(const node_type *node, unsigned from, unsigned to,
                        uint64_t *rooms)
{
    const struct cairn__range_child *children = node->inner.children;

    for (unsigned i = 0; i < ROOMS; i++)
        rooms[i] = 0;
    for (unsigned i = from; i <= to && i < node->head.count; i++) {
        if (i > 0)
            cairn__range_add_gap(rooms, children[i - 1].end,
                                 node->inner.firsts[i]);
        for (unsigned j = 0; j < ROOMS && i < to; j++)
            rooms[j] = cairn__max(rooms[j], children[i].room[j]);
    }
}

/* `level` 0: a leaf. */
static void rooms_of(const node_type *node, unsigned level, unsigned from,
                     unsigned to, uint64_t *rooms)
{
    if (level == 0)
        leaf_rooms(node, from, to, rooms);
    else
        inner_rooms(node, from, to, rooms);
}

static void ends_of(const node_type *node, unsigned level, sum_type *out)
{
    unsigned last = node->head.count - 1;

    out->first = level == 0 ? node->leaf.starts[0] : node->inner.firsts[0];
    out->end =
        level == 0 ? node->leaf.ends[last] : node->inner.children[last].end;
}

/* All of it, computed anew. */
static sum_type sum_of(const node_type *node, unsigned level)
{
    sum_type sum;

    ends_of(node, level, &sum);
    rooms_of(node, level, 0, node->head.count, sum.room);
    return sum;
}

static sum_type load_sum(const node_type *node, unsigned slot)
{
    const struct cairn__range_child *child = &node->inner.children[slot];
    sum_type sum = {.first = node->inner.firsts[slot], .end = child->end};

    memcpy(sum.room, child->room, sizeof(sum.room));
    return sum;
}

static void store_sum(node_type *node, unsigned slot, const sum_type *sum)
{
    struct cairn__range_child *child = &node->inner.children[slot];

    node->inner.firsts[slot] = sum->first;
    child->end = sum->end;
    memcpy(child->room, sum->room, sizeof(child->room));
}

/* What its parent knows of the node of that level. */
static sum_type known_sum(const struct cairn_ranges *ranges,
                          const struct way *way, unsigned level)
{
    return level == ranges->height
               ? ranges->sum
               : load_sum(way->nodes[level + 1], way->slots[level + 1]);
}

/*
 * Rooms of a node, of which those next to some of its entries were `former` and
 * are `now`: only if the former ones decided it, all have to be looked at.
 */
static void refresh_rooms(const node_type *node, unsigned level,
                          const uint64_t *former, const uint64_t *now,
                          uint64_t *rooms)
{
    uint64_t all[ROOMS];
    bool is_lost = false;

    for (unsigned i = 0; i < ROOMS; i++) {
        is_lost |= former[i] == rooms[i] && now[i] < rooms[i];
        rooms[i] = cairn__max(rooms[i], now[i]);
    }
    if (!is_lost)
        return;
    rooms_of(node, level, 0, node->head.count, all);
    memcpy(rooms, all, sizeof(all));
}

static bool is_same(const node_type *node, unsigned slot, const sum_type *sum)
{
    const struct cairn__range_child *child = &node->inner.children[slot];
    uint64_t changes =
        (node->inner.firsts[slot] ^ sum->first) | (child->end ^ sum->end);

    for (unsigned i = 0; i < ROOMS; i++)
        changes |= child->room[i] ^ sum->room[i];
    return changes == 0;
}

/* What is known of the node of that level is `sum` now: tell those above. */
static void rise(struct cairn_ranges *ranges, const struct way *way,
                 unsigned level, sum_type sum)
{
    for (; level < ranges->height; level++) {
        node_type *parent = way->nodes[level + 1];
        unsigned slot = way->slots[level + 1];
        sum_type above;
        uint64_t former[ROOMS];
        uint64_t now[ROOMS];

        if (is_same(parent, slot, &sum))
            return;
        above = known_sum(ranges, way, level + 1);
        inner_rooms(parent, slot, slot + 1, former);
        store_sum(parent, slot, &sum);
        inner_rooms(parent, slot, slot + 1, now);
        ends_of(parent, level + 1, &above);
        refresh_rooms(parent, level + 1, former, now, above.room);
        sum = above;
    }
    ranges->sum = sum;
}

/* ---- Ways ---------------------------------------------------------------- */

/* To the first range that begins above `page`. */
static void go_to(const struct cairn_ranges *ranges, uint64_t page,
                  struct way *way)
{
    node_type *node = ranges->root;

    for (unsigned level = ranges->height; level > 0; level--) {
        unsigned slot = cairn__range_slot(node, page);

        way->nodes[level] = node;
        way->slots[level] = slot;
        node = node->inner.children[slot].node;
    }
    way->nodes[0] = node;
    way->slots[0] = cairn__range_after(node, page);
}

/* Behind the last range of a leaf: to the next leaf.  False: it was the last.
 */
static bool go_on(const struct cairn_ranges *ranges, struct way *way)
{
    unsigned level = 1;
    node_type *node;

    while (level <= ranges->height &&
           way->slots[level] + 1 == way->nodes[level]->head.count)
        level++;
    if (level > ranges->height)
        return false;
    node = way->nodes[level]->inner.children[++way->slots[level]].node;
    while (--level > 0) {
        way->nodes[level] = node;
        way->slots[level] = 0;
        node = node->inner.children[0].node;
    }
    way->nodes[0] = node;
    way->slots[0] = 0;
    return true;
}

/* To the lowest range that ends above `page`.  False: there is none. */
static bool seek(const struct cairn_ranges *ranges, uint64_t page,
                 struct way *way)
{
    const node_type *leaf;

    if (ranges->root == NULL)
        return false;
    go_to(ranges, page, way);
    leaf = way->nodes[0];
    if (way->slots[0] > 0 && leaf->leaf.ends[way->slots[0] - 1] > page)
        way->slots[0]--;
    return way->slots[0] < leaf->head.count || go_on(ranges, way);
}

static struct cairn__range_found found_at(const struct way *way)
{
    const node_type *leaf = way->nodes[0];
    unsigned slot = way->slots[0];
    struct cairn__range_found found = {leaf->leaf.starts[slot],
                                       leaf->leaf.ends[slot],
                                       leaf->leaf.values[slot]};

    return found;
}

bool cairn__range_next(const struct cairn_ranges *ranges, uint64_t page,
                       struct cairn__range_found *out)
{
    struct way way;

    if (!seek(ranges, page, &way))
        return false;
    *out = found_at(&way);
    return true;
}

/* ---- Entries of a node --------------------------------------------------- */

/* Entries [from, count) of a node to another one, or elsewhere in it. */
static void move(node_type *to, unsigned at, const node_type *node,
                 unsigned level, unsigned from)
{
    size_t moved = node->head.count - from;

    if (level == 0) {
        memmove(&to->leaf.starts[at], &node->leaf.starts[from], moved * 8);
        memmove(&to->leaf.ends[at], &node->leaf.ends[from], moved * 8);
        memmove(&to->leaf.values[at], &node->leaf.values[from],
                moved * sizeof(node->leaf.values[0]));
    } else {
        memmove(&to->inner.firsts[at], &node->inner.firsts[from], moved * 8);
        memmove(&to->inner.children[at], &node->inner.children[from],
                moved * sizeof(node->inner.children[0]));
    }
}

/* Make a place at `slot`. */
static void open_slot(node_type *node, unsigned level, unsigned slot)
{
    move(node, slot + 1, node, level, slot);
    node->head.count++;
}

/* Keys from the last entry on, up to `former`, are none. */
static void clear_keys(node_type *node, unsigned level, unsigned former)
{
    uint64_t *keys = level == 0 ? node->leaf.starts : node->inner.firsts;

    for (unsigned i = node->head.count; i < former; i++)
        keys[i] = CAIRN__RANGE_NO_KEY;
}

static node_type *make_node(struct cairn_ranges *ranges, unsigned level)
{
    node_type *node = take_node(ranges);

    clear_keys(node, level, level == 0 ? LEAF : 24);
    return node;
}

/* The entry at `slot` goes. */
static void close_slot(node_type *node, unsigned level, unsigned slot)
{
    move(node, slot, node, level, slot + 1);
    node->head.count--;
    clear_keys(node, level, node->head.count + 1);
}

/* Copy entries [from, count) of a node to the end of another one. */
static void append(node_type *to, const node_type *node, unsigned level,
                   unsigned from)
{
    move(to, to->head.count, node, level, from);
    to->head.count += node->head.count - from;
}

/*
 * A full node becomes two, of which the new one has the entries from `slot` on
 * if those are none, else the upper half.
 */
static node_type *split(struct cairn_ranges *ranges, node_type *node,
                        unsigned level, unsigned slot)
{
    unsigned count = node->head.count;
    unsigned half = slot == count ? count : count / 2;
    node_type *right = make_node(ranges, level);

    append(right, node, level, half);
    node->head.count = half;
    clear_keys(node, level, count);
    return right;
}

static void put_range(node_type *leaf, unsigned slot,
                      const struct cairn__range_found *range)
{
    open_slot(leaf, 0, slot);
    leaf->leaf.starts[slot] = range->start;
    leaf->leaf.ends[slot] = range->end;
    leaf->leaf.values[slot] = range->value;
}

static void put_child(node_type *node, unsigned slot, const sum_type *sum,
                      node_type *child)
{
    open_slot(node, 1, slot);
    store_sum(node, slot, sum);
    node->inner.children[slot].node = child;
}

/* ---- Insert -------------------------------------------------------------- */

/* The root has become two. */
static void grow(struct cairn_ranges *ranges, const sum_type *left,
                 node_type *right, const sum_type *sum)
{
    node_type *root = make_node(ranges, 1);

    put_child(root, 0, left, ranges->root);
    put_child(root, 1, sum, right);
    ranges->root = root;
    ranges->height++;
    ranges->sum = sum_of(root, 1);
}

/* The node of that level has been split: its parent has one child more. */
static void add_sibling(struct cairn_ranges *ranges, struct way *way,
                        unsigned level, node_type *right)
{
    for (; level < ranges->height; level++) {
        sum_type left_sum = sum_of(way->nodes[level], level);
        sum_type right_sum = sum_of(right, level);
        node_type *parent = way->nodes[level + 1];
        unsigned slot = way->slots[level + 1] + 1;
        node_type *sibling = NULL;

        store_sum(parent, slot - 1, &left_sum);
        if (parent->head.count == INNER)
            sibling = split(ranges, parent, level + 1, slot);
        if (slot <= parent->head.count && parent->head.count < INNER)
            put_child(parent, slot, &right_sum, right);
        else
            put_child(sibling, slot - parent->head.count, &right_sum, right);
        if (sibling == NULL) {
            rise(ranges, way, level + 1, sum_of(parent, level + 1));
            return;
        }
        right = sibling;
    }
    {
        sum_type left_sum = sum_of(ranges->root, level);
        sum_type right_sum = sum_of(right, level);

        grow(ranges, &left_sum, right, &right_sum);
    }
}

static void insert_and_split(struct cairn_ranges *ranges, struct way *way,
                             const struct cairn__range_found *range)
{
    node_type *leaf = way->nodes[0];
    unsigned slot = way->slots[0];
    node_type *right = split(ranges, leaf, 0, slot);

    if (slot <= leaf->head.count && leaf->head.count < LEAF)
        put_range(leaf, slot, range);
    else
        put_range(right, slot - leaf->head.count, range);
    add_sibling(ranges, way, 0, right);
}

/*
 * There is a place for it in the leaf.  Between two others, it makes no room
 * that was not there.
 */
static void insert_simply(struct cairn_ranges *ranges, struct way *way,
                          const struct cairn__range_found *range)
{
    node_type *leaf = way->nodes[0];
    unsigned slot = way->slots[0];
    bool is_last = slot == leaf->head.count;
    sum_type sum = known_sum(ranges, way, 0);
    uint64_t former[ROOMS];
    uint64_t now[ROOMS] = {0};

    leaf_rooms(leaf, slot, slot, former);
    put_range(leaf, slot, range);
    if (slot == 0 || is_last)
        leaf_rooms(leaf, slot, slot + 1, now);
    ends_of(leaf, 0, &sum);
    refresh_rooms(leaf, 0, former, now, sum.room);
    rise(ranges, way, 0, sum);
}

/* The way leads to where it belongs; nodes are reserved. */
static void insert_at(struct cairn_ranges *ranges, struct way *way,
                      const struct cairn__range_found *range)
{
    if (ranges->root == NULL) {
        ranges->root = make_node(ranges, 0);
        put_range(ranges->root, 0, range);
        ranges->sum = sum_of(ranges->root, 0);
    } else if (way->nodes[0]->head.count < LEAF) {
        insert_simply(ranges, way, range);
    } else {
        insert_and_split(ranges, way, range);
    }
    ranges->count++;
    ranges->pages += range->end - range->start;
}

/* Where the first range begins behind where the way leads. */
static uint64_t start_behind(const struct cairn_ranges *ranges,
                             const struct way *way)
{
    const node_type *leaf = way->nodes[0];

    if (way->slots[0] < leaf->head.count)
        return leaf->leaf.starts[way->slots[0]];
    for (unsigned level = 1; level <= ranges->height; level++) {
        if (way->slots[level] + 1 < way->nodes[level]->head.count)
            return way->nodes[level]->inner.firsts[way->slots[level] + 1];
    }
    return CAIRN__RANGE_NO_KEY;
}

/* Is the span free that begins where the way leads? */
static bool is_free(const struct cairn_ranges *ranges, const struct way *way,
                    uint64_t first, uint64_t end)
{
    const node_type *leaf = way->nodes[0];
    unsigned slot = way->slots[0];

    return (slot == 0 || leaf->leaf.ends[slot - 1] <= first) &&
           start_behind(ranges, way) >= end;
}

enum cairn_status cairn_ranges_insert(struct cairn_ranges *ranges,
                                      struct cairn_span span, void *value)
{
    struct cairn__range_found range = {.value = value};
    struct way way;
    enum cairn_status status;

    if (!cairn__range_pages(ranges, span, &range.start, &range.end))
        return CAIRN_BAD_ARGUMENT;
    if (ranges->root != NULL) {
        go_to(ranges, range.start, &way);
        if (!is_free(ranges, &way, range.start, range.end))
            return CAIRN_IN_USE;
    }
    status = reserve(ranges);
    if (status == CAIRN_OK)
        insert_at(ranges, &way, &range);
    return status;
}

/* ---- Remove -------------------------------------------------------------- */

/* Few entries are left: can those of two neighbours be in one node? */
static bool can_merge(const node_type *left, const node_type *right,
                      unsigned level)
{
    unsigned most = level == 0 ? LEAF : INNER;
    unsigned least = (unsigned)cairn__min(left->head.count, right->head.count);

    return least < most / 4 &&
           left->head.count + right->head.count <= most / 4 * 3;
}

/* The child goes out of its parent, and is free. */
static void drop_child(struct cairn_ranges *ranges, node_type *parent,
                       unsigned slot)
{
    give_node(ranges, parent->inner.children[slot].node);
    close_slot(parent, 1, slot);
}

/*
 * A node has lost an entry: if it is empty it goes, if it is small it becomes
 * one with a neighbour.  True: its parent has lost one, too.
 */
static bool compact(struct cairn_ranges *ranges, const struct way *way,
                    unsigned level)
{
    node_type *node = way->nodes[level];
    node_type *parent = way->nodes[level + 1];
    unsigned slot = way->slots[level + 1];
    unsigned left = slot > 0 ? slot - 1 : slot;
    sum_type sum;

    if (node->head.count == 0) {
        drop_child(ranges, parent, slot);
        return true;
    }
    if (left + 1 == parent->head.count ||
        !can_merge(parent->inner.children[left].node,
                   parent->inner.children[left + 1].node, level))
        return false;
    node = parent->inner.children[left].node;
    append(node, parent->inner.children[left + 1].node, level, 0);
    sum = sum_of(node, level);
    store_sum(parent, left, &sum);
    drop_child(ranges, parent, left + 1);
    return true;
}

/* The root has lost an entry. */
static void shrink(struct cairn_ranges *ranges)
{
    if (ranges->root->head.count == 0) {
        give_node(ranges, ranges->root);
        ranges->root = NULL;
        ranges->height = 0;
        return;
    }
    while (ranges->height > 0 && ranges->root->head.count == 1) {
        node_type *root = ranges->root;

        ranges->root = root->inner.children[0].node;
        ranges->height--;
        give_node(ranges, root);
    }
    ranges->sum = sum_of(ranges->root, ranges->height);
}

static void remove_at(struct cairn_ranges *ranges, const struct way *way)
{
    node_type *leaf = way->nodes[0];
    unsigned slot = way->slots[0];
    sum_type sum = known_sum(ranges, way, 0);
    uint64_t former[ROOMS];
    uint64_t now[ROOMS];
    unsigned level = 0;

    ranges->count--;
    ranges->pages -= leaf->leaf.ends[slot] - leaf->leaf.starts[slot];
    leaf_rooms(leaf, slot, slot + 1, former);
    close_slot(leaf, 0, slot);
    while (level < ranges->height && compact(ranges, way, level))
        level++;
    if (level == ranges->height && (level > 0 || leaf->head.count == 0)) {
        shrink(ranges);
        return;
    }
    if (level > 0) {
        rise(ranges, way, level, sum_of(way->nodes[level], level));
        return;
    }
    leaf_rooms(leaf, slot, slot, now);
    ends_of(leaf, 0, &sum);
    refresh_rooms(leaf, 0, former, now, sum.room);
    rise(ranges, way, 0, sum);
}

enum cairn_status cairn_ranges_remove(struct cairn_ranges *ranges,
                                      cairn_va start)
{
    struct way way;

    if ((start.value & (CAIRN_FRAME_SIZE - 1)) != 0 ||
        !seek(ranges, start.value >> CAIRN_FRAME_SHIFT, &way) ||
        found_at(&way).start != start.value >> CAIRN_FRAME_SHIFT)
        return CAIRN_NOT_FOUND;
    remove_at(ranges, &way);
    return CAIRN_OK;
}

/* ---- Cut and unite ------------------------------------------------------- */

/* The range there begins or ends elsewhere now; its neighbours stay. */
static void resize_at(struct cairn_ranges *ranges, const struct way *way,
                      uint64_t start, uint64_t end)
{
    node_type *leaf = way->nodes[0];
    unsigned slot = way->slots[0];
    sum_type sum = known_sum(ranges, way, 0);
    uint64_t former[ROOMS];
    uint64_t now[ROOMS];

    leaf_rooms(leaf, slot, slot + 1, former);
    ranges->pages -= leaf->leaf.ends[slot] - leaf->leaf.starts[slot];
    ranges->pages += end - start;
    leaf->leaf.starts[slot] = start;
    leaf->leaf.ends[slot] = end;
    leaf_rooms(leaf, slot, slot + 1, now);
    ends_of(leaf, 0, &sum);
    refresh_rooms(leaf, 0, former, now, sum.room);
    rise(ranges, way, 0, sum);
}

/* A range on both sides of [first, end) becomes two. */
static enum cairn_status cut_out(struct cairn_ranges *ranges, struct way *way,
                                 uint64_t first, uint64_t end)
{
    struct cairn__range_found rest = found_at(way);
    enum cairn_status status = reserve(ranges);

    if (status != CAIRN_OK)
        return status;
    resize_at(ranges, way, rest.start, first);
    rest.start = end;
    go_to(ranges, end, way);
    insert_at(ranges, way, &rest);
    return CAIRN_OK;
}

enum cairn_status cairn_ranges_cut(struct cairn_ranges *ranges,
                                   struct cairn_span span)
{
    uint64_t first;
    uint64_t end;
    struct way way;

    if (!cairn__range_pages(ranges, span, &first, &end))
        return CAIRN_BAD_ARGUMENT;
    while (seek(ranges, first, &way)) {
        struct cairn__range_found range = found_at(&way);

        if (range.start >= end)
            break;
        if (range.start < first && range.end > end)
            return cut_out(ranges, &way, first, end);
        if (range.start < first)
            resize_at(ranges, &way, range.start, first);
        else if (range.end > end)
            resize_at(ranges, &way, end, range.end);
        else
            remove_at(ranges, &way);
    }
    return CAIRN_OK;
}

enum cairn_status cairn_ranges_unite(struct cairn_ranges *ranges,
                                     struct cairn_span span, void *value)
{
    struct cairn__range_found range = {.value = value};
    struct way way;
    enum cairn_status status;

    if (!cairn__range_pages(ranges, span, &range.start, &range.end))
        return CAIRN_BAD_ARGUMENT;
    status = reserve(ranges);
    if (status != CAIRN_OK)
        return status;
    /* What ends at the start touches it. */
    while (seek(ranges, range.start - (range.start > 0), &way) &&
           found_at(&way).start <= range.end) {
        range.start = cairn__min(range.start, found_at(&way).start);
        range.end = cairn__max(range.end, found_at(&way).end);
        remove_at(ranges, &way);
    }
    if (ranges->root != NULL)
        go_to(ranges, range.start, &way);
    insert_at(ranges, &way, &range);
    return CAIRN_OK;
}

/* ---- Look ---------------------------------------------------------------- */

static struct cairn_range as_range(const struct cairn__range_found *found)
{
    struct cairn_range range = {
        .start = {found->start << CAIRN_FRAME_SHIFT},
        .bytes = (found->end - found->start) << CAIRN_FRAME_SHIFT,
        .value = found->value,
    };

    return range;
}

bool cairn_ranges_find(const struct cairn_ranges *ranges, cairn_va at,
                       struct cairn_range *out)
{
    uint64_t page = at.value >> CAIRN_FRAME_SHIFT;
    const node_type *node = ranges->root;
    struct cairn__range_found found;
    unsigned after;

    if (node == NULL)
        return false;
    for (unsigned level = ranges->height; level > 0; level--)
        node = node->inner.children[cairn__range_slot(node, page)].node;
    after = cairn__range_after(node, page);
    if (after == 0 || node->leaf.ends[after - 1] <= page)
        return false;
    found.start = node->leaf.starts[after - 1];
    found.end = node->leaf.ends[after - 1];
    found.value = node->leaf.values[after - 1];
    *out = as_range(&found);
    return true;
}

bool cairn_ranges_next(const struct cairn_ranges *ranges, cairn_va at,
                       struct cairn_range *out)
{
    struct cairn__range_found found;

    if (!cairn__range_next(ranges, at.value >> CAIRN_FRAME_SHIFT, &found))
        return false;
    *out = as_range(&found);
    return true;
}
