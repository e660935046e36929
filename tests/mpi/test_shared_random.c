/* Faults at random moments, in rounds that a seed decides: tasks put, get, send, receive and lock while main kills
 * their workers, or closes the map, the queue or the pool under them. Whatever dies, nothing hangs, every item of a
 * producer that succeeded is taken once (but for the one that a dead consumer may have had in hand), items keep their
 * order, a lock has one holder, and what the dead held is told as broken and works again when repaired.
 *
 *     test_shared_random [SEED [ROUNDS]]        by hand, for longer
 */
#include "rankpool.h"
#include "rankpool_sync.h"
#include "unit/unit.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How a worker dies is the test's doing: the address sanitizer is to let it. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "handle_segv=0:handle_abort=0:detect_leaks=0"; }

enum { PRODUCERS = 4, CONSUMERS = 3, EACH = 30, ITEMS = PRODUCERS * EACH, LONGEST = 40000, TRIES = 100 };

/* What the tasks of a round share. */
struct stage {
    rp_queue queue;
    rp_pipe pipe[PRODUCERS][2];
    rp_lock lock;
    rp_semaphore semaphore;
    rp_condition condition;
    rp_barrier barrier;
    rp_event event;
    rp_array taken; /* how often, by item */
    rp_array pid;   /* by task: producers, then consumers; 0 before it runs and after */
    rp_array word;  /* 0: who holds the lock */
    rp_value wrong; /* the sum of what tasks found wrong, a bit each */
    rp_value steps, broken;
};

struct order {
    struct stage stage;
    bool consumes;
    uint64_t seed;
};

enum wrong { BAD_ITEM = 1, TAKEN_TWICE = 2, OUT_OF_ORDER = 4, TWO_HOLDERS = 8, BAD_PIPE = 16 };

static rp_world *world;
static rp_self *program;
static uint64_t first_seed = 1;
static int rounds = 40;

static uint64_t drawn(uint64_t *state, uint64_t below) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (z ^ (z >> 31)) % below;
}

/* ---- What tasks do -------------------------------------------------------------------------------------- */

static int accuse(rp_self *self, const struct stage *stage, enum wrong wrong) {
    return rp_value_add(self, stage->wrong, wrong, NULL);
}

/* The item's number, then bytes that follow from it. */
static size_t written(uint8_t *item, uint64_t number, uint64_t *random) {
    const size_t size = sizeof number + drawn(random, drawn(random, 8) ? 100 : LONGEST - sizeof number);
    memcpy(item, &number, sizeof number);
    for (size_t i = sizeof number; i < size; i++) item[i] = (uint8_t)(number * 31 + i);
    return size;
}

static bool is_whole(const uint8_t *item, size_t size) {
    uint64_t number;
    if (size < sizeof number) return false;
    memcpy(&number, item, sizeof number);
    for (size_t i = sizeof number; i < size; i++)
        if (item[i] != (uint8_t)(number * 31 + i)) return false;
    return number < ITEMS;
}

/* Alone while it holds the lock, whoever died with it before. */
static int be_alone(rp_self *self, const struct stage *stage, int64_t own) {
    int64_t now = 0;
    int code;
    while ((code = rp_lock_acquire(self, stage->lock, -1)) == RP_EBROKEN) {
        rp_value_add(self, stage->broken, 1, NULL);
        rp_lock_repair(self, stage->lock);
    }
    if (code == 0) code = rp_array_store(self, stage->word, 0, own);
    if (code == 0) code = rp_array_load(self, stage->word, 0, &now);
    if (code == 0 && now != own) code = accuse(self, stage, TWO_HOLDERS);
    return code ? code : rp_lock_release(self, stage->lock);
}

/* Two at once. */
static int be_one_of_two(rp_self *self, const struct stage *stage) {
    int code;
    while ((code = rp_semaphore_acquire(self, stage->semaphore, -1)) == RP_EBROKEN)
        rp_semaphore_repair(self, stage->semaphore);
    if (code == 0) code = rp_value_add(self, stage->steps, 1, NULL);
    return code ? code : rp_semaphore_release(self, stage->semaphore);
}

