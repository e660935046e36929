/* A run with a store, as the program makes one: tasks that are put in random order, what is due folded into a sum and
 * printed, ticks, and an end at a random moment. It is played in a child, which is there to be killed; what the runs one
 * after the other leave must be what one run leaves that nobody disturbs. */
#ifndef RP_TESTS_STORE_STAGE_H
#define RP_TESTS_STORE_STAGE_H

#include "random.h"
#include "rankpool_store.h"
#include "store/store_state.h"
#include "unit.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STAGE_TASKS_MAX = 4096, STAGE_KILLED = 9, STAGE_FAILED = 3 };

struct stage {
    char folder[PATH_MAX], path[PATH_MAX], output[PATH_MAX], printed[PATH_MAX];
    uint64_t tasks;
    unsigned window;  /* how far results come out of order */
    unsigned failing; /* every so many-th task fails; 0: none */
    bool to_stdout, unordered, retry, no_state, steal;
    unsigned kill_step;   /* the step before which it is killed; 0: never */
    unsigned stop_step;   /* the step before which it stops and closes; 0: never */
    size_t result_size;   /* bytes more in each result */
    bool every_second;    /* commits as in earnest, not at every tick */
    void (*before)(void); /* in the child, before its run, whose errors are expected */
    int committed;        /* a pipe that is told what surely is on disk; 0: none */
};

struct stage_state {
    uint64_t count, sum;
};

/* In memory where there is such a place: thousands of commits wait for no disk then. */
static inline void stage_open(struct stage *stage) {
    const char *folder = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : unit_folder();
    snprintf(stage->folder, sizeof stage->folder, "%s/rankpool-store-XXXXXX", folder);
    if (!mkdtemp(stage->folder)) abort();
    snprintf(stage->path, sizeof stage->path, "%.4000s/run%%?#.store", stage->folder); /* special in a URI */
    snprintf(stage->output, sizeof stage->output, "%.4000s/output", stage->folder);
    snprintf(stage->printed, sizeof stage->printed, "%.4000s/printed", stage->folder);
}

static inline void stage_begin_anew(struct stage *stage) {
    const char *endings[] = {"", ".lock", ".status", ".status.tmp", "-journal"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        char path[PATH_MAX + 16];
        snprintf(path, sizeof path, "%s%s", stage->path, endings[i]);
        unlink(path);
    }
    unlink(stage->output);
    unlink(stage->printed);
}

static inline void stage_close(struct stage *stage) {
    stage_begin_anew(stage);
    CU_ASSERT_EQUAL(rmdir(stage->folder), 0); /* nothing else was left */
}

static inline bool stage_fails(const struct stage *stage, uint64_t task) {
    return stage->failing && task % stage->failing == stage->failing - 1;
}

static inline uint64_t stage_value(uint64_t task) { return (task + 1) * 0x9e3779b97f4a7c15u >> 40; }

static inline int stage_save(void *context, FILE *to) {
    const struct stage_state *state = context;
    return fprintf(to, "%llu %llu", (unsigned long long)state->count, (unsigned long long)state->sum) < 0;
}

static inline void stage_use(struct stage_state *state, const rp_result *result, FILE *output) {
    uint64_t value;
    if (result->status) return;
    memcpy(&value, result->data, sizeof value);
    state->count++;
    state->sum = state->sum * 31 + value; /* in another order another sum */
    fprintf(output, "%llu %llu\n", (unsigned long long)result->begin, (unsigned long long)value);
}

static inline int stage_put(const struct stage *stage, rp_store *store, uint64_t task) {
    static const rp_failure how = {
        .cause = RP_CAUSE_SIGNAL, .signal = 11, .rank = 2, .worker = 5, .core = 3, .host = "node7", .attempts = 2};
    if (stage_fails(stage, task))
        return rp_store_put(store, &(rp_result){.begin = task,
                                                .end = task + 1,
                                                .status = RP_EDIED,
                                                .data = "it died",
                                                .size = 7,
                                                .failure = task % 2 ? &how : NULL});
    const uint64_t value = stage_value(task);
    uint8_t *data = calloc(1, sizeof value + stage->result_size);
    memcpy(data, &value, sizeof value);
    const int code = rp_store_put(
        store, &(rp_result){.begin = task, .end = task + 1, .data = data, .size = sizeof value + stage->result_size});
    free(data);
    return code;
}

static inline size_t stage_pending(const struct stage *stage, const rp_store *store, uint64_t *pending) {
    size_t spans, count = 0, at = 0;
    const rp_span *done = rp_store_done(store, &spans);
    for (uint64_t task = 0; task < stage->tasks; task++) {
        while (at < spans && done[at].end <= task) at++;
        if (at == spans || task < done[at].begin) pending[count++] = task;
    }
    return count;
}

static inline rp_store_options stage_options(const struct stage *stage, struct stage_state *state) {
    static const rp_store_word words[] = {{"job", "stage"}, {"stop", "1e6"}};
    return (rp_store_options){.path = stage->path,
                              .words = words,
                              .word_count = 2,
                              .output = stage->to_stdout ? NULL : stage->output,
                              .unordered = stage->unordered,
                              .steal = stage->steal,
                              .retry_failed = stage->retry,
                              .save = stage->no_state ? NULL : stage_save,
                              .context = state};
}

