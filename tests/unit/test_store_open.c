/* Whose store it is: locks, words, other files, and what one sees who only looks. */
#include "store_stage.h"

#include <sqlite3.h>
#include <sys/stat.h>

static int open_one(const struct stage *stage, rp_store **store, rp_error *error) {
    static struct stage_state state;
    const rp_store_options options = stage_options(stage, &state);
    return rp_store_open(&options, store, error);
}

static void change_database(const char *path, const char *statement) {
    sqlite3 *sql;
    CU_ASSERT_EQUAL(sqlite3_open(path, &sql), SQLITE_OK);
    CU_ASSERT_EQUAL(sqlite3_exec(sql, statement, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(sql);
}

static void write_text(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
}

static void make_store(const struct stage *stage) {
    rp_store *store;
    CU_ASSERT_EQUAL_FATAL(open_one(stage, &store, NULL), 0);
    for (uint64_t task = 0; task < stage->tasks; task++) CU_ASSERT_EQUAL(stage_put(stage, store, task), 0);
    CU_ASSERT_EQUAL(rp_store_close(store, RP_STORE_STOPPED, NULL, NULL), 0);
}

static void a_store_of_other_words_is_refused_and_the_word_is_named(void) {
    struct stage stage = {.tasks = 3};
    struct stage_state state;
    rp_store *store;
    rp_error error;
    stage_open(&stage);
    make_store(&stage);
    rp_store_word words[] = {{"job", "stage"}, {"stop", "1e7"}, {"more", "1"}};
    rp_store_options options = stage_options(&stage, &state);
    options.words = words;
    CU_ASSERT_EQUAL(rp_store_open(&options, &store, &error), RP_EMISMATCH);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "stop is 1e6 there and 1e7 here"));
    words[1].value = "1e6";
    options.word_count = 3;
    CU_ASSERT_EQUAL(rp_store_open(&options, &store, &error), RP_EMISMATCH);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "more is not given there"));
    options.word_count = 1;
    CU_ASSERT_EQUAL(rp_store_open(&options, &store, &error), RP_EMISMATCH);
    options.word_count = 2;
    options.unordered = true;
    CU_ASSERT_EQUAL(rp_store_open(&options, &store, &error), RP_EMISMATCH);
    options.unordered = false;
    CU_ASSERT_EQUAL(rp_store_open(&options, &store, &error), 0);
    rp_store_close(store, RP_STORE_STOPPED, NULL, NULL);
    stage_close(&stage);
}

static void a_store_in_use_is_refused_until_it_is_stolen(void) {
    struct stage stage = {.tasks = 3};
    rp_store *first, *second;
    rp_error error;
    stage_open(&stage);
    CU_ASSERT_EQUAL_FATAL(open_one(&stage, &first, &error), 0);
    CU_ASSERT_EQUAL(open_one(&stage, &second, &error), RP_EBUSY);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "--steal"));
    stage.steal = true;
    CU_ASSERT_EQUAL_FATAL(open_one(&stage, &second, &error), 0);
    stage_put(&stage, first, 0);
    stage_put(&stage, second, 1);
    CU_ASSERT_EQUAL(rp_store_close(first, RP_STORE_STOPPED, NULL, &error), RP_EBUSY);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "taken over by"));
    CU_ASSERT_EQUAL(rp_store_close(second, RP_STORE_STOPPED, NULL, &error), 0);
    rp_store_summary summary;
    CU_ASSERT_EQUAL(rp_store_look(stage.path, &summary, NULL, NULL, &error), 0);
    CU_ASSERT_EQUAL(summary.tasks_done, 1);
    stage_close(&stage);
}

/* A lock as another run would have left it: `line` instead of the one of its name. */
static void leave_lock(const struct stage *stage, const char *host, const char *boot, unsigned long pid,
                       const char *job) {
    char path[PATH_MAX + 8], text[512];
    snprintf(path, sizeof path, "%s.lock", stage->path);
    snprintf(text, sizeof text, "rankpool lock 1\nhost %s\nboot %s\npid %lu\nstarted 1\njob %s\nrestart 0\nnonce 77\n",
             host, boot, pid, job);
    write_text(path, text);
}