/* Waits a little for whoever comes by; others may die meanwhile, with the lock or at the barrier. */
static int meet(rp_self *self, const struct stage *stage, uint64_t *random) {
    int code = 0;
    if (drawn(random, 2)) {
        code = rp_barrier_wait(self, stage->barrier, 0.005, NULL);
        return code == RP_EBROKEN ? rp_barrier_reset(self, stage->barrier) : code;
    }
    while ((code = rp_condition_acquire(self, stage->condition, -1)) == RP_EBROKEN)
        rp_condition_repair(self, stage->condition);
    if (code == 0) code = rp_condition_notify(self, stage->condition, 1);
    if (code == 0) code = rp_condition_wait(self, stage->condition, 0.005);
    if (code && code != RP_ETIMEDOUT && code != RP_ECANCELED) return code == RP_EBROKEN ? 0 : code;
    const int released = rp_condition_release(self, stage->condition);
    return code == RP_ECANCELED ? code : released;
}

static int mingle(rp_self *self, const struct stage *stage, int64_t own, uint64_t *random) {
    switch (drawn(random, 12)) {
    case 0:
        return meet(self, stage, random);
    case 1:
    case 2:
        return be_one_of_two(self, stage);
    case 3:
    case 4:
    case 5:
        return be_alone(self, stage, own);
    default:
        return 0;
    }
}

static int produce(rp_self *self, const struct stage *stage, uint64_t own, uint64_t *random) {
    uint8_t *item = malloc(LONGEST);
    int code = item ? 0 : RP_ENOMEM;
    for (uint64_t i = 0; i < EACH && code == 0; i++) {
        code = rp_queue_put(self, stage->queue, item, written(item, own * EACH + i, random), -1);
        if (code == 0) code = rp_pipe_send(self, stage->pipe[own][1], &i, sizeof i, -1);
        if (code == 0) code = rp_value_add(self, stage->steps, 1, NULL);
        if (code == 0) code = mingle(self, stage, (int64_t)own + 1, random);
    }
    free(item);
    return code;
}

/* Takes one item note of; `last` has what came last from each producer. */
static int note(rp_self *self, const struct stage *stage, const uint8_t *item, size_t size, int64_t *last) {
    uint64_t number;
    int64_t before = 0;
    if (!is_whole(item, size)) return accuse(self, stage, BAD_ITEM);
    memcpy(&number, item, sizeof number);
    int code = rp_array_add(self, stage->taken, number, 1, &before);
    if (code == 0 && before != 0) code = accuse(self, stage, TAKEN_TWICE);
    if (code == 0 && (int64_t)number <= last[number / EACH]) code = accuse(self, stage, OUT_OF_ORDER);
    last[number / EACH] = (int64_t)number;
    return code;
}

static int consume(rp_self *self, const struct stage *stage, uint64_t own, uint64_t *random) {
    int64_t last[PRODUCERS], read = -1, number;
    int code = 0;
    for (int i = 0; i < PRODUCERS; i++) last[i] = -1;
    while (code == 0) {
        void *item = NULL;
        size_t size = 0;
        code = rp_queue_get_alloc(self, stage->queue, drawn(random, 2) ? -1 : 0.003, &item, &size);
        if (code == RP_EEMPTY) {
            code = 0;
            continue;
        }
        if (code) break;
        code = note(self, stage, item, size, last);
        free(item);
        if (code == 0) code = mingle(self, stage, (int64_t)(PRODUCERS + own + 1), random);
        if (code || drawn(random, 2)) continue;
        code = rp_pipe_recv(self, stage->pipe[own][0], 0, &number, sizeof number, NULL);
        if (code == 0 && (number <= read || number >= EACH)) code = accuse(self, stage, BAD_PIPE);
        if (code == 0) read = number;
        if (code == RP_EEMPTY) code = 0;
    }
    return code == RP_ECLOSED ? 0 : code;
}

static int play(rp_task *task, const void *input, size_t size) {
    const struct order *order = rp_task_args(task, NULL);
    rp_self *self = rp_task_self(task);
    const uint64_t own = rp_task_index(task), place = order->consumes ? PRODUCERS + own : own;
    uint64_t random = order->seed * 1000 + place + (uint64_t)getpid() * 7919;
    int code = rp_array_store(self, order->stage.pid, place, rp_task_where(task)->pid);
    if (code) return code;
    code = order->consumes ? consume(self, &order->stage, own, &random) : produce(self, &order->stage, own, &random);
    const int stored = rp_array_store(self, order->stage.pid, place, 0);
    if (code) return rp_task_fail(task, "%s", rp_error_name(code));
    return stored;
}

