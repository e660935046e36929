/* Ends that come early: the master alone, with ranks that are the test. They compute what they are dealt one chunk after
 * the other, each task in a time of its rank's, and give back what has not begun when they are asked.
 * Whatever the end: no task is lost or computed twice, and what is out then could not have been known to be late. */
#include "core/master.h"
#include "core/record.h"
#include "unit.h"

#include <inttypes.h>
#include <string.h>

enum { RANKS = 3, HELD_MAX = 4096, TASKS_MAX = 20000, SEEDS = 200 };
static const uint64_t MS = 1000000;

struct held {
    uint64_t chunk, begin, end, starts_ns, ends_ns;
};

struct cluster {
    struct rp__master *master;
    struct rp__master_map *map;
    uint64_t now_ns, task_ns[RANKS], random;
    unsigned jitter; /* tasks take up to so many percent longer */
    struct held held[RANKS][HELD_MAX];
    unsigned count[RANKS], answered, dealt;
    uint64_t dealt_tasks;
    uint8_t seen[TASKS_MAX];
};

static uint64_t draw(struct cluster *cluster, uint64_t below) {
    cluster->random ^= cluster->random >> 12; /* xorshift64* [Vigna 2016] */
    cluster->random ^= cluster->random << 25;
    cluster->random ^= cluster->random >> 27;
    return cluster->random * 0x2545f4914f6cdd1dU % below;
}

static void tell(struct cluster *cluster, uint32_t rank, struct rp__frame frame) {
    CU_ASSERT_EQUAL(rp__master_receive(cluster->master, rank, &frame), 0);
}

static void take_work(struct cluster *cluster, uint32_t rank, const struct rp__frame *frame) {
    unsigned *count = &cluster->count[rank];
    CU_ASSERT_TRUE_FATAL(*count < HELD_MAX);
    const uint64_t starts_ns = *count ? cluster->held[rank][*count - 1].ends_ns : cluster->now_ns;
    const uint64_t ns = (frame->end - frame->begin) * cluster->task_ns[rank];
    const uint64_t late_ns = cluster->jitter ? ns / 100 * draw(cluster, cluster->jitter) : 0;
    cluster->held[rank][(*count)++] = (struct held){.chunk = frame->chunk,
                                                    .begin = frame->begin,
                                                    .end = frame->end,
                                                    .starts_ns = starts_ns,
                                                    .ends_ns = starts_ns + ns + late_ns};
    cluster->dealt++;
    cluster->dealt_tasks += frame->end - frame->begin;
}

static void give_back(struct cluster *cluster, uint32_t rank, uint64_t wanted) {
    for (; wanted && cluster->count[rank] > 1; wanted--) {
        const struct held *last = &cluster->held[rank][--cluster->count[rank]];
        tell(cluster, rank, (struct rp__frame){.type = RP__FRAME_RETURNED, .chunk = last->chunk});
    }
    tell(cluster, rank, (struct rp__frame){.type = RP__FRAME_RETURNED, .flags = RP__LAST});
}

static void act(struct cluster *cluster) {
    uint32_t rank;
    struct rp__frame frame;
    rp__master_tick(cluster->master, cluster->now_ns);
    while (rp__master_action(cluster->master, &rank, &frame)) {
        if (frame.type == RP__FRAME_WORK) take_work(cluster, rank, &frame);
        if (frame.type == RP__FRAME_TAKE_BACK) give_back(cluster, rank, frame.count);
    }
    for (struct rp__part *part; cluster->map && (part = rp__master_map_take(cluster->map));) {
        for (uint64_t task = part->begin; task < part->end; task++) {
            cluster->seen[task]++;
            cluster->answered++;
        }
        rp__master_map_consumed(cluster->master, cluster->map, 1, part->size);
        rp__part_free(part);
    }
}

/* The oldest chunk of the rank is done. */
static void answer(struct cluster *cluster, uint32_t rank) {
    uint8_t record[RP__RECORD_HEAD_MAX];
    const struct held done = cluster->held[rank][0];
    memmove(&cluster->held[rank][0], &cluster->held[rank][1], --cluster->count[rank] * sizeof done);
    cluster->now_ns = done.ends_ns;
    tell(cluster, rank,
         (struct rp__frame){.type = RP__FRAME_RESULT,
                            .chunk = done.chunk,
                            .count = done.ends_ns - done.starts_ns,
                            .data = record,
                            .size = rp__record_head(record, 0, false)});
    act(cluster);
}

