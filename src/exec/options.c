/* The options of `rankpool exec`, named as GNU parallel names them, read from the words the user gave. */
#include "exec/exec.h"

#include <stdlib.h>
#include <string.h>

const rp_job_option exec_option_table[] = {
    {"commands", "FILE", "each line of FILE is a command; # comments and empty lines are not"},
    {"a", "FILE", "inputs are the lines of FILE, as with :::: FILE"},
    {"0", NULL, "inputs end with NUL bytes, not lines"},
    {"N", "COUNT", "values a command, from a single source: {1} {2} ..."},
    {"link", NULL, "all ::: are linked, as with :::+, and short ones begin again"},
    {"header", ":", "the first value of each input names it: {name} is one of {1} ...; mpirun needs --header=:"},
    {"r", NULL, "inputs of nothing but blanks are none, and none at all are fine"},
    {"trim", "n|l|r|lr", "take blanks away on the left or right of values (with --colsep lr unless said)"},
    {"colsep", "TEXT", "a line is columns with TEXT between them: {1} {2} ...; \\t is a tab"},
    {"shell", NULL, "a command of several words is for /bin/sh, too"},
    {"q", NULL, "a command in one word is a program, too, not for /bin/sh"},
    {"I", "TEXT", "TEXT is the replacement string, not {}"},
    {"plus", NULL, "more of them: {..} {...} {/..} {/...} {+/} {+.} {+..} {+...}"},
    {"dry-run", NULL, "print the commands, run nothing"},
    {"k", NULL, "output in the order of the inputs"},
    {"tag", NULL, "each line of output begins with the inputs and a tab"},
    {"tagstring", "TEXT", "each line begins with TEXT, which may have replacement strings, and a tab"},
    {"v", NULL, "show each command before its output"},
    {"t", NULL, "the same on standard error"},
    {"line-buffer", NULL, "lines of output as they come, not a command's together"},
    {"group", NULL, "a command's output together, which is the rule"},
    {"bar", NULL, "progress as a bar, as with --progress bar"},
    {"results", "DIR", "stdout, stderr and exit code of each command go to files in DIR"},
    {"joblog", "FILE", "a line for each command that has ended, before its slot starts another"},
    {"resume", NULL, "skip what --joblog FILE has"},
    {"resume-failed", NULL, "the same, and run again what failed in it"},
    {"retry-failed", NULL, "run only what failed in --joblog FILE"},
    {"retries", "N", "a command that fails is run up to N times in all, elsewhere first"},
    {"timeout", "TIME|N%", "end a command after TIME, or N per cent of the run's median so far"},
    {"halt", "WHEN,WHAT", "end the run: soon or now, fail=1, success=10%, done=5, ..."},
    {"delay", "TIME", "between the starts of two commands"},
    {"workdir", "DIR", "where commands run"},
    {"env", "NAME[=VALUE]", "set it for commands, or hand on the one of here; repeatable"},
    {"serve", NULL, "the command is started once a worker: an input is a line in, an answer a line out"},
    {"serve-end", "LINE", "with --serve: an answer is all lines up to this one"},
    {"jobs-per-worker", "N", "commands at once in the place of each worker, for those that wait"},
    {"j", "N", "commands at once, on each rank: as --crew N"},
    {0},
};

const rp_job_alias exec_aliases[] = {
    {"arg-file", "a"},
    {"null", "0"},
    {"n", "N"},
    {"max-args", "N"},
    {"xapply", "link"},
    {"no-run-if-empty", "r"},
    {"C", "colsep"},
    {"quote", "q"},
    {"keep-order", "k"},
    {"verbose", "t"},
    {"lb", "line-buffer"},
    {"linebuffer", "line-buffer"},
    {"u", "line-buffer"},
    {"ungroup", "line-buffer"},
    {"eta", "bar"},
    {"wd", "workdir"},
    {"jobs", "j"},
    {"P", "j"},
    {"max-procs", "j"},
    {0},
};

