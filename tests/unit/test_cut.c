/* Chunks that are cut because a task in them has effects on others, and chunks that wait: the master, whose ranks are the
 * test, and the master with real agents over played crews whose tasks wait for later ones. */
#include "core/master.h"
#include "core/record.h"
#include "pool/agent.h"
#include "random.h"

#include <stdlib.h>
#include <string.h>

enum { RANKS_MAX = 2, OUT_MAX = 400, TASKS_MAX = 400 };

/* ---- A master whose ranks are the test ----------------------------------------------------------------- */

struct work {
    uint64_t chunk, begin, end;
    uint32_t rank, worker;
};

struct table {
    struct rp__master *master;
    struct rp__master_map *map;
    struct work work[OUT_MAX]; /* dealt and not answered */
    uint32_t ranks, out;
    uint64_t largest;             /* chunk dealt since it was set to 0 */
    unsigned answered[TASKS_MAX]; /* how often */
    int failure[TASKS_MAX];
    char words[TASKS_MAX][64];
};

static void say(struct table *table, uint32_t rank, struct rp__frame frame) {
    CU_ASSERT_EQUAL(rp__master_receive(table->master, rank, &frame), 0);
}

/* Takes what is dealt and what is answered. */
static void look(struct table *table) {
    uint32_t rank;
    struct rp__frame frame;
    while (rp__master_action(table->master, &rank, &frame)) {
        if (frame.type != RP__FRAME_WORK) continue;
        CU_ASSERT_FATAL(table->out < OUT_MAX);
        table->work[table->out++] = (struct work){frame.chunk, frame.begin, frame.end, rank, frame.worker};
        if (frame.end - frame.begin > table->largest) table->largest = frame.end - frame.begin;
    }
    for (struct rp__part *part; table->map && (part = rp__master_map_take(table->map));) {
        for (uint64_t task = part->begin; task < part->end; task++) {
            table->answered[task]++;
            table->failure[task] = part->failure;
            if (part->failure) /* one record for all of the part */
                snprintf(table->words[task], sizeof table->words[task], "%.*s", (int)part->size - 1, part->data + 1);
        }
        rp__master_map_consumed(table->master, table->map, 1, part->size);
        rp__part_free(part);
    }
}

static struct table *open_table(uint32_t ranks, uint32_t workers) {
    struct table *table = calloc(1, sizeof *table);
    table->ranks = ranks;
    table->master = rp__master_new(ranks);
    rp__master_pool_open(table->master, "", 0);
    for (uint32_t rank = 0; rank < ranks; rank++)
        say(table, rank, (struct rp__frame){.type = RP__FRAME_CREW, .worker = workers});
    for (uint32_t i = 0; i < ranks * workers; i++)
        say(table, i / workers, (struct rp__frame){.type = RP__FRAME_WORKER, .worker = i % workers});
    look(table);
    CU_ASSERT_TRUE(rp__master_pool_ready(table->master));
    return table;
}

static void open_map(struct table *table, const struct rp__map_spec *spec) {
    CU_ASSERT_EQUAL(rp__master_map_open(table->master, spec, &table->map), 0);
    look(table);
}

static struct work take_work(struct table *table, uint32_t at) {
    struct work work = table->work[at];
    table->work[at] = table->work[--table->out];
    return work;
}

static void cut(struct table *table, uint32_t at, uint64_t end) {
    struct work *work = &table->work[at];
    work->end = end;
    say(table, work->rank,
        (struct rp__frame){.type = RP__FRAME_CUT, .chunk = work->chunk, .begin = work->begin, .end = end});
}

static void answer(struct table *table, uint32_t at, uint64_t records) {
    static const uint8_t empty[TASKS_MAX]; /* records of no bytes */
    struct work work = take_work(table, at);
    say(table, work.rank,
        (struct rp__frame){
            .type = RP__FRAME_RESULT, .chunk = work.chunk, .count = 1000, .data = empty, .size = records});
}

static void die(struct table *table, uint32_t at, uint64_t begin, uint64_t end, uint8_t flags) {
    struct work work = take_work(table, at);
    say(table, work.rank,
        (struct rp__frame){.type = RP__FRAME_DIED,
                           .flags = RP__IN_HAND | flags,
                           .chunk = work.chunk,
                           .begin = begin,
                           .end = end,
                           .data = (const uint8_t *)"killed by signal 9",
                           .size = 18});
    look(table);
}

