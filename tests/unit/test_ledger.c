/* The ledger against a plain list of tasks, each undealt, out or done: random takes, answers, returns, splits, drops, lost
 * workers and feeds, of maps that skip tasks or do not, and after each step both say the same; in the end every task was done exactly once. */
#include "core/ledger.h"
#include "core/wire.h"
#include "random.h"
#include "rankpool.h"

#include <stdlib.h>
#include <string.h>

enum { TASKS_MAX = 400, WORKERS_MAX = 8, SPLIT_PARTS = 16 };

enum state { UNFED, FRESH, BACK, OUT, DONE }; /* FRESH and BACK: undealt, never dealt yet and returned */

struct model {
    uint64_t random;
    struct rp__ledger ledger;
    rp_map_options map;
    uint32_t workers;
    bool gone[WORKERS_MAX];
    enum state state[TASKS_MAX];
    rp_span skip[TASKS_MAX];
    uint32_t owner[TASKS_MAX]; /* in a fixed map */
    struct rp__range out[TASKS_MAX], back[TASKS_MAX];
    size_t out_count, back_count;
};

static uint64_t chance(struct model *model, uint64_t n) { return random_below(&model->random, n); }

/* ---- The plain list ------------------------------------------------------------------------------------ */

static uint64_t tasks_in(const struct model *model, enum state state) {
    uint64_t count = 0;
    for (int i = 0; i < TASKS_MAX; i++) count += model->state[i] == state;
    return count;
}

/* The tasks go from one state to another; false if one of them was not in the first. */
static bool move_tasks(struct model *model, const struct rp__range *range, enum state from, enum state to) {
    REQUIRE(range->begin < range->end && range->end <= TASKS_MAX);
    for (uint64_t i = range->begin; i < range->end; i++) {
        REQUIRE(model->state[i] == from);
        model->state[i] = to;
    }
    return true;
}

static bool may_cut_at(const rp_map_options *map, uint64_t at) {
    if (map->wall && at % map->wall == 0) return true;
    return map->edge <= 1 || map->each_worker || at % map->edge == map->edge_phase % map->edge;
}

static bool same_counts(const struct model *model) {
    const struct rp__ledger *ledger = &model->ledger;
    REQUIRE(rp__ledger_undealt(ledger) == tasks_in(model, FRESH) + tasks_in(model, BACK));
    REQUIRE(ledger->done_tasks == tasks_in(model, DONE));
    if (!model->map.skip_count) REQUIRE(rp__intervals_total(&ledger->done) == tasks_in(model, DONE));
    bool all = ledger->final && tasks_in(model, DONE) == ledger->known;
    REQUIRE(rp__ledger_complete(ledger) == all);
    return true;
}

/* ---- A random map -------------------------------------------------------------------------------------- */

static void own_tasks(struct model *model) {
    rp_schedule schedule = model->map.schedule;
    for (uint64_t index = 0, begin = 0, end; !model->map.each_worker && begin < model->map.count; index++) {
        rp__schedule_part(&schedule, &model->map, model->map.count, model->workers, index, &begin, &end);
        for (uint64_t i = begin; i < end; i++) model->owner[i] = (uint32_t)(index % model->workers);
    }
    for (uint32_t i = 0; model->map.each_worker && i < model->workers; i++) model->owner[i] = i;
}

static void skip_some(struct model *model) {
    rp_map_options *map = &model->map;
    const uint64_t most = map->count == RP_FED ? TASKS_MAX : map->count;
    map->skip = model->skip;
    for (uint64_t at = chance(model, 3) * random_size(&model->random, 50); at < most;) {
        rp_span *span = &model->skip[map->skip_count++];
        span->begin = at;
        span->end = random_between(&model->random, at + 1, at + 60 < most ? at + 60 : most);
        at = span->end + 1 + random_size(&model->random, 80);
    }
}

