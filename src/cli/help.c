/* What the program says of itself, printed from the tables of options and jobs. */
#include "cli.h"
#include "jobs.h"

#include <stdlib.h>
#include <string.h>

const rp_job *find_job(const char *name) {
    const struct tool *tool = find_tool(name);
    if (tool) return tool->job;
    if (plugin_is(name)) return plugin_job(name);
    for (const rp_job *const *job = rp_jobs; *job; job++)
        if (!strcmp((*job)->name, name)) return *job;
    return NULL;
}

const rp_kernel **all_kernels(const rp_kernel *own) {
    size_t jobs = 0, count = 0;
    while (rp_jobs[jobs]) jobs++;
    const rp_kernel **kernels = calloc(jobs + 5, sizeof *kernels);
    if (!kernels) return NULL;
    kernels[count++] = tool_topo.job->kernel;
    kernels[count++] = tool_exec.job->kernel;
    kernels[count++] = &settle_kernel;
    for (size_t i = 0; i < jobs; i++) {
        bool have = !rp_jobs[i]->kernel;
        for (size_t k = 0; k < count && !have; k++) have = kernels[k] == rp_jobs[i]->kernel;
        if (!have) kernels[count++] = rp_jobs[i]->kernel;
    }
    bool have = !own;
    for (size_t k = 0; k < count && !have; k++) have = kernels[k] == own;
    if (!have) kernels[count++] = own;
    return kernels;
}

static void print_line(FILE *out, const rp_job *job) {
    fprintf(out, "  %-10s %s", job->name, job->summary);
    if (job->needs) fprintf(out, " (not built: needs %s)", job->needs);
    fputc('\n', out);
}

void help_print(FILE *out) {
    fputs("Usage: rankpool [POOL OPTIONS] JOB [ARGUMENTS]\n"
          "A process pool for clusters: bare on this machine, mpirun -np N rankpool ..., or srun --mpi=pmix rankpool "
          "...\n"
          "\nJobs (rankpool JOB --help tells more):\n",
          out);
    for (const rp_job *const *job = rp_jobs; *job; job++) print_line(out, *job);
    fputs("\nTools:\n", out);
    for (const struct tool *const *tool = tools; *tool; tool++) print_line(out, (*tool)->job);
    fputs("\nA job of your own, a plug-in: rankpool ./x.so [ARGUMENTS]; rankpool new x writes its source.\n", out);
    fputs("\nPool options, each also as a variable such as RANKPOOL_CREW:\n", out);
    options_print(out);
    fputs(
        "\nNumbers may be written 1000000, 1_000_000, 1e6, 1.5e9 or 2^40. Results go to standard output, all else to\n"
        "standard error. Exit code: 0 done, 1 some tasks failed, 2 wrong usage, 3 the environment failed, 75 "
        "stopped.\n",
        out);
}

enum { NAMES_WIDTH = 24 };

/* "-j, -P, --jobs N": all names of an option, letters first, and what its value is called. Returns how wide that is. */
static int print_names(FILE *out, const rp_job *job, const rp_job_option *option) {
    int width = fprintf(out, "  ");
    for (int letters = 1; letters >= 0; letters--) {
        const rp_job_alias *alias = job->aliases;
        for (const char *name = option->name; name; name = alias && alias->name ? (alias++)->name : NULL) {
            const bool other = name != option->name && strcmp(alias[-1].option, option->name) != 0;
            if (other || (strlen(name) == 1) != letters) continue;
            width += fprintf(out, "%s%s%s", width > 2 ? ", " : "", letters ? "-" : "--", name);
        }
    }
    return width + fprintf(out, "%s%s", option->value ? " " : "", option->value ? option->value : "");
}

void help_print_job(FILE *out, const rp_job *job) {
    fprintf(out, "Usage: rankpool [POOL OPTIONS] %s%s%s\n", job->name, job->arguments && *job->arguments ? " " : "",
            job->arguments ? job->arguments : "");
    if (job->needs) fprintf(out, "not built: needs %s\n", job->needs);
    fprintf(out, "%s\n", job->summary);
    if (job->details) fprintf(out, "\n%s", job->details);
    if (job->options) fputs("\nOptions:\n", out);
    for (const rp_job_option *option = job->options; option && option->name; option++) {
        const int width = print_names(out, job, option);
        if (width > NAMES_WIDTH) fprintf(out, "\n%*s", NAMES_WIDTH, "");
        fprintf(out, "%*s %s\n", width > NAMES_WIDTH ? 0 : NAMES_WIDTH - width, "", option->help ? option->help : "");
    }
    fputs("\nrankpool --help lists the pool options.\n", out);
}

void help_print_version(FILE *out) {
    fprintf(out, "rankpool %s\n", RANKPOOL_VERSION);
    for (const rp_job *const *job = rp_jobs; *job; job++)
        if ((*job)->needs) fprintf(out, "%s: not built: needs %s\n", (*job)->name, (*job)->needs);
}
