/* rankpool report FILE: what a store holds. It looks at the files alone, so it needs neither a pool nor MPI and may ask on
 * any host, while a run writes and after any end. A batch script asks with --status, whose answer is the exit code. */
#include "stored.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

enum { FAILURES_LISTED = 20 };

static const char *cause_text(const rp_failure *how, char text[64]) {
    switch (how->cause) {
    case RP_CAUSE_ERROR:
        return "its kernel returned an error";
    case RP_CAUSE_EXIT:
        snprintf(text, 64, "its worker exited with code %d", how->exit_code);
        return text;
    case RP_CAUSE_SIGNAL:
        snprintf(text, 64, "its worker was killed by signal %d, %s", how->signal, strsignal(how->signal));
        return text;
    case RP_CAUSE_MEMORY:
        return "its worker used too much memory";
    case RP_CAUSE_TIMEOUT:
        return "it took too long";
    case RP_CAUSE_RANK:
        return "its rank was lost";
    case RP_CAUSE_CANCELED:
        return "it was canceled";
    case RP_CAUSE_RESULT:
        return "its result says so";
    case RP_CAUSE_OTHER:
        break;
    }
    return "its worker failed";
}

/* "2026-11-22 10:41:07" of the reader's own time zone. */
static const char *date_text(double time_s, char text[32]) {
    const time_t whole = (time_t)time_s;
    struct tm local;
    if (!localtime_r(&whole, &local) || !strftime(text, 32, "%Y-%m-%d %H:%M:%S", &local)) return "?";
    return text;
}

static void print_where(const rp_failure *how) {
    if (how->rank < 0) return;
    printf(", rank %d", how->rank);
    if (how->host[0]) printf(" on %s", how->host);
    if (how->worker != UINT32_MAX) printf(", worker %u", how->worker);
    if (how->core >= 0) printf(", core %d", how->core);
}

struct listing {
    uint64_t most, listed;
};

static void print_failure(void *context, const rp_store_failure *failure) {
    struct listing *listing = context;
    char cause[64], date[32];
    if (listing->listed++ >= listing->most) return;
    const unsigned long long begin = failure->begin, last = failure->end - 1;
    if (begin == last)
        printf("task %llu failed: ", begin);
    else
        printf("tasks %llu to %llu failed: ", begin, last);
    print_on_line(stdout, failure->message, strlen(failure->message));
    putchar('\n');
    if (!failure->how) return;
    printf("  %s, %s", date_text(failure->time, date), cause_text(failure->how, cause));
    print_where(failure->how);
    printf(", computed %u time%s\n", failure->how->attempts, failure->how->attempts == 1 ? "" : "s");
}

/* How far it is: "12 of 40 tasks (30.0 %) are done, 2 of them failed". */
static void print_tasks(const rp_store_summary *summary) {
    const unsigned long long done = summary->tasks_done, known = summary->tasks_known;
    printf("%llu of %llu%s tasks", done, known, summary->tasks_final ? "" : " or more");
    if (summary->tasks_final && known) printf(" (%.1f %%)", 100 * (double)done / (double)known);
    printf(" are done");
    if (summary->tasks_failed) printf(", %llu of them failed", (unsigned long long)summary->tasks_failed);
    putchar('\n');
}

static void print_times(const rp_store_summary *summary) {
    char seconds[32], busy[32], rate[32], left[32];
    printf("%s in %u run%s, %s of computing", time_text(summary->seconds, seconds), summary->runs,
           summary->runs == 1 ? "" : "s", time_text(summary->busy_seconds, busy));
    if (summary->rate > 0) printf(", lately %s/s by %u workers", number_text(summary->rate, rate), summary->workers);
    if (!summary->done && summary->tasks_final && summary->rate > 0)
        printf(", %s left at that rate",
               time_text((double)(summary->tasks_known - summary->tasks_done) / summary->rate, left));
    putchar('\n');
}

static void print_summary(const char *path, const rp_store_summary *summary) {
    char date[32];
    printf("%s: %s\n", path, summary->words);
    if (summary->running)
        printf("it runs on %s\n", summary->owner);
    else
        printf("%s; last by %s\n", summary->done ? "it is done" : "it does not run, and is not done", summary->owner);
    print_tasks(summary);
    print_times(summary);
    printf("as of %s\n", date_text(summary->updated, date));
}

static int exit_code_of(const rp_store_summary *summary) {
    if (!summary->done) return EXIT_STOPPED;
    return summary->tasks_failed ? EXIT_TASKS_FAILED : EXIT_DONE;
}

static int plan(rp_job_run *run, int argc, const char *const argv[]) {
    if (argc == 1) return 0;
    return rp_job_fail(run, "report takes one FILE, which was given to --store; %d were given", argc);
}

static int run_report(const struct options *options, rp_job_run *run) {
    const char *file = options->argv[0];
    rp_store_summary summary;
    rp_error error = {0};
    const bool only_status = rp_job_option_value(run, "status");
    struct listing listing = {.most = rp_job_option_value(run, "all") ? UINT64_MAX : FAILURES_LISTED};
    if (!is_first_rank()) return EXIT_DONE;
    int rc = rp_store_look(file, &summary, NULL, NULL, &error);
    if (rc) {
        fprintf(stderr, "rankpool: %s\n", error.text);
        return rc == RP_EINVAL || access(file, F_OK) ? EXIT_USAGE : EXIT_ENVIRONMENT;
    }
    if (only_status) return exit_code_of(&summary);
    print_summary(file, &summary);
    if (summary.tasks_failed) rc = rp_store_look(file, &summary, print_failure, &listing, &error);
    if (listing.listed > listing.most)
        printf("and %llu more failures: --all lists them\n", (unsigned long long)(listing.listed - listing.most));
    if (fflush(stdout)) return EXIT_ENVIRONMENT;
    return rc ? EXIT_ENVIRONMENT : EXIT_DONE;
}

static const rp_job_option options[] = {
    {"status", NULL, "print nothing; the exit code is the answer"},
    {"all", NULL, "list all failures, not the first 20 only"},
    {NULL, NULL, NULL},
};

static const rp_job job = {
    .name = "report",
    .arguments = "FILE",
    .summary = "what a store holds: how far its run is, and what failed",
    .details =
        "FILE is what was given to --store. It may be asked for at any time and on any host, while its run is on\n"
        "and after. With --status the exit code says: 0 all is done, 1 all is done and some of it failed,\n"
        "75 it is not done, 2 there is no such store, 3 it cannot be read.\n",
    .options = options,
    .plan = plan,
};

const struct tool tool_report = {&job, run_report};
