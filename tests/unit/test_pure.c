/* Late chunks of pure maps: the master alone, with ranks that are the test. Tasks take a simulated second each, so that
 * a worker holds one chunk at a time, and the chunks are of one task, unless a test says otherwise. */
#include "core/master.h"
#include "core/record.h"
#include "unit.h"

#include <string.h>

enum { RANKS_MAX = 4, DEALT_MAX = 64, TASKS = 4 };
static const uint64_t TASK_NS = 1000000000, LATE_NS = 3020000000, HOUR_NS = 3600000000000;

struct dealt {
    uint32_t rank, map;
    uint64_t chunk, begin, end;
    unsigned kills; /* asked back, killed if it runs */
};

struct cluster {
    struct rp__master *master;
    struct rp__master_map *map;
    struct dealt dealt[DEALT_MAX];
    unsigned count, cancels;
    bool told[RANKS_MAX];
    uint64_t now_ns;
    unsigned seen[DEALT_MAX]; /* [task] answers */
    uint64_t answer[DEALT_MAX];
    int failure;
};

/* What the master sends. Nobody is given a chunk of a map that it has not heard of. */
static void act(struct cluster *cluster) {
    uint32_t rank;
    struct rp__frame frame;
    rp__master_pass(cluster->master, cluster->now_ns);
    rp__master_tick(cluster->master, cluster->now_ns);
    while (rp__master_action(cluster->master, &rank, &frame)) {
        if (frame.type == RP__FRAME_MAP) cluster->told[rank] = true;
        if (frame.type == RP__FRAME_WORK && cluster->count < DEALT_MAX) {
            CU_ASSERT_TRUE(cluster->told[rank]);
            cluster->dealt[cluster->count++] = (struct dealt){
                .rank = rank, .map = frame.map, .chunk = frame.chunk, .begin = frame.begin, .end = frame.end};
        }
        if (frame.type != RP__FRAME_CANCEL) continue;
        cluster->cancels++;
        for (unsigned i = 0; i < cluster->count; i++)
            if (cluster->dealt[i].chunk == frame.chunk && cluster->dealt[i].rank == rank)
                cluster->dealt[i].kills += (frame.flags & RP__KILL) != 0;
    }
    for (struct rp__part *part; (part = rp__master_map_take(cluster->map));) {
        size_t at = 0, size;
        const uint8_t *data;
        bool failed;
        cluster->failure = part->failure;
        for (uint64_t task = part->begin; task < part->end; task++) {
            at += rp__record_read(part->data + at, part->size - at, &data, &size, &failed);
            cluster->seen[task]++;
            if (size == sizeof cluster->answer[task]) memcpy(&cluster->answer[task], data, size);
        }
        rp__master_map_consumed(cluster->master, cluster->map, 1, part->size);
        rp__part_free(part);
    }
}

static void wait(struct cluster *cluster, uint64_t ns) {
    cluster->now_ns += ns;
    act(cluster);
}

static void tell(struct cluster *cluster, uint32_t rank, struct rp__frame frame) {
    CU_ASSERT_EQUAL(rp__master_receive(cluster->master, rank, &frame), 0);
}

/* About the chunk that was dealt as number `i`. */
static void tell_of(struct cluster *cluster, unsigned i, struct rp__frame frame) {
    CU_ASSERT_TRUE_FATAL(i < cluster->count);
    frame.chunk = cluster->dealt[i].chunk;
    tell(cluster, cluster->dealt[i].rank, frame);
    act(cluster);
}

/* The records of its tasks, each the number that is given plus the task's. */
static size_t put_records(uint8_t *bytes, const struct dealt *dealt, uint64_t number) {
    size_t size = 0;
    for (uint64_t task = dealt->begin; task < dealt->end; task++) {
        const uint64_t answer = number + task;
        size += rp__record_head(bytes + size, sizeof answer, false);
        memcpy(bytes + size, &answer, sizeof answer);
        size += sizeof answer;
    }
    return size;
}

static void answer_flagged(struct cluster *cluster, unsigned i, uint64_t number, unsigned flags) {
    uint8_t bytes[512];
    const size_t size = put_records(bytes, &cluster->dealt[i], number);
    tell_of(cluster, i,
            (struct rp__frame){.type = RP__FRAME_RESULT,
                               .flags = (uint8_t)flags,
                               .count = TASK_NS * (cluster->dealt[i].end - cluster->dealt[i].begin),
                               .data = bytes,
                               .size = size});
}
static void answer_with(struct cluster *cluster, unsigned i, uint64_t number) { answer_flagged(cluster, i, number, 0); }
static void answer(struct cluster *cluster, unsigned i) { answer_with(cluster, i, 0); }