static int make(rp_self *self, size_t room, struct stage *stage) {
    int code = rp_queue_new(self, room, &stage->queue);
    for (int i = 0; i < PRODUCERS && code == 0; i++) code = rp_pipe_new(self, i % 2 == 1, stage->pipe[i]);
    if (code == 0) code = rp_lock_new(self, &stage->lock);
    if (code == 0) code = rp_semaphore_new(self, 2, true, &stage->semaphore);
    if (code == 0) code = rp_condition_new(self, &stage->condition);
    if (code == 0) code = rp_barrier_new(self, 2, &stage->barrier);
    if (code == 0) code = rp_event_new(self, &stage->event);
    if (code == 0) code = rp_array_new(self, ITEMS, &stage->taken);
    if (code == 0) code = rp_array_new(self, PRODUCERS + CONSUMERS, &stage->pid);
    if (code == 0) code = rp_array_new(self, 1, &stage->word);
    if (code == 0) code = rp_value_new(self, &stage->wrong);
    if (code == 0) code = rp_value_new(self, &stage->steps);
    return code ? code : rp_value_new(self, &stage->broken);
}

static int make_task(rp_task *task, const void *input, size_t size) {
    struct stage stage = {.queue.id = 0};
    const size_t *room = rp_task_args(task, NULL);
    const int code = make(rp_task_self(task), *room, &stage);
    return code ? code : rp_task_write(task, &stage, sizeof stage);
}

/* Each worker that starts counts itself. */
static int start(rp_task *task, const void *input, size_t size) {
    rp_value started;
    memcpy(&started, input, sizeof started);
    return rp_value_add(rp_task_self(task), started, 1, NULL);
}

/* A process that waits for ever. */
static int wait_for_ever(rp_task *task, const void *input, size_t size) {
    rp_event event;
    memcpy(&event, input, sizeof event);
    return rp_event_wait(rp_task_self(task), event, -1);
}

static const rp_kernel play_kernel = {.name = "play", .item = play};
static const rp_kernel make_kernel = {.name = "make", .item = make_task};
static const rp_kernel start_kernel = {.name = "start", .item = start};
static const rp_kernel wait_kernel = {.name = "wait", .item = wait_for_ever};
static const rp_kernel *const kernels[] = {&play_kernel, &make_kernel, &start_kernel, &wait_kernel, NULL};

/* ---- The program's side --------------------------------------------------------------------------------- */

/* How a round ends. */
enum finish { ORDERLY, MAPS_CLOSED, TERMINATED, QUEUE_FREED, FINISHES };

struct round {
    uint64_t seed, random;
    enum finish finish;
    bool processes; /* else threads, which nobody can kill */
    rp_pool *pool;
    rp_value started;
    struct stage stage;
    rp_map *map[2]; /* of producers and consumers */
    bool over[2];
    int status[2][PRODUCERS];
    int kills, most_kills;
};

static rp_pool *opened(struct round *round) {
    rp_pool *pool = NULL;
    rp_error error = {0};
    const rp_pool_options options = {.workers = 1 + (uint32_t)drawn(&round->random, 4),
                                     .kind = round->processes ? RP_WORKERS_PROCESS : RP_WORKERS_THREAD,
                                     .bind = RP_BIND_NONE,
                                     .maxtasksperchild = round->processes ? drawn(&round->random, 4) : 0,
                                     .initializer = drawn(&round->random, 2) ? "start" : NULL,
                                     .init_args = &round->started,
                                     .init_args_size = sizeof round->started};
    const int code = rp_pool_open(world, &options, &pool, &error);
    if (code) fprintf(stderr, "seed %" PRIu64 ": %s\n", round->seed, error.text);
    CU_ASSERT_EQUAL_FATAL(code, 0);
    return pool;
}

