/*
 * frames_model.c - what a frame allocator is, in the plainest code possible.
 */
#include "frames_model.h"

#include "base/memory.h"

#define MODEL_RUN  31u
#define GONE       UINT16_MAX /* removed: no memory at present */
#define NO_LIMIT   UINT64_MAX
#define LIMIT_4GIB ((uint64_t)1 << 20)

/* ---- Frames and their places in the array -------------------------------- */

static uint32_t pick(struct frames_model *model, uint32_t limit)
{
    return model->pick(model->context, limit);
}

/* The array's index of a frame; MODEL_FRAMES_MAX: it is in no zone. */
static uint32_t index_of(const struct frames_model *model, uint64_t frame)
{
    uint32_t base = 0;

    for (unsigned i = 0; i < model->build->zone_count; i++) {
        const struct frames_zone *zone = &model->build->zones[i];

        if (frame >= zone->first && frame < zone->first + zone->count)
            return base + (uint32_t)(frame - zone->first);
        base += (uint32_t)zone->count;
    }
    return MODEL_FRAMES_MAX;
}

static uint64_t frame_at(const struct frames_model *model, uint32_t index)
{
    unsigned i = 0;

    for (; index >= model->build->zones[i].count; i++)
        index -= (uint32_t)model->build->zones[i].count;
    return model->build->zones[i].first + index;
}

/* What the array says about a frame; GONE if it is in no zone. */
static uint16_t value_of(const struct frames_model *model, uint64_t frame)
{
    uint32_t index = index_of(model, frame);

    return index == MODEL_FRAMES_MAX ? GONE : model->frames[index];
}

/* Do all frames of [first, first + count) have that value? */
static bool all_have(const struct frames_model *model, uint64_t first,
                     uint64_t count, uint16_t value)
{
    for (uint64_t i = 0; i < count; i++) {
        if (value_of(model, first + i) != value)
            return false;
    }
    return true;
}

static void fill(struct frames_model *model, uint64_t first, uint64_t count,
                 uint16_t value)
{
    for (uint64_t i = 0; i < count; i++)
        model->frames[index_of(model, first + i)] = value;
}

static uint32_t count_value(const struct frames_model *model, uint16_t value)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < model->total; i++)
        count += model->frames[i] == value;
    return count;
}

/* The lowest fit in one zone, whose values are given. */
static bool fit_in_zone(const struct frames_zone *zone, const uint16_t *values,
                        uint64_t count, uint64_t align, uint64_t *first)
{
    uint64_t length = 0; /* free frames up to here, from a multiple on */

    for (uint64_t i = 0; i < zone->count; i++) {
        bool is_begin = ((zone->first + i) & (align - 1)) == 0;

        length = values[i] == 0 && (length > 0 || is_begin) ? length + 1 : 0;
        if (length == count) {
            *first = zone->first + i + 1 - count;
            return true;
        }
    }
    return false;
}

/* The lowest frame from which `count` are free, below `limit`. */
static bool fit(const struct frames_model *model, uint64_t count,
                uint64_t align, uint64_t limit, uint64_t *first)
{
    const uint16_t *values = model->frames;

    for (unsigned i = 0; i < model->build->zone_count; i++) {
        const struct frames_zone *zone = &model->build->zones[i];

        if (fit_in_zone(zone, values, count, align, first))
            return *first + count <= limit;
        values += zone->count;
    }
    return false;
}

/* ---- Blocks -------------------------------------------------------------- */

static void enter(struct frames_model *model, struct model_block block)
{
    model->blocks[model->block_count++] = block;
    fill(model, block.first, block.count, (uint16_t)model->block_count);
}

static void leave(struct frames_model *model, uint32_t number)
{
    struct model_block last = model->blocks[--model->block_count];

    fill(model, model->blocks[number].first, model->blocks[number].count, 0);
    if (number == model->block_count)
        return;
    model->blocks[number] = last;
    fill(model, last.first, last.count, (uint16_t)(number + 1));
}

/* The block that begins at `frame`; NULL: none does. */
static const struct model_block *head_at(const struct frames_model *model,
                                         uint64_t frame)
{
    uint16_t value = value_of(model, frame);

    if (value == 0 || value == GONE || model->blocks[value - 1].first != frame)
        return NULL;
    return &model->blocks[value - 1];
}

/* ---- Allocation ---------------------------------------------------------- */

/* What was asked for, and what came of it. */
struct answer {
    struct model_block block;
    uint64_t align;
    uint64_t limit;
    bool may_use_reserve;
    enum cairn_status status;
};