static int wrong(rp_job_run *run, const char *name, const char *value, const char *expected) {
    return rp_job_fail(run, "--%s \"%.60s\" is not valid: expected %s", name, value, expected);
}

static int read_count(rp_job_run *run, const char *name, uint32_t *count) {
    uint64_t number = 0;
    const char *value = rp_job_option_value(run, name);
    if (!value) return 0;
    if (rp_read_uint64(value, &number, NULL) || number < 1 || number > 1000000)
        return wrong(run, name, value, "a number from 1 to 1000000");
    *count = (uint32_t)number;
    return 0;
}

/* 10 of 10%. */
static bool read_percent(const char *value, double *percent) {
    char digits[16];
    size_t size = strlen(value);
    if (size < 2 || size > sizeof digits || value[size - 1] != '%') return false;
    memcpy(digits, value, size - 1);
    digits[size - 1] = 0;
    return strspn(digits, "0123456789.") == size - 1 && !rp_read_seconds(digits, percent, NULL) && *percent > 0;
}

static int read_timeout(rp_job_run *run, struct exec_options *options) {
    const char *value = rp_job_option_value(run, "timeout");
    if (!value || read_percent(value, &options->timeout_percent)) return 0;
    if (rp_read_seconds(value, &options->timeout_s, NULL) || options->timeout_s <= 0)
        return wrong(run, "timeout", value, "a time such as 30s or 5m, or per cent of the median such as 200%");
    return 0;
}

static int read_halt(rp_job_run *run, struct exec_halt *halt) {
    static const char *const expected =
        "never, or soon or now with fail=1, fail=10%, success=1 or done=5 after a comma";
    static const char *const whats[] = {"fail=", "success=", "done="};
    const char *value = rp_job_option_value(run, "halt"), *comma = value ? strchr(value, ',') : NULL;
    if (!value || !strcmp(value, "never")) return 0;
    bool soon = !strncmp(value, "soon,", 5);
    if (!comma || (!soon && strncmp(value, "now,", 4))) return wrong(run, "halt", value, expected);
    for (int i = 0; i < 3; i++) {
        const char *number = comma + 1 + strlen(whats[i]);
        if (strncmp(comma + 1, whats[i], strlen(whats[i]))) continue;
        bool good = read_percent(number, &halt->percent)
                        ? halt->percent <= 100
                        : !rp_read_uint64(number, &halt->count, NULL) && halt->count > 0;
        if (!good) break;
        halt->when = soon ? EXEC_HALT_SOON : EXEC_HALT_NOW;
        halt->what = (enum exec_halt_what)i;
        return 0;
    }
    return wrong(run, "halt", value, expected);
}

static int read_resume(rp_job_run *run, struct exec_options *options) {
    static const char *const names[] = {"resume", "resume-failed", "retry-failed"};
    for (int i = 0; i < 3; i++) {
        if (!rp_job_option_value(run, names[i])) continue;
        if (options->resume)
            return rp_job_fail(run, "--%s and --%s were both given; give one", names[options->resume - 1], names[i]);
        if (!options->joblog) return rp_job_fail(run, "--%s needs --joblog FILE, the log of the run before", names[i]);
        options->resume = (enum exec_resume)(i + 1);
    }
    return 0;
}

static int read_env(rp_job_run *run, struct exec_options *options) {
    size_t count = 0;
    for (const rp_job_given *one = run->given; one && one->name; one++) count += !strcmp(one->name, "env");
    const char **env = calloc(count + 1, sizeof *env);
    if (!env) return rp_job_fail(run, "out of memory");
    for (const rp_job_given *one = run->given; one && one->name; one++)
        if (!strcmp(one->name, "env")) env[options->env_count++] = one->value;
    options->env = env;
    for (size_t i = 0; i < count; i++)
        if (!strcspn(env[i], "=")) return wrong(run, "env", env[i], "NAME, or NAME=VALUE");
    return 0;
}

