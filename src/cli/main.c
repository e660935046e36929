/* rankpool [POOL OPTIONS] JOB [ARGUMENTS]: reads the command line, the same on every rank, and runs the job. A plug-in
 * is loaded before anything else, since its job says which options there are. */
#include "cli.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* Every rank finds the same mistake; one tells. */
bool is_first_rank(void) {
    static const char *const names[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *rank = getenv(names[i]);
        if (rank) return !strcmp(rank, "0");
    }
    return true;
}

/* The same for what may be so on one host only: each tells for itself. */
static bool speaks_for_host(void) {
    static const char *const names[] = {"OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "SLURM_LOCALID"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *rank = getenv(names[i]);
        if (rank) return !strcmp(rank, "0");
    }
    return true;
}

static void tell(const char *text) {
    fputs("rankpool: ", stderr);
    print_on_line(stderr, text, strlen(text));
    fputc('\n', stderr);
}

int complain(int exit_code, const char *text) {
    if (is_first_rank()) tell(text);
    return exit_code;
}

/* What is opened later would be given the number of one that is closed, and be read or written as if it were that. What
 * stands in for it fails whoever reads or writes; only of what is said to nobody there is no more to say. */
static void stand_in_for_closed(void) {
    static const int modes[] = {O_WRONLY, O_RDONLY, O_WRONLY};
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0) open("/dev/null", modes[fd]);
}

static int plan_and_run(const struct options *options, const rp_job *job, const rp_job_given *given) {
    const struct tool *tool = find_tool(job->name);
    char text[320];
    if (job->needs) {
        snprintf(text, sizeof text, "%s: not built: needs %s; install it and build again", job->name, job->needs);
        return complain(EXIT_ENVIRONMENT, text);
    }
    rp_job_run run = {.job = job, .given = given};
    const int rc = plan_job(&run, options->argc, options->argv);
    if (rc) return complain(rc == RP_ENOMEM ? EXIT_ENVIRONMENT : EXIT_USAGE, run.message);
    int exit_code = (tool ? tool->run : run_on_pool)(options, &run);
    if (job->release) job->release(&run);
    return exit_code;
}

/* The file of the plug-in that argv[at], or what scale there is to measure, names; or NULL. */
static const char *plugin_file(int argc, const char *const *argv, int at) {
    if (at < argc && !strcmp(argv[at], tool_scale.job->name)) at = options_find_job(tool_scale.job, argc, argv, at + 1);
    return at < argc && plugin_is(argv[at]) ? argv[at] : NULL;
}

/* The job that argv[at] names, as this run has it: where that is not the one of the table, it is in `own`. NULL: there
 * is none; or, with a code in `error`, it cannot be had here. */
static const rp_job *job_of_run(rp_job *own, const char *file, int argc, const char *const *argv, int at,
                                rp_error *error) {
    if (at == argc || (file && plugin_load(file, options_find_cores(argc, argv), error))) return NULL;
    const rp_job *job = find_job(argv[at]);
    if (job == tool_scale.job) {
        error->code = scale_join(own, argc, argv, at + 1);
        return own;
    }
    if (!job || file != argv[at]) return job;
    *own = *job;
    own->name = file; /* as the user has to type it */
    return own;
}

static int refuse_plugin(struct options *options, int at, const char **argv, const char *reason) {
    rp_job_given none[1];
    rp_error error;
    int rest;
    if (speaks_for_host()) tell(reason);
    return options_read(options, NULL, at, argv, 1, &rest, none, &error) ? EXIT_USAGE : run_nothing(options);
}

int main(int argc, char **arguments) {
    const char **argv = (const char **)arguments;
    struct options options = {0};
    rp_error error = {0};
    char text[320];
    stand_in_for_closed();
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of the write */
    signal(SIGXFSZ, SIG_IGN); /* and so is the limit of a file's size */
    rp_job_given *given = calloc((size_t)argc + 1, sizeof *given);
    if (!given) return complain(EXIT_ENVIRONMENT, rp_strerror(RP_ENOMEM));
    int at = options_find_job(NULL, argc, argv, 1), rest = 0, exit_code;
    rp_job own = {0};
    rp_error missing = {0};
    const rp_job *job = job_of_run(&own, plugin_file(argc, argv, at), argc, argv, at, &missing);
    if (missing.code == RP_ENOMEM) return complain(EXIT_ENVIRONMENT, rp_strerror(RP_ENOMEM));
    if (options_from_environment(&options, &error)) {
        exit_code = complain(EXIT_USAGE, error.text);
    } else if (missing.code) {
        exit_code = refuse_plugin(&options, at, argv, missing.text);
    } else if (at < argc && !job) {
        snprintf(text, sizeof text, "there is no job \"%.60s\": rankpool --help lists them", argv[at]);
        exit_code = complain(EXIT_USAGE, text);
    } else if (options_read(&options, NULL, at, argv, 1, &rest, given, &error) ||
               options_read(&options, job, argc, argv, at < argc ? at + 1 : argc, &rest, given, &error)) {
        exit_code = complain(EXIT_USAGE, error.text);
    } else if (options.version) {
        help_print_version(stdout);
        exit_code = EXIT_DONE;
    } else if (options.help) {
        if (job)
            help_print_job(stdout, job);
        else
            help_print(stdout);
        exit_code = EXIT_DONE;
    } else if (!job) {
        exit_code =
            complain(EXIT_USAGE, "no job was named: rankpool primes 1e9, for instance; rankpool --help lists them");
    } else {
        options.argc = rest;
        options.argv = argv + at + 1;
        exit_code = plan_and_run(&options, job, given);
    }
    free(given);
    if (own.plan == tool_scale.job->plan) free((void *)own.options);
    return exit_code;
}