static const char *judge_failure(const struct frames_model *model,
                                 const struct answer *answer)
{
    uint64_t kept =
        answer->may_use_reserve ? 0 : model->build->config.reserve_frames;
    uint64_t first;

    if (answer->status != CAIRN_NO_MEMORY)
        return "an allocation failed with a wrong status";
    if (count_value(model, 0) < kept + answer->block.count)
        return NULL;
    return fit(model, answer->block.count, answer->align, answer->limit, &first)
               ? "no memory, but there is"
               : NULL;
}

static bool is_lowest_promised(const struct frames_model *model)
{
    const struct cairn_frames_config *config = &model->build->config;

    return config->engine != CAIRN_ENGINE_TREE && !config->has_magazines &&
           !config->resumes_at_freed;
}

static const char *judge(struct frames_model *model,
                         const struct answer *answer)
{
    const struct model_block *block = &answer->block;
    uint64_t lowest;

    if (answer->status != CAIRN_OK)
        return judge_failure(model, answer);
    if (block->first % answer->align != 0)
        return "not aligned";
    if (block->first + block->count > answer->limit)
        return "beyond the limit";
    if (!all_have(model, block->first, block->count, 0))
        return "allocated, but not free";
    if (is_lowest_promised(model) &&
        (!fit(model, block->count, answer->align, answer->limit, &lowest) ||
         lowest != block->first))
        return "not the lowest";
    enter(model, *block);
    return NULL;
}

static const char *alloc_block(struct frames_model *model)
{
    static const unsigned some_flags[] = {
        0, 0, 0, 0, 0, CAIRN_FRAME_BELOW_4G, CAIRN_FRAME_RESERVE};
    cairn_order order = pick(model, 2) == 0 ? 0 : pick(model, 12);
    unsigned flags = some_flags[pick(model, 7)];
    enum cairn_owner owner = (enum cairn_owner)pick(model, CAIRN_OWNER_COUNT);
    struct answer answer = {
        .block = {.count = 1u << order, .order = order, .owner = owner},
        .align = (uint64_t)1 << order,
        .limit = flags == CAIRN_FRAME_BELOW_4G ? LIMIT_4GIB : NO_LIMIT,
        .may_use_reserve = flags == CAIRN_FRAME_RESERVE,
    };
    cairn_pfn pfn = {0};

    answer.status =
        cairn_frames_alloc(&model->build->frames, order, flags, owner, &pfn);
    answer.block.first = pfn.value;
    return judge(model, &answer);
}

static const char *alloc_run(struct frames_model *model)
{
    uint32_t most = pick(model, 4) == 0 ? model->total : 40;
    struct cairn_run_request request = {
        .count = 1 + pick(model, most),
        .align = pick(model, 2) == 0 ? 0 : (uint64_t)1 << pick(model, 12),
        .owner = (enum cairn_owner)pick(model, CAIRN_OWNER_COUNT),
    };
    struct answer answer = {
        .block = {.count = (uint32_t)request.count,
                  .order = MODEL_RUN,
                  .owner = request.owner},
        .align = request.align != 0 ? request.align : 1,
        .limit = NO_LIMIT,
    };
    cairn_pfn pfn = {0};

    if (pick(model, 4) == 0) {
        answer.limit = frame_at(model, pick(model, model->total));
        request.end = cairn_phys_of(cairn_pfn_make(answer.limit));
    }
    answer.status =
        cairn_frames_alloc_run(&model->build->frames, &request, &pfn);
    answer.block.first = pfn.value;
    return judge(model, &answer);
}

/* ---- Release ------------------------------------------------------------- */

static const char *free_block(struct frames_model *model)
{
    struct cairn_frames *frames = &model->build->frames;
    uint32_t number;
    const struct model_block *block;
    cairn_pfn first;
    enum cairn_status status;

    if (model->block_count == 0)
        return NULL;
    number = pick(model, model->block_count);
    block = &model->blocks[number];
    first.value = block->first;
    if (block->order != MODEL_RUN && pick(model, 4) == 0)
        status = cairn_frames_free_order(frames, first, block->order);
    else
        status = cairn_frames_free(frames, first);
    leave(model, number);
    return status == CAIRN_OK ? NULL : "a block cannot be freed";
}