/* What a task is that has become known. */
static enum state at_first(const struct model *model, uint64_t task) {
    for (size_t i = 0; i < model->map.skip_count; i++)
        if (task >= model->skip[i].begin && task < model->skip[i].end) return DONE;
    return FRESH;
}

static struct model *new_model(uint64_t seed) {
    struct model *model = calloc(1, sizeof *model);
    model->random = seed;
    model->workers = 1 + (uint32_t)chance(model, WORKERS_MAX);
    rp_map_options *map = &model->map;
    map->count = chance(model, TASKS_MAX + 1);
    map->schedule.kind = (enum rp_schedule_kind)chance(model, RP_FACTORING + 1);
    if (chance(model, 2)) map->schedule.chunk = random_size(&model->random, 60);
    if (chance(model, 3) == 0) map->edge = random_size(&model->random, 60);
    if (map->edge) map->edge_phase = chance(model, 100);
    if (chance(model, 3) == 0) map->wall = random_size(&model->random, 200);
    if (chance(model, 3) == 0) map->chunk_min = random_size(&model->random, 30);
    if (chance(model, 3) == 0) map->chunk_max = map->chunk_min + 1 + random_size(&model->random, 60);
    if (chance(model, 4) == 0) map->count = RP_FED;
    if (chance(model, 8) == 0) {
        map->each_worker = true;
        map->count = model->workers;
    }
    if (!map->each_worker && chance(model, 2)) skip_some(model);
    CU_ASSERT_EQUAL_FATAL(rp__ledger_init(&model->ledger, map, model->workers), 0);
    for (uint64_t i = 0; map->count != RP_FED && i < map->count; i++) model->state[i] = at_first(model, i);
    if (model->ledger.fixed) own_tasks(model);
    return model;
}

static void free_model(struct model *model) {
    rp__ledger_free(&model->ledger);
    free(model);
}

static void feed(struct model *model) {
    struct rp__ledger *ledger = &model->ledger;
    uint64_t more = random_size(&model->random, TASKS_MAX - ledger->known);
    for (uint64_t i = ledger->known; i < ledger->known + more; i++) model->state[i] = at_first(model, i);
    rp__ledger_feed(ledger, more);
    if (chance(model, 10) == 0 || ledger->known == TASKS_MAX) ledger->final = true;
}

/* ---- Dealing ------------------------------------------------------------------------------------------- */

/* The lowest that came back and that the worker may have, or NULL. */
static struct rp__range *lowest_back(struct model *model, uint32_t worker) {
    struct rp__range *lowest = NULL;
    for (size_t i = 0; i < model->back_count; i++) {
        struct rp__range *range = &model->back[i];
        if (model->ledger.fixed && range->worker != RP__ANY_WORKER && range->worker != worker) continue;
        if (!lowest || range->begin < lowest->begin) lowest = range;
    }
    return lowest;
}

static bool may_have(const struct model *model, uint64_t task, uint32_t worker) {
    if (!model->ledger.fixed) return true;
    return model->owner[task] == worker || model->gone[model->owner[task]];
}

static bool fresh_is_right(struct model *model, const struct rp__range *range, uint32_t worker) {
    const rp_map_options *map = &model->map;
    REQUIRE(move_tasks(model, range, FRESH, OUT));
    for (uint64_t i = range->begin; i < range->end; i++) REQUIRE(may_have(model, i, worker));
    if (!model->ledger.fixed) /* from the lowest on */
        for (uint64_t i = 0; i < range->begin; i++) REQUIRE(model->state[i] != FRESH);
    REQUIRE(range->end == model->ledger.known || may_cut_at(map, range->end) || model->state[range->end] == DONE);
    REQUIRE(!map->wall || range->begin / map->wall == (range->end - 1) / map->wall);
    REQUIRE(range->attempts == 0);
    return true;
}

