/* rankpool: a process pool for clusters.
 *
 * One program, started once (bare), N times by mpirun, or by srun. Rank 0 goes on in main and deals tasks;
 * every rank has a crew of workers, processes pinned to a core each, that compute them. A worker may crash
 * without taking its rank along.
 *
 *     world   what is started once in a program: the nursery, MPI, the table of kernels
 *     pool    the crews of all ranks, opened on a world
 *     map     many tasks of one kernel: tasks in, results out, in order or as they come
 *
 * Calls return 0, or a negative RP_E... code; outputs are written only on success. Options are structs whose
 * zero means default. Pointers are *lent* (until a named moment), *copied*, or *given* (the taker frees); strings
 * and structs handed to a call are lent until it returns. An `rp_error *` may be NULL, and is filled when the call
 * fails. A call blocks only where its comment says so. These comments are the manual pages too: man rp_map_next.
 */
#ifndef RANKPOOL_H
#define RANKPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What is exported, and what takes printf's arguments. */
#if defined(__GNUC__)
#define RP_API               __attribute__((visibility("default")))
#define RP_PRINTF(at, first) __attribute__((format(printf, at, first)))
#else
#define RP_API
#define RP_PRINTF(at, first)
#endif

/* Every error: name, value, sentence. */
#define RP_ERROR_TABLE(X)                                                                                              \
    X(RP_EINVAL, -1, "an argument is not valid here")                                                                  \
    X(RP_ENOMEM, -2, "out of memory")                                                                                  \
    X(RP_ETIMEDOUT, -3, "the time limit passed first")                                                                 \
    X(RP_EUSAGE, -4, "the command line is wrong")                                                                      \
    X(RP_ENUMBER, -5, "not a number")                                                                                  \
    X(RP_ERANGE, -6, "the number does not fit")                                                                        \
    X(RP_ETASK, -7, "the kernel returned an error")                                                                    \
    X(RP_EDIED, -8, "the worker died while it computed the task")                                                      \
    X(RP_ECANCELED, -9, "canceled before it was computed")                                                             \
    X(RP_ECLOSED, -10, "already closed")                                                                               \
    X(RP_ESTOPPED, -11, "stopped by a signal")                                                                         \
    X(RP_ELAUNCH, -12, "started in a way that rankpool cannot work with")                                              \
    X(RP_EMPI, -13, "MPI failed")                                                                                      \
    X(RP_ESYSTEM, -14, "the operating system refused")                                                                 \
    X(RP_EPROTOCOL, -15, "a message makes no sense")                                                                   \
    X(RP_EMISMATCH, -16, "this is not the same program, or not the same input")                                        \
    X(RP_EUNSUPPORTED, -17, "this kind of worker cannot do that")                                                      \
    X(RP_ELOST, -18, "a rank was lost")                                                                                \
    X(RP_EBUSY, -19, "already in use")                                                                                 \
    X(RP_ENOWORKERS, -20, "no worker is left to compute the tasks")                                                    \
    X(RP_EOUTPUT, -21, "the output cannot be written")                                                                 \
    X(RP_EFULL, -22, "the queue is full")                                                                              \
    X(RP_EEMPTY, -23, "the queue is empty")                                                                            \
    X(RP_EDEADLK, -24, "it would wait for ever")                                                                       \
    X(RP_EBROKEN, -25, "broken: one that used it died or gave up")                                                     \
    X(RP_EPERM, -26, "not held by the caller")

/* What calls return: 0, an error, or, where a call says so, one of the two above 0. */
enum rp_code {
    RP_OK = 0, /* done */
#define RP_ERROR_ENUM(name, value, sentence) name = value,
    RP_ERROR_TABLE(RP_ERROR_ENUM)
#undef RP_ERROR_ENUM
        RP_SERVED = 1, /* rp_world_open on ranks above 0: the world is over, return from main */
    RP_END = 2         /* rp_map_next: every result has been handed out */
};

/* Any. The sentence for `code`, or "unknown error". Static storage. */
RP_API const char *rp_strerror(int code);
/* Any. The name of `code`, "RP_EINVAL" for instance, or "RP_E?". Static storage. */
RP_API const char *rp_error_name(int code);

/* What went wrong, in words, for a person: one line without a newline. */
typedef struct rp_error {
    int code;       /* RP_E..., as the call returned */
    char text[256]; /* what was given, what was expected, what to do next */
} rp_error;

/* ---- Kernels and tasks: code that runs in workers ------------------------------------------------------ */

/* The task, or the run of tasks, that a kernel is computing. Lent to the kernel until it returns. */
typedef struct rp_task rp_task;

/* Where a worker lives. Strings and numbers are -1 or empty where the machine does not tell. */
typedef struct rp_where {
    uint32_t worker;             /* 0.. over the whole pool */
    int rank;                    /* its agent's; 0 without MPI */
    int local;                   /* 0.. within its rank's crew */
    int pid;                     /* of its process, or of its rank's where it is a thread */
    int package, numa, core, pu; /* logical indices (hwloc's) of what it is bound to; pu is the system's number */
    bool bound;                  /* pinned by the pool, or by the launcher, to that one core; or by the pool to the
                                    several that each of its workers has */
    char host[64];               /* the node's name */
} rp_where;

/* A hardware thread of a machine. */
typedef struct rp_pu {
    int cpu;                 /* the system's number */
    int package, numa, core; /* logical indices as in rp_where; -1 where the machine has none */
    bool allowed;            /* to the ranks of its host: by their cgroup, and by how they were started */
    bool agent;              /* the agent of the task's rank is pinned to it, beside its workers */
} rp_pu;