/* All that is left is computed; then each task has one answer, and `failed` of them a failure. */
static void finish(struct table *table, uint64_t tasks, uint64_t failed) {
    uint64_t failures = 0;
    for (int i = 0; i < 2 * TASKS_MAX && table->out; i++) {
        answer(table, 0, table->work[0].end - table->work[0].begin);
        look(table);
    }
    CU_ASSERT_TRUE(rp__master_map_complete(table->map));
    CU_ASSERT_TRUE(rp__master_map_idle(table->map));
    for (uint64_t task = 0; task < tasks; task++) {
        CU_ASSERT_EQUAL(table->answered[task], 1);
        failures += table->failure[task] != 0;
    }
    CU_ASSERT_EQUAL(failures, failed);
}

static void close_table(struct table *table) {
    rp__master_free(table->master);
    free(table);
}

/* A table with a map of 40 tasks, dealt in tens. */
static struct table *open_tens(uint32_t ranks, uint32_t retries) {
    struct table *table = open_table(ranks, 1);
    struct rp__map_spec spec = {.options.count = 40, .options.retries = retries};
    spec.options.schedule = (rp_schedule){.kind = RP_DYNAMIC, .chunk = 10};
    open_map(table, &spec);
    CU_ASSERT_EQUAL_FATAL(table->out, ranks);
    return table;
}

static void rest_of_a_cut_chunk_is_dealt_in_single_tasks_whatever_the_schedule(void) {
    static const enum rp_schedule_kind kinds[] = {RP_AUTO, RP_STATIC, RP_DYNAMIC, RP_GUIDED, RP_FACTORING};
    for (int fed = 0; fed < 2; fed++)
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
            struct table *table = open_table(2, 2);
            struct rp__map_spec spec = {.options.count = fed ? RP_FED : 200};
            spec.options.schedule = (rp_schedule){.kind = kinds[i], .chunk = kinds[i] == RP_AUTO ? 0 : 20};
            open_map(table, &spec);
            if (fed) {
                struct rp__buffer inputs = {0};
                for (int task = 0; task < 200; task++) rp__buffer_append(&inputs, "\4ab", 3);
                CU_ASSERT_EQUAL(rp__master_map_feed(table->master, table->map, 200, &inputs), 0);
                rp__master_map_final(table->master, table->map);
                look(table);
            }
            CU_ASSERT_EQUAL_FATAL(table->out, 4);
            for (uint32_t at = 0; at < 4; at++) cut(table, at, table->work[at].begin + 1);
            table->largest = 0;
            look(table);
            finish(table, 200, 0);
            CU_ASSERT_EQUAL(table->largest, 1);
            close_table(table);
        }
}

static void static_tasks_stay_with_their_worker_when_their_part_is_cut(void) {
    struct table *table = open_table(1, 2);
    struct rp__map_spec spec = {.options.count = 40, .options.schedule.kind = RP_STATIC};
    open_map(table, &spec);
    CU_ASSERT_EQUAL_FATAL(table->out, 2);
    cut(table, 0, table->work[0].begin + 3);
    cut(table, 1, table->work[1].begin + 1);
    look(table);
    for (int i = 0; i < 100 && table->out; i++) {
        CU_ASSERT_EQUAL(table->work[0].worker, table->work[0].begin / 20);
        answer(table, 0, table->work[0].end - table->work[0].begin);
        look(table);
    }
    finish(table, 40, 0);
    close_table(table);
}

static void chunk_that_waits_is_no_credit(void) {
    for (int fixed = 0; fixed < 2; fixed++) {
        struct table *table = open_table(1, 1);
        struct rp__map_spec spec = {.options.count = 200};
        spec.options.schedule = (rp_schedule){.kind = fixed ? RP_STATIC : RP_DYNAMIC, .chunk = 1};
        open_map(table, &spec);
        for (uint32_t held = 1; held < 150; held++) {
            CU_ASSERT_EQUAL_FATAL(table->out, held);
            say(table, 0, (struct rp__frame){.type = RP__FRAME_BLOCKED, .chunk = table->work[held - 1].chunk});
            look(table);
        }
        while (table->out > 1) {
            const uint32_t left = table->out - 1;
            answer(table, left - 1, 1); /* one that waited: no room comes of it */
            look(table);
            CU_ASSERT_EQUAL_FATAL(table->out, left);
        }
        finish(table, 200, 0);
        close_table(table);
    }
}

