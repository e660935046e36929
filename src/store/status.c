/* See status.h. A line is "name value"; of names that a reader does not know it takes no notice. A failure is one line:
 * numbers, its host and its message. It is for people and other programs: nothing of a run hangs on it, so that one which
 * cannot be written is left out. */
#include "store/status.h"

#include "core/error.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char first_line[] = "rankpool status 1\n";

static bool path_of(char path[PATH_MAX], const char *store, const char *ending) {
    return snprintf(path, PATH_MAX, "%s%s", store, ending) < PATH_MAX;
}

/* On one line. */
static void put_text(FILE *file, const char *text) {
    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        fputc(c < ' ' || c == 0x7f ? '?' : c, file);
    }
    fputc('\n', file);
}

FILE *rp__status_begin(const char *store, const rp_store_summary *summary) {
    char path[PATH_MAX];
    FILE *file = path_of(path, store, ".status.tmp") ? fopen(path, "we") : NULL;
    if (!file) return NULL;
    fprintf(file,
            "%srunning %d\ndone %d\ntasks_done %" PRIu64 "\ntasks_failed %" PRIu64 "\ntasks_known %" PRIu64
            "\ntasks_final %d\n",
            first_line, summary->running, summary->done, summary->tasks_done, summary->tasks_failed,
            summary->tasks_known, summary->tasks_final);
    fprintf(file, "seconds %.3f\nbusy_seconds %.3f\nrate %.6g\nupdated %.3f\nruns %" PRIu32 "\nworkers %" PRIu32 "\n",
            summary->seconds, summary->busy_seconds, summary->rate, summary->updated, summary->runs, summary->workers);
    fputs("job ", file);
    put_text(file, summary->job);
    fputs("words ", file);
    put_text(file, summary->words);
    fputs("owner ", file);
    put_text(file, summary->owner);
    return file;
}

void rp__status_failure(void *file, const rp_store_failure *failure) {
    const rp_failure *how = failure->how;
    fprintf(file, "failure %" PRIu64 " %" PRIu64 " %d %d %d %d %" PRIu32 " %d %" PRIu32 " %.3f %s ", failure->begin,
            failure->end, (int)how->cause, how->exit_code, how->signal, how->rank, how->worker, how->core,
            how->attempts, failure->time, how->host[0] ? how->host : "-");
    put_text(file, failure->message);
}

void rp__status_end(const char *store, FILE *file) {
    char from[PATH_MAX], to[PATH_MAX];
    if (!path_of(from, store, ".status.tmp") || !path_of(to, store, ".status")) return;
    const bool good = !ferror(file);
    if (fclose(file) || !good || rename(from, to)) unlink(from);
}

/* ---- Reading -------------------------------------------------------------------------------------------- */

static void read_failure(const char *value, void (*failure)(void *context, const rp_store_failure *failure),
                         void *context) {
    rp_failure how = {.core = -1};
    rp_store_failure read = {.how = &how};
    int cause = RP_CAUSE_OTHER, at = 0;
    const int fields = sscanf(value, "%" SCNu64 " %" SCNu64 " %d %d %d %d %" SCNu32 " %d %" SCNu32 " %lf %63s%n",
                              &read.begin, &read.end, &cause, &how.exit_code, &how.signal, &how.rank, &how.worker,
                              &how.core, &how.attempts, &read.time, how.host, &at);
    if (fields < 11) return;
    how.cause = cause >= 0 && cause < RP_CAUSE_OTHER ? (enum rp_cause)cause : RP_CAUSE_OTHER;
    if (strcmp(how.host, "-") == 0) how.host[0] = 0;
    read.message = value[at] == ' ' ? value + at + 1 : "";
    failure(context, &read);
}

static void read_line(const char *name, const char *value, rp_store_summary *summary) {
    const struct {
        const char *name;
        bool *flag;
        uint64_t *count;
        uint32_t *small;
        double *real;
        char *text;
        size_t size;
    } fields[] = {{"running", .flag = &summary->running},
                  {"done", .flag = &summary->done},
                  {"tasks_done", .count = &summary->tasks_done},
                  {"tasks_failed", .count = &summary->tasks_failed},
                  {"tasks_known", .count = &summary->tasks_known},
                  {"tasks_final", .flag = &summary->tasks_final},
                  {"seconds", .real = &summary->seconds},
                  {"busy_seconds", .real = &summary->busy_seconds},
                  {"rate", .real = &summary->rate},
                  {"updated", .real = &summary->updated},
                  {"runs", .small = &summary->runs},
                  {"workers", .small = &summary->workers},
                  {"job", .text = summary->job, .size = sizeof summary->job},
                  {"words", .text = summary->words, .size = sizeof summary->words},
                  {"owner", .text = summary->owner, .size = sizeof summary->owner}};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (strcmp(name, fields[i].name) != 0) continue;
        if (fields[i].flag) *fields[i].flag = strcmp(value, "1") == 0;
        if (fields[i].count) *fields[i].count = strtoull(value, NULL, 10);
        if (fields[i].small) *fields[i].small = (uint32_t)strtoul(value, NULL, 10);
        if (fields[i].real) *fields[i].real = strtod(value, NULL);
        if (fields[i].text) snprintf(fields[i].text, fields[i].size, "%s", value);
    }
}

int rp__status_read(const char *store, rp_store_summary *summary,
                    void (*failure)(void *context, const rp_store_failure *failure), void *context, rp_error *error) {
    char path[PATH_MAX], *line = NULL;
    FILE *file = path_of(path, store, ".status") ? fopen(path, "re") : NULL;
    if (!file)
        return rp__fail(error, RP_ESYSTEM, "%s: in use, and its status cannot be read: %s", store, strerror(errno));
    size_t capacity = 0;
    rp_store_summary read = {0};
    const bool known = getline(&line, &capacity, file) > 0 && strcmp(line, first_line) == 0;
    while (known && getline(&line, &capacity, file) > 0) {
        line[strcspn(line, "\n")] = 0;
        char *value = strchr(line, ' ');
        if (!value) continue;
        *value++ = 0;
        if (strcmp(line, "failure") != 0)
            read_line(line, value, &read);
        else if (failure)
            read_failure(value, failure, context);
    }
    fclose(file);
    free(line);
    if (!known) return rp__fail(error, RP_EINVAL, "%s: not a status of rankpool, or of another version", path);
    *summary = read;
    return 0;
}