/* What a kernel allows; 0: it may run again after a crash, but not twice at once. */
enum rp_kernel_flags {
    RP_PURE = 1, /* may run twice at once: a late tail may be dealt again to an idle worker. Not with RP_ONCE */
    RP_ONCE = 2  /* must not run again after a crash unless retries are asked for */
};

/* A kernel: exactly one of `item` and `range`, which run in a worker and return 0 or a negative code (a task
 * that fails with rp_task_fail says why). Neither may call MPI or exit: in a worker process that is the end of the
 * worker, and the task fails with RP_EDIED, but for MPI_Init, which makes it an MPI world of its own; in a thread or
 * inline worker it is the end of the rank, or worse. Nor may they use worlds, pools, maps, futures and processes: these
 * calls return RP_EINVAL there, or do nothing. What a kernel starts, threads above all, may not use its task once it has
 * returned; nothing can check that.
 * A process that it forks has no task: it dies where it uses one, as by returning from the kernel. It is killed when its
 * worker ends, or, if it has left its process group, with the run.
 * `item`  computes one task from its input (not aligned; NULL and 0 in a map of a plain range) and makes one record.
 * `range` computes tasks [begin, end) at one go and makes one record of them: how large a run is, the
 *         schedule decides, so results must combine the same for every way to cut.
 * `setup` runs in each worker before its first task of a map, and leaves what rp_task_state gives.
 * `teardown` runs after its last task of the map (not if it dies), and frees that.
 * `combine` (of an item kernel, may be NULL) folds the record `from` into the record `into`, for reductions; both have
 *         `size` bytes and what the worker gives is aligned as malloc's memory is. The tasks of `from` come right
 *         after those of `into`. */
typedef struct rp_kernel {
    const char *name; /* in the world's table, where it must be the only one of this name */
    int (*item)(rp_task *task, const void *input, size_t size);
    int (*range)(rp_task *task, uint64_t begin, uint64_t end);
    int (*setup)(rp_task *task, void **state);
    void (*teardown)(void *state);
    unsigned flags; /* of rp_kernel_flags */
    void (*combine)(void *into, const void *from, size_t size);
} rp_kernel;

/* Inside a task, all of them. Of no task (NULL) they give RP_EINVAL, NULL or 0. */
/* Append `size` bytes, or what printf would print, to the task's record. RP_ENOMEM leaves the record as it was. */
RP_API int rp_task_write(rp_task *task, const void *data, size_t size);
RP_API int rp_task_printf(rp_task *task, const char *format, ...) RP_PRINTF(2, 3);
/* Room for `size` more bytes at the end of the record, for a kernel that formats in place; NULL when out of
 * memory. Lent until the next call on the task; rp_task_commit says how many of them were used. */
RP_API void *rp_task_reserve(rp_task *task, size_t size);
RP_API void rp_task_commit(rp_task *task, size_t size);
/* The record is to have `size` bytes in all. From here on its bytes leave the worker as they are written, so that a large
 * record needs little memory there (not in an inline crew, which holds all of it). It can have no more of them
 * (RP_ERANGE, nothing is written; rp_task_commit takes what fits), and the task cannot fail any more: one that returns
 * with fewer is treated as if its worker had died of it. RP_EINVAL: it has more bytes already, or was announced before,
 * or the map is reduced, or it is no task of an `item` kernel. */
RP_API int rp_task_announce(rp_task *task, size_t size);
/* Fail the task with a message; returns RP_ETASK, so that a kernel can end with `return rp_task_fail(...)`. */
RP_API int rp_task_fail(rp_task *task, const char *format, ...) RP_PRINTF(2, 3);
/* Print a text to the program's standard output, through rank 0, while the kernel goes on: whole lines (a newline is
 * added if the text does not end with one) that no other text breaks into, those of one worker in their order. They
 * bypass the program's own stdio, and where standard output is slow, what is behind the 64 MiB that wait for it is
 * dropped, and counted in a line of its own. RP_EINVAL (the format), RP_ERANGE (a text of more than 1 MiB), RP_ENOMEM:
 * nothing is printed. */
RP_API int rp_task_print(rp_task *task, const char *format, ...) RP_PRINTF(2, 3);
/* Nobody wants the result any more: the map was closed, or the crew is ending. A long kernel in a thread or inline crew,
 * where it cannot be killed, asks this now and then and returns early; what it returns does not matter. An inline crew
 * of a rank above 0 learns of it only between tasks. */
RP_API bool rp_task_canceled(const rp_task *task);
/* How far the task (in a range kernel, the run) is, from 0 to 1, for rp_map_stats_get; what is outside counts as the
 * nearer of them, and what is no number as 0. As cheap as a store to memory: call it as often as you like. Others see
 * it with a delay of up to a quarter of a second, and only of chunks that take longer than that. */
RP_API void rp_task_progress(rp_task *task, double fraction);
/* The number of the task in its map; in a range kernel, the first. */
RP_API uint64_t rp_task_index(const rp_task *task);
/* The argument bytes of the map, and what `setup` left. Lent while the map is open in this worker. */
RP_API const void *rp_task_args(const rp_task *task, size_t *size);
/* Field `index` of the input of a task that rp_pool_starmap made: its bytes from that column. NULL if it has no such
 * field. Not aligned; lent until the kernel returns. Of other tasks' inputs the answer means nothing. */