static void worker_that_dies_of_a_cut_chunk_fails_its_last_task(void) {
    for (int known = 0; known < 2; known++) {
        struct table *table = open_tens(1, 0);
        cut(table, 0, 4);
        look(table);
        die(table, 0, known ? 3 : 0, 4, 0);
        finish(table, 40, 1);
        CU_ASSERT_EQUAL(table->failure[3], RP_EDIED);
        CU_ASSERT_STRING_EQUAL(table->words[3], "killed by signal 9");
        close_table(table);
    }
}

static void cut_chunk_is_tried_again_if_that_was_asked_for(void) {
    struct table *table = open_tens(1, 1);
    cut(table, 0, 4);
    look(table);
    die(table, 0, 3, 4, 0);
    finish(table, 40, 0);
    close_table(table);
}

static void worker_killed_for_a_closed_map_does_not_let_effects_happen_twice(void) {
    struct table *table = open_tens(1, 0);
    cut(table, 0, 4);
    look(table);
    die(table, 0, 0, 4, RP__KILLED);
    finish(table, 40, 1);
    CU_ASSERT_EQUAL(table->failure[3], RP_EDIED);
    close_table(table);
}

static void loss_of_a_rank_fails_only_what_had_effects(void) {
    struct table *table = open_tens(2, 0);
    uint32_t at = table->work[0].rank == 1 ? 0 : 1;
    uint64_t begin = table->work[at].begin;
    cut(table, at, begin + 4);
    take_work(table, at);
    CU_ASSERT_EQUAL(rp__master_lose(table->master, 1), 0);
    look(table);
    finish(table, 40, 1);
    CU_ASSERT_EQUAL(table->failure[begin + 3], RP_EDIED);
    CU_ASSERT_STRING_EQUAL(table->words[begin + 3], "rank 1, which computed it, was lost");
    close_table(table);
}

static void answer_that_makes_no_sense_is_not_asked_for_again_after_effects(void) {
    struct table *table = open_tens(1, 0);
    cut(table, 0, 4);
    answer(table, 0, 10); /* of the chunk as it was */
    look(table);
    finish(table, 40, 1);
    CU_ASSERT_EQUAL(table->failure[3], RP_EDIED);
    close_table(table);
}

static void reduced_chunk_with_effects_fails_as_a_whole(void) {
    struct table *table = open_table(1, 1);
    struct rp__map_spec spec = {.options.count = 35, .options.reduce = 10, .options.edge = 10};
    spec.options.schedule = (rp_schedule){.kind = RP_DYNAMIC, .chunk = 20};
    open_map(table, &spec);
    CU_ASSERT_EQUAL_FATAL(table->work[0].end, 20);
    cut(table, 0, 20);
    die(table, 0, 13, 14, 0);
    for (int i = 0; i < 10 && table->out; i++) {
        CU_ASSERT_TRUE(table->work[0].end - table->work[0].begin <= 10);
        answer(table, 0, 1);
        look(table);
    }
    finish(table, 35, 20);
    CU_ASSERT_STRING_EQUAL(table->words[0], "task 13: killed by signal 9");
    close_table(table);
}

static void kernel_that_runs_once_is_dealt_in_single_tasks_and_only_the_guilty_one_fails(void) {
    struct table *table = open_table(2, 2);
    struct rp__map_spec spec = {.options.count = 100, .options.retries = UINT32_MAX, .once = true};
    spec.options.schedule = (rp_schedule){.kind = RP_GUIDED, .chunk = 10};
    open_map(table, &spec);
    uint64_t task = table->work[2].begin;
    die(table, 2, task, task + 1, 0);
    CU_ASSERT_EQUAL(table->answered[task], task == 0); /* and those before it are waited for */
    finish(table, 100, 1);
    CU_ASSERT_EQUAL(table->largest, 1);
    CU_ASSERT_EQUAL(table->failure[task], RP_EDIED);
    close_table(table);
}

static void run_of_a_range_kernel_that_runs_once_fails_whole(void) {
    struct table *table = open_table(1, 1);
    struct rp__map_spec spec = {.range = true, .options.count = 40, .options.retries = UINT32_MAX, .once = true};
    spec.options.schedule = (rp_schedule){.kind = RP_DYNAMIC, .chunk = 20};
    open_map(table, &spec);
    die(table, 0, 0, 20, 0);
    CU_ASSERT_EQUAL_FATAL(table->out, 1);
    CU_ASSERT_TRUE(table->work[0].begin == 20 && table->work[0].end == 40);
    answer(table, 0, 1);
    look(table);
    finish(table, 40, 20);
    close_table(table);
}