/* The stage is at home where the task that makes it runs, or here. */
static struct stage set_up(struct round *round) {
    const size_t rooms[] = {0, 1, 3, 50};
    const size_t room = rooms[drawn(&round->random, 4)];
    struct stage stage = {.queue.id = 0};
    if (drawn(&round->random, 3) == 0) {
        CU_ASSERT_EQUAL_FATAL(make(program, room, &stage), 0);
        return stage;
    }
    const uint32_t workers = rp_pool_workers(round->pool), chosen = (uint32_t)drawn(&round->random, workers);
    const rp_map_options options = {
        .kernel = "make", .count = workers, .each_worker = true, .args = &room, .args_size = sizeof room};
    rp_map *map = NULL;
    rp_result result;
    CU_ASSERT_EQUAL_FATAL(rp_map_open(round->pool, &options, &map, NULL), 0);
    for (uint32_t i = 0; i < workers; i++) {
        CU_ASSERT_EQUAL_FATAL(rp_map_next(map, 60, &result), 0);
        CU_ASSERT_EQUAL_FATAL(result.size, sizeof stage);
        if (i == chosen) memcpy(&stage, result.data, sizeof stage);
    }
    rp_map_close(map);
    return stage;
}

static rp_map *begun(const struct round *round, bool consumes) {
    const struct order order = {.stage = round->stage, .consumes = consumes, .seed = round->seed};
    const rp_map_options options = {.kernel = "play",
                                    .count = consumes ? CONSUMERS : PRODUCERS,
                                    .args = &order,
                                    .args_size = sizeof order,
                                    .unordered = true,
                                    .schedule = {.kind = RP_DYNAMIC, .chunk = 1},
                                    .retries = consumes ? TRIES : 0};
    rp_map *map = NULL;
    CU_ASSERT_EQUAL_FATAL(rp_map_open(round->pool, &options, &map, NULL), 0);
    return map;
}

/* Reads what has come of a map. */
static void look(struct round *round, int which, double timeout_s) {
    rp_result result;
    if (round->over[which]) return;
    const int code = rp_map_next(round->map[which], timeout_s, &result);
    if (code == RP_END) round->over[which] = true;
    if (code) {
        CU_ASSERT(code == RP_END || code == RP_ETIMEDOUT);
        return;
    }
    round->status[which][result.begin] = result.status;
    const bool allowed = result.status == 0 || (result.status == RP_EDIED && round->kills > 0) ||
                         (result.status == RP_ETASK && round->finish == QUEUE_FREED);
    CU_ASSERT(allowed);
    if (!allowed)
        fprintf(stderr, "seed %" PRIu64 ": %s %" PRIu64 ": %.*s\n", round->seed, which ? "consumer" : "producer",
                result.begin, (int)result.size, (const char *)result.data);
}

/* Kills the worker of a task, if it has one now. */
static void kill_one(struct round *round) {
    int64_t pid = 0;
    const uint64_t victim = drawn(&round->random, PRODUCERS + CONSUMERS);
    CU_ASSERT_EQUAL(rp_array_load(program, round->stage.pid, victim, &pid), 0);
    if (pid <= 1 || kill((pid_t)pid, SIGKILL)) return;
    rp_array_compare_exchange(program, round->stage.pid, victim, &pid, 0, NULL);
    round->kills++;
}

/* Takes what is left, without waiting. */
static void drain(const struct round *round) {
    int64_t last[PRODUCERS] = {-1, -1, -1, -1};
    void *item;
    size_t size;
    while (rp_queue_get_alloc(program, round->stage.queue, 0, &item, &size) == 0) {
        CU_ASSERT_EQUAL(note(program, &round->stage, item, size, last), 0);
        free(item);
    }
}