static int check_serve(rp_job_run *run, const struct exec_options *options) {
    if (options->serve_end && !options->serve) return rp_job_fail(run, "--serve-end needs --serve");
    if (options->serve && options->line_buffer)
        return rp_job_fail(run,
                           "--serve and --line-buffer were both given: an answer is shown when it is whole; give one");
    if (options->serve_end && strchr(options->serve_end, '\n'))
        return wrong(run, "serve-end", options->serve_end, "one line, without a newline");
    return 0;
}

/* How many at once. */
static int read_jobs(rp_job_run *run, struct exec_options *options) {
    uint64_t jobs = 0, each = 0;
    const char *value = rp_job_option_value(run, "j"), *per_worker = rp_job_option_value(run, "jobs-per-worker");
    if (value && (rp_read_uint64(value, &jobs, NULL) || jobs < 1 || jobs > 1024))
        return rp_job_fail(
            run, "-j \"%.20s\" is not valid: expected a number from 1 to 1024; a command a core needs none", value);
    if (per_worker && (rp_read_uint64(per_worker, &each, NULL) || each < 1 || each > 1024))
        return wrong(run, "jobs-per-worker", per_worker, "a number from 1 to 1024");
    if (value && per_worker)
        return rp_job_fail(run,
                           "-j and --jobs-per-worker were both given, and each says how many run at once; give one");
    options->jobs = (uint32_t)jobs;
    options->jobs_per_worker = (uint32_t)each;
    return 0;
}

static int read_rest(rp_job_run *run, struct exec_options *options) {
    const char *delay = rp_job_option_value(run, "delay");
    if (delay && rp_read_seconds(delay, &options->delay_s, NULL))
        return wrong(run, "delay", delay, "seconds such as 0.5, or 250ms, 2m");
    const char *header = rp_job_option_value(run, "header");
    if (header && strcmp(header, ":")) return wrong(run, "header", header, "a colon, which is for the first value");
    if (options->mark && !*options->mark) return rp_job_fail(run, "-I is empty; expected a text, such as in: -I ,,");
    if (options->shell && options->quote)
        return rp_job_fail(run, "--shell and --quote were both given, and mean the opposite; give one");
    if (options->results && !*options->results) return wrong(run, "results", "", "the name of a folder");
    if (options->joblog && !*options->joblog) return wrong(run, "joblog", "", "the name of a file");
    if (options->workdir && !*options->workdir) return wrong(run, "workdir", "", "the name of a folder");
    return read_count(run, "retries", &options->retries);
}

int exec_options_read(rp_job_run *run, struct exec_options *options) {
    *options = (struct exec_options){
        .keep_order = rp_job_option_value(run, "k"),
        .line_buffer = rp_job_option_value(run, "line-buffer"),
        .quote = rp_job_option_value(run, "q"),
        .plus = rp_job_option_value(run, "plus"),
        .show_out = rp_job_option_value(run, "v"),
        .show_err = rp_job_option_value(run, "t"),
        .bar = rp_job_option_value(run, "bar"),
        .none_is_fine = rp_job_option_value(run, "r"),
        .tag = rp_job_option_value(run, "tagstring"),
        .mark = rp_job_option_value(run, "I"),
        .dry_run = rp_job_option_value(run, "dry-run"),
        .shell = rp_job_option_value(run, "shell"),
        .results = rp_job_option_value(run, "results"),
        .joblog = rp_job_option_value(run, "joblog"),
        .workdir = rp_job_option_value(run, "workdir"),
        .serve = rp_job_option_value(run, "serve"),
        .serve_end = rp_job_option_value(run, "serve-end"),
    };
    const char *whole = options->mark ? options->mark : "{}";
    if (!options->tag && rp_job_option_value(run, "tag")) options->tag = whole;
    if (options->tag && !*options->tag) options->tag = NULL;
    int rc = read_rest(run, options);
    if (!rc) rc = read_jobs(run, options);
    if (!rc) rc = read_timeout(run, options);
    if (!rc) rc = read_halt(run, &options->halt);
    if (!rc) rc = read_resume(run, options);
    if (!rc) rc = check_serve(run, options);
    return rc ? rc : read_env(run, options);
}