/* The block is a run: make it longer or shorter. */
static const char *resize_block(struct frames_model *model, uint32_t number)
{
    struct model_block block = model->blocks[number];
    uint32_t to = 1 + pick(model, block.count + 40);
    bool is_free =
        to <= block.count ||
        all_have(model, block.first + block.count, to - block.count, 0);
    enum cairn_status status = cairn_frames_resize_run(
        &model->build->frames, cairn_pfn_make(block.first), to);

    if (status == CAIRN_NO_MEMORY)
        return to > block.count &&
                       (!is_free || model->build->config.has_magazines ||
                        model->build->config.reserve_frames != 0)
                   ? NULL
                   : "a run cannot be resized";
    if (status != CAIRN_OK || !is_free)
        return "a run was resized wrongly";
    fill(model, block.first, block.count, 0);
    model->blocks[number].count = to;
    fill(model, block.first, to, (uint16_t)(number + 1));
    return NULL;
}

static const char *resize_run(struct frames_model *model)
{
    uint32_t number;

    if (model->block_count == 0)
        return NULL;
    number = pick(model, model->block_count);
    if (model->blocks[number].order == MODEL_RUN)
        return resize_block(model, number);
    return cairn_frames_resize_run(&model->build->frames,
                                   cairn_pfn_make(model->blocks[number].first),
                                   1 + pick(model, 40)) == CAIRN_WRONG_SIZE
               ? NULL
               : "a block was resized as a run";
}

/* Is that the answer to freeing a frame at which no block begins? */
static bool is_refusal(const struct frames_model *model, uint64_t frame,
                       enum cairn_status status)
{
    switch (value_of(model, frame)) {
    case GONE:
        return status == CAIRN_NOT_MEMORY;
    case 0:
        return status == CAIRN_DOUBLE_FREE;
    default:
        return status == CAIRN_NOT_FIRST;
    }
}

/* Free something that must be refused. */
static const char *misuse(struct frames_model *model)
{
    struct cairn_frames *frames = &model->build->frames;
    uint64_t frame = frame_at(model, pick(model, model->total));
    const struct model_block *block;
    cairn_pfn pfn;

    if (pick(model, 8) == 0)
        frame += pick(model, 4096);
    block = head_at(model, frame);
    pfn.value = frame;
    if (block == NULL)
        return is_refusal(model, frame, cairn_frames_free(frames, pfn))
                   ? NULL
                   : "misuse: another answer was expected";
    return cairn_frames_free_order(frames, pfn, (block->order + 1) % 19) ==
                   CAIRN_WRONG_SIZE
               ? NULL
               : "misuse: a wrong order was accepted";
}

/* Is [first, first + count) made of whole blocks? */
static bool is_whole(const struct frames_model *model, uint64_t first,
                     uint64_t count)
{
    uint64_t end = first + count;

    while (first < end) {
        const struct model_block *block = head_at(model, first);

        if (block == NULL)
            return false;
        first += block->count;
    }
    return first == end;
}

/* A range for free_range: often one that is right. */
static void pick_range(struct frames_model *model, uint64_t *first,
                       uint64_t *count)
{
    const struct model_block *block;

    *first = frame_at(model, pick(model, model->total));
    *count = 1 + pick(model, 100);
    if (model->block_count == 0 || pick(model, 4) == 0)
        return;
    block = &model->blocks[pick(model, model->block_count)];
    *first = block->first;
    *count = block->count;
    block = head_at(model, *first + *count);
    if (block != NULL)
        *count += block->count;
}

static const char *free_range(struct frames_model *model)
{
    uint64_t first;
    uint64_t count;
    bool is_right;
    enum cairn_status status;

    pick_range(model, &first, &count);
    is_right = is_whole(model, first, count);
    status = cairn_frames_free_range(&model->build->frames,
                                     cairn_pfn_make(first), count);
    if ((status == CAIRN_OK) != is_right)
        return is_right ? "a range cannot be freed" : "a wrong range was freed";
    while (is_right && count > 0) {
        uint32_t length = head_at(model, first)->count;

        leave(model, value_of(model, first) - 1u);
        first += length;
        count -= length;
    }
    return NULL;
}

/* ---- Memory that comes and goes ------------------------------------------ */

static struct cairn_phys_range bytes_of(uint64_t first, uint64_t count)
{
    return cairn_phys_range_make(first << CAIRN_FRAME_SHIFT,
                                 (first + count) << CAIRN_FRAME_SHIFT);
}

static const char *remove_memory(struct frames_model *model)
{
    uint64_t first = frame_at(model, pick(model, model->total));
    uint64_t count = 1 + pick(model, pick(model, 4) == 0 ? 1200 : 20);
    bool is_right = all_have(model, first, count, 0);
    enum cairn_status status =
        cairn_frames_remove(&model->build->frames, bytes_of(first, count));

    if (status != (is_right ? CAIRN_OK : CAIRN_IN_USE))
        return "removing memory: another answer was expected";
    if (is_right)
        fill(model, first, count, GONE);
    return NULL;
}