RP_API const void *rp_task_argument(const rp_task *task, size_t index, size_t *size);
RP_API void *rp_task_state(const rp_task *task);
/* Add a task to the map that this one belongs to, which was opened with `grows`; the input is copied. It becomes one
 * when this task is done, numbered on after those that the map has then; of a task that fails, or whose worker dies,
 * it never does (the task adds again where it runs again). RP_EINVAL: the map does not grow, or this is no item.
 * RP_ENOMEM: it was not added. */
RP_API int rp_task_add(rp_task *task, const void *input, size_t size);
/* Who computes this. Lent. */
RP_API const rp_where *rp_task_where(const rp_task *task);
/* The hardware threads of the machine that computes this, in hwloc's order (those of a core side by side, then the next
 * core): at most `capacity` of them go into `pus`, which may be NULL if that is 0. Returns how many there are. */
RP_API size_t rp_task_machine(const rp_task *task, rp_pu *pus, size_t capacity);
/* The data that rp_world_share gave this number: read-only, mapped once a rank, lent as long as the worker lives. NULL:
 * there is none of that number, or it cannot be mapped here. `size` may be NULL. */
RP_API const void *rp_task_shared(rp_task *task, uint32_t share, size_t *size);

/* ---- World and pool ------------------------------------------------------------------------------------ */

/* What is started once in a program. From rp_world_open to rp_world_close. */
typedef struct rp_world rp_world;
/* Workers of all ranks. From rp_pool_open to rp_pool_free. */
typedef struct rp_pool rp_pool;
/* Many tasks of one kernel. From rp_map_open to rp_map_close. */
typedef struct rp_map rp_map;

/* Any, also without a world. CPUs that this process may use: its affinity, and its cgroups' quota rounded up. */
RP_API uint32_t rp_cpu_count(void);

/* Whether a world starts MPI. */
enum rp_mpi {
    RP_MPI_AUTO, /* when a launcher is recognised by its environment */
    RP_MPI_YES,  /* always */
    RP_MPI_NO    /* never: one rank */
};

/* How a world is opened. */
typedef struct rp_world_options {
    const rp_kernel *const *kernels; /* NULL-terminated, lent until the world closes; the same on every rank */
    enum rp_mpi mpi;                 /* whether to start MPI */
    bool catch_signals;              /* take INT, TERM and USR1 from the program: maps then end with RP_ESTOPPED.
                                        Ranks that have served keep TERM blocked until they exit */
    double drain;                    /* seconds that what was dealt may take after a signal, see rp_world_set_deadline;
                                        0: 10; negative: none */
    double lease;                    /* seconds without a sign of life after which a rank is given up, which ends the
                                        world with RP_ELOST, or the rank if it has heard nothing from rank 0 (but where
                                        MPI survives deaths, as Open MPI 5 does under mpirun --with-ft ulfm, the
                                        tasks of the rank go to others); 0: 30;
                                        negative: never. Less than 3 is taken as 3. There is none in attached worlds,
                                        and once a pool of inline workers was opened, which compute where signs of life
                                        would be given */
} rp_world_options;

/* Collective, first thing in main. Forks the nursery, then starts MPI when launched. On rank 0 it returns 0
 * and a service thread makes progress. On other ranks it serves until rank 0 closes the world, then returns
 * RP_SERVED with the code that rank 0 sent in `*exit_code`: return it from main. Workers never return from it:
 * what main sets after it is not seen by kernels.
 * Errors: RP_ELAUNCH, RP_EMPI (also: MPI was started before, by another world for instance), RP_ESYSTEM, RP_EMISMATCH
 * (kernels or options differ: rank 0 is told, the others return RP_SERVED with a code that is not 0), RP_ENOMEM,
 * RP_EINVAL (also: in a worker process), and on a rank above 0 that has served RP_ELOST: it was cut off from rank 0
 * (see `lease`); no world exists then. A rank that gets another error has not joined the others:
 * it must leave main with a code that is not 0, by which the launcher knows to end them. */
RP_API int rp_world_open(const rp_world_options *options, rp_world **world, int *exit_code, rp_error *error);
/* Collective. What rp_world_attach of rankpool_mpi.h calls, with the communicator's Fortran handle (MPI_Comm_c2f): see there. For
 * callers in other languages. */
RP_API int rp_world_attach_fortran(int comm, const rp_world_options *options, rp_world **world, int *exit_code,
                                   rp_error *error);
/* Rank 0. Ends every crew and rank, which return `exit_code` from main. What is still open ends with it: pools and maps
 * are freed and may not be used any more, nor may other threads be in a call on them; futures are done with RP_ECLOSED,
 * and are still the program's to free. Blocks. NULL is no error. Where a rank was lost (RP_ELOST) the process may end in
 * here, with that code, since MPI cannot be ended in good order: what is to be kept must have been written before. MPI is
 * ended, but for where it survives deaths: the process then ends without. */
RP_API void rp_world_close(rp_world *world, int exit_code);
/* Rank 0. The number of ranks, 1 without MPI. */
RP_API int rp_world_ranks(const rp_world *world);
/* Rank 0. The number of hosts, and the one that a rank is on: 0.., in the order of their lowest ranks; -1: there is no
 * such rank. */