static void a_lock_is_stale_when_its_process_is_surely_gone(void) {
    struct stage stage = {.tasks = 3};
    char host[64] = "", boot[64] = "";
    rp_store *store;
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "r");
    CU_ASSERT_EQUAL_FATAL(fscanf(file, "%63s", boot), 1);
    fclose(file);
    gethostname(host, sizeof host - 1);
    setenv("SLURM_JOB_ID", "12", 1);
    setenv("SLURM_RESTART_COUNT", "1", 1);
    const struct {
        const char *host, *boot, *job;
        int expected;
    } cases[] = {{host, boot, "", 0}, /* this pid, which began at another time */
                 {host, "another", "", 0},
                 {"elsewhere", boot, "", RP_EBUSY},
                 {"elsewhere", boot, "11", RP_EBUSY},
                 {"elsewhere", "another", "12", 0}};
    stage_open(&stage);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        leave_lock(&stage, cases[i].host, cases[i].boot, (unsigned long)getpid(), cases[i].job);
        const int code = open_one(&stage, &store, NULL);
        CU_ASSERT_EQUAL(code, cases[i].expected);
        if (code == 0) rp_store_close(store, RP_STORE_STOPPED, NULL, NULL);
    }
    unsetenv("SLURM_JOB_ID");
    unsetenv("SLURM_RESTART_COUNT");
    stage_close(&stage);
}

static void other_files_are_refused_and_left_as_they_are(void) {
    struct stage stage = {.tasks = 3};
    rp_store_summary summary;
    rp_store *store;
    rp_error error;
    stage_open(&stage);
    write_text(stage.path, "dear diary\n");
    CU_ASSERT_EQUAL(open_one(&stage, &store, &error), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_store_look(stage.path, &summary, NULL, NULL, &error), RP_EINVAL);
    char *text = stage_read(stage.path);
    CU_ASSERT_STRING_EQUAL(text, "dear diary\n");
    free(text);
    unlink(stage.path);
    change_database(stage.path, "CREATE TABLE meta (name, value)");
    CU_ASSERT_EQUAL(open_one(&stage, &store, &error), RP_EINVAL);
    unlink(stage.path);
    CU_ASSERT_EQUAL(rp_store_look(stage.path, &summary, NULL, NULL, &error), RP_ESYSTEM);
    make_store(&stage);
    static const char *const formats[] = {"UPDATE meta SET value = 3 WHERE name = 'format'",
                                          "UPDATE meta SET value = 1 WHERE name = 'format'"};
    for (int i = 0; i < 2; i++) {
        change_database(stage.path, formats[i]);
        CU_ASSERT_EQUAL(open_one(&stage, &store, &error), RP_EUNSUPPORTED);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.text, i ? "older" : "newer"));
        CU_ASSERT_EQUAL(rp_store_look(stage.path, &summary, NULL, NULL, &error), RP_EUNSUPPORTED);
    }
    stage_close(&stage);
}

static void an_output_that_is_shorter_than_committed_is_refused(void) {
    struct stage stage = {.tasks = 9, .window = 1};
    uint64_t random = 1;
    rp_store *store;
    rp_error error;
    stage_open(&stage);
    CU_ASSERT_EQUAL(stage_play(&stage, &random), 0);
    CU_ASSERT_EQUAL(truncate(stage.output, 5), 0);
    CU_ASSERT_EQUAL(open_one(&stage, &store, &error), RP_EMISMATCH);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "has 5 bytes"));
    stage_close(&stage);
}

static bool judge(void *context, const rp_result *result, char *text, size_t size) {
    if (result->begin % 2 == 0) return true;
    snprintf(text, size, "%d is odd", (int)result->begin);
    return false;
}

static void see_three(void *context, const rp_store_failure *failure) {
    static const char *const messages[] = {"1 is odd", "it died", "3 is odd"};
    unsigned *seen = context;
    CU_ASSERT_TRUE_FATAL(*seen < 3);
    CU_ASSERT_EQUAL(failure->how->cause, *seen == 1 ? RP_CAUSE_EXIT : RP_CAUSE_RESULT);
    CU_ASSERT_STRING_EQUAL(failure->message, messages[(*seen)++]);
}