/* On to what ends next, but no further than `until_ns`: false, if that came first. */
static bool step(struct cluster *cluster, uint64_t until_ns) {
    uint32_t next = RANKS;
    for (uint32_t rank = 0; rank < RANKS; rank++)
        if (cluster->count[rank] && (next == RANKS || cluster->held[rank][0].ends_ns < cluster->held[next][0].ends_ns))
            next = rank;
    if (next < RANKS && cluster->held[next][0].ends_ns <= until_ns) {
        answer(cluster, next);
        return true;
    }
    cluster->now_ns = until_ns;
    act(cluster);
    return false;
}

/* Ranks with one worker each, and an unordered map of a range kernel. */
static struct cluster *start(const rp_map_options *options) {
    struct cluster *cluster = calloc(1, sizeof *cluster);
    cluster->master = rp__master_new(RANKS);
    cluster->now_ns = MS;
    cluster->random = 88172645463325252u;
    CU_ASSERT_EQUAL(rp__master_pool_open(cluster->master, "", 0), 0);
    for (uint32_t rank = 0; rank < RANKS; rank++) {
        cluster->task_ns[rank] = 10 * MS;
        tell(cluster, rank, (struct rp__frame){.type = RP__FRAME_CREW, .worker = 1});
        tell(cluster, rank, (struct rp__frame){.type = RP__FRAME_WORKER});
    }
    act(cluster);
    struct rp__map_spec spec = {.range = true, .options = *options};
    CU_ASSERT_EQUAL(rp__master_map_open(cluster->master, &spec, &cluster->map), 0);
    return cluster;
}

static void finish(struct cluster *cluster) {
    rp__master_free(cluster->master);
    free(cluster);
}

static unsigned out(const struct cluster *cluster) {
    unsigned count = 0;
    for (uint32_t rank = 0; rank < RANKS; rank++) count += cluster->count[rank];
    return count;
}

/* Until the master says so. */
static void play(struct cluster *cluster, uint64_t end_ns) {
    while (!rp__master_is_over(cluster->master)) step(cluster, end_ns);
}

static bool is_none_twice(const struct cluster *cluster, uint64_t tasks) {
    bool once = true;
    for (uint64_t task = 0; task < tasks; task++) once &= cluster->seen[task] <= 1;
    return once;
}

/* ---- A deadline ---- */

static void nothing_is_out_at_the_end_and_workers_are_busy_until_near_it(void) {
    struct cluster *cluster = start(&(rp_map_options){.count = TASKS_MAX, .unordered = true});
    const uint64_t end_ns = 2000 * MS;
    rp__master_set_end(cluster->master, end_ns);
    act(cluster);
    play(cluster, end_ns);
    CU_ASSERT_EQUAL(out(cluster), 0);
    CU_ASSERT_TRUE(cluster->now_ns < end_ns);
    CU_ASSERT_TRUE(cluster->now_ns > end_ns - 40 * MS);
    CU_ASSERT_TRUE(cluster->answered > 3 * 190);
    CU_ASSERT_EQUAL(cluster->answered, cluster->dealt_tasks);
    CU_ASSERT_TRUE(is_none_twice(cluster, TASKS_MAX));
    finish(cluster);
}

/* The same of random clusters: by the speeds of their first answers, and a fifth more or less. */
static void any_speeds_and_schedules_leave_nothing_out_at_the_end(void) {
    static const enum rp_schedule_kind kinds[] = {RP_AUTO, RP_STATIC, RP_DYNAMIC, RP_GUIDED, RP_FACTORING};
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        rp_map_options options = {.count = TASKS_MAX, .unordered = true};
        options.schedule.kind = kinds[seed % 5];
        if (seed % 3 == 0) options.edge = 1 + seed % 7;
        if (seed % 4 == 0) options.chunk_min = 1 + seed % 5;
        struct cluster *cluster = start(&options);
        cluster->random *= seed;
        cluster->jitter = 20;
        for (uint32_t rank = 0; rank < RANKS; rank++) cluster->task_ns[rank] = MS + draw(cluster, 20 * MS);
        const uint64_t end_ns = 1000 * MS + draw(cluster, 2000 * MS);
        rp__master_set_end(cluster->master, end_ns);
        act(cluster);
        play(cluster, end_ns);
        const bool good = !out(cluster) && cluster->now_ns < end_ns && is_none_twice(cluster, TASKS_MAX) &&
                          cluster->answered == cluster->dealt_tasks && cluster->answered > RANKS;
        if (!good)
            printf("\n    seed %" PRIu64 ": %u out at %" PRIu64 " of %" PRIu64 "\n", seed, out(cluster),
                   cluster->now_ns, end_ns);
        CU_ASSERT_TRUE(good);
        finish(cluster);
    }
}