static void cut_that_makes_no_sense_is_refused(void) {
    struct table *table = open_tens(1, 0);
    static const uint64_t ends[][2] = {{0, 0}, {0, 11}, {1, 5}, {10, 10}};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const struct rp__frame frame = {
            .type = RP__FRAME_CUT, .chunk = table->work[0].chunk, .begin = ends[i][0], .end = ends[i][1]};
        CU_ASSERT_EQUAL(rp__master_receive(table->master, 0, &frame), RP_EPROTOCOL);
    }
    say(table, 0,
        (struct rp__frame){.type = RP__FRAME_CUT, .chunk = 12345, .begin = 0, .end = 1}); /* answered before */
    finish(table, 40, 0);
    close_table(table);
}

/* ---- A cluster whose tasks wait for later ones --------------------------------------------------------- */

enum { RING = 16, LIVES_MAX = 200 };

struct played_worker {
    struct rp__work ring[RING]; /* [0] is in hand once it computes */
    uint32_t count;
    uint64_t at; /* the task in hand */
    bool computing, waits, announced, dead, dies;
    bool to_cut, to_call; /* not told yet */
};

struct cluster;

struct rp__crew {
    struct cluster *cluster;
    uint32_t rank, workers;
    struct played_worker worker[LIVES_MAX];
    uint8_t result[TASKS_MAX];
};

struct cluster {
    struct table *table;
    uint64_t random, now_ns;
    struct rp__crew crew[RANKS_MAX];
    struct rp__agent *agent[RANKS_MAX];
    struct rp__outbox out[RANKS_MAX];
    uint64_t tasks, (*needs)(uint64_t task, uint64_t tasks);
    bool done[TASKS_MAX]; /* computed */
    unsigned called[TASKS_MAX], deadlocks, deaths, deaths_left;
};

static bool played_give(struct rp__crew *crew, uint32_t at, struct rp__work *work) {
    struct played_worker *worker = &crew->worker[at];
    if (worker->dead || !worker->announced) return false;
    if (work->type != RP__WORK_CHUNK) return true;
    if (worker->count == RING) return false;
    worker->ring[worker->count++] = *work;
    return true;
}

static void played_wake(struct rp__crew *crew, uint32_t at) {}
static void played_low_water(struct rp__crew *crew, uint32_t at, uint32_t low) {}
static void played_cancel(const struct rp__crew *crew, uint32_t map) {}

static bool played_take_back(struct rp__crew *crew, uint32_t at, uint64_t chunk) {
    struct played_worker *worker = &crew->worker[at];
    if (!worker->count || worker->ring[worker->count - 1].chunk != chunk) return false;
    if (worker->count == 1 && worker->computing) return false;
    worker->count--;
    return true;
}

static int played_kill(struct rp__crew *crew, uint32_t at, const char *cause) {
    crew->worker[at].dies = true;
    return 0;
}

static int played_restart(struct rp__crew *crew, uint32_t at, rp_error *error) {
    crew->worker[at] = (struct played_worker){0};
    return 0;
}

static int played_add(struct rp__crew *crew, uint32_t like, uint32_t *index, rp_error *error) {
    if (crew->workers == LIVES_MAX) return RP_EINVAL;
    *index = crew->workers++;
    return played_restart(crew, *index, error);
}

/* On with the task in hand, as far as it goes: it calls for the one that it needs, and waits. */
static void compute(struct rp__crew *crew, struct played_worker *worker) {
    struct cluster *cluster = crew->cluster;
    if (!worker->computing && worker->count) {
        worker->computing = true;
        worker->at = worker->ring[0].begin;
    }
    while (worker->computing && !worker->waits && worker->at < worker->ring[0].end) {
        uint64_t needed = cluster->needs(worker->at, cluster->tasks);
        if (!cluster->done[needed] && needed != worker->at) {
            worker->waits = worker->to_cut = worker->to_call = true;
            worker->ring[0].end = worker->at + 1;
            cluster->called[worker->at]++;
            return;
        }
        cluster->done[worker->at++] = true;
    }
}

