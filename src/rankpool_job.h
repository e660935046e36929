/* The contract of a job: a named program on the pool, in one file that ends in one const rp_job.
 *
 * The life of a job on rank 0:  plan -> (feed, on a thread of its own) -> collect, once a record, in task order
 * unless the user asked for --unordered -> finish -> release. `plan` runs on every rank, before MPI: it only
 * reads its arguments. Kernels run in workers and see the map's argument bytes, never the job's state.
 *
 * A job is built in, one of a table, or a plug-in: a shared object that `rankpool ./x.so` loads on every rank before its
 * workers are forked. The calls of this library that it makes are resolved in the program, so it links with nothing. */
#ifndef RANKPOOL_JOB_H
#define RANKPOOL_JOB_H

#include "rankpool.h"

#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A job that is being run: its arguments, its map and its output. */
typedef struct rp_job_run rp_job_run;

/* `--name` or `--name VALUE`. */
typedef struct rp_job_option {
    const char *name;  /* without the dashes */
    const char *value; /* what the value is called in the help; NULL: a switch */
    const char *help;  /* one line */
} rp_job_option;

/* Another name of an option. */
typedef struct rp_job_alias {
    const char *name, *option; /* both without the dashes */
} rp_job_alias;

/* How a job of W times the work is asked for; `rankpool scale --weak` needs to know. */
enum rp_job_size {
    RP_SIZE_FIXED, /* it cannot be, in a way that is the same for every job */
    RP_SIZE_RANGE, /* the last of its arguments, which are [FIRST] LAST, moves so that the range is W times as long */
    RP_SIZE_TASKS, /* its arguments are its tasks: they are given W times */
    RP_SIZE_INCLUSIVE_RANGE, /* as RP_SIZE_RANGE, but LAST counts: a range of one number is one of W numbers then */
    RP_SIZE_LATER_TASKS      /* as RP_SIZE_TASKS, but for its first argument, which stays and is given once */
};

/* A job. All of it is lent for the whole program. */
typedef struct rp_job {
    const char *name;             /* the word on the command line */
    const char *arguments;        /* "[START] STOP", for the usage line */
    const char *summary;          /* one line */
    const char *details;          /* lines for --help, ended by newlines; may be NULL */
    const char *needs;            /* NULL, or the package without which it was not built: no kernel then */
    const rp_job_option *options; /* ended by a zero entry; may be NULL */
    const rp_job_alias *aliases;  /* the same */
    const rp_job_option *absent;  /* options that it has not and is asked for: `help` says what to do; the same */
    const rp_kernel *kernel;      /* computes its tasks */
    /* Read the arguments (argv[0] is the first after the job's name, all lent until release; options are taken out
     * already, and an argument that is a number may begin with '-'), set run->map, run->state and the fields below
     * that are plan's. What run->map points to is lent until the map is open. Returns 0 or rp_job_fail(); after
     * a failure nothing is left to release. */
    int (*plan)(rp_job_run *run, int argc, const char *const argv[]);
    /* Put every task of a map that is RP_FED; the caller ends the map. 0, rp_job_fail(), or RP_EOUTPUT after
     * it. May be NULL. */
    int (*feed)(rp_job_run *run, rp_map *map);
    /* Take one good record (failed ones are listed by the caller); NULL: its bytes go to run->out as they are.
     * Returns 0, RP_END (what is not computed yet is not wanted: the run ends as if it were over), RP_EOUTPUT (after
     * rp_job_fail() where it is another file than run->out), another code, or rp_job_fail(). */
    int (*collect)(rp_job_run *run, const rp_result *result);
    /* Every task was computed and collected: print what there is to sum up. Not called when a task failed or the
     * run was stopped: a sum with a hole in it is no result. Returns as collect does. May be NULL. */
    int (*finish)(rp_job_run *run);
    /* Free run->state. Called once after a plan that succeeded, also when the run failed. */
    void (*release)(rp_job_run *run);
    enum rp_job_size size; /* how its work grows */
    /* For a run with a store: write to `to` what collect has made so far; what was printed is not its business. Plain
     * bytes of this machine's layout will do. 0 or RP_EOUTPUT. NULL: of a job that collects, the store keeps every
     * result then, and collect is given all of them again. */
    int (*save)(const rp_job_run *run, FILE *to);
    /* Make the job what it was when save ran; called before any collect. 0, RP_EPROTOCOL (that is no such state) or
     * RP_ENOMEM. With save or not at all. */
    int (*load)(rp_job_run *run, const void *data, size_t size);
    /* Its arguments are another program's command line: options end at the first word that is none, and what follows
     * is handed to plan as it is. Options whose name is one letter are given with one dash, as -k or -N 2. */
    bool command;
    /* collect is given failed tasks, too, after they were listed: result->status is not 0 then. */
    bool failures;
    /* The map is over, however it ended, and collect will be given no more: write what it kept back. Before finish. Not
     * called when the output took no more. Returns as collect does. May be NULL. */
    int (*end)(rp_job_run *run);
    /* With a store: so many tasks have their results on its disk, those of earlier runs among them. Called once before feed
     * begins, and again whenever there are more, on the thread of collect. May be NULL. */
    void (*kept)(rp_job_run *run, uint64_t results);
    /* With a store: is this a good record? false: it stands for a failure, which `text`, of `size` bytes, says in one
     * line; --retry-failed computes its task again. On the thread of collect. May be NULL: all are. */
    bool (*judge)(const rp_job_run *run, const rp_result *result, char *text, size_t size);
} rp_job;