static bool take(struct model *model, uint32_t worker) {
    bool fixed = model->ledger.fixed;
    struct rp__schedule_ask ask = {.grown = random_size(&model->random, 50)};
    struct rp__range range = {0}, *back = lowest_back(model, worker);
    if (!rp__ledger_take(&model->ledger, fixed ? worker : RP__ANY_WORKER, &ask, &range)) {
        REQUIRE(back == NULL);
        for (uint64_t i = 0; i < TASKS_MAX; i++) REQUIRE(model->state[i] != FRESH || !may_have(model, i, worker));
        return true;
    }
    REQUIRE(range.worker == (fixed ? worker : RP__ANY_WORKER));
    if (back) {
        REQUIRE(range.begin == back->begin && range.end == back->end && range.attempts == back->attempts);
        REQUIRE(move_tasks(model, &range, BACK, OUT));
        *back = model->back[--model->back_count];
    } else {
        REQUIRE(fresh_is_right(model, &range, worker));
    }
    model->out[model->out_count++] = range;
    return true;
}

/* ---- Answers and returns ------------------------------------------------------------------------------- */

static struct rp__range answered(struct model *model, size_t at) {
    struct rp__range range = model->out[at];
    model->out[at] = model->out[--model->out_count];
    return range;
}

static bool finish(struct model *model, size_t at) {
    struct rp__range range = answered(model, at);
    REQUIRE(move_tasks(model, &range, OUT, DONE));
    REQUIRE(rp__ledger_done(&model->ledger, range.begin, range.end) == 0);
    return true;
}

static bool give_back(struct model *model, struct rp__range range) {
    REQUIRE(rp__ledger_again(&model->ledger, &range) == 0);
    if (range.begin == range.end) return true;
    model->back[model->back_count++] = range;
    return move_tasks(model, &range, OUT, BACK);
}

static int by_begin(const void *a, const void *b) {
    const struct rp__range *left = a, *right = b;
    return left->begin < right->begin ? -1 : left->begin > right->begin;
}

/* What the ledger holds of the range after it was split: at most 16 parts that tile it, cut where cuts may be. */
static bool split(struct model *model, struct rp__range range) {
    const struct rp__ledger *ledger = &model->ledger;
    bool can = false;
    for (uint64_t i = range.begin + 1; i < range.end; i++) can = can || may_cut_at(&model->map, i);
    REQUIRE(rp__ledger_splits(ledger, &range) == can);
    REQUIRE(rp__ledger_again_in_parts(&model->ledger, &range) == 0);
    struct rp__range *parts = &model->back[model->back_count];
    size_t count = 0;
    for (size_t i = 0; i < ledger->again_count; i++)
        if (ledger->again[i].begin >= range.begin && ledger->again[i].end <= range.end)
            parts[count++] = ledger->again[i];
    qsort(parts, count, sizeof *parts, by_begin);
    REQUIRE(count <= SPLIT_PARTS && count >= (can ? 2 : 1));
    REQUIRE(parts[0].begin == range.begin && parts[count - 1].end == range.end);
    for (size_t i = 1; i < count; i++)
        REQUIRE(parts[i].begin == parts[i - 1].end && may_cut_at(&model->map, parts[i].begin));
    for (size_t i = 0; i < count; i++) REQUIRE(parts[i].worker == range.worker);
    model->back_count += count;
    return move_tasks(model, &range, OUT, BACK);
}

/* Its worker died of some task in it: what is around that one comes back as it was, as the master has it. */
static bool died(struct model *model, size_t at) {
    struct rp__range before = answered(model, at), guilty = before, after = before;
    guilty.begin = before.end = random_between(&model->random, before.begin, guilty.end - 1);
    guilty.end = after.begin = random_between(&model->random, guilty.begin + 1, after.end);
    guilty.attempts = (uint32_t)chance(model, 3);
    REQUIRE(give_back(model, before) && give_back(model, after));
    return chance(model, 2) ? give_back(model, guilty) : split(model, guilty);
}

