/* The reader is strict: a number of the wrong form is an error of its line, for a log that was misread would leave
 * commands out. A line that a crash cut off is the one exception, and only the last can be that. */
#include "exec/joblog.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { COLUMNS = 9 };

/* ---- Writing ------------------------------------------------------------------------------------------- */

void exec_joblog_line(struct exec_bytes *to, const struct exec_report *report, const char *command) {
    char text[256];
    snprintf(text, sizeof text, "%llu\t%s\t%.3f\t%10.3f\t0\t%llu\t%d\t%d\t", (unsigned long long)report->seq,
             report->host, report->start_s, report->runtime_s, (unsigned long long)report->received,
             report->timed_out ? -1 : report->exit_code, report->signal);
    exec_bytes_text(to, text);
    for (size_t length; *command; command += length) {
        length = strcspn(command, "\n");
        exec_bytes_add(to, command, length);
        if (!command[length]) break;
        exec_bytes_text(to, "\\n");
        length++;
    }
    exec_bytes_text(to, "\n");
}

/* ---- Reading ------------------------------------------------------------------------------------------- */

/* FNV-1a. */
static uint64_t digest_byte(uint64_t digest, char byte) { return (digest ^ (unsigned char)byte) * 0x100000001b3u; }
static const uint64_t digest_none = 0xcbf29ce484222325u;

uint64_t exec_joblog_digest(const char *command) {
    uint64_t digest = digest_none;
    for (; *command; command++) {
        if (*command == '\n') digest = digest_byte(digest, '\\');
        digest = digest_byte(digest, *command == '\n' ? 'n' : *command);
    }
    return digest;
}

static bool is_digits(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (text[i] < '0' || text[i] > '9') return false;
    return size > 0 && size < 20;
}

/* 12, 12.345, and -1 where a sign may be. */
static bool is_number(const char *text, size_t size, bool sign, bool fraction) {
    while (fraction && size && *text == ' ') text++, size--;
    if (sign && size && *text == '-') text++, size--;
    const char *point = fraction ? memchr(text, '.', size) : NULL;
    if (!point) return is_digits(text, size);
    return is_digits(text, (size_t)(point - text)) && is_digits(point + 1, size - (size_t)(point + 1 - text));
}

static uint64_t value_of(const char *digits, size_t size) {
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) value = value * 10 + (uint64_t)(digits[i] - '0');
    return value;
}

int exec_joblog_parse(const char *line, size_t size, struct exec_joblog_entry *entry) {
    const char *column[COLUMNS], *at = line, *end = line + size;
    size_t length[COLUMNS];
    for (int i = 0; i < COLUMNS; i++) {
        const char *tab = i + 1 < COLUMNS ? memchr(at, '\t', (size_t)(end - at)) : end;
        if (!tab) return RP_EUSAGE;
        column[i] = at;
        length[i] = (size_t)(tab - at);
        at = i + 1 < COLUMNS ? tab + 1 : end;
    }
    bool good = is_digits(column[0], length[0]) && length[1] > 0 && is_number(column[2], length[2], false, true) &&
                is_number(column[3], length[3], false, true);
    for (int i = 4; i < 8; i++) good = good && is_number(column[i], length[i], true, false);
    if (!good || value_of(column[0], length[0]) == 0) return RP_EUSAGE;
    uint64_t digest = digest_none;
    for (size_t i = 0; i < length[8]; i++) digest = digest_byte(digest, column[8][i]);
    *entry = (struct exec_joblog_entry){
        .seq = value_of(column[0], length[0]),
        .good = length[6] == 1 && *column[6] == '0' && length[7] == 1 && *column[7] == '0',
        .command = digest,
    };
    return 0;
}