static const char *add_memory(struct frames_model *model)
{
    uint32_t index = pick(model, model->total);
    uint64_t first = frame_at(model, index);
    uint64_t count = 0;
    uint64_t most = 1 + pick(model, 2000);

    while (count < most && value_of(model, first + count) == GONE &&
           index_of(model, first + count) != MODEL_FRAMES_MAX)
        count++;
    if (count == 0)
        return cairn_frames_add(&model->build->frames, bytes_of(first, 1)) ==
                       CAIRN_IN_USE
                   ? NULL
                   : "memory was added twice";
    fill(model, first, count, 0);
    return cairn_frames_add(&model->build->frames, bytes_of(first, count)) ==
                   CAIRN_OK
               ? NULL
               : "memory cannot be added";
}

static const char *consume(struct frames_model *model)
{
    uint64_t first = frame_at(model, pick(model, model->total));
    uint64_t count = 1 + pick(model, 4);
    uint64_t wanted = 0;

    for (uint64_t i = 0; i < count; i++) {
        struct model_block block = {first + i, 1, 0, CAIRN_OWNER_BOOT};

        if (value_of(model, first + i) != 0)
            continue;
        wanted++;
        enter(model, block);
    }
    return cairn_frames_consume(&model->build->frames,
                                bytes_of(first, count)) == wanted
               ? NULL
               : "another number of frames was consumed";
}

/* ---- Steps --------------------------------------------------------------- */

void frames_model_start(struct frames_model *model)
{
    memset(model->frames, 0, sizeof(model->frames));
    model->block_count = 0;
    model->total = (uint32_t)frames_build_total(model->build);
}

const char *frames_model_step(struct frames_model *model)
{
    uint32_t what = pick(model, 100);

    if (what < 40)
        return alloc_block(model);
    if (what < 50)
        return alloc_run(model);
    if (what < 78)
        return free_block(model);
    if (what < 80)
        return resize_run(model);
    if (what < 88)
        return misuse(model);
    if (what < 93)
        return free_range(model);
    if (what < 95)
        return remove_memory(model);
    if (what < 97)
        return add_memory(model);
    if (what < 98)
        return consume(model);
    cairn_frames_drain(&model->build->frames);
    return NULL;
}

static const char *compare_info(struct frames_model *model)
{
    uint64_t frame = frame_at(model, pick(model, model->total));
    struct cairn_frame_info info =
        cairn_frames_info(&model->build->frames, cairn_pfn_make(frame));
    uint16_t value = value_of(model, frame);
    const struct model_block *block;

    if (value == GONE)
        return info.usage == CAIRN_FRAME_ABSENT ? NULL : "info: not absent";
    if (value == 0)
        return info.usage == CAIRN_FRAME_FREE ? NULL : "info: not free";
    block = &model->blocks[value - 1];
    return info.usage == CAIRN_FRAME_ALLOCATED && info.owner == block->owner &&
                   info.first.value == block->first &&
                   info.count == block->count
               ? NULL
               : "info: another block";
}

const char *frames_model_compare(struct frames_model *model)
{
    struct cairn_frames_stats stats;
    uint64_t owned[CAIRN_OWNER_COUNT] = {0};

    cairn_frames_stats(&model->build->frames, &stats);
    for (uint32_t i = 0; i < model->block_count; i++)
        owned[model->blocks[i].owner] += model->blocks[i].count;
    if (stats.free_frames != count_value(model, 0))
        return "another number of free frames";
    if (stats.total_frames != model->total - count_value(model, GONE))
        return "another number of frames";
    for (unsigned i = 0; i < CAIRN_OWNER_COUNT; i++) {
        if (stats.owner_frames[i] != owned[i])
            return "an owner has another number of frames";
    }
    if (cairn_frames_check(&model->build->frames) != 0)
        return "the checker has found something";
    return compare_info(model);
}

const char *frames_model_end(struct frames_model *model)
{
    while (model->block_count > 0) {
        cairn_pfn first = {model->blocks[model->block_count - 1].first};

        if (cairn_frames_free(&model->build->frames, first) != CAIRN_OK)
            return "a block cannot be freed at the end";
        leave(model, model->block_count - 1);
    }
    cairn_frames_drain(&model->build->frames);
    return frames_model_compare(model);
}