static void die(struct cluster *cluster, unsigned i, unsigned flags) {
    tell_of(cluster, i,
            (struct rp__frame){.type = RP__FRAME_DIED,
                               .flags = (uint8_t)(RP__IN_HAND | flags),
                               .begin = cluster->dealt[i].begin,
                               .end = cluster->dealt[i].end,
                               .data = (const uint8_t *)"died",
                               .size = 4});
}

static void open_pool(struct cluster *cluster, uint32_t ranks, uint32_t workers) {
    *cluster = (struct cluster){.master = rp__master_new(ranks), .now_ns = TASK_NS};
    CU_ASSERT_EQUAL(rp__master_pool_open(cluster->master, "", 0), 0);
    for (uint32_t rank = 0; rank < ranks; rank++)
        tell(cluster, rank, (struct rp__frame){.type = RP__FRAME_CREW, .worker = workers});
}

static void open_map(struct cluster *cluster, bool pure, const rp_map_options *options) {
    struct rp__map_spec spec = {.pure = pure, .options = *options};
    if (!spec.options.schedule.kind) spec.options.schedule = (rp_schedule){.kind = RP_DYNAMIC, .chunk = 1};
    CU_ASSERT_EQUAL_FATAL(rp__master_map_open(cluster->master, &spec, &cluster->map), 0);
    act(cluster);
}

static rp_map_stats stats_of(const struct cluster *cluster) {
    rp_map_stats stats;
    rp__master_map_stats(cluster->master, cluster->map, &stats);
    return stats;
}

static void each_task_was_answered_once(const struct cluster *cluster, uint64_t tasks) {
    CU_ASSERT_TRUE(rp__master_map_complete(cluster->map));
    CU_ASSERT_EQUAL(stats_of(cluster).tasks_done, tasks);
    for (uint64_t task = 0; task < tasks; task++) CU_ASSERT_EQUAL(cluster->seen[task], 1);
}

static void close_pool(struct cluster *cluster) {
    rp__master_map_free(cluster->master, cluster->map);
    rp__master_free(cluster->master);
}

/* Two ranks of one worker: rank 0 stands still with task 0, and rank 1 has answered the others. */
static void let_rank_0_stand_still(struct cluster *cluster, bool pure, uint32_t retries) {
    open_pool(cluster, 2, 1);
    open_map(cluster, pure, &(rp_map_options){.count = TASKS, .unordered = true, .retries = retries});
    CU_ASSERT_EQUAL(cluster->dealt[0].rank, 0);
    for (unsigned i = 1; i < TASKS; i++) {
        CU_ASSERT_EQUAL(cluster->dealt[i].rank, 1);
        answer(cluster, i);
    }
    CU_ASSERT_EQUAL(cluster->count, TASKS);
}

static void a_late_chunk_of_a_pure_map_is_dealt_twice_and_the_first_answer_counts(void) {
    struct cluster cluster;
    let_rank_0_stand_still(&cluster, true, 0);
    wait(&cluster, LATE_NS - 1);
    CU_ASSERT_EQUAL(cluster.count, TASKS);
    wait(&cluster, 1);
    CU_ASSERT_EQUAL_FATAL(cluster.count, TASKS + 1);
    CU_ASSERT_EQUAL(cluster.dealt[TASKS].rank, 1);
    CU_ASSERT_EQUAL(cluster.dealt[TASKS].begin, 0);
    wait(&cluster, HOUR_NS);
    CU_ASSERT_EQUAL(cluster.count, TASKS + 1);
    CU_ASSERT_EQUAL(stats_of(&cluster).chunks_twice, 1);

    answer(&cluster, TASKS);
    each_task_was_answered_once(&cluster, TASKS);
    CU_ASSERT_EQUAL(cluster.dealt[0].kills, 1);
    CU_ASSERT_FALSE(rp__master_map_idle(cluster.map));
    die(&cluster, 0, RP__KILLED);
    CU_ASSERT_TRUE(rp__master_map_idle(cluster.map));
    each_task_was_answered_once(&cluster, TASKS);
    CU_ASSERT_EQUAL(stats_of(&cluster).deaths, 0);
    CU_ASSERT_EQUAL(cluster.count, TASKS + 1);
    close_pool(&cluster);
}