/* An option as the user gave it. */
typedef struct rp_job_given {
    const char *name, *value; /* without the dashes; "" for a switch */
} rp_job_given;

/* What a job's functions are given. */
struct rp_job_run {
    const rp_job *job;         /* itself */
    rp_map_options map;        /* set by plan; kernel, schedule and order are filled in by the caller where unset */
    bool each_worker;          /* set by plan: one task a worker; the caller sets map.count */
    bool ordered;              /* set by plan: collect needs its records in task order, even with --unordered */
    bool unordered;            /* set by plan: collect takes its records as they come, as with --unordered */
    void *state;               /* the job's own */
    FILE *out;                 /* results: stdout, or the file of --output. Set before collect and finish */
    double seconds;            /* since the map opened, and of earlier runs from the same store; set before each collect
                                  and finish */
    char message[256];         /* of rp_job_fail */
    const rp_job_given *given; /* ended by a zero entry; see rp_job_option_value */
    uint32_t crew;             /* set by plan: workers a rank, in the place of what --crew says; 0: that */
    uint32_t siblings;         /* set by plan: workers in each place, see rp_pool_options */
    bool settles;              /* set by plan: it ends after the kernel's teardown, with 1 if a worker dies of that */
    uint32_t workers, hosts;   /* of the pool; set before feed */
};

/* ---- Plug-ins ------------------------------------------------------------------------------------------- */

/* The version of this contract. It goes up when rp_job, rp_kernel, rp_map_options, rp_result or rp_job_run change: a
 * plug-in that was compiled for another one is refused, and compiled again. */
#define RP_JOB_VERSION 1
/* What rp_plugin.magic holds. */
#define RP_PLUGIN_MAGIC "rankpool plugin"

/* The table by which `rankpool ./x.so` knows a plug-in: a shared object with one job. RP_PLUGIN writes it. */
typedef struct rp_plugin {
    char magic[16];    /* RP_PLUGIN_MAGIC */
    uint32_t version;  /* RP_JOB_VERSION when it was compiled */
    uint32_t sizes[5]; /* of rp_job, rp_kernel, rp_map_options, rp_result and rp_job_run then */
    const rp_job *job; /* lent for the whole program */
} rp_plugin;

/* The last line of a plug-in: its job, an rp_job of the same file. It defines the one symbol that a plug-in has to have,
 * rp_plugin_job. `rankpool new NAME` writes a whole one. */
#ifndef __cplusplus
#define RP_PLUGIN(its_job) RP_PLUGIN_TABLE(its_job)
#else
#define RP_PLUGIN(its_job) extern "C" RP_PLUGIN_TABLE(its_job)
#endif
/* That symbol. */
#define RP_PLUGIN_TABLE(its_job)                                                                                       \
    RP_API const rp_plugin rp_plugin_job = {RP_PLUGIN_MAGIC, RP_JOB_VERSION, {RP_PLUGIN_SIZES}, &(its_job)}
/* What rp_plugin.sizes holds. */
#define RP_PLUGIN_SIZES sizeof(rp_job), sizeof(rp_kernel), sizeof(rp_map_options), sizeof(rp_result), sizeof(rp_job_run)

/* ---- For a job's functions -------------------------------------------------------------------------------- */

/* Any, in a job's functions. The value given to an option of the job, "" for a switch that was given, NULL when it was
 * not. Lent until release. */
RP_API const char *rp_job_option_value(const rp_job_run *run, const char *name);
/* Any, in a job's functions. Keep a message for the user, one line: what was given, what was expected. Copied. Returns
 * RP_EUSAGE. */
RP_API int rp_job_fail(rp_job_run *run, const char *format, ...) RP_PRINTF(2, 3);

/* Any. Read a whole word as a non-negative number, as people write it: 1000000, 1_000_000, 1e6, 1.5e9, 2^40.
 * RP_ENUMBER: not such a word (1e-3, 12x, "", -1). RP_ERANGE: it does not fit. `error` (may be NULL) then shows
 * the word and what was expected. */
RP_API int rp_read_uint64(const char *word, uint64_t *value, rp_error *error);
/* Any. The same for seconds: 5, 0.25, 1e-3, also with a unit: 30s, 2m, 1h, 250ms. */
RP_API int rp_read_seconds(const char *word, double *seconds, rp_error *error);
/* Any. The same for bytes: a number as above, or decimals with a unit: 512M, 1.5G and 1GiB count by 1024, 1GB by 1000. */
RP_API int rp_read_bytes(const char *word, uint64_t *bytes, rp_error *error);

#ifdef __cplusplus
}
#endif
#endif
