/* `rankpool exec` is a job like any other, but that its commands can be shown instead of run, and that not every run of
 * it can be kept by a store. */
#include "cli.h"
#include "exec/exec.h"

#include <errno.h>
#include <string.h>

/* No world is needed. */
static int dry_run(const struct options *options, rp_job_run *run) {
    run->out = options->output ? fopen(options->output, "w") : stdout;
    int rc = run->out ? exec_print_commands(run) : RP_EOUTPUT;
    if (run->out && (run->out == stdout ? fflush(stdout) : fclose(run->out)) && !rc) rc = RP_EOUTPUT;
    if (rc == RP_EUSAGE) fprintf(stderr, "rankpool: %s\n", run->message);
    if (rc == RP_ENOMEM) fprintf(stderr, "rankpool: %s\n", rp_strerror(rc));
    if (rc == RP_EOUTPUT && errno == EPIPE) return EXIT_DONE;
    if (rc == RP_EOUTPUT) fprintf(stderr, "rankpool: cannot write the commands: %s\n", strerror(errno));
    return rc == 0 ? EXIT_DONE : rc == RP_EUSAGE ? EXIT_USAGE : EXIT_ENVIRONMENT;
}

static int run_exec(const struct options *options, rp_job_run *run) {
    const struct exec *exec = run->state;
    if (exec->options.dry_run) return is_first_rank() ? dry_run(options, run) : EXIT_DONE;
    if (options->store && exec_store_check(run)) return complain(EXIT_USAGE, run->message);
    struct options shown = *options;
    if (exec->options.bar) shown.progress = PROGRESS_BAR;
    return run_on_pool(&shown, run);
}

const struct tool tool_exec = {&exec_job, run_exec};