/* Main comes after all of them: it may learn of a death only when it waits for what the dead one held. */
static void everything_works_again(const struct stage *stage) {
    int code;
    while ((code = rp_lock_acquire(program, stage->lock, 30)) == RP_EBROKEN) rp_lock_repair(program, stage->lock);
    CU_ASSERT_EQUAL(code, 0);
    CU_ASSERT_EQUAL(rp_lock_release(program, stage->lock), 0);
    for (int i = 0; i < 2; i++) {
        while ((code = rp_semaphore_acquire(program, stage->semaphore, 30)) == RP_EBROKEN)
            rp_semaphore_repair(program, stage->semaphore);
        CU_ASSERT_EQUAL(code, 0);
    }
    for (int i = 0; i < 2; i++) CU_ASSERT_EQUAL(rp_semaphore_release(program, stage->semaphore), 0);
    CU_ASSERT_EQUAL(rp_semaphore_release(program, stage->semaphore), RP_ERANGE);
    while ((code = rp_condition_acquire(program, stage->condition, 30)) == RP_EBROKEN)
        rp_condition_repair(program, stage->condition);
    CU_ASSERT_EQUAL(code, 0);
    CU_ASSERT_EQUAL(rp_condition_wait(program, stage->condition, 0), RP_ETIMEDOUT);
    CU_ASSERT_EQUAL(rp_condition_release(program, stage->condition), 0);
}

static void account(const struct round *round) {
    int64_t taken[ITEMS] = {0}, wrong = -1;
    int missing = 0;
    CU_ASSERT_EQUAL(rp_array_read(program, round->stage.taken, 0, ITEMS, taken), 0);
    for (int i = 0; i < ITEMS; i++) {
        CU_ASSERT(taken[i] == 0 || taken[i] == 1);
        missing += taken[i] == 0 && round->status[0][i / EACH] == 0;
    }
    CU_ASSERT(missing <= round->kills);
    CU_ASSERT_EQUAL(rp_value_load(program, round->stage.wrong, &wrong), 0);
    CU_ASSERT_EQUAL(wrong, 0);
    if (wrong || missing > round->kills)
        fprintf(stderr, "seed %" PRIu64 ": wrong %" PRId64 ", missing %d, kills %d\n", round->seed, wrong, missing,
                round->kills);
}

static void strike(struct round *round) {
    if (round->finish == MAPS_CLOSED) {
        for (int i = 0; i < 2; i++) rp_map_close(round->map[i]);
    } else if (round->finish == TERMINATED) {
        rp_pool_terminate(round->pool);
        CU_ASSERT_EQUAL(rp_pool_join(round->pool, 60), 0);
        for (int i = 0; i < 2; i++) rp_map_close(round->map[i]);
    } else {
        CU_ASSERT_EQUAL(rp_queue_free(program, round->stage.queue), 0);
    }
}

/* Lets the maps run, with kills, until they are over or it is time to strike. */
static void let_run(struct round *round) {
    const uint64_t strike_at = round->finish == ORDERLY ? UINT64_MAX : drawn(&round->random, 40);
    bool struck = false;
    for (uint64_t turn = 0; !(round->over[0] && round->over[1]); turn++) {
        if (turn == strike_at) {
            strike(round);
            struck = true;
            if (round->finish != QUEUE_FREED) return;
        }
        look(round, 0, 0.001);
        look(round, 1, 0.001);
        if (round->kills < round->most_kills && drawn(&round->random, 4) == 0) kill_one(round);
        if (round->over[0] && !struck) CU_ASSERT_EQUAL(rp_queue_close(program, round->stage.queue), 0);
        if (turn == 20000) {
            fprintf(stderr, "seed %" PRIu64 ": finish %d hangs\n", round->seed, (int)round->finish);
            CU_FAIL_FATAL("the tasks of a round hang");
        }
    }
    for (int i = 0; i < 2; i++) rp_map_close(round->map[i]);
}

static rp_process *waiting_process(rp_event event) {
    rp_process *process = NULL;
    CU_ASSERT_EQUAL_FATAL(
        rp_process_new(world, &(rp_process_options){.kernel = "wait", .input = &event, .input_size = sizeof event},
                       &process, NULL),
        0);
    CU_ASSERT_EQUAL_FATAL(rp_process_start(process, NULL), 0);
    return process;
}

static void end_process(rp_process *process, uint64_t way) {
    int code = 0;
    if (way == 0) {
        CU_ASSERT_EQUAL(rp_process_kill(process), 0);
        CU_ASSERT_EQUAL(rp_process_join(process, 60), 0);
        CU_ASSERT_EQUAL(rp_process_exitcode(process, &code), 0);
        CU_ASSERT_EQUAL(code, -SIGKILL);
    }
    rp_process_free(process);
}