static void what_was_refused_is_dealt_when_the_deadline_moves(void) {
    struct cluster *cluster = start(&(rp_map_options){.count = 600, .unordered = true});
    rp__master_set_end(cluster->master, 500 * MS);
    act(cluster);
    play(cluster, 500 * MS);
    CU_ASSERT_TRUE(cluster->answered < 600);
    rp__master_set_end(cluster->master, 0);
    act(cluster);
    while (out(cluster)) step(cluster, UINT64_MAX);
    CU_ASSERT_EQUAL(cluster->answered, 600);
    CU_ASSERT_TRUE(is_none_twice(cluster, 600));
    CU_ASSERT_TRUE(rp__master_map_complete(cluster->map));
    CU_ASSERT_FALSE(rp__master_is_over(cluster->master));
    finish(cluster);
}

static void a_map_that_fits_is_done_and_not_over(void) {
    struct cluster *cluster = start(&(rp_map_options){.count = 30, .unordered = true});
    rp__master_set_end(cluster->master, 10000 * MS);
    act(cluster);
    while (out(cluster)) step(cluster, 10000 * MS);
    CU_ASSERT_TRUE(rp__master_map_complete(cluster->map));
    CU_ASSERT_FALSE(rp__master_is_over(cluster->master));
    finish(cluster);
}

static void without_a_measure_one_task_each_is_tried_and_waited_for_until_the_deadline(void) {
    struct cluster *cluster = start(&(rp_map_options){.count = 100, .schedule = {.kind = RP_DYNAMIC, .chunk = 10}});
    for (uint32_t rank = 0; rank < RANKS; rank++) cluster->task_ns[rank] = 1000 * MS;
    rp__master_set_end(cluster->master, 500 * MS);
    act(cluster);
    CU_ASSERT_EQUAL(cluster->dealt_tasks, RANKS);
    step(cluster, 499 * MS);
    CU_ASSERT_FALSE(rp__master_is_over(cluster->master));
    step(cluster, 500 * MS);
    CU_ASSERT_TRUE(rp__master_is_over(cluster->master));
    finish(cluster);
}

/* The job's own bounds hold: what would have to be shorter is not dealt. */
static void a_chunk_is_not_cut_below_its_least(void) {
    struct cluster *cluster =
        start(&(rp_map_options){.count = TASKS_MAX, .chunk_min = 20, .edge = 8, .unordered = true});
    rp__master_set_end(cluster->master, 1500 * MS);
    act(cluster);
    play(cluster, 1500 * MS);
    CU_ASSERT_TRUE(cluster->dealt > RANKS);
    CU_ASSERT_EQUAL(cluster->dealt_tasks % 8, 0);
    CU_ASSERT_TRUE(cluster->dealt_tasks >= 24 * cluster->dealt);
    CU_ASSERT_EQUAL(out(cluster), 0);
    finish(cluster);
}

/* ---- Draining ---- */

/* Computes for a while without an end in sight, so that the speeds are known and each rank has more than it computes. */
static struct cluster *start_and_run(void) {
    struct cluster *cluster =
        start(&(rp_map_options){.count = TASKS_MAX, .unordered = true, .schedule = {.kind = RP_DYNAMIC, .chunk = 1}});
    act(cluster);
    step(cluster, cluster->now_ns);
    for (unsigned i = 0; i < 30; i++) step(cluster, UINT64_MAX);
    CU_ASSERT_TRUE(out(cluster) > RANKS);
    return cluster;
}

static void a_drain_takes_back_what_has_not_begun_and_waits_for_the_rest(void) {
    struct cluster *cluster = start_and_run();
    const unsigned answered = cluster->answered, dealt = cluster->dealt;
    CU_ASSERT_EQUAL(rp__master_drain(cluster->master, cluster->now_ns + 1000 * MS), 0);
    act(cluster);
    CU_ASSERT_EQUAL(out(cluster), RANKS);
    CU_ASSERT_FALSE(rp__master_is_over(cluster->master));
    play(cluster, UINT64_MAX);
    CU_ASSERT_EQUAL(out(cluster), 0);
    CU_ASSERT_EQUAL(cluster->answered, answered + RANKS);
    CU_ASSERT_EQUAL(cluster->dealt, dealt);
    CU_ASSERT_TRUE(is_none_twice(cluster, TASKS_MAX));
    finish(cluster);
}