RP_API int rp_world_hosts(const rp_world *world);
RP_API int rp_world_host(const rp_world *world, int rank);
/* Rank 0. Gives every rank a copy of `data` (passed on from rank to rank), which its workers map and read by
 * rp_task_shared under the number that it gets in `*share`; for data that is too large to go with every task. Blocks
 * until every rank has it. Lasts until the world closes; a world can share 64 times.
 * Errors: RP_EINVAL (nothing to share), RP_ERANGE (64 were), RP_ELOST (a rank was), or why the world cannot go on. */
RP_API int rp_world_share(rp_world *world, const void *data, size_t size, uint32_t *share, rp_error *error);
/* Rank 0, any thread. The world is to be over `seconds` from now; negative: whenever. No task is dealt then that would not
 * end by it, as far as the measured times tell, and when nothing is left that can, or at the deadline, maps end with
 * RP_ESTOPPED, after the results that are there. A later call replaces it. Does not block.
 * Signals, where the world catches them, are such a deadline of `drain` seconds, after which what has not started is not
 * dealt any more: USR1, and without a launcher INT and TERM, too. Launchers do not wait: under one, INT and TERM end the
 * maps at once, and so does TERM in a Slurm job, a second INT or TERM, and the first of any where workers are inline.
 * RP_EINVAL. */
RP_API int rp_world_set_deadline(rp_world *world, double seconds);
/* Rank 0. Why the world cannot go on (a map then ends with the code), in words that name the rank; "" while it can.
 * Lent until the world closes. */
RP_API const char *rp_world_error(rp_world *world);

/* What a worker is. */
enum rp_workers {
    RP_WORKERS_PROCESS, /* a process, which may crash or be killed without taking its rank along */
    RP_WORKERS_THREAD,  /* a thread of the rank: a crash ends the rank */
    RP_WORKERS_INLINE   /* in the rank's own service thread; for debuggers */
};
/* What a worker is pinned to. */
enum rp_bind {
    RP_BIND_CORE, /* a core */
    RP_BIND_PU,   /* a hardware thread */
    RP_BIND_NONE  /* nothing */
};
#define RP_CREW_CORES UINT32_MAX /* rp_pool_options.crew: share all allowed cores of the node among its ranks */

/* How a pool is opened. */
typedef struct rp_pool_options {
    uint32_t workers;  /* of the whole pool, dealt out over the ranks; 0: what `crew` says */
    uint32_t crew;     /* workers a rank; RP_CREW_CORES: share all allowed cores of the node among its ranks;
                      0: under a launcher 1 (or what SLURM_CPUS_PER_TASK or PE= gave), bare: one an allowed core */
    uint32_t cores;    /* each worker has so many neighbouring cores and is pinned to them, OMP_NUM_THREADS and the like
                      say so in worker processes, and crews are counted in workers of that size; 0: a core, as far as
                      bind_asked and the crews' sizes let them. Not with RP_BIND_PU */
    uint32_t siblings; /* so many workers in each place, for work that waits: `workers`, `crew` and its default are
                      then numbers of places; 0: 1 */
    enum rp_workers kind; /* processes, unless said otherwise */
    /* To cores, where the crews fit: see bind_asked. */
    enum rp_bind bind;
    bool bind_asked;           /* pin even a crew that leaves allowed cores to others */
    uint64_t maxtasksperchild; /* a worker process that has computed so many tasks is replaced by a fresh one, and
                                  chunks are no larger (Python counts chunks); 0: it stays */
    const char *initializer;   /* a kernel of the table whose `item` runs once in each worker that starts, also in those
                                that take the place of dead ones; its task is the worker's number. NULL: none */
    const void *init_args;     /* its input; copied */
    size_t init_args_size;     /* bytes of it */
    const int *ranks;  /* only these have workers, which are numbered in the order of ranks. The pool may use all
                                  that its launcher may on their hosts, however the ranks are bound; copied. NULL: all */
    size_t rank_count; /* how many of them */
    /* Bytes that a worker process may allocate once it has started: heap, mappings of its own, stacks of threads
     * (RLIMIT_DATA); not what is shared. malloc returns NULL then. 0: any. RP_EUNSUPPORTED for other workers. */
    uint64_t memory;
} rp_pool_options;

/* Rank 0. Any number of pools on a world, one after the other and side by side: each has its own workers, which share
 * the cores. Blocks until every rank's crew is there. Where the initializer fails there is no pool: RP_ETASK, with
 * its message; where it fails later, in a worker that replaces another, the pool's maps end with that.
 * Errors: RP_EINVAL, RP_EUNSUPPORTED, RP_ETASK, RP_ESYSTEM, RP_ENOMEM, RP_ELOST, RP_ESTOPPED. */
RP_API int rp_pool_open(rp_world *world, const rp_pool_options *options, rp_pool **pool, rp_error *error);
/* Rank 0, any thread. No more maps can be opened on the pool (RP_ECLOSED); those that are open go on. Does not block. */
RP_API void rp_pool_close(rp_pool *pool);
/* Rank 0, any thread. Closes the pool and stops its maps, which end with RP_ECLOSED: worker processes that compute are
 * killed within a second, threads finish the task in hand. Does not block. */
RP_API void rp_pool_terminate(rp_pool *pool);
/* Rank 0, any thread. Waits for at most `timeout_s` seconds (negative: for ever) until no task of the pool is computed
 * or to be computed any more; results may still be unread. Returns 0, RP_ETIMEDOUT, RP_EINVAL while the pool is neither
 * closed nor terminated, or why the world cannot go on. */