static void dispose(const struct stage *stage, bool queue) {
    if (queue) CU_ASSERT_EQUAL(rp_queue_free(program, stage->queue), 0);
    for (int i = 0; i < PRODUCERS; i++) CU_ASSERT_EQUAL(rp_pipe_free(program, stage->pipe[i][0]), 0);
    CU_ASSERT_EQUAL(rp_lock_free(program, stage->lock), 0);
    CU_ASSERT_EQUAL(rp_semaphore_free(program, stage->semaphore), 0);
    CU_ASSERT_EQUAL(rp_condition_free(program, stage->condition), 0);
    CU_ASSERT_EQUAL(rp_barrier_free(program, stage->barrier), 0);
    CU_ASSERT_EQUAL(rp_event_free(program, stage->event), 0);
    CU_ASSERT_EQUAL(rp_array_free(program, stage->taken), 0);
    CU_ASSERT_EQUAL(rp_array_free(program, stage->pid), 0);
    CU_ASSERT_EQUAL(rp_array_free(program, stage->word), 0);
    CU_ASSERT_EQUAL(rp_value_free(program, stage->wrong), 0);
    CU_ASSERT_EQUAL(rp_value_free(program, stage->steps), 0);
    CU_ASSERT_EQUAL(rp_value_free(program, stage->broken), 0);
}

static void run_round(uint64_t seed) {
    struct round round = {.seed = seed, .random = seed};
    round.finish = drawn(&round.random, 2) ? ORDERLY : (enum finish)drawn(&round.random, FINISHES);
    round.processes = drawn(&round.random, 4) != 0;
    round.most_kills = round.processes ? (int)drawn(&round.random, 12) : 0;
    CU_ASSERT_EQUAL_FATAL(rp_value_new(program, &round.started), 0);
    round.pool = opened(&round);
    round.stage = set_up(&round);
    rp_process *process = drawn(&round.random, 2) ? waiting_process(round.stage.event) : NULL;
    for (int i = 0; i < 2; i++) round.map[i] = begun(&round, i == 1);
    let_run(&round);
    if (round.finish == ORDERLY) {
        drain(&round);
        account(&round);
    }
    end_process(process, process ? drawn(&round.random, 2) : 1);
    if (drawn(&round.random, 2)) { /* the pool's end breaks what its tasks held */
        CU_ASSERT_EQUAL(rp_pool_free(round.pool), 0);
        everything_works_again(&round.stage);
    } else {
        everything_works_again(&round.stage);
        CU_ASSERT_EQUAL(rp_pool_free(round.pool), 0);
    }
    dispose(&round.stage, round.finish != QUEUE_FREED);
    CU_ASSERT_EQUAL(rp_value_free(program, round.started), 0);
}

static void random_faults_neither_hang_nor_lose_nor_double(void) {
    for (int i = 0; i < rounds; i++) {
        const unsigned before = CU_get_number_of_failures();
        run_round(first_seed + (uint64_t)i);
        if (CU_get_number_of_failures() > before)
            fprintf(stderr, "seed %" PRIu64 " failed\n", first_seed + (uint64_t)i);
    }
}

/* Left as it is: the world's end takes it along. */
static void a_process_may_wait_when_the_world_closes(void) {
    rp_event event;
    CU_ASSERT_EQUAL_FATAL(rp_event_new(program, &event), 0);
    CU_ASSERT(rp_process_is_alive(waiting_process(event)));
}

int main(int argc, char **argv) {
    static const struct unit_test tests[] = {UNIT(random_faults_neither_hang_nor_lose_nor_double),
                                             UNIT(a_process_may_wait_when_the_world_closes),
                                             {NULL, NULL}};
    int exit_code = 0;
    rp_error error = {0};
    int rc = rp_world_open(&(rp_world_options){.kernels = kernels}, &world, &exit_code, &error);
    if (rc == RP_SERVED) return exit_code;
    if (rc) return fprintf(stderr, "test_shared_random: %s\n", error.text), 1;
    if (argc > 1) first_seed = strtoull(argv[1], NULL, 10);
    if (argc > 2) rounds = atoi(argv[2]);
    program = rp_world_self(world);
    exit_code = unit_run("shared, random", tests);
    rp_world_close(world, exit_code);
    return exit_code;
}
