/* A Process: a pool of one worker on one rank, made for one task, which gets the rank's next free slot and no core.
 *
 * When the task has its answer, when the worker has died, or when the program wants it killed, the service has the rank
 * close the crew, and the rank says so when the worker is gone. That word is the last of the pool: it comes behind the
 * task's answer and the worker's death. So a process is over only when nothing is left of it, and how it ended is what
 * came first: answer, death, or else that it was killed. It runs once, because no worker takes the place of a dead one,
 * and the master of a pool that ends deals nothing. */
#include "core/error.h"
#include "core/record.h"
#include "pool/world_state.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum state { FRESH, STARTING, ALIVE, OVER };

struct rp_process {
    rp_world *world;
    struct rp_process *next;
    char *name;
    uint32_t kernel;
    const void *input; /* behind the name */
    size_t input_size;
    int rank; /* -1: whose turn it is */

    /* The world's lock guards the rest. */
    enum state state;
    rp_pool *pool; /* STARTING and ALIVE */
    struct rp__master_map *task;
    int asked;   /* the signal that it is to end by, or 0 */
    bool ending; /* its rank was told to close the crew */
    bool ended;  /* and how is known */
    int code;
    char message[256];
    rp_where where;
};

/* ---- The service's side, under the world's lock ---- */

static void note_end(rp_process *process, int code, const void *message, size_t size) {
    if (process->ended) return;
    process->ended = true;
    process->code = code;
    if (code) snprintf(process->message, sizeof process->message, "%.*s", (int)size, (const char *)message);
}

/* The kernel returned. */
static void take_answer(rp_process *process) {
    struct rp__part *part = process->task ? rp__master_map_take(process->task) : NULL;
    if (!part) return;
    size_t at = 0;
    uint64_t task = part->begin;
    rp_result result;
    if (rp__part_read(part, 1, &at, &task, &result) == 1)
        note_end(process, result.status ? 1 : 0, result.data, result.size);
    rp__part_free(part);
}

static void note_death(rp_process *process, const struct rp__frame *died) {
    const int code = died->count < 256 ? (int)died->count : 256 - (int)died->count;
    note_end(process, code, died->data, died->size);
}

/* The crew is closed. */
static void note_gone(rp_process *process) {
    rp_pool *pool = process->pool;
    take_answer(process);
    const char *how = process->asked == SIGTERM ? "terminated" : "killed";
    note_end(process, process->asked ? -process->asked : -SIGKILL, how, strlen(how));
    process->state = OVER;
    process->pool = NULL;
    process->task = NULL;
    pool->process = NULL;
    pool->ended = true;
    pthread_cond_broadcast(&process->world->changed);
}

bool rp__process_told(rp_process *process, const struct rp__frame *frame) {
    if (frame->type == RP__FRAME_WORKER && frame->size == sizeof process->where) {
        memcpy(&process->where, frame->data, sizeof process->where);
        process->where.pid = (int)frame->count;
    }
    if (frame->type != RP__FRAME_DIED) return false;
    if (process->state == STARTING) {
        rp__fail(&process->pool->error, RP_ESYSTEM, "process %s cannot start: %.*s", process->name, (int)frame->size,
                 (const char *)frame->data);
        pthread_cond_broadcast(&process->world->changed);
    } else if (frame->flags & RP__LAST) {
        note_gone(process);
    } else {
        take_answer(process);
        note_death(process, frame);
    }
    return true;
}

void rp__process_look(rp_process *process) {
    if (process->state != ALIVE || process->ending) return;
    take_answer(process);
    if (!process->ended && !process->asked) return;
    rp__master_stop(process->pool->master);
    process->ending = rp__master_pool_close(process->pool->master) == 0; /* out of memory: again in the next round */
}

static void free_process(rp_process *process) {
    free(process->name);
    free(process);
}

void rp__processes_free(rp_world *world) {
    for (rp_process *process; (process = world->processes);) {
        world->processes = process->next;
        free_process(process);
    }
}

/* ---- The program's side ---- */