RP_API int rp_pool_join(rp_pool *pool, double timeout_s);
/* Rank 0. Ends the crews and frees the pool. Does not block: ranks do it in the order of what they are told. NULL is no
 * error. What futures on it were not done end with RP_ECLOSED. RP_EBUSY: a map of it is still open; it stays, with its
 * futures. No other thread may be in a call on the pool. */
RP_API int rp_pool_free(rp_pool *pool);
/* Rank 0. The number of workers of all crews, and of the hosts that they are on. */
RP_API uint32_t rp_pool_workers(const rp_pool *pool);
RP_API uint32_t rp_pool_hosts(const rp_pool *pool);
/* Rank 0. A line that the user should know about the pool's crews (the Slurm job that they are in, cores left idle, more
 * workers than cores, a rank that was lost, ...), or NULL from `index` = their number on. Lent until the pool closes. */
RP_API const char *rp_pool_note(const rp_pool *pool, size_t index);

/* ---- Maps ---------------------------------------------------------------------------------------------- */

/* How many tasks are dealt at once. */
enum rp_schedule_kind {
    RP_AUTO,     /* by the measured speed of each rank */
    RP_STATIC,   /* each worker's parts are settled at the start */
    RP_DYNAMIC,  /* chunks of one size, to whoever is free */
    RP_GUIDED,   /* an equal share of what is left, to whoever is free */
    RP_FACTORING /* batches of equal chunks, each batch half of what is left */
};

/* A schedule, and the size that it goes by. */
typedef struct rp_schedule {
    enum rp_schedule_kind kind; /* how chunks are cut */
    uint64_t chunk; /* for static, tasks a chunk, 0: equal parts; for dynamic, 0: chunk_min or 1; for guided and
                       factoring the least */
} rp_schedule;

#define RP_FED UINT64_MAX /* rp_map_options.count: tasks come by rp_map_put, until rp_map_end */

/* Where a lazy map gets its inputs: 1 and the next input, lent until the next call; 0 at the end; or a negative code,
 * which rp_map_next returns when the results of what came before have been read. Called by the thread that is in
 * rp_map_next, no more than a bounded number of inputs ahead of what was read. It may block, and holds up that
 * rp_map_next then whatever its time limit. It must not use the map. */
typedef int rp_source(void *context, const void **input, size_t *size);

/* Some of a map's tasks: [begin, end). */
typedef struct rp_span {
    uint64_t begin, end; /* the first, and the one behind the last */
} rp_span;

/* How a map is opened. */
typedef struct rp_map_options {
    const char *kernel; /* by name, from the world's table */
    uint64_t count;     /* tasks 0 .. count-1, or RP_FED */
    const void *args;   /* what rp_task_args gives; copied */
    /* Bytes of args. */
    size_t args_size;
    bool unordered; /* results as they come */
    /* How many tasks are dealt at once. */
    rp_schedule schedule;
    uint64_t chunk_min, chunk_max; /* the job's own bounds, in tasks; 0: none */
    uint64_t chunk_best;           /* auto: tasks of a chunk while 4 of them a worker remain, whatever they take;
                                      0: by measured time */
    uint64_t edge, edge_phase;     /* chunks end at edge_phase + k edge (and at the map's end); 0: anywhere */
    uint64_t wall;                 /* no chunk crosses a multiple of it; 0: none */
    bool each_worker;              /* task i is computed by worker i; count must be the number of workers */
    uint32_t active;               /* only the first `active` workers compute; 0: all */
    uint32_t retries;              /* how often a task that crashed its worker is tried again; fails alone then */
    size_t window;                 /* bytes that results may run ahead of the next due before they spill to a
                                      file; 0: 64 MiB */
    uint64_t reduce;               /* workers fold the records of tasks [k reduce, (k+1) reduce), in this order, into
                                      one by the kernel's `combine`; 0: they do not. A task that fails, or whose record
                                      has another size, fails its block. Neither edge nor wall nor each_worker then */
    bool grows;                    /* tasks may add tasks (rp_task_add): it is over when rp_map_end was called and all
                                      are done; count must be RP_FED, reduce 0. The order in which they come decides
                                      their numbers, so another run may number them otherwise */
    rp_source *source;             /* tasks come from here instead of rp_map_put; count must be RP_FED then */
    void *source_context;          /* what it is called with */
    /* Tasks that are not computed and have no record, since an earlier run has them: spans in ascending order, none of
     * them empty, no two of them touching. They count as done, and an ordered map goes on behind them. No chunk crosses
     * one. Of a fed map their inputs are put as all others are, for the numbers' sake, and not kept; spans may go beyond
     * what is put. With `reduce`, whole blocks (the last of a map of a known count may be short). Not with each_worker or
     * grows. Copied */
    const rp_span *skip;
    size_t skip_count; /* how many spans; a million are no burden */
    /* Of a fed map: its first `inputs` inputs must be those of which rp_map_inputs gave the digest `inputs_digest`, or
     * the map ends with RP_EMISMATCH; also where there are fewer of them. 0 inputs: any may come. */
    uint64_t inputs, inputs_digest;
    /* Seconds that a task (of a range kernel: a run) may take, those in which it waits too, before its worker is killed
     * for it, as if it had crashed; 0: any. It may be late by a few ms. `setup` has as long for itself, initializers have
     * no limit. RP_EUNSUPPORTED where workers are no processes. */
    double timeout;
} rp_map_options;