/* All that is due; false: something is wrong. */
static inline bool stage_take(rp_store *store, bool last, struct stage_state *state) {
    rp_result result;
    int code;
    while ((code = rp_store_next(store, last, &result)) == 0) stage_use(state, &result, rp_store_output(store));
    return code == RP_EEMPTY;
}

/* One run. 0: it came to its end; RP_ESTOPPED: it stopped where it should; else an error. */
static inline int stage_run(const struct stage *stage, uint64_t *random, rp_error *error) {
    struct stage_state state = {0};
    const rp_store_options options = stage_options(stage, &state);
    rp_store *store;
    int code = rp_store_open(&options, &store, error);
    if (code) return code;
    if (!stage->every_second) store->every_ns = 0;
    size_t size;
    const char *saved = rp_store_state(store, &size);
    if (saved) {
        unsigned long long count, sum;
        char text[64] = "";
        memcpy(text, saved, size < sizeof text ? size : sizeof text - 1);
        if (sscanf(text, "%llu %llu", &count, &sum) == 2) state = (struct stage_state){count, sum};
    }
    static uint64_t pending[STAGE_TASKS_MAX];
    const size_t count = stage_pending(stage, store, pending);
    unsigned step = 1;
    bool good = stage_take(store, false, &state);
    for (size_t i = 0; good && i < count; i++, step++) {
        if (step == stage->kill_step) _exit(STAGE_KILLED);
        if (step == stage->stop_step)
            return (code = rp_store_close(store, RP_STORE_STOPPED, NULL, error)) ? code : RP_ESTOPPED;
        const size_t left = count - i, other = i + random_below(random, left < stage->window ? left : stage->window);
        const uint64_t task = pending[other];
        pending[other] = pending[i];
        good = stage_put(stage, store, task) == 0;
        if (good && random_below(random, 3)) good = stage_take(store, false, &state);
        const rp_map_stats stats = {.tasks_known = stage->tasks, .tasks_final = true, .seconds = 1, .workers = 2};
        if (good && random_below(random, 4) == 0) good = rp_store_tick(store, &stats, task, task * 3) == 0;
        if (stage->committed && store->batch_out == false && i % 8 == 7) {
            const uint64_t done = rp__intervals_total(&store->done) - rp__intervals_total(&store->fresh);
            if (write(stage->committed, &done, sizeof done) != sizeof done) _exit(1);
        }
    }
    if (good && !rp_store_finished(store)) {
        good = stage_take(store, true, &state);
        fprintf(rp_store_output(store), "sum %llu of %llu\n", (unsigned long long)state.sum,
                (unsigned long long)state.count);
    }
    code = rp_store_close(store, good ? RP_STORE_DONE : RP_STORE_STOPPED, NULL, error);
    return code || good ? code : RP_ETASK;
}

/* One run in a child, its standard output in the file `printed`. Its exit code: 0 done, 1 stopped, STAGE_KILLED, or
 * STAGE_FAILED with the error on stderr. */
static inline int stage_play(const struct stage *stage, uint64_t *random) {
    fflush(NULL);
    const uint64_t seed = random_next(random);
    const pid_t child = fork();
    if (child == 0) {
        const int fd = open(stage->printed, O_WRONLY | O_CREAT | O_TRUNC, 0666);
        dup2(fd, STDOUT_FILENO);
        if (stage->before) dup2(fd, STDERR_FILENO);
        if (stage->before) stage->before();
        rp_error error = {0};
        uint64_t own = seed;
        const int code = stage_run(stage, &own, &error);
        if (code && code != RP_ESTOPPED) fprintf(stderr, "%s: %s\n", rp_error_name(code), error.text);
        _exit(code == 0 ? 0 : code == RP_ESTOPPED ? 1 : STAGE_FAILED);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static inline char *stage_read(const char *path) {
    char *text = NULL;
    size_t size = 0;
    FILE *file = fopen(path, "r"), *to = open_memstream(&text, &size);
    for (int c; file && (c = fgetc(file)) != EOF;) fputc(c, to);
    if (file) fclose(file);
    fclose(to);
    return text;
}

/* What one undisturbed run prints, in order. */
static inline char *stage_expected(const struct stage *stage) {
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    struct stage_state state = {0};
    for (uint64_t task = 0; task < stage->tasks; task++) {
        const uint64_t value = stage_value(task);
        const rp_result result = {.begin = task, .end = task + 1, .data = &value, .size = sizeof value};
        if (!stage_fails(stage, task)) stage_use(&state, &result, to);
    }
    fprintf(to, "sum %llu of %llu\n", (unsigned long long)state.sum, (unsigned long long)state.count);
    fclose(to);
    return text;
}

static inline void stage_check_output(const struct stage *stage) {
    char *found = stage_read(stage->to_stdout ? stage->printed : stage->output), *expected = stage_expected(stage);
    CU_ASSERT_STRING_EQUAL(found, expected);
    free(found);
    free(expected);
}

#endif