/* Of four tasks the third fails, and the second and the fourth have results that count as failures. */
static void a_result_that_counts_as_a_failure_is_listed_and_computed_again(void) {
    struct stage stage = {.no_state = true};
    struct stage_state state;
    rp_store *store;
    rp_result result;
    size_t count;
    unsigned seen = 0;
    const rp_failure how = {.cause = RP_CAUSE_EXIT, .input = "two", .input_size = 3};
    stage_open(&stage);
    rp_store_options options = stage_options(&stage, &state);
    options.judge = judge;
    CU_ASSERT_EQUAL_FATAL(rp_store_open(&options, &store, NULL), 0);
    for (uint64_t task = 0; task < 4; task++) {
        const bool fails = task == 2;
        const rp_result put = {task, task + 1, fails ? RP_EDIED : 0, "it died", 7, fails ? &how : NULL};
        CU_ASSERT_EQUAL(rp_store_put(store, &put), 0);
    }
    CU_ASSERT_EQUAL(rp_store_close(store, RP_STORE_STOPPED, NULL, NULL), 0);
    rp_store_summary summary;
    CU_ASSERT_EQUAL(rp_store_look(stage.path, &summary, see_three, &seen, NULL), 0);
    CU_ASSERT_TRUE(seen == 3 && summary.tasks_failed == 3);
    CU_ASSERT_EQUAL_FATAL(rp_store_open(&options, &store, NULL), 0);
    CU_ASSERT_EQUAL(rp_store_failed(store), 1);
    for (uint64_t task = 0; task < 4; task++) {
        CU_ASSERT_EQUAL_FATAL(rp_store_next(store, false, &result), 0);
        CU_ASSERT_EQUAL(result.failure != NULL, task == 2);
        if (!result.failure) continue;
        CU_ASSERT_TRUE(result.failure->input_size == 3 && memcmp(result.failure->input, "two", 3) == 0);
    }
    CU_ASSERT_EQUAL(rp_store_close(store, RP_STORE_STOPPED, NULL, NULL), 0);
    options.retry_failed = true;
    CU_ASSERT_EQUAL_FATAL(rp_store_open(&options, &store, NULL), 0);
    const rp_span *done = rp_store_done(store, &count);
    CU_ASSERT_TRUE(count == 1 && done[0].begin == 0 && done[0].end == 1);
    rp_store_close(store, RP_STORE_STOPPED, NULL, NULL);
    stage_close(&stage);
}

static void see_failure(void *context, const rp_store_failure *failure) {
    unsigned *seen = context;
    CU_ASSERT_STRING_EQUAL(failure->message, "it died");
    CU_ASSERT_EQUAL(failure->begin, 4 * *seen + 3);
    CU_ASSERT_EQUAL(failure->how->cause, RP_CAUSE_SIGNAL);
    CU_ASSERT_EQUAL(failure->how->signal, 11);
    CU_ASSERT_EQUAL(failure->how->worker, 5);
    CU_ASSERT_STRING_EQUAL(failure->how->host, "node7");
    CU_ASSERT_TRUE(failure->time > 1e9);
    ++*seen;
}

static void whoever_looks_sees_the_same_while_a_run_is_on_and_after_it(void) {
    struct stage stage = {.tasks = 20, .failing = 4};
    rp_store_summary summary;
    rp_store *store;
    stage_open(&stage);
    make_store(&stage);
    for (int running = 0; running < 2; running++) {
        unsigned seen = 0;
        if (running) CU_ASSERT_EQUAL_FATAL(open_one(&stage, &store, NULL), 0);
        CU_ASSERT_EQUAL(rp_store_look(stage.path, &summary, see_failure, &seen, NULL), 0);
        CU_ASSERT_EQUAL(seen, 5);
        CU_ASSERT_EQUAL(summary.running, running);
        CU_ASSERT_FALSE(summary.done);
        CU_ASSERT_EQUAL(summary.tasks_done, 20);
        CU_ASSERT_EQUAL(summary.tasks_failed, 5);
        CU_ASSERT_EQUAL(summary.runs, 1u + (unsigned)running);
        CU_ASSERT_STRING_EQUAL(summary.job, "stage");
        CU_ASSERT_STRING_EQUAL(summary.words, "job=stage stop=1e6");
    }
    rp_store_close(store, RP_STORE_DONE, NULL, NULL);
    CU_ASSERT_EQUAL(rp_store_look(stage.path, &summary, NULL, NULL, NULL), 0);
    CU_ASSERT_TRUE(summary.done && !summary.running);
    stage_close(&stage);
}

/* More than memory may hold, the last task first: what waits goes to the file and comes back in order. */
static void results_that_wait_for_long_wait_in_the_file(void) {
    enum { SIZE = 1 << 20, COUNT = 160 };
    struct stage stage = {.tasks = COUNT, .result_size = SIZE};
    rp_result result;
    rp_store *store;
    stage_open(&stage);
    CU_ASSERT_EQUAL_FATAL(open_one(&stage, &store, NULL), 0);
    for (uint64_t task = COUNT; task-- > 0;) {
        CU_ASSERT_EQUAL(rp_store_next(store, false, &result), RP_EEMPTY);
        CU_ASSERT_EQUAL(stage_put(&stage, store, task), 0);
        CU_ASSERT_EQUAL(rp_store_tick(store, NULL, 0, 0), 0);
    }
    CU_ASSERT_TRUE(store->memory < 130u << 20);
    for (uint64_t task = 0; task < COUNT; task++) {
        CU_ASSERT_EQUAL_FATAL(rp_store_next(store, false, &result), 0);
        CU_ASSERT_EQUAL(result.begin, task);
        const uint64_t value = stage_value(task);
        CU_ASSERT_EQUAL(memcmp(result.data, &value, sizeof value), 0);
    }
    CU_ASSERT_EQUAL(rp_store_next(store, true, &result), RP_EEMPTY);
    CU_ASSERT_EQUAL(rp_store_close(store, RP_STORE_DONE, NULL, NULL), 0);
    stage_close(&stage);
}