/* Why a task failed. */
enum rp_cause {
    RP_CAUSE_ERROR,    /* its kernel returned an error */
    RP_CAUSE_EXIT,     /* its worker exited */
    RP_CAUSE_SIGNAL,   /* its worker was killed by a signal */
    RP_CAUSE_MEMORY,   /* and by the OOM killer, for using too much memory */
    RP_CAUSE_TIMEOUT,  /* it took too long */
    RP_CAUSE_RANK,     /* the rank that computed it was lost */
    RP_CAUSE_CANCELED, /* nobody wanted it any more */
    RP_CAUSE_RESULT,   /* it has a result, which its run counts as a failure; only in a store */
    RP_CAUSE_OTHER     /* its worker could not be started, or answered nonsense, ...: the message has the words */
};

/* How a task failed: of all that the program can know, besides the message, which is the record's data. */
typedef struct rp_failure {
    enum rp_cause cause;   /* why */
    int exit_code, signal; /* of its worker's process; 0: none */
    int rank;              /* where it was computed last; -1: nowhere, or it is not known */
    uint32_t worker;       /* which one of the pool's; UINT32_MAX: it is not known */
    int core;              /* as in rp_where; -1: it is not known */
    char host[64];         /* the rank's; "": it is not known */
    uint32_t attempts;     /* how often it was computed, alone or with others, as far as is known; 0: never */
    const void *input;     /* the task's, not aligned; NULL: it has none, as in a map that is counted, or this is the
                              failure of several tasks at once. Lent as the failure is */
    size_t input_size;     /* bytes of it */
} rp_failure;

/* One record: of one task, of a block of a reduced map, or of a whole run for a range kernel. */
typedef struct rp_result {
    uint64_t begin, end;       /* its tasks */
    int status;                /* 0, or RP_ETASK, RP_EDIED, RP_ECANCELED: then data is a message, not ended by 0 */
    const void *data;          /* lent until the next rp_map_next or rp_map_close; not aligned */
    size_t size;               /* bytes of data */
    const rp_failure *failure; /* where status is not 0: how it failed; else NULL. Lent as data is */
} rp_result;

/* How far a map is. */
typedef struct rp_map_stats {
    uint64_t tasks_done, tasks_failed, tasks_known; /* known: the count, or those fed so far; what is skipped is both */
    bool tasks_final;                               /* no more will be fed */
    uint64_t chunks, chunks_again;                  /* answered; dealt once more after a death or an error */
    uint64_t chunks_twice;                          /* dealt to a second worker because they were late (RP_PURE) */
    uint64_t deaths;                                /* workers lost during this map */
    double seconds, busy_seconds;                   /* since it opened; computing, summed over workers */
    double idle_seconds;  /* time in which no chunk was dealt to a worker of the pool, summed over workers, until the
                            map's last task was done. What is neither busy nor idle is the way of chunks and results */
    uint32_t workers;     /* alive now */
    double tasks_partial; /* how much is done of tasks that are not in tasks_done: those of long chunks, and parts of
                             tasks that tell by rp_task_progress. A moment old */
    /* Answered chunks that were not, at their begin and at their end, on the core where their worker's chunk before had
     * ended: 0 of workers that are pinned to a core. */
    uint64_t migrations;
} rp_map_stats;

/* Rank 0, any thread, all of these. */
/* Begin a map, whose tasks the workers then compute whether anybody waits or not. Maps of a pool may be open side by
 * side. RP_EINVAL (no such kernel, for instance), RP_EUNSUPPORTED, RP_ENOMEM, or why the world cannot go on. */
RP_API int rp_map_open(rp_pool *pool, const rp_map_options *options, rp_map **map, rp_error *error);
/* Add the next task; the input is copied. Blocks while the inputs put and not done reach 16 MiB (not inside a reduced
 * map's block). What tasks add does not count here: it waits in rank 0's memory, however much it is.
 * Errors: RP_ECLOSED (ended, stopped or closed), RP_EMISMATCH (these are not the inputs that the options name),
 * RP_ENOMEM, RP_EINVAL (not a map that is fed). */
RP_API int rp_map_put(rp_map *map, const void *input, size_t size);
/* No more tasks. Does not block. */
RP_API void rp_map_end(rp_map *map);
/* How many inputs were put (or came from the source), and in `*digest`, which may be NULL, a number that stands for their
 * sizes and bytes: another run that puts the same has the same. It finds mistakes, not forgers. Does not block. 0 of a
 * map that is not fed. */
RP_API uint64_t rp_map_inputs(rp_map *map, uint64_t *digest);
/* The next record, in task order unless the map is unordered. Blocks for at most `timeout_s` (negative: for
 * ever). Returns 0, RP_END, RP_ETIMEDOUT, or why the map cannot go on: RP_ESTOPPED, RP_ELOST, RP_ENOWORKERS,
 * RP_EMISMATCH. */
RP_API int rp_map_next(rp_map *map, double timeout_s, rp_result *result);
/* Folds every record of an ordered map of an item kernel with `combine`, in task order, into `into`, of `size` bytes:
 * a copy of the first, then the others combined with it. The same bits for every number of ranks and every schedule;
 * another `reduce` is another order of combining. Instead of rp_map_next, by one thread. Blocks for at most
 * `timeout_s` in all (negative: for ever). `into` is written only on success.
 * Errors: RP_END (the map has no task left), RP_ETIMEDOUT (call again: it goes on where it was), RP_EINVAL (unordered,
 * no combine; or a record has not `size` bytes), RP_ETASK or RP_EDIED (a task or block failed: rp_map_next hands it
 * out, with its message), RP_ENOMEM, and what rp_map_next returns. */