static bool tell(struct rp__crew *crew, uint32_t at, struct rp__crew_event *event) {
    struct played_worker *worker = &crew->worker[at];
    *event = (struct rp__crew_event){.worker = at, .chunk = worker->ring[0].chunk, .data = crew->result, .last = true};
    if (worker->dead) return false;
    if (!worker->announced) {
        worker->announced = true;
        event->type = RP__CREW_STARTED;
    } else if (worker->to_cut) {
        worker->to_cut = false;
        event->type = RP__CREW_CUT;
        event->task = worker->ring[0].end;
    } else if (worker->to_call) {
        worker->to_call = false;
        event->type = RP__CREW_CALL;
    } else if (worker->dies) {
        worker->dead = true;
        event->type = RP__CREW_ENDED;
        event->in_hand = worker->computing;
        strcpy(event->cause, "killed by signal 9");
        if (worker->computing && worker->at < worker->ring[0].end) crew->cluster->done[worker->at] = true; /* failed */
        worker->count = 0;
    } else if (worker->computing && worker->at == worker->ring[0].end) {
        event->type = RP__CREW_RESULT;
        event->busy_ns = 1000;
        event->size = worker->at - worker->ring[0].begin;
        memmove(&worker->ring[0], &worker->ring[1], --worker->count * sizeof worker->ring[0]);
        worker->computing = false;
    } else {
        return false;
    }
    return true;
}

static int played_poll(struct rp__crew *crew, struct rp__crew_event *event, bool *got, rp_error *error) {
    *got = false;
    for (uint32_t at = 0; at < crew->workers && !*got; at++) *got = tell(crew, at, event);
    return 0;
}

static const struct rp__agent_crew played_crew = {.give = played_give,
                                                  .wake = played_wake,
                                                  .take_back = played_take_back,
                                                  .low_water = played_low_water,
                                                  .poll = played_poll,
                                                  .kill = played_kill,
                                                  .cancel = played_cancel,
                                                  .restart = played_restart,
                                                  .add = played_add};

static void its_life_starts(void *context, uint32_t worker) {}

static int its_call_waits(void *context, uint32_t worker, const struct rp__crew_event *event) {
    struct rp__crew *crew = context;
    rp__agent_blocked(crew->cluster->agent[crew->rank], worker, false);
    return 0;
}

static int it_is_gone(void *context, uint32_t worker, uint64_t stream) { return 0; }

static int it_is_deadlocked(void *context, uint32_t worker) {
    ((struct rp__crew *)context)->cluster->deadlocks++;
    return 0;
}

static void move_frames(struct cluster *cluster) {
    for (uint32_t rank = 0; rank < cluster->table->ranks; rank++) {
        struct rp__outbox *out = &cluster->out[rank];
        for (size_t i = 0; i < out->count; i++) {
            const uint8_t *at = out->message[i].data, *end = at + out->message[i].size;
            struct rp__frame frame;
            while (rp__frame_read(&at, end, &frame) == 1)
                CU_ASSERT_EQUAL(rp__master_receive(cluster->table->master, rank, &frame), 0);
        }
        rp__outbox_free(out);
    }
    uint32_t rank;
    struct rp__frame frame;
    while (rp__master_action(cluster->table->master, &rank, &frame)) {
        if (frame.type != RP__FRAME_MAP && frame.type != RP__FRAME_WORK && frame.type != RP__FRAME_TAKE_BACK) continue;
        CU_ASSERT_EQUAL(rp__agent_receive(cluster->agent[rank], &frame), 0);
    }
    look(cluster->table);
}

static void run_worker(struct cluster *cluster, uint32_t rank, uint32_t at) {
    struct played_worker *worker = &cluster->crew[rank].worker[at];
    if (worker->dead || worker->dies) return;
    if (worker->waits && !worker->to_call && cluster->done[cluster->needs(worker->at, cluster->tasks)]) {
        worker->waits = false;
        rp__agent_unblocked(cluster->agent[rank], at);
    }
    if (worker->waits && cluster->deaths_left && one_in(&cluster->random, 100)) {
        cluster->deaths_left--;
        cluster->deaths++;
        worker->dies = true;
        return;
    }
    compute(&cluster->crew[rank], worker);
}

static void one_round(struct cluster *cluster) {
    for (uint32_t rank = 0; rank < cluster->table->ranks; rank++) {
        rp_error error;
        uint32_t events;
        int64_t next;
        for (uint32_t at = 0; at < cluster->crew[rank].workers; at++) run_worker(cluster, rank, at);
        CU_ASSERT_EQUAL(rp__agent_poll(cluster->agent[rank], &events, &error), 0);
        CU_ASSERT_EQUAL(rp__agent_tick(cluster->agent[rank], cluster->now_ns, &next, &error), 0);
    }
    cluster->now_ns += random_below(&cluster->random, 1000000);
    move_frames(cluster);
}

/* 200 tasks, each of which needs another, on 2 ranks of 2 workers. Each is answered once; those fail whose worker died, and
 * nothing calls twice. */
