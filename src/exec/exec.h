/* `rankpool exec`, a job on the public headers, and what its files share. On rank 0, exec.c plans and feeds: options.c
 * reads the options, template.c the command, inputs.c and lines.c what fill.c puts into it; feed.c puts a command that
 * may run; collect.c prints what it wrote, in order by order.c, and writes the log by joblog.c. In workers, kernel.c
 * runs a command: told.c has what it was told, station.c what it has for all its commands, spawn.c starts a program
 * and waits for it, serve.c and server.c ask one that answers for many tasks; report.c is the record that comes back. */
#ifndef RP_EXEC_EXEC_H
#define RP_EXEC_EXEC_H

#include "exec/inputs.h"
#include "exec/template.h"
#include "rankpool_job.h"

/* When the run ends before its last task. */
enum exec_halt_when { EXEC_HALT_NEVER, EXEC_HALT_SOON /* what runs may end */, EXEC_HALT_NOW /* it is killed */ };
enum exec_halt_what { EXEC_HALT_FAIL, EXEC_HALT_SUCCESS, EXEC_HALT_DONE };
struct exec_halt {
    enum exec_halt_when when;
    enum exec_halt_what what;
    uint64_t count; /* so many tasks; 0: `percent` of those that are known */
    double percent;
};

enum exec_resume {
    EXEC_RESUME_NONE,
    EXEC_RESUME,        /* what the job log does not have */
    EXEC_RESUME_FAILED, /* and what failed in it */
    EXEC_RETRY_FAILED   /* only what failed in it */
};

/* The job's own options, checked. Strings are lent from the command line. */
struct exec_options {
    bool keep_order, line_buffer, dry_run, shell, quote, plus;
    bool show_out, show_err;                /* a command, before its output */
    bool bar;                               /* progress as a bar */
    bool none_is_fine;                      /* no input at all */
    const char *tag;                        /* a text with replacement strings, before each line; NULL: none */
    const char *mark;                       /* instead of {}; NULL: not given */
    const char *results, *joblog, *workdir; /* NULL: not given */
    enum exec_resume resume;
    uint32_t retries;       /* how often a task that fails is run in all; 0: not given */
    double timeout_s;       /* 0: none */
    double timeout_percent; /* of the median so far; 0: none */
    struct exec_halt halt;
    double delay_s;                 /* between starts */
    uint32_t jobs, jobs_per_worker; /* 0: not given */
    const char *const *env;         /* [env_count] NAME (as it is here), or NAME=VALUE */
    size_t env_count;
    bool serve;            /* the command is started once a worker: an input is a line in */
    const char *serve_end; /* the line that ends an answer; NULL: an answer is one line */
};

/* The job's state on rank 0: run->state. */
struct exec_output;
struct exec {
    struct exec_options options;
    struct exec_template *template, *tag; /* of each line; NULL: none */
    struct exec_inputs *inputs;
    struct exec_bytes args;     /* of the map: what workers are told */
    struct exec_bytes set;      /* of inputs: the one that is put now */
    struct exec_bytes names;    /* of inputs, each ended by 0; --header */
    const char **files;         /* of -a */
    char *column;               /* of --colsep */
    struct exec_output *output; /* collect.c's */
};

/* options.c: all of them into *options; options->env is the caller's to free, also after a failure. 0 or rp_job_fail(). */
int exec_options_read(rp_job_run *run, struct exec_options *options);
extern const rp_job_option exec_option_table[], exec_absent[];
extern const rp_job_alias exec_aliases[];
/* The job, for the program's table; run->state is a struct exec. */
extern const rp_job exec_job;
/* --dry-run, of a job that is planned: the commands go to run->out, and nothing runs. 0, rp_job_fail(), RP_ENOMEM, or
 * RP_EOUTPUT, and errno says why. */
int exec_print_commands(rp_job_run *run);
/* Can a store keep the run? 0 or rp_job_fail(). */
int exec_store_check(rp_job_run *run);

/* exec.c: the command of this number and these values, each of which is ended by 0, as it is shown here; and, where `tag`
 * is not NULL, the tag of its lines, if they have one. RP_ENOMEM. */
int exec_fill(const struct exec *exec, uint64_t seq, uint32_t slot, const char *data, size_t size,
              struct exec_bytes *tag, struct exec_command *command);

/* feed.c: a command that may run becomes a task. RP_ECLOSED: no more of them; or as rp_map_put. */
int exec_put(rp_job_run *run, rp_map *map, uint64_t seq, const struct exec_bytes *set);

/* What is another place for a command that has failed: another host, or where there is one host another worker. */
enum exec_places { EXEC_ONE_PLACE, EXEC_WORKERS, EXEC_HOSTS };

/* What a task's input begins with; its values follow, each ended by 0. */
struct exec_task {
    uint64_t seq;       /* from 1; 0: no command but a wait, of the worker `failed_at` */
    uint64_t place;     /* of its output, with -k: 0.. without those that are left out */
    uint64_t limit_ns;  /* --timeout N%: how long it may take; 0: that is not known yet */
    uint32_t attempt;   /* from 1 */
    uint32_t failed_at; /* the place of the attempt before */
    uint64_t places;    /* enum exec_places: of 8 bytes, as where runs are compared every byte counts, padding too */
};

/* kernel.c: in workers. A command that is tried again is another task, which the one that failed adds; the record of
 * that one is empty. */
extern const rp_kernel exec_kernel;
/* told.c: what workers need of the options and the template, at the end of `to`. Part of plan, on every rank: 0 or RP_ENOMEM. */
int exec_told_pack(const struct exec *exec, struct exec_bytes *to);

/* collect.c: the command, in a line, or several where it has newlines, each behind the tag; `tag` NULL: there is none. */
bool exec_show_command(FILE *out, const struct exec_bytes *tag, const char *command);
/* On rank 0. `begin` is the end of plan, before the map opens, on every rank: it opens nothing. 0 or
 * rp_job_fail(). `free`: NULL is no error. */
int exec_collect_begin(rp_job_run *run, struct exec *exec);
int exec_collect(rp_job_run *run, const rp_result *result);
void exec_kept(rp_job_run *run, uint64_t results);
bool exec_judge(const rp_job_run *run, const rp_result *result, char *text, size_t size);
int exec_collect_end(rp_job_run *run);
int exec_collect_finish(rp_job_run *run);
void exec_collect_free(struct exec_output *output);

#endif