RP_API int rp_map_reduce(rp_map *map, double timeout_s, void *into, size_t size);
/* How far the map is now. */
RP_API void rp_map_stats_get(rp_map *map, rp_map_stats *stats);
/* Ends the map; what is not computed yet is dropped. May block until the workers have let go of it. */
RP_API void rp_map_close(rp_map *map);

/* ---- Python's names: map, starmap, imap, apply, and futures --------------------------------------------- */

/* Inputs, one after the other in `data`: each of `size` bytes or, where `sizes` is not NULL, of sizes[i]. */
typedef struct rp_items {
    const void *data;    /* all of them; lent for the call */
    size_t count;        /* how many */
    size_t size;         /* bytes of each */
    const size_t *sizes; /* [count] or NULL */
} rp_items;

/* What tasks answered. */
typedef struct rp_results {
    size_t count, failed; /* tasks; those of them that failed or were canceled */
    size_t first_failed;  /* the lowest of them; count: none */
    rp_result *result;    /* [count], in task order; data is the results' own */
} rp_results;

/* Any. Ends results that were given, and makes them all zero; those of a future are the future's. All zero, or NULL, is
 * no error, so twice is none; twice by a copy of the struct frees twice, which nothing can check. */
RP_API void rp_results_free(rp_results *results);

/* Tasks that are on their way. From an asynchronous call to rp_future_free. */
typedef struct rp_future rp_future;

/* Runs on a thread that is inside an rp_ call on a future of the world, once, without locks held. It may call rp_,
 * and may free the future. `results` are lent until the future is freed. */
typedef void rp_callback(rp_future *future, const rp_results *results, void *context);

/* What to run: a kernel for items (by name, from the world's table), and how. */
typedef struct rp_call {
    const char *kernel;          /* an item kernel of the world's table */
    const void *args;            /* what rp_task_args gives; copied */
    size_t args_size;            /* bytes of it */
    size_t chunksize;            /* tasks a chunk; 0: by measured time. Not for apply */
    rp_callback *callback;       /* of futures: every task succeeded; NULL: none */
    rp_callback *error_callback; /* of futures: one failed or was canceled, or the pool cannot go on (then without
                                    results: count 0) */
    void *context;               /* what the callbacks are called with */
} rp_call;

/* Rank 0, any thread, all calls from here on, but not inside a kernel.
 *
 * The blocking ones wait until every task has its answer. 0; RP_ETASK or RP_EDIED of the first that failed, and
 * `error` says which and how many: results are given in these cases, the others' included. Else nothing is given:
 * RP_EINVAL (also: callbacks, which only futures have), RP_ENOMEM, or why the pool cannot go on (RP_ESTOPPED, RP_ELOST,
 * RP_ENOWORKERS, RP_ECLOSED).
 * The asynchronous ones copy their inputs and return: 0 and the future, given; RP_EINVAL, RP_ENOMEM, or why the pool
 * cannot go on. The tasks are computed whether anybody waits or not; their inputs and results are held in memory. */
RP_API int rp_pool_map(rp_pool *pool, const rp_call *call, const rp_items *items, rp_results *results, rp_error *error);
RP_API int rp_pool_map_async(rp_pool *pool, const rp_call *call, const rp_items *items, rp_future **future,
                             rp_error *error);
/* The same with several arguments: task i gets (columns[0][i], columns[1][i], ...), which rp_task_argument reads. The
 * columns' counts must agree. */
RP_API int rp_pool_starmap(rp_pool *pool, const rp_call *call, const rp_items *columns, size_t column_count,
                           rp_results *results, rp_error *error);
RP_API int rp_pool_starmap_async(rp_pool *pool, const rp_call *call, const rp_items *columns, size_t column_count,
                                 rp_future **future, rp_error *error);
/* One task. rp_task_index counts the pool's tasks of this kernel and these arguments then. */
RP_API int rp_pool_apply(rp_pool *pool, const rp_call *call, const void *input, size_t size, rp_results *results,
                         rp_error *error);
RP_API int rp_pool_apply_async(rp_pool *pool, const rp_call *call, const void *input, size_t size, rp_future **future,
                               rp_error *error);
/* A map whose inputs come from `source`, to be read by rp_map_next, in order or as they come, and ended by
 * rp_map_close, also before its end. A source without an end needs no more memory than the inputs ahead. Does not
 * block. RP_EINVAL (also: callbacks), RP_ENOMEM, or why the pool cannot go on. */
RP_API int rp_pool_imap(rp_pool *pool, const rp_call *call, rp_source *source, void *source_context, rp_map **map,
                        rp_error *error);
RP_API int rp_pool_imap_unordered(rp_pool *pool, const rp_call *call, rp_source *source, void *source_context,
                                  rp_map **map, rp_error *error);

/* Time limits: seconds; 0 does not wait, negative waits for ever. Calls on futures never block for longer, but for the
 * callbacks that they run.
 *
 * The results of a future, lent until it is freed. 0, or RP_ETASK, RP_EDIED or RP_ECANCELED of the first task that
 * failed, and results in these cases (`results` may be NULL); RP_ETIMEDOUT; RP_EINVAL; why the pool cannot go on
 * (RP_ECLOSED: it was closed before the future was done). */