static void where_it_is_not_pure_the_map_waits(void) {
    struct cluster cluster;
    let_rank_0_stand_still(&cluster, false, 0);
    wait(&cluster, HOUR_NS);
    CU_ASSERT_EQUAL(cluster.count, TASKS);
    CU_ASSERT_FALSE(rp__master_map_complete(cluster.map));
    answer(&cluster, 0);
    each_task_was_answered_once(&cluster, TASKS);
    close_pool(&cluster);
}

static void a_loser_that_cannot_be_killed_is_ignored(void) {
    struct cluster cluster;
    let_rank_0_stand_still(&cluster, true, 0);
    wait(&cluster, LATE_NS);
    answer_with(&cluster, 0, 500);
    CU_ASSERT_EQUAL(cluster.dealt[TASKS].kills, 1);
    CU_ASSERT_EQUAL(cluster.dealt[0].kills, 0);
    tell_of(&cluster, TASKS, (struct rp__frame){.type = RP__FRAME_RUNS});
    answer_with(&cluster, TASKS, 700);
    each_task_was_answered_once(&cluster, TASKS);
    CU_ASSERT_EQUAL(cluster.answer[0], 500);
    CU_ASSERT_TRUE(rp__master_map_idle(cluster.map));
    CU_ASSERT_EQUAL(stats_of(&cluster).chunks, TASKS);
    close_pool(&cluster);
}

static void migrations_add_up_and_those_of_a_loser_do_not_count(void) {
    struct cluster cluster;
    open_pool(&cluster, 2, 1);
    open_map(&cluster, true, &(rp_map_options){.count = TASKS, .unordered = true});
    for (unsigned i = 1; i < TASKS; i++) answer_flagged(&cluster, i, 0, i % 2 ? RP__MIGRATED : 0);
    wait(&cluster, LATE_NS);
    CU_ASSERT_EQUAL(stats_of(&cluster).migrations, TASKS / 2);
    answer_flagged(&cluster, 0, 0, RP__MIGRATED);
    answer_flagged(&cluster, TASKS, 0, RP__MIGRATED);
    each_task_was_answered_once(&cluster, TASKS);
    CU_ASSERT_EQUAL(stats_of(&cluster).migrations, TASKS / 2 + 1);
    close_pool(&cluster);
}

static void a_death_of_one_is_no_retry_while_the_other_is_out(void) {
    struct cluster cluster;
    let_rank_0_stand_still(&cluster, true, 1);
    wait(&cluster, LATE_NS);
    die(&cluster, 0, 0);
    CU_ASSERT_EQUAL(stats_of(&cluster).deaths, 1);
    CU_ASSERT_EQUAL(stats_of(&cluster).chunks_again, 0);
    CU_ASSERT_EQUAL(cluster.count, TASKS + 1);
    die(&cluster, TASKS, 0); /* now both: the only retry */
    CU_ASSERT_EQUAL(stats_of(&cluster).chunks_again, 1);
    CU_ASSERT_EQUAL_FATAL(cluster.count, TASKS + 2);
    die(&cluster, TASKS + 1, 0);
    each_task_was_answered_once(&cluster, TASKS);
    CU_ASSERT_EQUAL(cluster.failure, RP_EDIED);
    close_pool(&cluster);
}

static void twins_that_die_are_replaced_as_often_as_the_map_retries_and_once(void) {
    struct cluster cluster;
    let_rank_0_stand_still(&cluster, true, 2);
    for (unsigned i = 0; i < 3; i++) {
        wait(&cluster, LATE_NS);
        CU_ASSERT_EQUAL_FATAL(cluster.count, TASKS + 1 + i);
        die(&cluster, TASKS + i, 0);
    }
    wait(&cluster, HOUR_NS);
    CU_ASSERT_EQUAL(cluster.count, TASKS + 3);
    CU_ASSERT_EQUAL(stats_of(&cluster).chunks_again, 0);
    answer(&cluster, 0);
    each_task_was_answered_once(&cluster, TASKS);
    close_pool(&cluster);
}