static int check(const rp_world *world, const rp_process_options *options, uint32_t *kernel, rp_error *error) {
    if (rp__world_check_caller(world, error)) return RP_EINVAL;
    if (world->attached)
        return rp__fail(error, RP_EUNSUPPORTED,
                        "an attached world has no worker processes, which must be forked before MPI starts: "
                        "open the world by rp_world_open");
    if (rp__find_kernel(world, options->kernel, kernel) || !world->options.kernels[*kernel]->item)
        return rp__fail(error, RP_EINVAL, "no kernel with an item is called %s: name one of the world's table",
                        options->kernel ? options->kernel : "NULL");
    if (options->input_size > PTRDIFF_MAX || (options->input_size && !options->input))
        return rp__fail(error, RP_EINVAL, "input_size is %zu and input is %s", options->input_size,
                        options->input ? "shorter" : "NULL");
    if (options->on_rank && (options->rank < 0 || options->rank >= (int)world->ranks))
        return rp__fail(error, RP_EINVAL,
                        "a process on rank %d was asked for: give 0 to %u, or no rank for ranks in turn", options->rank,
                        world->ranks - 1);
    return 0;
}

/* The name, and the input behind it. */
static rp_process *new_process(rp_world *world, const rp_process_options *options, uint32_t number) {
    char counted[32];
    snprintf(counted, sizeof counted, "Process-%u", number);
    const char *name = options->name ? options->name : counted;
    const size_t length = strlen(name) + 1;
    rp_process *process = calloc(1, sizeof *process);
    if (process) process->name = malloc(length + options->input_size);
    if (!process || !process->name) {
        free(process);
        return NULL;
    }
    memcpy(process->name, name, length);
    if (options->input_size) memcpy(process->name + length, options->input, options->input_size);
    process->input = process->name + length;
    process->input_size = options->input_size;
    process->world = world;
    process->rank = options->on_rank ? options->rank : -1;
    return process;
}

int rp_process_new(rp_world *world, const rp_process_options *options, rp_process **out, rp_error *error) {
    if (!world || !options || !out)
        return rp__fail(error, RP_EINVAL, "rp_process_new needs a world, options and a result");
    uint32_t kernel;
    int rc = check(world, options, &kernel, error);
    if (rc) return rc;
    rp__world_lock(world);
    rp_process *process = new_process(world, options, world->processes_made + 1);
    if (process) {
        process->kernel = kernel;
        process->next = world->processes;
        world->processes = process;
        world->processes_made++;
    }
    rp__world_unlock(world);
    if (!process) return rp__fail(error, RP_ENOMEM, "out of memory for a process");
    *out = process;
    return 0;
}

/* World lock held, and the worker has started: deal it its task. */
static int begin_task(rp_process *process) {
    struct rp__master *master = process->pool->master;
    const struct rp__map_spec spec = {
        .kernel = process->kernel,
        .keep_all = true,
        .options = {
            .count = RP_FED, .args = process->name, .args_size = strlen(process->name) + 1, .retries = UINT32_MAX}};
    struct rp__buffer records = {0};
    uint8_t head[RP__RECORD_HEAD_MAX];
    int rc = rp__buffer_append(&records, head, rp__record_head(head, process->input_size, false));
    if (rc == 0) rc = rp__buffer_append(&records, process->input, process->input_size);
    if (rc == 0) rc = rp__master_map_open(master, &spec, &process->task);
    if (rc == 0) rc = rp__master_map_feed(master, process->task, 1, &records);
    rp__buffer_free(&records);
    if (rc) return rc;
    rp__master_map_final(master, process->task);
    return 0;
}

/* World lock held. Where it fails, the pool is the service's to free, or it never was the service's. */
static int open_pool(rp_process *process, uint32_t rank, rp_error *error) {
    rp_world *world = process->world;
    const rp_pool_options options = {.crew = 1, .bind = RP_BIND_NONE};
    struct rp__pool_wish wish = {
        .options = options, .given = world->launch.cores, .first_rank = rank, .ranks = 1, .process = true};
    rp_pool *pool = rp__pool_new(world, &options, rank, 1);
    if (!pool) return rp__fail(error, RP_ENOMEM, "out of memory for process %s", process->name);
    process->pool = pool;
    pool->process = process;
    int rc = rp__pool_start(pool, &(struct rp__buffer){.data = (uint8_t *)&wish, .size = sizeof wish}, error);
    if (rc == 0) return 0;
    process->pool = NULL;
    pool->process = NULL;
    if (!pool->ended) rp__pool_free(pool);
    return rc;
}

/* Rank 0 is never among those that are lost. */
static uint32_t next_rank(rp_world *world) {
    uint32_t rank;
    do rank = world->process_rank++ % world->ranks;
    while (world->rank[rank].lost);
    return rank;
}