static bool lose(struct model *model, uint32_t worker) {
    uint32_t left = 0;
    for (uint32_t i = 0; i < model->workers; i++) left += !model->gone[i];
    if (model->gone[worker] || left == 1 || !model->ledger.fixed) return true;
    model->gone[worker] = true;
    for (size_t i = 0; i < model->back_count; i++)
        if (model->back[i].worker == worker) model->back[i].worker = RP__ANY_WORKER;
    for (size_t i = 0; i < model->out_count;) {
        if (model->out[i].worker != worker) {
            i++;
            continue;
        }
        struct rp__range range = answered(model, i);
        range.worker = RP__ANY_WORKER;
        REQUIRE(give_back(model, range));
    }
    rp__ledger_release(&model->ledger, worker);
    return true;
}

/* What was dropped of something that came back leaves what is around it. */
static bool drop_back(struct model *model, const struct rp__range *range) {
    for (size_t i = 0; i < model->back_count; i++) {
        struct rp__range before = model->back[i], after = before;
        if (before.begin > range->begin || before.end < range->end) continue;
        model->back[i] = model->back[--model->back_count];
        before.end = range->begin;
        after.begin = range->end;
        if (before.begin < before.end) model->back[model->back_count++] = before;
        if (after.begin < after.end) model->back[model->back_count++] = after;
        return move_tasks(model, range, BACK, DONE);
    }
    return false;
}

/* Every undealt task of the range is dropped, and no other. */
static bool drop(struct model *model) {
    struct rp__ledger *ledger = &model->ledger;
    uint64_t begin = chance(model, TASKS_MAX), end = random_between(&model->random, begin, TASKS_MAX);
    struct rp__range range;
    int code;
    while (rp__ledger_drop(ledger, begin, end, &range, &code)) {
        REQUIRE(range.begin >= begin && range.end <= end);
        REQUIRE(model->state[range.begin] == BACK ? drop_back(model, &range) : move_tasks(model, &range, FRESH, DONE));
        REQUIRE(rp__ledger_done(ledger, range.begin, range.end) == 0);
    }
    REQUIRE(code == 0);
    for (uint64_t i = begin; i < end; i++)
        REQUIRE(model->state[i] != BACK && (model->state[i] != FRESH || ledger->fixed));
    return true;
}

/* ---- Any run ------------------------------------------------------------------------------------------- */

static uint32_t some_worker(struct model *model) {
    uint32_t worker;
    do worker = (uint32_t)chance(model, model->workers);
    while (model->gone[worker]);
    return worker;
}

static bool one_step(struct model *model) {
    uint64_t what = chance(model, 20);
    if (what == 19 && chance(model, 4) == 0) return drop(model);
    if (what < 10) return take(model, some_worker(model));
    if (what == 10) return lose(model, (uint32_t)chance(model, model->workers));
    if (what == 11 && !model->ledger.final) feed(model);
    if (what <= 11 || !model->out_count) return true;
    size_t at = chance(model, model->out_count);
    if (what == 12) return died(model, at);
    if (what == 13) return give_back(model, answered(model, at));
    if (what == 14) return split(model, answered(model, at));
    return finish(model, at);
}

static bool drain(struct model *model) {
    model->ledger.final = true;
    for (int round = 0; !rp__ledger_complete(&model->ledger); round++) {
        REQUIRE(round < 10000);
        REQUIRE(take(model, some_worker(model)));
        while (model->out_count) REQUIRE(finish(model, 0));
    }
    REQUIRE(rp__ledger_undealt(&model->ledger) == 0);
    REQUIRE(tasks_in(model, DONE) == model->ledger.known);
    REQUIRE(model->ledger.done.count <= 1);
    return true;
}

static bool every_task_once(uint64_t seed) {
    struct model *model = new_model(seed);
    REQUIRE(same_counts(model));
    for (uint64_t steps = 1 + chance(model, 300); steps; steps--) {
        REQUIRE(one_step(model));
        REQUIRE(same_counts(model));
    }
    REQUIRE(drain(model));
    free_model(model);
    return true;
}