static void a_twin_that_comes_back_leaves_the_other_alone(void) {
    struct cluster cluster;
    let_rank_0_stand_still(&cluster, true, 0);
    wait(&cluster, LATE_NS);
    tell_of(&cluster, TASKS, (struct rp__frame){.type = RP__FRAME_RETURNED});
    wait(&cluster, LATE_NS);
    CU_ASSERT_EQUAL_FATAL(cluster.count, TASKS + 2); /* it is late still */
    CU_ASSERT_EQUAL(cluster.dealt[TASKS + 1].rank, 1);
    CU_ASSERT_EQUAL(rp__master_lose(cluster.master, 1), 0);
    act(&cluster);
    CU_ASSERT_EQUAL(cluster.count, TASKS + 2);
    answer(&cluster, 0);
    each_task_was_answered_once(&cluster, TASKS);
    close_pool(&cluster);
}

static void the_copy_answers_when_the_first_ones_rank_is_lost(void) {
    struct cluster cluster;
    let_rank_0_stand_still(&cluster, true, 0);
    wait(&cluster, LATE_NS);
    CU_ASSERT_EQUAL(rp__master_lose(cluster.master, 0), 0);
    act(&cluster);
    CU_ASSERT_EQUAL(cluster.count, TASKS + 1);
    answer(&cluster, TASKS);
    each_task_was_answered_once(&cluster, TASKS);
    CU_ASSERT_EQUAL(cluster.cancels, 0);
    close_pool(&cluster);
}

static void parts_of_both_answers_do_not_mix(void) {
    struct cluster cluster;
    uint8_t first[64], second[64];
    let_rank_0_stand_still(&cluster, true, 0);
    wait(&cluster, LATE_NS);
    const size_t size = put_records(first, &cluster.dealt[0], 500);
    put_records(second, &cluster.dealt[TASKS], 700);
    const struct rp__frame piece = {.type = RP__FRAME_RESULT, .flags = RP__MORE, .data = first, .size = 4},
                           other = {.type = RP__FRAME_RESULT, .flags = RP__MORE, .data = second, .size = 5};
    tell_of(&cluster, 0, piece);
    tell_of(&cluster, TASKS, other);
    tell_of(&cluster, TASKS,
            (struct rp__frame){.type = RP__FRAME_RESULT, .count = 1, .data = second + 5, .size = size - 5});
    CU_ASSERT_EQUAL(cluster.answer[0], 700);
    tell_of(&cluster, 0, piece);
    die(&cluster, 0, RP__KILLED);
    each_task_was_answered_once(&cluster, TASKS);
    close_pool(&cluster);
}

static void a_canceled_chunk_is_canceled_when_both_are_back(void) {
    struct cluster cluster;
    uint64_t refused;
    let_rank_0_stand_still(&cluster, true, 0);
    wait(&cluster, LATE_NS);
    CU_ASSERT_EQUAL(rp__master_map_cancel(cluster.master, cluster.map, 0, 1, true), 0);
    act(&cluster);
    CU_ASSERT_EQUAL(cluster.cancels, 2);
    die(&cluster, 0, RP__KILLED);
    CU_ASSERT_EQUAL(cluster.seen[0], 0);
    tell_of(&cluster, TASKS, (struct rp__frame){.type = RP__FRAME_RETURNED});
    CU_ASSERT_FALSE(rp__master_map_canceling(cluster.map, &refused));
    CU_ASSERT_EQUAL(cluster.failure, RP_ECANCELED);
    each_task_was_answered_once(&cluster, TASKS);
    close_pool(&cluster);
}

static void one_rank_with_two_workers_is_enough(void) {
    struct cluster cluster;
    open_pool(&cluster, 1, 2);
    open_map(&cluster, true, &(rp_map_options){.count = 2});
    CU_ASSERT_EQUAL_FATAL(cluster.count, 2);
    answer(&cluster, 1);
    wait(&cluster, LATE_NS);
    CU_ASSERT_EQUAL_FATAL(cluster.count, 3);
    answer(&cluster, 2);
    each_task_was_answered_once(&cluster, 2);
    close_pool(&cluster);
}

static void a_long_chunk_has_as_much_time_as_its_tasks(void) {
    struct cluster cluster;
    open_pool(&cluster, 2, 1);
    open_map(&cluster, true,
             &(rp_map_options){.count = 20, .unordered = true, .schedule = {.kind = RP_DYNAMIC, .chunk = 10}});
    CU_ASSERT_EQUAL_FATAL(cluster.count, 2);
    CU_ASSERT_EQUAL(cluster.dealt[0].end, 10);
    answer(&cluster, 1);
    wait(&cluster, 10 * LATE_NS - 9 * 20000000 - 1);
    CU_ASSERT_EQUAL(cluster.count, 2);
    wait(&cluster, 1);
    CU_ASSERT_EQUAL_FATAL(cluster.count, 3);
    CU_ASSERT_EQUAL(cluster.dealt[2].end, 10);
    answer(&cluster, 2);
    each_task_was_answered_once(&cluster, 20);
    close_pool(&cluster);
}

