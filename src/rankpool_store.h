/* The store: the record of a run on disk, from which the same run goes on after whatever ended it.
 *
 * Results are put in as they come and are taken out in the order in which they are due; what is taken out makes output
 * and a state, and those two, the tasks that are done and the results that wait for their turn are committed together,
 * every second and at the end. So whatever happens, output, state and tasks fit each other, and what is computed again is
 * what was in flight and at most the last second.
 *
 *     open -> rp_map_open with rp_store_done() to skip -> { rp_map_next -> put; while next: use it; tick } -> close
 *
 * PATH is an SQLite file. Beside it: PATH.lock, which names who writes it (the locks of network file systems are not
 * relied on), and PATH.status, a small text that is replaced every second, for whoever wants to look meanwhile. All calls
 * on a store are made by one thread; a thread of its own writes. */
#ifndef RANKPOOL_STORE_H
#define RANKPOOL_STORE_H

#include "rankpool.h"

#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A store that is open for one run. From rp_store_open to rp_store_close. */
typedef struct rp_store rp_store;

/* One thing that makes a run what it is: a job's name, an argument. */
typedef struct rp_store_word {
    const char *name, *value; /* "job", "primes" */
} rp_store_word;

/* How a store is opened. */
typedef struct rp_store_options {
    const char *path;           /* of the file; made where there is none */
    const rp_store_word *words; /* what the run is; a store of other words is refused */
    size_t word_count;          /* how many */
    const char *output;         /* the file that takes the output; NULL: standard output, and the store keeps it, too */
    bool unordered;             /* results are due as they come; else by their tasks */
    bool steal;                 /* take the store from whoever its lock says has it */
    bool retry_failed;          /* tasks that failed are to be computed again */
    bool eager;                 /* commit what is new as soon as the writer is free, not only every second */
    /* Writes the state that the results taken so far have made. NULL: there is no such thing, so that the store keeps
     * every result and hands all of them out again, into an output that begins anew. */
    int (*save)(void *context, FILE *to);
    /* Is this good result one, or does it count as a failure, as the output of a command that ended with an exit code? Then
     * `text`, of `size` bytes, says so in one line. It is listed with the tasks that failed, and computed again where they are. NULL: all
     * are good. */
    bool (*judge)(void *context, const rp_result *result, char *text, size_t size);
    void *context; /* what they are called with */
} rp_store_options;

/* Any, one thread, all of these. */
/* Opens or makes the store, and its output: cut to what was committed, or, of standard output, printed again up to there.
 * RP_EMISMATCH: of other words (the first that differs is named) or of an output that is shorter than was committed.
 * RP_EBUSY: another run has it, on a host and with a pid that are named. RP_EUNSUPPORTED: built without SQLite, or the store
 * is of a newer version. RP_EINVAL: no store but some other file. RP_EOUTPUT: the output (of standard output errno says
 * why). RP_ESYSTEM, RP_ENOMEM. Nothing is changed then. */
RP_API int rp_store_open(const rp_store_options *options, rp_store **store, rp_error *error);
/* The tasks that had a result when it was opened, sorted and apart: those to skip. Lent until it is closed. */
RP_API const rp_span *rp_store_done(const rp_store *store, size_t *count);
/* What `save` wrote before the commit from which the run goes on; NULL: it begins. Lent until it is closed. */
RP_API const void *rp_store_state(const rp_store *store, size_t *size);
/* Where the run's output goes. What is written here counts for the results that were taken by then. */
RP_API FILE *rp_store_output(rp_store *store);
/* Inputs that were put into the map, by number and digest (rp_map_inputs), as committed last: 0 of none. */
RP_API uint64_t rp_store_inputs(const rp_store *store, uint64_t *digest);

/* Was the run closed with RP_STORE_DONE before, and nothing is to be computed again? Its output is whole then, also what
 * comes after the last result. Never without `save`, whose output is made anew. */
RP_API bool rp_store_finished(const rp_store *store);

/* A result, good or failed, as it came. Copied. 0, RP_ENOMEM, or why the store cannot go on (see rp_store_error). */
RP_API int rp_store_put(rp_store *store, const rp_result *result);
/* The next result that is due, lent until the next call. RP_EEMPTY: none is now. `last` (every task has been put): those
 * behind a gap that nothing will fill are due, too. RP_EOUTPUT: standard output takes no more, and errno says why; nothing
 * is missing in the store for that. Errors as above. */
RP_API int rp_store_next(rp_store *store, bool last, rp_result *result);
/* Often: begins a commit where the last one is a second old (an eager store: where there is a new result), with the figures of the run (for rp_store_look) and its
 * inputs (0: none). Does not wait for the disk, unless it is more than 64 MiB behind. Errors as above. */
RP_API int rp_store_tick(rp_store *store, const rp_map_stats *stats, uint64_t inputs, uint64_t digest);
/* Tasks whose results are on the disk, as far as rp_store_tick has heard; those of earlier runs among them. */
RP_API uint64_t rp_store_committed(const rp_store *store);
/* Tasks that failed, in earlier runs from this store too; those of which `judge` said so have a result, and are none. */
RP_API uint64_t rp_store_failed(const rp_store *store);
/* Why it cannot go on, in words: "FILE: no space left on device". "" while it can. */
RP_API const char *rp_store_error(const rp_store *store);
/* How a run ends. */
enum rp_store_end {
    RP_STORE_STOPPED, /* it goes on another time */
    RP_STORE_DONE     /* every task has its result, and all output was written */
};
/* Commits, waits until that is on disk, and frees the store; its output is closed. Returns 0, or why something is missing
 * in it (and *error says so); what was committed before is there all the same. NULL is no error. */
RP_API int rp_store_close(rp_store *store, enum rp_store_end end, const rp_map_stats *stats, rp_error *error);

/* ---- Looking into a store ------------------------------------------------------------------------------- */

/* A task, or run of tasks, without a good result. Strings are lent for the call that hands it out. */
typedef struct rp_store_failure {
    uint64_t begin, end;   /* its tasks */
    const char *message;   /* as rp_result.data, ended by 0 */
    const rp_failure *how; /* where and how */
    double time;           /* seconds since 1970 */
} rp_store_failure;

/* What a store holds. */
typedef struct rp_store_summary {
    bool running, done; /* someone has it open; every task has its result */
    char job[64];       /* of the word "job" */
    char words[1024];   /* all words, as name=value, a blank between two; cut where they are longer */
    char owner[256];    /* who has or had it: "host (pid 12), Slurm job 7" */
    uint64_t tasks_done, tasks_failed, tasks_known; /* failed ones are done, too, also by `judge` */
    bool tasks_final;                               /* tasks_known is all */
    double seconds, busy_seconds;                   /* of all its runs */
    double rate;                                    /* tasks a second, of the last run */
    double updated;                                 /* when that was so: seconds since 1970 */
    uint32_t runs, workers;                         /* how often it was opened; workers of the last run */
} rp_store_summary;

/* Any. Look into a store, while a run has it open or not, from any process of any host that sees the file. `failure` (may be
 * NULL) is called for each failure, the lowest task first (while a run is on: of the first 100 only). RP_EINVAL: no store;
 * RP_ESYSTEM: there is no such file, or it cannot be read; RP_EUNSUPPORTED as above. */
RP_API int rp_store_look(const char *path, rp_store_summary *summary,
                         void (*failure)(void *context, const rp_store_failure *failure), void *context,
                         rp_error *error);

#ifdef __cplusplus
}
#endif
#endif