static void every_task_is_dealt_and_done_exactly_once(void) { run_seeds(2500, every_task_once); }

/* ---- One claim each ------------------------------------------------------------------------------------ */

static void nothing_to_do_is_complete_at_once(void) {
    struct rp__ledger ledger;
    struct rp__schedule_ask ask = {0};
    struct rp__range range;
    CU_ASSERT_EQUAL(rp__ledger_init(&ledger, &(rp_map_options){.count = 0}, 4), 0);
    CU_ASSERT_TRUE(rp__ledger_complete(&ledger));
    CU_ASSERT_FALSE(rp__ledger_take(&ledger, RP__ANY_WORKER, &ask, &range));
    rp__ledger_free(&ledger);
    CU_ASSERT_EQUAL(rp__ledger_init(&ledger, &(rp_map_options){.count = RP_FED}, 4), 0);
    CU_ASSERT_FALSE(rp__ledger_complete(&ledger)); /* more may come */
    ledger.final = true;
    CU_ASSERT_TRUE(rp__ledger_complete(&ledger));
    rp__ledger_free(&ledger);
}

static void dealing_passes_over_what_was_dropped(void) {
    struct rp__ledger ledger;
    struct rp__schedule_ask ask = {0};
    struct rp__range range;
    int code;
    CU_ASSERT_EQUAL(rp__ledger_init(&ledger, &(rp_map_options){.count = 100, .schedule = {RP_DYNAMIC, 30}}, 2), 0);
    CU_ASSERT_TRUE(rp__ledger_drop(&ledger, 10, 90, &range, &code));
    CU_ASSERT_TRUE(range.begin == 10 && range.end == 90);
    CU_ASSERT_EQUAL(rp__ledger_done(&ledger, 10, 90), 0);
    CU_ASSERT_FALSE(rp__ledger_drop(&ledger, 10, 90, &range, &code));
    CU_ASSERT_EQUAL(rp__ledger_undealt(&ledger), 20);
    CU_ASSERT_TRUE(rp__ledger_take(&ledger, RP__ANY_WORKER, &ask, &range));
    CU_ASSERT_TRUE(range.begin == 0 && range.end == 10);
    CU_ASSERT_TRUE(rp__ledger_take(&ledger, RP__ANY_WORKER, &ask, &range));
    CU_ASSERT_TRUE(range.begin == 90 && range.end == 100);
    CU_ASSERT_FALSE(rp__ledger_take(&ledger, RP__ANY_WORKER, &ask, &range));
    CU_ASSERT_EQUAL(rp__ledger_undealt(&ledger), 0);
    rp__ledger_free(&ledger);
}

static void map_that_is_skipped_whole_is_complete_at_once(void) {
    const rp_span skip[] = {{0, 100}};
    struct rp__ledger ledger;
    struct rp__schedule_ask ask = {0};
    struct rp__range range;
    for (int kind = RP_AUTO; kind <= RP_FACTORING; kind++) {
        const rp_map_options map = {.count = 100, .schedule.kind = kind, .skip = skip, .skip_count = 1};
        CU_ASSERT_EQUAL(rp__ledger_init(&ledger, &map, 3), 0);
        CU_ASSERT_TRUE(rp__ledger_complete(&ledger));
        CU_ASSERT_EQUAL(rp__ledger_undealt(&ledger), 0);
        CU_ASSERT_EQUAL(ledger.done_tasks, 100);
        for (uint32_t worker = 0; worker < 3; worker++) CU_ASSERT_FALSE(rp__ledger_take(&ledger, worker, &ask, &range));
        rp__ledger_free(&ledger);
    }
}