static void nothing_is_late_of_maps_that_belong_to_workers_or_grow_or_have_no_like(void) {
    struct cluster cluster;
    open_pool(&cluster, 2, 1);
    open_map(&cluster, true, &(rp_map_options){.count = 2, .each_worker = true});
    answer(&cluster, 1);
    wait(&cluster, HOUR_NS);
    CU_ASSERT_EQUAL(cluster.count, 2);
    close_pool(&cluster);

    open_pool(&cluster, 2, 1);
    open_map(&cluster, true, &(rp_map_options){.count = 2, .schedule = {.kind = RP_STATIC, .chunk = 1}});
    answer(&cluster, 1);
    wait(&cluster, HOUR_NS);
    CU_ASSERT_EQUAL(cluster.count, 2);
    close_pool(&cluster);

    open_pool(&cluster, 2, 1);
    open_map(&cluster, true, &(rp_map_options){.count = RP_FED, .grows = true});
    struct rp__buffer records = {0};
    static const uint8_t two[] = {0, 0};
    rp__buffer_append(&records, two, sizeof two);
    CU_ASSERT_EQUAL(rp__master_map_feed(cluster.master, cluster.map, 2, &records), 0);
    act(&cluster);
    answer(&cluster, 1);
    wait(&cluster, HOUR_NS);
    CU_ASSERT_EQUAL(cluster.count, 2);
    close_pool(&cluster);

    open_pool(&cluster, 2, 1);
    open_map(&cluster, true, &(rp_map_options){.count = 1});
    wait(&cluster, HOUR_NS);
    CU_ASSERT_EQUAL(cluster.count, 1);
    close_pool(&cluster);
}

static void what_is_undealt_comes_before_what_is_late(void) {
    struct cluster cluster;
    let_rank_0_stand_still(&cluster, true, 0);
    struct rp__master_map *pure = cluster.map;
    open_map(&cluster, false, &(rp_map_options){.count = 2});
    CU_ASSERT_EQUAL_FATAL(cluster.count, TASKS + 1);
    wait(&cluster, LATE_NS);
    CU_ASSERT_EQUAL(cluster.count, TASKS + 1); /* nobody idles */
    answer(&cluster, TASKS);
    CU_ASSERT_EQUAL_FATAL(cluster.count, TASKS + 2);
    CU_ASSERT_NOT_EQUAL(cluster.dealt[TASKS + 1].map, cluster.dealt[0].map);
    answer(&cluster, TASKS + 1);
    CU_ASSERT_EQUAL_FATAL(cluster.count, TASKS + 3);
    CU_ASSERT_EQUAL(cluster.dealt[TASKS + 2].map, cluster.dealt[0].map);
    rp__master_map_free(cluster.master, cluster.map);
    cluster.map = pure;
    cluster.seen[0] = cluster.seen[1] = 0;
    answer(&cluster, TASKS + 2);
    CU_ASSERT_TRUE(rp__master_map_complete(pure));
    close_pool(&cluster);
}

static void show(struct cluster *cluster, unsigned i, double tasks) {
    struct rp__frame frame = {.type = RP__FRAME_PROGRESS};
    memcpy(&frame.count, &tasks, sizeof tasks);
    tell_of(cluster, i, frame);
}

static void progress_is_the_sum_over_chunks_that_are_out(void) {
    struct cluster cluster;
    open_pool(&cluster, 2, 1);
    open_map(&cluster, true,
             &(rp_map_options){.count = 20, .unordered = true, .schedule = {.kind = RP_DYNAMIC, .chunk = 10}});
    show(&cluster, 0, 2.5);
    show(&cluster, 1, 4.25);
    CU_ASSERT_EQUAL(stats_of(&cluster).tasks_partial, 6.75);
    show(&cluster, 1, 12); /* of ten */
    CU_ASSERT_EQUAL(stats_of(&cluster).tasks_partial, 12.5);
    answer(&cluster, 1);
    CU_ASSERT_EQUAL(stats_of(&cluster).tasks_partial, 2.5);
    wait(&cluster, HOUR_NS);
    show(&cluster, 2, 7); /* a copy: it is the first that counts */
    CU_ASSERT_EQUAL(stats_of(&cluster).tasks_partial, 2.5);
    answer(&cluster, 2);
    CU_ASSERT_EQUAL(stats_of(&cluster).tasks_partial, 0);
    show(&cluster, 0, 3);
    CU_ASSERT_EQUAL(stats_of(&cluster).tasks_partial, 0);
    close_pool(&cluster);
}