/* Results in a store go by the numbers and the bytes of the map's inputs, which must be the same in every run. */
int exec_store_check(rp_job_run *run) {
    static const char *const of_logs[] = {"resume", "resume-failed", "retry-failed"};
    const char *timeout = rp_job_option_value(run, "timeout");
    if (rp_job_option_value(run, "retries"))
        return rp_job_fail(run, "--retries and --store were both given, and a store has one end of each command; give "
                                "one of them");
    for (size_t i = 0; i < sizeof of_logs / sizeof *of_logs; i++)
        if (rp_job_option_value(run, of_logs[i]))
            return rp_job_fail(run,
                               "--%s is for a job log, and a store resumes by itself: leave it out, or write "
                               "--retry-failed before exec to run again what failed",
                               of_logs[i]);
    if (timeout && strchr(timeout, '%'))
        return rp_job_fail(run, "--timeout %.20s depends on the run, which no store can keep: give a time such as 30s",
                           timeout);
    return 0;
}

/* ---- What is not there ---------------------------------------------------------------------------------- */

static const char hosts[] = "hosts come from mpirun or srun: mpirun --host a:8,b:8 rankpool exec ...";
static const char files[] = "hosts of a cluster share their files; what they do not share is for the command to copy";
static const char pipe[] = "a command has no standard input; split the file, and give the parts' names as inputs";
static const char load[] = "the pool has a fixed number of workers; -j N or --crew N says how many";
static const char memory[] = "--memory, before exec, limits what a worker may allocate";
static const char args[] = "-N N takes N values a command";
static const char delimiter[] = "tr turns it into a newline, or into NUL for -0";
static const char sql[] = "--store FILE, before exec, keeps a run in an SQLite file";
static const char dry[] = "--dry-run shows the commands";

/* Of GNU parallel's. */
const rp_job_option exec_absent[] = {
    {"S", NULL, hosts},
    {"sshlogin", NULL, hosts},
    {"sshloginfile", NULL, hosts},
    {"slf", NULL, hosts},
    {"onall", NULL, hosts},
    {"nonall", NULL, hosts},
    {"transfer", NULL, files},
    {"transferfile", NULL, files},
    {"return", NULL, files},
    {"cleanup", NULL, files},
    {"basefile", NULL, files},
    {"trc", NULL, files},
    {"pipe", NULL, pipe},
    {"pipepart", NULL, pipe},
    {"spreadstdin", NULL, pipe},
    {"block", NULL, pipe},
    {"recstart", NULL, pipe},
    {"recend", NULL, pipe},
    {"cat", NULL, pipe},
    {"fifo", NULL, pipe},
    {"round-robin", NULL, "--serve keeps a program running for many inputs"},
    {"load", NULL, load},
    {"noswap", NULL, load},
    {"limit", NULL, load},
    {"memfree", NULL, memory},
    {"memsuspend", NULL, memory},
    {"nice", NULL, "write nice -n N before the command"},
    {"shuf", NULL, "sort -R or shuf bring the lines into another order"},
    {"L", NULL, args},
    {"max-lines", NULL, args},
    {"X", NULL, args},
    {"m", NULL, args},
    {"xargs", NULL, args},
    {"max-replace-args", NULL, args},
    {"d", NULL, delimiter},
    {"delimiter", NULL, delimiter},
    {"skip-first-line", NULL, "tail -n +2 FILE leaves it out; --header : takes names from it"},
    {"rpl", NULL, "there are -I and --plus; the rest is for a script"},
    {"tmux", NULL, "--line-buffer shows output while commands run"},
    {"sqlmaster", NULL, sql},
    {"sqlandworker", NULL, sql},
    {"tmpdir", NULL, "set TMPDIR"},
    {"files", NULL, "--results DIR keeps outputs in files"},
    {"semaphore", NULL, "flock, or its like, is for that"},
    {"bg", NULL, "the shell's & does that"},
    {"interactive", NULL, dry},
    {"p", NULL, dry},
    {0},
};