static void million_spans_leave_one_interval_when_all_is_done(void) {
    enum { SPANS = 1000000 };
    rp_span *skip = malloc(SPANS * sizeof *skip);
    for (uint64_t i = 0; i < SPANS; i++) skip[i] = (rp_span){3 * i, 3 * i + 1};
    const rp_map_options map = {.count = 3 * SPANS, .schedule = {RP_DYNAMIC, 100}, .skip = skip, .skip_count = SPANS};
    struct rp__ledger ledger;
    struct rp__schedule_ask ask = {0};
    struct rp__range range;
    uint64_t chunks = 0;
    size_t most = 0;
    CU_ASSERT_EQUAL(rp__ledger_init(&ledger, &map, 4), 0);
    free(skip);
    for (; rp__ledger_take(&ledger, RP__ANY_WORKER, &ask, &range); chunks++) {
        CU_ASSERT_TRUE_FATAL(range.begin == 3 * chunks + 1 && range.end == 3 * chunks + 3);
        CU_ASSERT_EQUAL_FATAL(rp__ledger_done(&ledger, range.begin, range.end), 0);
        if (ledger.done.count > most) most = ledger.done.count;
    }
    CU_ASSERT_EQUAL(chunks, SPANS);
    CU_ASSERT_EQUAL(most, 1);
    CU_ASSERT_TRUE(rp__ledger_complete(&ledger));
    rp__ledger_free(&ledger);
}

static void static_dealing_leaps_over_what_is_skipped(void) {
    /* 2^60 parts, each of them a look, would take for ever. */
    const uint64_t count = UINT64_C(1) << 60;
    const rp_span skip[] = {{10, count / 2}, {count / 2 + 10, count - 10}};
    const rp_map_options map = {
        .count = count, .schedule = {.kind = RP_STATIC, .chunk = 1}, .skip = skip, .skip_count = 2};
    struct rp__ledger ledger;
    struct rp__schedule_ask ask = {0};
    struct rp__range range;
    uint64_t tasks = 0;
    CU_ASSERT_EQUAL(rp__ledger_init(&ledger, &map, 3), 0);
    for (uint32_t worker = 0; worker < 3; worker++)
        for (; rp__ledger_take(&ledger, worker, &ask, &range); tasks++) {
            CU_ASSERT_EQUAL(range.begin % 3, worker);
            CU_ASSERT_EQUAL(rp__ledger_done(&ledger, range.begin, range.end), 0);
        }
    CU_ASSERT_EQUAL(tasks, 30);
    CU_ASSERT_TRUE(rp__ledger_complete(&ledger));
    rp__ledger_free(&ledger);
}

static void each_worker_gets_its_own_task_whatever_the_edges(void) {
    const rp_map_options map = {.count = 5, .each_worker = true, .edge = 30, .edge_phase = 2};
    struct rp__ledger ledger;
    struct rp__schedule_ask ask = {0};
    struct rp__range range;
    CU_ASSERT_EQUAL(rp__ledger_init(&ledger, &map, 5), 0);
    for (uint32_t worker = 5; worker-- > 0;) {
        CU_ASSERT_TRUE(rp__ledger_take(&ledger, worker, &ask, &range));
        CU_ASSERT_TRUE(range.begin == worker && range.end == worker + 1 && range.worker == worker);
        CU_ASSERT_FALSE(rp__ledger_take(&ledger, worker, &ask, &range));
    }
    rp__ledger_free(&ledger);
}

static void static_part_of_a_lost_worker_costs_no_memory(void) {
    /* 2^59 chunks are left without an owner: they are dealt from where they are. */
    const rp_map_options map = {.count = UINT64_C(1) << 60, .schedule = {.kind = RP_STATIC, .chunk = 1}};
    struct rp__ledger ledger;
    struct rp__schedule_ask ask = {0};
    struct rp__range range;
    CU_ASSERT_EQUAL(rp__ledger_init(&ledger, &map, 2), 0);
    rp__ledger_release(&ledger, 0);
    CU_ASSERT_EQUAL(rp__ledger_undealt(&ledger), map.count);
    CU_ASSERT_EQUAL(ledger.again_count, 0);
    for (uint64_t i = 0; i < 1000; i++) {
        CU_ASSERT_TRUE(rp__ledger_take(&ledger, 1, &ask, &range));
        CU_ASSERT_TRUE(range.begin == 2 * i && range.end == 2 * i + 1 && range.worker == 1);
    }
    rp__ledger_free(&ledger);
}