static void progress_that_is_no_number_makes_no_sense(void) {
    struct cluster cluster;
    open_pool(&cluster, 1, 1);
    open_map(&cluster, true, &(rp_map_options){.count = 1});
    const double bad[] = {-1, -__builtin_inf(), __builtin_nan("")};
    for (int i = 0; i < 3; i++) {
        struct rp__frame frame = {.type = RP__FRAME_PROGRESS, .chunk = cluster.dealt[0].chunk};
        memcpy(&frame.count, &bad[i], sizeof bad[i]);
        CU_ASSERT_EQUAL(rp__master_receive(cluster.master, 0, &frame), RP_EPROTOCOL);
    }
    CU_ASSERT_EQUAL(stats_of(&cluster).tasks_partial, 0);
    close_pool(&cluster);
}

static void time_without_a_chunk_adds_up_over_workers_until_the_last_task(void) {
    struct cluster cluster;
    open_pool(&cluster, 2, 2);
    rp__master_pass(cluster.master, cluster.now_ns);
    cluster.now_ns += TASK_NS; /* of before the map */
    rp__master_pass(cluster.master, cluster.now_ns);
    open_map(&cluster, false, &(rp_map_options){.count = 3});
    for (unsigned i = 0; i < 3; i++) { /* 1, 2 and 3 workers have nothing to do, a second each */
        wait(&cluster, TASK_NS);
        answer(&cluster, i);
        CU_ASSERT_EQUAL(stats_of(&cluster).idle_seconds, (i + 1) * (i + 2) / 2);
    }
    wait(&cluster, HOUR_NS);
    CU_ASSERT_EQUAL(stats_of(&cluster).idle_seconds, 6);
    close_pool(&cluster);
}

static void workers_of_a_lost_rank_are_not_idle(void) {
    struct cluster cluster;
    open_pool(&cluster, 2, 3);
    open_map(&cluster, false, &(rp_map_options){.count = 2});
    CU_ASSERT_EQUAL(rp__master_lose(cluster.master, 1), 0);
    act(&cluster);
    wait(&cluster, TASK_NS); /* two tasks, three workers left */
    CU_ASSERT_EQUAL(stats_of(&cluster).idle_seconds, 1);
    close_pool(&cluster);
}

int main(void) {
    static const struct unit_test tests[] = {
        UNIT(a_late_chunk_of_a_pure_map_is_dealt_twice_and_the_first_answer_counts),
        UNIT(where_it_is_not_pure_the_map_waits),
        UNIT(a_loser_that_cannot_be_killed_is_ignored),
        UNIT(migrations_add_up_and_those_of_a_loser_do_not_count),
        UNIT(a_death_of_one_is_no_retry_while_the_other_is_out),
        UNIT(twins_that_die_are_replaced_as_often_as_the_map_retries_and_once),
        UNIT(a_twin_that_comes_back_leaves_the_other_alone),
        UNIT(the_copy_answers_when_the_first_ones_rank_is_lost),
        UNIT(parts_of_both_answers_do_not_mix),
        UNIT(a_canceled_chunk_is_canceled_when_both_are_back),
        UNIT(one_rank_with_two_workers_is_enough),
        UNIT(a_long_chunk_has_as_much_time_as_its_tasks),
        UNIT(nothing_is_late_of_maps_that_belong_to_workers_or_grow_or_have_no_like),
        UNIT(what_is_undealt_comes_before_what_is_late),
        UNIT(progress_is_the_sum_over_chunks_that_are_out),
        UNIT(progress_that_is_no_number_makes_no_sense),
        UNIT(time_without_a_chunk_adds_up_over_workers_until_the_last_task),
        UNIT(workers_of_a_lost_rank_are_not_idle),
        {NULL, NULL}};
    return unit_run("pure", tests);
}