RP_API int rp_future_get(rp_future *future, double timeout_s, const rp_results **results, rp_error *error);
/* 0 once it is done, however it ended. RP_ETIMEDOUT, RP_EINVAL. */
RP_API int rp_future_wait(rp_future *future, double timeout_s);
/* Is it done? Does not block. NULL is not. */
RP_API bool rp_future_ready(rp_future *future);
/* Did every task succeed? RP_EBUSY while it is not done, RP_EINVAL. */
RP_API int rp_future_successful(rp_future *future, bool *successful);
/* Take back what has not started, and kill the worker of what runs if `kill` is set. Blocks until its workers' ranks
 * have answered, milliseconds (of an inline worker: until its task is done).
 * 0: canceled, and the future is done; also when it was canceled before. RP_EBUSY: some of it runs, and goes on; the
 * rest is canceled. RP_EUNSUPPORTED: the same, where threads or inline workers should have been killed. RP_ECLOSED: it
 * was done before without. RP_EINVAL,
 * RP_ENOMEM, why the pool cannot go on. */
RP_API int rp_future_cancel(rp_future *future, bool kill);
/* May be called before it is done: what has not started is canceled then, what runs is not killed, and nobody learns of
 * it. Does not block. NULL is no error. */
RP_API void rp_future_free(rp_future *future);

/* How long rp_futures_wait waits. */
enum rp_wait {
    RP_FIRST_COMPLETED, /* until one is done */
    RP_FIRST_EXCEPTION, /* until one has failed, or all are done */
    RP_ALL_COMPLETED    /* until all are done */
};

/* Wait for futures of one world until one is done, one has failed (or all are done), or all are done. 0 (also of no
 * futures at all), RP_ETIMEDOUT, RP_EINVAL. */
RP_API int rp_futures_wait(rp_future *const *futures, size_t count, enum rp_wait until, double timeout_s);
/* Python's as_completed: the index of a future that is done and has not been reported by this call before; RP_END when
 * all have been. RP_ETIMEDOUT, RP_EINVAL. */
RP_API int rp_futures_next(rp_future *const *futures, size_t count, double timeout_s, size_t *index);

/* ---- Processes ------------------------------------------------------------------------------------------ */

/* A worker process of its own for one task, as Python's Process is. From rp_process_new to rp_process_free. */
typedef struct rp_process rp_process;

/* What a process runs, and where. */
typedef struct rp_process_options {
    const char *kernel; /* an item kernel of the world's table. It runs once, whatever becomes of it, and may exit; what
                           it writes as its record is dropped. rp_task_args gives it the process's name, ended by 0 */
    const char *name;   /* copied; NULL: "Process-1", where 1 counts the world's processes, those with names too */
    const void *input;  /* of the kernel; copied */
    size_t input_size;  /* bytes of it */
    bool on_rank;       /* run it on `rank`; else ranks take turns */
    int rank;           /* 0.., where on_rank is set */
} rp_process_options;

/* Rank 0, any thread, all of these, but not inside a kernel.
 *
 * A process that does not run yet. It gets no core of its own when it starts: it runs wherever its rank may, beside the
 * workers of pools, so there may be more processes than cores. RP_EINVAL, RP_EUNSUPPORTED (an attached world has no
 * worker processes), RP_ENOMEM. */
RP_API int rp_process_new(rp_world *world, const rp_process_options *options, rp_process **process, rp_error *error);
/* Starts it, once. Blocks until it has a pid, milliseconds. RP_EBUSY: it was started before. RP_EINVAL; where it cannot
 * start (RP_ESYSTEM: the system refuses; RP_EINVAL: its rank has too many workers; RP_ENOMEM) it may be tried again; or why
 * the world cannot go on. */
RP_API int rp_process_start(rp_process *process, rp_error *error);
/* Waits for at most `timeout_s` seconds (negative: for ever) until it has ended and is gone from its host. 0 however it
 * ended, and when called again. RP_ETIMEDOUT; RP_EINVAL: it was not started; or why the world cannot go on. */
RP_API int rp_process_join(rp_process *process, double timeout_s);
/* Was it started, and has not ended? Does not block. NULL is not alive. */
RP_API bool rp_process_is_alive(rp_process *process);
/* Ends it now, wherever it is: workers ignore the signal TERM, which often goes to all of a job, so no handler of its
 * own runs. The two differ in the exit code. Does not block: join it. 0, also where it has ended; RP_EINVAL: it was not
 * started. */
RP_API int rp_process_terminate(rp_process *process);
RP_API int rp_process_kill(rp_process *process);
/* How it ended: 0 when its kernel returned 0 or called exit(0), 1 when the kernel failed, n for exit(n), and -signal
 * where one killed it: -SIGTERM after rp_process_terminate, -SIGKILL after rp_process_kill. RP_EBUSY: it has not ended.
 * RP_EINVAL: it was not started. */
RP_API int rp_process_exitcode(rp_process *process, int *code);
/* Why it failed, in words: the message of its kernel, or what ended it. "" while it has not ended, and after success.
 * Lent until it is freed. */
RP_API const char *rp_process_message(rp_process *process);
/* Its pid on its host, also after its end; 0 before its start. */
RP_API int rp_process_pid(rp_process *process);
/* Where it runs or ran; NULL before its start. Lent until it is freed. */
RP_API const rp_where *rp_process_where(rp_process *process);
/* Its name. Lent until it is freed. */
RP_API const char *rp_process_name(const rp_process *process);
/* Frees it, and kills it first where it still runs: blocks until it is gone then, milliseconds. NULL is no error. When the
 * world closes, processes that were not freed are killed and freed. */
RP_API void rp_process_free(rp_process *process);

#ifdef __cplusplus
}
#endif
#endif
