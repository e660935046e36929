/* What the files of the program share. It uses the library's public headers only. */
#ifndef RP_CLI_CLI_H
#define RP_CLI_CLI_H

#include "rankpool_job.h"

#include <time.h>

enum { EXIT_DONE = 0, EXIT_TASKS_FAILED = 1, EXIT_USAGE = 2, EXIT_ENVIRONMENT = 3, EXIT_STOPPED = 75 };

enum progress_kind { PROGRESS_AUTO, PROGRESS_BAR, PROGRESS_LINES, PROGRESS_NONE };

/* The pool options, as read from the command line and the RANKPOOL_... variables. */
struct options {
    rp_pool_options pool;
    enum rp_mpi mpi;
    rp_schedule schedule;
    bool schedule_given, chunk_given;
    uint32_t active, retries;
    double timeout;
    double lease_s; /* 0: the library's default */
    bool unordered, quiet, help, version;
    bool untimed; /* jobs see no time, so that what they print is the same in every run; not the user's to give */
    enum progress_kind progress;
    const char *output, *store;
    bool steal, retry_failed;
    uint64_t max_failures; /* 0: any number */
    int argc;              /* of the job: its arguments as they were typed, without options */
    const char *const *argv;
    double time_limit; /* seconds; 0: none was given */
};

/* options.c: one table makes parsing, variables and help. */
/* Take pool options and the job's own out of argv[from..]: what remains is moved to the front of argv+from and counted
 * in *rest; the job's own go to `given` ([argc + 1], ended by a zero entry). 0 or RP_EUSAGE. */
int options_read(struct options *options, const rp_job *job, int argc, const char **argv, int from, int *rest,
                 rp_job_given *given, rp_error *error);
/* What --cores, or its variable, seems to say, before options can be read: a plug-in has some of its own. 0: nothing. */
uint32_t options_find_cores(int argc, const char *const *argv);
/* The first word from argv[from] on that is no pool option, none of `job`'s (which may be NULL), nor a value of one: a
 * job's name. argc: there is none. */
int options_find_job(const rp_job *job, int argc, const char *const *argv, int from);
int options_from_environment(struct options *options, rp_error *error);
void options_print(FILE *out);

/* main.c: by what the launcher says, is this rank 0? Alone one is. */
bool is_first_rank(void);
/* What every rank finds wrong, told by the first of them, on one line. Returns the exit code. */
int complain(int exit_code, const char *text);

/* What is done with a job that is planned, on every rank. An exit code; what is wrong has been told. */
typedef int tool_run(const struct options *options, rp_job_run *run);
/* A job of the program's own, which is run in its own way. */
struct tool {
    const rp_job *job;
    tool_run *run;
};
/* tools.c: in the order of the help, ended by NULL. */
extern const struct tool *const tools[];
/* The tool of this name, or NULL. */
const struct tool *find_tool(const char *name);
/* exec.c, topo.c, scale.c, store_report.c, new.c */
extern const struct tool tool_exec, tool_topo, tool_scale, tool_report, tool_new;

/* words.c */
/* Kept on the line: of a control character a question mark is left. */
void print_on_line(FILE *out, const char *text, size_t size);
/* As one word of a shell's. */
void print_for_shell(FILE *out, const char *word);

/* help.c */
void help_print(FILE *out);
void help_print_job(FILE *out, const rp_job *job);
void help_print_version(FILE *out);
/* The job or tool of this name, or the job of the plug-in in this file if that is loaded; or NULL. */
const rp_job *find_job(const char *name);
/* Every kernel of the program and, where it is not NULL, `own`; NULL-terminated, none twice. NULL: out of memory. */
const rp_kernel **all_kernels(const rp_kernel *own);
/* run.c: what workers compute when there is nothing to compute. */
extern const rp_kernel settle_kernel;

/* plugin.c: jobs that are loaded from a file. */
/* Does the word name a file rather than a job? */
bool plugin_is(const char *word);
/* Load the plug-in of this file and check it; `cores`: of each worker, 0: not given. 0 or RP_EUSAGE. It stays loaded until
 * the program ends. */
int plugin_load(const char *file, uint32_t cores, rp_error *error);
/* The job of one that was loaded, or NULL. */
const rp_job *plugin_job(const char *file);

/* run.c: one job from plan to exit code. */
/* What plan of run->job returns; there is a message where that is not 0. RP_EUSAGE also where nobody would feed its map. */
int plan_job(rp_job_run *run, int argc, const char *const argv[]);
/* What is done with a world that is open, on rank 0. An exit code. */
typedef int run_body(const struct options *options, rp_job_run *run, rp_world *world);
int run_job(const struct options *options, rp_job_run *run, run_body *body);
/* The usual one: a pool, and the job on it. */
tool_run run_on_pool;
struct stored; /* stored.h */
/* The job on a pool that is open, its errors on stderr. `stored` is closed then; NULL: there is none. `stats` are those of
 * its end. An exit code. */
int run_map(const struct options *options, rp_job_run *run, rp_world *world, rp_pool *pool, struct stored *stored,
            rp_map_stats *stats);
/* Instead of a job, where this rank cannot load its plug-in: the others must not wait for this one, so it joins them
 * without that kernel, which ends all of them. An exit code. */
int run_nothing(const struct options *options);
/* The exit code for an error of a call, which goes to stderr. */
int run_failed(int rc, const rp_error *error);

/* report.c: what goes to stderr while a map runs and at its end. */
struct progress {
    enum progress_kind kind;
    double next_s, step_s;
    uint64_t before; /* tasks that earlier runs have done */
    bool in_the_way; /* results go to the terminal, too */
    bool drawn;
};
void progress_begin(struct progress *progress, const struct options *options);
void progress_show(struct progress *progress, const rp_map_stats *stats);
/* Take the bar away, before anything else is written. */
void progress_clear(struct progress *progress);
/* A line about tasks that failed, unless there were many before; they are added to *failed. */
struct failed_tasks {
    uint64_t begin, end;
    const char *message;
    size_t size;
    const rp_failure *how;
    int ranks; /* of several the place is told */
};
void failure_show(FILE *out, uint64_t *failed, const struct failed_tasks *what);
/* And how many there were in all. */
void failures_sum_up(uint64_t failed, uint64_t tasks);
/* `before`: of the tasks done, those that earlier runs have done. */
void summary_print(const rp_map_stats *stats, uint64_t before, const rp_pool *pool, int ranks);
/* 12345, 1.23e+08; lent from `text`. */
const char *number_text(double n, char text[32]);
/* "12.3 s", "4 min 05 s"; lent from `text`. */
const char *time_text(double seconds, char text[32]);

static inline double clock_s(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* deadline.c: until when the run may last. */
struct deadline {
    double at_s;         /* of the monotonic clock; 0: as long as it takes */
    double slurm_left_s; /* until Slurm ends the job; 0: it does not, or has no say */
};
/* "30s", "2h", or as Slurm writes it: "90:00", "2-12:00:00". */
bool read_time_limit(const char *word, double *seconds);
/* Begins now. May start Slurm's squeue: before a world is open. */
void deadline_find(struct deadline *deadline, const struct options *options);
/* Rank 0: the world keeps to it, and the user hears of what Slurm said. */
void deadline_set(const struct deadline *deadline, const struct options *options, rp_world *world);

/* scale.c: the tool, with the options of the job that it is to measure, whose name is somewhere in argv[from..]; those are
 * the caller's to free. */
int scale_join(rp_job *joined, int argc, const char *const *argv, int from);

#endif