static void a_drain_does_not_wait_for_what_cannot_end_in_time(void) {
    struct cluster *cluster =
        start(&(rp_map_options){.count = TASKS_MAX, .schedule = {.kind = RP_DYNAMIC, .chunk = 60}});
    act(cluster);
    for (unsigned i = 0; i < 6; i++) step(cluster, UINT64_MAX);
    const uint64_t now_ns = cluster->now_ns;
    CU_ASSERT_TRUE(out(cluster) >= RANKS);
    CU_ASSERT_EQUAL(rp__master_drain(cluster->master, now_ns + 100 * MS), 0); /* a chunk takes 600 */
    act(cluster);
    CU_ASSERT_TRUE(rp__master_is_over(cluster->master));
    finish(cluster);
}

static void a_drain_waits_for_the_unknown_but_no_longer_than_it_may(void) {
    struct cluster *cluster = start(&(rp_map_options){.count = 100});
    for (uint32_t rank = 0; rank < RANKS; rank++) cluster->task_ns[rank] = 1000 * MS;
    act(cluster);
    CU_ASSERT_EQUAL(rp__master_drain(cluster->master, 300 * MS), 0);
    act(cluster);
    step(cluster, 299 * MS);
    CU_ASSERT_FALSE(rp__master_is_over(cluster->master));
    step(cluster, 300 * MS);
    CU_ASSERT_TRUE(rp__master_is_over(cluster->master));
    finish(cluster);
}

static void what_shows_how_far_it_is_is_waited_for_only_if_that_is_far_enough(void) {
    for (int far = 0; far < 2; far++) {
        struct cluster *cluster = start(&(rp_map_options){.count = 3, .schedule = {.kind = RP_DYNAMIC, .chunk = 1}});
        const double tasks = far ? 0.5 : 0.05;
        struct rp__frame frame = {.type = RP__FRAME_PROGRESS};
        memcpy(&frame.count, &tasks, sizeof tasks);
        act(cluster);
        cluster->now_ns += 100 * MS;
        for (uint32_t rank = 0; rank < RANKS; rank++) {
            frame.chunk = cluster->held[rank][0].chunk;
            tell(cluster, rank, frame);
        }
        CU_ASSERT_EQUAL(rp__master_drain(cluster->master, cluster->now_ns + 200 * MS), 0);
        act(cluster);
        CU_ASSERT_EQUAL(rp__master_is_over(cluster->master), !far);
        finish(cluster);
    }
}

/* ---- The ledger ---- */

static void a_cut_leaves_no_task_out(void) {
    struct rp__ledger ledger;
    struct rp__range range, rest;
    struct rp__schedule_ask ask = {0};
    const rp_map_options options = {.count = 100, .edge = 10, .schedule = {.kind = RP_DYNAMIC, .chunk = 40}};
    CU_ASSERT_EQUAL(rp__ledger_init(&ledger, &options, 1), 0);
    CU_ASSERT_TRUE(rp__ledger_take(&ledger, RP__ANY_WORKER, &ask, &range));
    CU_ASSERT_FALSE(rp__ledger_cut(&ledger, &range, 9, false)); /* shorter than an edge allows */
    CU_ASSERT_EQUAL(range.end, 40);
    CU_ASSERT_TRUE(rp__ledger_cut(&ledger, &range, 25, false));
    CU_ASSERT_EQUAL(range.end, 20);
    CU_ASSERT_EQUAL(rp__ledger_undealt(&ledger), 80);
    CU_ASSERT_TRUE(rp__ledger_take(&ledger, RP__ANY_WORKER, &ask, &rest));
    CU_ASSERT_EQUAL(rest.begin, 20);
    CU_ASSERT_EQUAL(rest.end, 40);
    CU_ASSERT_TRUE(rp__ledger_cut(&ledger, &rest, 0, true));
    CU_ASSERT_EQUAL(rest.end, 30);
    rp__ledger_free(&ledger);
}

int main(void) {
    static const struct unit_test tests[] = {
        UNIT(nothing_is_out_at_the_end_and_workers_are_busy_until_near_it),
        UNIT(any_speeds_and_schedules_leave_nothing_out_at_the_end),
        UNIT(what_was_refused_is_dealt_when_the_deadline_moves),
        UNIT(a_map_that_fits_is_done_and_not_over),
        UNIT(without_a_measure_one_task_each_is_tried_and_waited_for_until_the_deadline),
        UNIT(a_chunk_is_not_cut_below_its_least),
        UNIT(a_drain_takes_back_what_has_not_begun_and_waits_for_the_rest),
        UNIT(a_drain_does_not_wait_for_what_cannot_end_in_time),
        UNIT(a_drain_waits_for_the_unknown_but_no_longer_than_it_may),
        UNIT(what_shows_how_far_it_is_is_waited_for_only_if_that_is_far_enough),
        UNIT(a_cut_leaves_no_task_out),
        {NULL, NULL}};
    return unit_run("end", tests);
}