static void compute_all(uint64_t seed, rp_schedule schedule, uint64_t (*needs)(uint64_t, uint64_t), unsigned deaths) {
    struct cluster *cluster = calloc(1, sizeof *cluster);
    cluster->table = open_table(2, 2);
    cluster->tasks = 200;
    cluster->needs = needs;
    cluster->random = seed;
    cluster->deaths_left = deaths;
    for (uint32_t rank = 0; rank < 2; rank++) {
        struct rp__crew *crew = &cluster->crew[rank];
        crew->cluster = cluster;
        crew->rank = rank;
        crew->workers = 2;
        cluster->agent[rank] = rp__agent_new(&played_crew, crew, 2, &cluster->out[rank]);
        rp__agent_set_calls(cluster->agent[rank], &(struct rp__agent_calls){.context = crew,
                                                                            .started = its_life_starts,
                                                                            .called = its_call_waits,
                                                                            .gone = it_is_gone,
                                                                            .deadlocked = it_is_deadlocked});
    }
    struct table *table = cluster->table;
    struct rp__map_spec spec = {.options.count = cluster->tasks, .options.schedule = schedule};
    CU_ASSERT_EQUAL(rp__master_map_open(table->master, &spec, &table->map), 0);
    for (int i = 0; i < 20000 && !rp__master_map_complete(table->map); i++) one_round(cluster);
    finish(table, cluster->tasks, cluster->deaths);
    CU_ASSERT_EQUAL(cluster->deadlocks, 0);
    for (uint64_t task = 0; task < cluster->tasks; task++) CU_ASSERT_TRUE(cluster->called[task] <= 1);
    for (uint32_t rank = 0; rank < 2; rank++) {
        CU_ASSERT_EQUAL(rp__agent_idle(cluster->agent[rank]), 2);
        rp__agent_free(cluster->agent[rank]);
        rp__outbox_free(&cluster->out[rank]);
    }
    close_table(table);
    free(cluster);
}

static uint64_t the_next_one(uint64_t task, uint64_t tasks) { return task + 1 < tasks ? task + 1 : task; }
static uint64_t the_last_of_fifty(uint64_t task, uint64_t tasks) { return task - task % 50 + 49; }
static uint64_t one_further_on(uint64_t task, uint64_t tasks) { return task + 30 < tasks ? task + 30 : task; }

static void tasks_that_wait_for_later_ones_are_all_computed_whatever_the_schedule(void) {
    static uint64_t (*const needs[])(uint64_t, uint64_t) = {the_next_one, the_last_of_fifty, one_further_on};
    static const rp_schedule schedules[] = {{.kind = RP_AUTO},
                                            {.kind = RP_STATIC},
                                            {.kind = RP_STATIC, .chunk = 7},
                                            {.kind = RP_DYNAMIC},
                                            {.kind = RP_DYNAMIC, .chunk = 30},
                                            {.kind = RP_GUIDED},
                                            {.kind = RP_FACTORING}};
    for (size_t n = 0; n < sizeof needs / sizeof *needs; n++)
        for (size_t s = 0; s < sizeof schedules / sizeof *schedules; s++)
            for (unsigned deaths = 0; deaths <= 5; deaths += 5) compute_all(n + 10 * s, schedules[s], needs[n], deaths);
}

int main(void) {
    static const struct unit_test tests[] = {
        UNIT(rest_of_a_cut_chunk_is_dealt_in_single_tasks_whatever_the_schedule),
        UNIT(static_tasks_stay_with_their_worker_when_their_part_is_cut),
        UNIT(chunk_that_waits_is_no_credit),
        UNIT(worker_that_dies_of_a_cut_chunk_fails_its_last_task),
        UNIT(cut_chunk_is_tried_again_if_that_was_asked_for),
        UNIT(worker_killed_for_a_closed_map_does_not_let_effects_happen_twice),
        UNIT(loss_of_a_rank_fails_only_what_had_effects),
        UNIT(answer_that_makes_no_sense_is_not_asked_for_again_after_effects),
        UNIT(reduced_chunk_with_effects_fails_as_a_whole),
        UNIT(kernel_that_runs_once_is_dealt_in_single_tasks_and_only_the_guilty_one_fails),
        UNIT(run_of_a_range_kernel_that_runs_once_fails_whole),
        UNIT(cut_that_makes_no_sense_is_refused),
        UNIT(tasks_that_wait_for_later_ones_are_all_computed_whatever_the_schedule),
        {NULL, NULL},
    };
    return unit_run("cut", tests);
}
