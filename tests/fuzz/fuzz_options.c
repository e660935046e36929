/* libFuzzer: no command line crashes what reads it: the pool's options, the job's own, and the job's plan. Each answers 0,
 * or that the usage is wrong, in words.
 *
 * The input: a byte says which job, then come words. A byte from 0x80 on stands for a piece of a word that is likely to
 * mean something, 0 ends a word, and any other is itself. */
#include "cli.h"
#include "exec/exec.h"
#include "jobs.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_MAX = 8192, WORDS_MAX = 64 };

static void require(bool true_claim) {
    if (!true_claim) abort();
}

/* What options.c and deadline.c have of the rest of the program. */
bool is_first_rank(void) { return true; }
const char *time_text(double seconds, char text[32]) {
    snprintf(text, 32, "%.1f s", seconds);
    return text;
}

/* A piece: likely numbers and marks, then the options' names from the help. */
static const char *piece(const rp_job *job, unsigned which) {
    static const char *const pieces[] = {"--",
                                         "=",
                                         "--crew",
                                         "--workers",
                                         "--bind",
                                         "--schedule",
                                         "--chunk",
                                         "--active",
                                         "--retries",
                                         "--time-limit",
                                         "--timeout",
                                         "--memory",
                                         "--unordered",
                                         "--output",
                                         "--store",
                                         "--steal",
                                         "--retry-failed",
                                         "--max-failures",
                                         "--progress",
                                         "--quiet",
                                         "--mpi",
                                         "--lease",
                                         "cores",
                                         "inline",
                                         "auto",
                                         "static,",
                                         "factoring,3",
                                         "1-12:00:00",
                                         "90:00",
                                         "1e18",
                                         "2^64",
                                         "2^63",
                                         "18446744073709551615",
                                         "1e6",
                                         "0",
                                         "1.5G",
                                         "250ms",
                                         "-1",
                                         "never",
                                         "1e400",
                                         "-",
                                         "%s%n",
                                         "99999999999999999999999999999999999999999999999999999999999999999999999999"};
    const unsigned count = sizeof pieces / sizeof *pieces;
    if (which < count) return pieces[which];
    const rp_job_option *own = job->options;
    for (which -= count; own && own->name && which; which--) own++;
    return own && own->name ? own->name : "";
}

/* The words, one after the other, each ended by 0. */
static int make_words(const rp_job *job, const uint8_t *data, size_t size, char *text, const char **argv) {
    size_t used = 0;
    int argc = 0;
    const char *word = text;
    for (size_t i = 0; i < size && argc < WORDS_MAX; i++) {
        const char itself[2] = {(char)data[i], 0}, *add = data[i] < 0x80 ? itself : piece(job, data[i] - 0x80u);
        if (used + strlen(add) + 2 > TEXT_MAX) break;
        used += (size_t)sprintf(text + used, "%s", add);
        if (data[i] && i + 1 < size) continue;
        text[used++] = 0;
        argv[argc++] = word;
        word = text + used;
    }
    return argc;
}

static void plan(const rp_job *job, const rp_job_given *given, int argc, const char *const *argv) {
    rp_job_run run = {.job = job, .given = given};
    if (job->needs) return;
    const int code = job->plan(&run, argc, argv);
    require(code == 0 || code == RP_EUSAGE);
    if (code)
        require(run.message[0] && !strpbrk(run.message, "\n\r\t\x1b"));
    else if (job->release)
        job->release(&run);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char text[TEXT_MAX];
    const char *argv[WORDS_MAX + 1] = {0};
    rp_job_given given[WORDS_MAX + 1];
    struct options options = {0};
    rp_error error = {0};
    int jobs = 0, rest = 0;
    while (rp_jobs[jobs]) jobs++;
    if (size < 1) return 0;
    const int which = data[0] % (jobs + 1);
    const rp_job *job = which < jobs ? rp_jobs[which] : &exec_job;
    const int argc = make_words(job, data + 1, size - 1, text, argv);
    require(options_find_job(job, argc, argv, 0) <= argc);
    const int code = options_read(&options, job, argc, argv, 0, &rest, given, &error);
    require(code == 0 || (code == RP_EUSAGE && error.code == code && error.text[0]));
    if (code) return 0;
    require(rest >= 0 && rest <= argc);
    plan(job, given, rest, argv);
    return 0;
}