static int start(rp_process *process, rp_error *error) {
    rp_world *world = process->world;
    if (process->state != FRESH)
        return rp__fail(error, RP_EBUSY, "process %s was started before: a process starts once, make another",
                        process->name);
    const uint32_t rank = process->rank < 0 ? next_rank(world) : (uint32_t)process->rank;
    process->state = STARTING;
    int rc = open_pool(process, rank, error);
    if (rc) {
        process->state = FRESH;
        return rc;
    }
    process->state = ALIVE;
    rc = begin_task(process);
    if (rc) {
        /* Its worker is there already, and goes as that of any process that is killed. */
        process->asked = SIGKILL;
        rp__fail(error, rc, "out of memory for the task of process %s", process->name);
    }
    rp__service_ring(world);
    return rc;
}

int rp_process_start(rp_process *process, rp_error *error) {
    if (!process) return rp__fail(error, RP_EINVAL, "rp_process_start needs a process");
    if (rp__world_check_caller(process->world, error)) return RP_EINVAL;
    rp__world_lock(process->world);
    const int rc = start(process, error);
    rp__world_unlock(process->world);
    return rc;
}

/* World lock held: until it is over. */
static int wait_over(rp_process *process, double timeout_s) {
    rp_world *world = process->world;
    const struct timespec until = rp__time_after(timeout_s < 0 ? 0 : timeout_s);
    bool late = false;
    while (process->state != OVER) {
        /* A world that a signal stopped still answers, and a process that is to end, ends. */
        if (world->error.code && !(world->error.code == RP_ESTOPPED && process->asked)) return world->error.code;
        if (late) return RP_ETIMEDOUT;
        late = rp__world_wait(world, &world->changed, &world->lock, timeout_s < 0 ? NULL : &until) == ETIMEDOUT;
    }
    return 0;
}

int rp_process_join(rp_process *process, double timeout_s) {
    if (!process || isnan(timeout_s) || rp__world_is_in_task(process->world)) return RP_EINVAL;
    rp__world_lock(process->world);
    const bool started = process->state == ALIVE || process->state == OVER;
    const int rc = started ? wait_over(process, timeout_s) : RP_EINVAL;
    rp__world_unlock(process->world);
    return rc;
}

static enum state state_of(rp_process *process) {
    rp__world_lock(process->world);
    const enum state state = process->state;
    rp__world_unlock(process->world);
    return state;
}

static bool has_started(rp_process *process) {
    const enum state state = state_of(process);
    return state == ALIVE || state == OVER;
}

bool rp_process_is_alive(rp_process *process) { return process && state_of(process) == ALIVE; }

static int end_by(rp_process *process, int signal) {
    if (!process || rp__world_is_in_task(process->world)) return RP_EINVAL;
    rp__world_lock(process->world);
    const bool started = process->state == ALIVE || process->state == OVER;
    if (started && !process->asked) process->asked = signal;
    rp__world_unlock(process->world);
    rp__service_ring(process->world);
    return started ? 0 : RP_EINVAL;
}

int rp_process_terminate(rp_process *process) { return end_by(process, SIGTERM); }

int rp_process_kill(rp_process *process) { return end_by(process, SIGKILL); }

int rp_process_exitcode(rp_process *process, int *code) {
    if (!process || !code) return RP_EINVAL;
    const enum state state = state_of(process);
    if (state != OVER) return state == ALIVE ? RP_EBUSY : RP_EINVAL;
    *code = process->code; /* it does not change any more */
    return 0;
}

const char *rp_process_message(rp_process *process) {
    return process && state_of(process) == OVER ? process->message : "";
}

int rp_process_pid(rp_process *process) { return process && has_started(process) ? process->where.pid : 0; }

const rp_where *rp_process_where(rp_process *process) {
    return process && has_started(process) ? &process->where : NULL;
}

const char *rp_process_name(const rp_process *process) { return process ? process->name : NULL; }

void rp_process_free(rp_process *process) {
    if (!process || rp__world_is_in_task(process->world)) return;
    rp_world *world = process->world;
    (void)rp_process_kill(process);
    rp__world_lock(world);
    if (process->state == ALIVE && wait_over(process, -1)) process->pool->process = NULL; /* the world is no more */
    rp_process **at = &world->processes;
    while (*at != process) at = &(*at)->next;
    *at = process->next;
    rp__world_unlock(world);
    free_process(process);
}