static void largest_map_is_counted_to_its_end(void) {
    const rp_map_options map = {.count = RP_FED - 1, .schedule = {.kind = RP_GUIDED}};
    struct rp__ledger ledger;
    struct rp__schedule_ask ask = {0};
    struct rp__range range;
    uint64_t due = 0, chunks = 0;
    CU_ASSERT_EQUAL(rp__ledger_init(&ledger, &map, 3), 0);
    for (; rp__ledger_take(&ledger, RP__ANY_WORKER, &ask, &range); chunks++) {
        CU_ASSERT_TRUE_FATAL(range.begin == due && chunks < 1000);
        due = range.end;
        CU_ASSERT_EQUAL(rp__ledger_done(&ledger, range.begin, range.end), 0);
    }
    CU_ASSERT_EQUAL(due, RP_FED - 1);
    CU_ASSERT_TRUE(rp__ledger_complete(&ledger));
    rp__ledger_free(&ledger);
}

static void factoring_deals_batches_of_equal_chunks(void) {
    static const uint64_t sizes[] = {125, 125, 125, 125, 63, 63, 63, 63, 31, 31, 31, 31, 16, 16, 16, 16, 8};
    struct rp__ledger ledger;
    struct rp__schedule_ask ask = {0};
    struct rp__range range;
    CU_ASSERT_EQUAL(rp__ledger_init(&ledger, &(rp_map_options){.count = 1000, .schedule.kind = RP_FACTORING}, 4), 0);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        CU_ASSERT_TRUE(rp__ledger_take(&ledger, RP__ANY_WORKER, &ask, &range));
        CU_ASSERT_EQUAL(range.end - range.begin, sizes[i]);
    }
    rp__ledger_free(&ledger);
}

static void thousand_returns_come_out_lowest_first(void) {
    struct rp__ledger ledger;
    struct rp__schedule_ask ask = {0};
    struct rp__range range;
    uint64_t random = 1, last = 0;
    CU_ASSERT_EQUAL(rp__ledger_init(&ledger, &(rp_map_options){.count = 1000, .schedule.kind = RP_DYNAMIC}, 3), 0);
    struct rp__range out[1000];
    for (int i = 0; i < 1000; i++) CU_ASSERT_TRUE(rp__ledger_take(&ledger, RP__ANY_WORKER, &ask, &out[i]));
    for (uint64_t left = 1000; left; left--) {
        uint64_t at = random_below(&random, left);
        CU_ASSERT_EQUAL(rp__ledger_again(&ledger, &out[at]), 0);
        out[at] = out[left - 1];
    }
    for (; rp__ledger_take(&ledger, RP__ANY_WORKER, &ask, &range); last++) CU_ASSERT_EQUAL(range.begin, last);
    CU_ASSERT_EQUAL(last, 1000);
    rp__ledger_free(&ledger);
}

int main(void) {
    static const struct unit_test tests[] = {
        UNIT(every_task_is_dealt_and_done_exactly_once),
        UNIT(nothing_to_do_is_complete_at_once),
        UNIT(dealing_passes_over_what_was_dropped),
        UNIT(map_that_is_skipped_whole_is_complete_at_once),
        UNIT(million_spans_leave_one_interval_when_all_is_done),
        UNIT(static_dealing_leaps_over_what_is_skipped),
        UNIT(each_worker_gets_its_own_task_whatever_the_edges),
        UNIT(static_part_of_a_lost_worker_costs_no_memory),
        UNIT(largest_map_is_counted_to_its_end),
        UNIT(factoring_deals_batches_of_equal_chunks),
        UNIT(thousand_returns_come_out_lowest_first),
        {NULL, NULL},
    };
    return unit_run("ledger", tests);
}