static int add(struct exec_joblog *log, struct exec_joblog_entry entry) {
    if (log->count == log->capacity) {
        const size_t capacity = log->capacity ? 2 * log->capacity : 1024;
        struct exec_joblog_entry *grown = realloc(log->entry, capacity * sizeof *grown);
        if (!grown) return RP_ENOMEM;
        log->entry = grown;
        log->capacity = capacity;
    }
    log->entry[log->count++] = entry;
    return 0;
}

static int by_number(const void *one, const void *other) {
    const struct exec_joblog_entry *a = one, *b = other;
    return a->seq < b->seq ? -1 : a->seq > b->seq;
}

static int by_number_and_line(const void *one, const void *other) {
    const struct exec_joblog_entry *a = one, *b = other;
    if (a->seq != b->seq) return a->seq < b->seq ? -1 : 1;
    return a->line < b->line ? -1 : a->line > b->line;
}

/* Of equal numbers the last line counts. */
static void sort(struct exec_joblog *log) {
    size_t kept = 0;
    if (log->count) qsort(log->entry, log->count, sizeof *log->entry, by_number_and_line);
    for (size_t i = 0; i < log->count; i++) {
        if (i + 1 < log->count && log->entry[i + 1].seq == log->entry[i].seq) continue;
        log->entry[kept++] = log->entry[i];
    }
    log->count = kept;
}

static int wrong(rp_error *error, int code, const char *file, uint64_t line, const char *what) {
    *error = (rp_error){.code = code};
    if (line)
        snprintf(error->text, sizeof error->text, "line %llu of %.120s %s", (unsigned long long)line, file, what);
    else
        snprintf(error->text, sizeof error->text, "the job log %.120s: %s", file, what);
    return code;
}

static int read_lines(struct exec_joblog *log, FILE *in, const char *file, char **line, rp_error *error) {
    size_t capacity = 0;
    uint64_t number = 0;
    for (ssize_t size; (size = getline(line, &capacity, in)) > 0;) {
        struct exec_joblog_entry entry;
        if ((*line)[size - 1] != '\n') break; /* the crash was in the middle of it */
        if (++number == 1) {
            if (strcmp(*line, EXEC_JOBLOG_HEADER))
                return wrong(error, RP_EUSAGE, file, 1,
                             "is not the first of a job log; give the log of the run before");
        } else {
            if (exec_joblog_parse(*line, (size_t)size - 1, &entry))
                return wrong(error, RP_EUSAGE, file, number,
                             "is none of a job log: expected nine columns with tabs between them; mend or remove it");
            entry.line = number;
            if (add(log, entry)) return wrong(error, RP_ENOMEM, file, 0, rp_strerror(RP_ENOMEM));
        }
        log->end += (uint64_t)size;
    }
    return ferror(in) ? wrong(error, RP_EUSAGE, file, 0, strerror(errno)) : 0;
}

int exec_joblog_read(struct exec_joblog *log, const char *file, rp_error *error) {
    *log = (struct exec_joblog){0};
    struct stat status;
    if (stat(file, &status)) return errno == ENOENT ? 0 : wrong(error, RP_EUSAGE, file, 0, strerror(errno));
    if (!S_ISREG(status.st_mode)) /* a FIFO would wait for its writer */
        return wrong(error, RP_EUSAGE, file, 0, "is no regular file, so there is no run to go on with: give its log");
    FILE *in = fopen(file, "re");
    if (!in) return wrong(error, RP_EUSAGE, file, 0, strerror(errno));
    char *line = NULL;
    int rc = read_lines(log, in, file, &line, error);
    free(line);
    fclose(in);
    if (rc)
        exec_joblog_free(log);
    else
        sort(log);
    return rc;
}

const struct exec_joblog_entry *exec_joblog_find(const struct exec_joblog *log, uint64_t seq) {
    const struct exec_joblog_entry wanted = {.seq = seq};
    return log->count ? bsearch(&wanted, log->entry, log->count, sizeof wanted, by_number) : NULL;
}

void exec_joblog_free(struct exec_joblog *log) {
    free(log->entry);
    *log = (struct exec_joblog){0};
}