/* A child puts results one by one, ticks as the program does, and is gone without a word. */
static uint64_t done_after_a_crash(bool eager) {
    struct stage stage = {.tasks = 5};
    struct stage_state state = {0};
    rp_store_options options = stage_options(&stage, &state);
    rp_store_summary summary = {0};
    stage_open(&stage);
    options.eager = eager;
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        rp_store *store;
        if (rp_store_open(&options, &store, NULL)) _exit(1);
        for (uint64_t task = 0; task < stage.tasks; task++) {
            if (stage_put(&stage, store, task) || rp_store_tick(store, NULL, 0, 0)) _exit(1);
            if (store->batch_out && rp__writer_wait(&store->writer, NULL)) _exit(1);
        }
        _exit(0);
    }
    int status = 1;
    waitpid(child, &status, 0);
    CU_ASSERT_EQUAL(status, 0);
    CU_ASSERT_EQUAL(rp_store_look(stage.path, &summary, NULL, NULL, NULL), 0);
    stage_close(&stage);
    return summary.tasks_done;
}

static void an_eager_store_has_each_result_as_soon_as_it_is_written(void) {
    CU_ASSERT_EQUAL(done_after_a_crash(true), 5);
    CU_ASSERT_EQUAL(done_after_a_crash(false), 0); /* the second is not over: what the first row shows is eagerness */
}

/* Clocks are set back, and hosts differ: times that lie ahead are shown and decide nothing. */
static void a_store_from_the_future_is_as_good_as_any(void) {
    const double future = 4102444800; /* in 2100 */
    struct stage stage = {.tasks = 20, .failing = 4, .window = 1};
    rp_store_summary summary;
    uint64_t random = 1;
    stage_open(&stage);
    make_store(&stage);
    change_database(stage.path, "UPDATE meta SET value = 4102444800.0 WHERE name = 'updated';"
                                "UPDATE failure SET time = 4102444800.0");
    char status[PATH_MAX + 16];
    snprintf(status, sizeof status, "%s.status", stage.path);
    const struct timespec times[2] = {{.tv_sec = (time_t)future}, {.tv_sec = (time_t)future}};
    CU_ASSERT_EQUAL(utimensat(AT_FDCWD, stage.path, times, 0), 0);
    CU_ASSERT_EQUAL(utimensat(AT_FDCWD, status, times, 0), 0);
    CU_ASSERT_EQUAL(rp_store_look(stage.path, &summary, NULL, NULL, NULL), 0);
    CU_ASSERT_EQUAL(summary.updated, future);
    CU_ASSERT_EQUAL(summary.tasks_done, 20);
    stage.retry = true;
    stage.failing = 0;
    CU_ASSERT_EQUAL(stage_play(&stage, &random), 0);
    stage_check_output(&stage);
    CU_ASSERT_EQUAL(rp_store_look(stage.path, &summary, NULL, NULL, NULL), 0);
    CU_ASSERT_TRUE(summary.done && summary.updated < future);
    stage_close(&stage);
}

int main(void) {
    static const struct unit_test tests[] = {UNIT(a_store_of_other_words_is_refused_and_the_word_is_named),
                                             UNIT(a_store_in_use_is_refused_until_it_is_stolen),
                                             UNIT(a_lock_is_stale_when_its_process_is_surely_gone),
                                             UNIT(other_files_are_refused_and_left_as_they_are),
                                             UNIT(an_output_that_is_shorter_than_committed_is_refused),
                                             UNIT(a_result_that_counts_as_a_failure_is_listed_and_computed_again),
                                             UNIT(whoever_looks_sees_the_same_while_a_run_is_on_and_after_it),
                                             UNIT(results_that_wait_for_long_wait_in_the_file),
                                             UNIT(an_eager_store_has_each_result_as_soon_as_it_is_written),
                                             UNIT(a_store_from_the_future_is_as_good_as_any),
                                             {NULL, NULL}};
    return unit_run("store_open", tests);
}
