/*
 * space/ranges_check.c - the invariants of a set of ranges, see ranges.h, and
 * its numbers.
 *
 * TESTS  tests/ranges_random.c, which also breaks each of them
 */
#include "space/ranges.h"

#include "base/memory.h"

typedef const union cairn__range_node node_type;

struct walk {
    const struct cairn_ranges *ranges;
    uint64_t end; /* of the last range that was seen */
    size_t count;
    uint64_t pages;
};

static bool are_keys_right(const uint64_t *keys, unsigned count, unsigned used,
                           unsigned most)
{
    if (count == 0 || count > used)
        return false;
    for (unsigned i = count; i < most; i++) {
        if (keys[i] != CAIRN__RANGE_NO_KEY)
            return false;
    }
    return true;
}

static unsigned check_leaf(node_type *leaf, struct walk *walk,
                           struct cairn__range_sum *sum)
{
    unsigned count = leaf->head.count;

    if (!are_keys_right(leaf->leaf.starts, count, CAIRN__RANGE_LEAF,
                        CAIRN__RANGE_LEAF))
        return 3;
    for (unsigned i = 0; i < count; i++) {
        uint64_t start = leaf->leaf.starts[i];
        uint64_t end = leaf->leaf.ends[i];

        if (start < walk->end || end <= start || end > walk->ranges->end)
            return 1;
        if (i > 0)
            cairn__range_add_gap(sum->room, leaf->leaf.ends[i - 1], start);
        walk->end = end;
        walk->count++;
        walk->pages += end - start;
    }
    sum->first = leaf->leaf.starts[0];
    sum->end = leaf->leaf.ends[count - 1];
    return 0;
}

static unsigned check_node(node_type *node, unsigned level, struct walk *walk,
                           struct cairn__range_sum *sum)
{
    unsigned count = node->head.count;

    memset(sum, 0, sizeof(*sum));
    if (level == 0)
        return check_leaf(node, walk, sum);
    if (!are_keys_right(node->inner.firsts, count, CAIRN__RANGE_INNER, 24))
        return 3;
    for (unsigned i = 0; i < count; i++) {
        const struct cairn__range_child *child = &node->inner.children[i];
        struct cairn__range_sum below;
        unsigned broken = check_node(child->node, level - 1, walk, &below);

        if (broken != 0)
            return broken;
        if (below.first != node->inner.firsts[i] || below.end != child->end ||
            memcmp(below.room, child->room, sizeof(below.room)) != 0)
            return 2;
        if (i > 0)
            cairn__range_add_gap(sum->room, node->inner.children[i - 1].end,
                                 below.first);
        for (unsigned j = 0; j < CAIRN__RANGE_ROOMS; j++)
            sum->room[j] = cairn__max(sum->room[j], below.room[j]);
    }
    sum->first = node->inner.firsts[0];
    sum->end = node->inner.children[count - 1].end;
    return 0;
}

unsigned cairn_ranges_check(const struct cairn_ranges *ranges)
{
    struct walk walk = {ranges, ranges->first, 0, 0};
    struct cairn__range_sum sum;
    unsigned broken;

    if (ranges->root == NULL)
        return ranges->count != 0 || ranges->pages != 0 ? 5 : 0;
    if (ranges->height >= CAIRN__RANGE_HEIGHT)
        return 4;
    if (ranges->height > 0 && ranges->root->head.count < 2)
        return 3;
    broken = check_node(ranges->root, ranges->height, &walk, &sum);
    if (broken != 0)
        return broken;
    if (memcmp(&sum, &ranges->sum, sizeof(sum)) != 0)
        return 2;
    return walk.count == ranges->count && walk.pages == ranges->pages ? 0 : 5;
}

static size_t count_nodes(node_type *node, unsigned level)
{
    size_t count = 1;

    for (unsigned i = 0; level > 0 && i < node->head.count; i++)
        count += count_nodes(node->inner.children[i].node, level - 1);
    return count;
}

void cairn_ranges_stats(const struct cairn_ranges *ranges,
                        struct cairn_ranges_stats *out)
{
    const struct cairn_ranges *set = ranges;
    bool is_empty = set->root == NULL;

    out->ranges = set->count;
    out->used_bytes = set->pages << CAIRN_FRAME_SHIFT;
    out->free_bytes = (set->end - set->first - set->pages) << CAIRN_FRAME_SHIFT;
    out->largest_gap_bytes = cairn__range_largest_gap(set) << CAIRN_FRAME_SHIFT;
    out->levels = is_empty ? 0 : set->height + 1;
    out->nodes = is_empty ? 0 : count_nodes(set->root, set->height);
    out->free_nodes = set->free_count;
}
