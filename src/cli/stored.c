/* The store of a run: what it is called there, how it opens, and what is said of it at the end. The words of a store are
 * what the results depend on: the job, its arguments as they were typed, its own options. (That output goes to a file, and
 * that results are due as they come, the store itself compares.) How many ranks and workers compute it, and in which chunks,
 * may differ each time. */
#include "stored.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int stored_check(rp_job_run *run) {
    const char *name = run->job->name;
    if (run->each_worker || !run->job->kernel)
        return rp_job_fail(
            run, "%s looks at the workers that are there now, which no store can keep: leave out --store", name);
    if (run->map.grows)
        return rp_job_fail(run, "the tasks of %s add tasks, which no store can keep: leave out --store", name);
    return 0;
}

static int say(int rc, const rp_error *error) {
    fprintf(stderr, "rankpool: %s\n", error->text[0] ? error->text : rp_strerror(rc));
    return rc == RP_EMISMATCH || rc == RP_EINVAL ? EXIT_USAGE : EXIT_ENVIRONMENT;
}

/* ---- Opening ------------------------------------------------------------------------------------------- */

/* "arg1", "--twins": the longest name of an option is a word of our own. */
enum { NAME_SIZE = 40 };

struct words {
    rp_store_word *word;
    char (*name)[NAME_SIZE];
    size_t count;
};

static void add_word(struct words *words, const char *name, const char *value) {
    words->word[words->count++] = (rp_store_word){.name = name, .value = value};
}

/* Options in the order of the job's table, whatever the order in which they were given. */
static bool make_words(struct words *words, const struct options *options, const rp_job_run *run) {
    const rp_job_option *own = run->job->options;
    size_t own_count = 0;
    while (own && own[own_count].name) own_count++;
    size_t names = (size_t)options->argc + own_count;
    *words = (struct words){.word = calloc(names + 1, sizeof *words->word), .name = calloc(names + 1, NAME_SIZE)};
    if (!words->word || !words->name) return false;
    add_word(words, "job", run->job->name);
    for (int i = 0; i < options->argc; i++) {
        snprintf(words->name[i], NAME_SIZE, "arg%d", i + 1);
        add_word(words, words->name[i], options->argv[i]);
    }
    for (size_t i = 0; i < own_count; i++) {
        char *name = words->name[(size_t)options->argc + i];
        const char *value = rp_job_option_value(run, own[i].name);
        snprintf(name, NAME_SIZE, "--%s", own[i].name);
        if (value) add_word(words, name, own[i].value ? value : "given");
    }
    return true;
}

/* A job that only prints has an empty state. */
static int save(void *context, FILE *to) {
    const rp_job_run *run = context;
    return run->job->save ? run->job->save(run, to) : 0;
}

static bool judge(void *context, const rp_result *result, char *text, size_t size) {
    const rp_job_run *run = context;
    return run->job->judge(run, result, text, size);
}

static int load(struct stored *stored, rp_job_run *run) {
    size_t size;
    const void *state = rp_store_state(stored->store, &size);
    if (!state || !run->job->load) return 0;
    int rc = run->job->load(run, state, size);
    if (rc == RP_EPROTOCOL)
        fprintf(stderr, "rankpool: %s holds a state that this version of %s cannot read: give another --store\n",
                stored->path, run->job->name);
    else if (rc)
        fprintf(stderr, "rankpool: %s\n", rp_strerror(rc));
    return rc == RP_EPROTOCOL ? EXIT_USAGE : rc ? EXIT_ENVIRONMENT : 0;
}

/* What is told of the store before it is opened, of which nothing may be shown before that has succeeded. */
struct earlier {
    rp_store_summary summary;
    uint64_t failed;
    int ranks;
    FILE *out;
    char *text;
    size_t size;
};

static void note_failure(void *context, const rp_store_failure *failure) {
    struct earlier *earlier = context;
    if (failure->how->cause == RP_CAUSE_RESULT) return; /* the job says so itself, when it has its result again */
    failure_show(earlier->out, &earlier->failed,
                 &(struct failed_tasks){.begin = failure->begin,
                                        .end = failure->end,
                                        .message = failure->message,
                                        .size = strlen(failure->message),
                                        .how = failure->how,
                                        .ranks = earlier->ranks});
}

/* All zero where there is no store yet. */
static bool look(struct earlier *earlier, const char *path, int ranks) {
    rp_error error;
    *earlier = (struct earlier){.ranks = ranks};
    earlier->out = open_memstream(&earlier->text, &earlier->size);
    if (!earlier->out) return false;
    if (rp_store_look(path, &earlier->summary, note_failure, earlier, &error)) /* which opening it will tell */
        earlier->summary = (rp_store_summary){.done = false};
    return fclose(earlier->out) == 0;
}

/* What must not run twice is worth a commit of its own. */
static bool is_eager(const rp_job_run *run) { return run->job->kernel->flags & RP_ONCE; }

static int open_store(struct stored *stored, const struct options *options, rp_job_run *run, rp_error *error) {
    struct words words;
    int rc = make_words(&words, options, run) ? 0 : RP_ENOMEM;
    rp_store_options open = {
        .path = options->store,
        .words = words.word,
        .word_count = words.count,
        .output = options->output,
        .unordered = (options->unordered || run->unordered) && !run->ordered,
        .steal = options->steal,
        .retry_failed = options->retry_failed,
        .eager = is_eager(run),
        .save = run->job->save || !run->job->collect ? save : NULL,
        .judge = run->job->judge ? judge : NULL,
        .context = run,
    };
    if (!rc) rc = rp_store_open(&open, &stored->store, error);
    free(words.word);
    free(words.name);
    return rc;
}

int stored_open(struct stored *stored, const struct options *options, rp_job_run *run, int ranks) {
    rp_error error = {0};
    struct earlier earlier;
    *stored = (struct stored){.path = options->store};
    int rc = look(&earlier, options->store, ranks) ? open_store(stored, options, run, &error) : RP_ENOMEM;
    const bool closed = rc == RP_EOUTPUT && !options->output && errno == EPIPE;
    if (!rc && !options->retry_failed) fwrite(earlier.text, 1, earlier.size, stderr);
    free(earlier.text);
    if (closed) {
        stored_say_left(stored, OUTPUT_CLOSED);
        return EXIT_STOPPED;
    }
    if (rc) return say(rc, &error);
    const rp_store_summary *summary = &earlier.summary;
    stored->eager = is_eager(run);
    stored->seconds = summary->seconds;
    stored->tasks = summary->tasks_known;
    stored->failed = rp_store_failed(stored->store);
    stored->done = rp_store_finished(stored->store);
    run->out = rp_store_output(stored->store);
    run->map.skip = rp_store_done(stored->store, &run->map.skip_count);
    run->map.inputs = rp_store_inputs(stored->store, &run->map.inputs_digest);
    for (size_t i = 0; i < run->map.skip_count; i++) stored->before += run->map.skip[i].end - run->map.skip[i].begin;
    stored->inputs = run->map.inputs;
    stored->digest = run->map.inputs_digest;
    return load(stored, run);
}

/* ---- While it runs, and its end ------------------------------------------------------------------------ */

int stored_inputs(struct stored *stored, rp_map *map) {
    uint64_t digest;
    if (!stored->inputs) return 0;
    const uint64_t count = rp_map_inputs(map, &digest);
    if (count < stored->inputs) return RP_ETIMEDOUT;
    if (count == stored->inputs && digest != stored->digest) return RP_EMISMATCH;
    stored->inputs = 0;
    return 0;
}

int stored_tick(struct stored *stored, rp_map *map, const rp_map_stats *stats) {
    uint64_t digest = 0;
    if (stored->inputs) return 0;
    const uint64_t inputs = rp_map_inputs(map, &digest);
    return rp_store_tick(stored->store, stats, inputs, digest);
}

int stored_close(struct stored *stored, rp_job_run *run, enum rp_store_end end, const rp_map_stats *stats) {
    rp_error error = {0};
    int rc = rp_store_close(stored->store, end, stats, &error);
    stored->store = NULL;
    run->out = NULL;
    if (rc) say(rc, &error);
    return rc ? EXIT_ENVIRONMENT : 0;
}

void stored_say_left(const struct stored *stored, const char *why) {
    rp_store_summary summary;
    rp_error error;
    fprintf(stderr, "rankpool: %s", why);
    if (rp_store_look(stored->path, &summary, NULL, NULL, &error) == 0)
        fprintf(stderr, ": %llu of %llu%s tasks are done", (unsigned long long)summary.tasks_done,
                (unsigned long long)summary.tasks_known, summary.tasks_final ? "" : " or more");
    fputs("; to go on:", stderr);
    char *word = NULL;
    size_t capacity = 0;
    FILE *words = fopen("/proc/self/cmdline", "r"); /* all of them, as they were given */
    while (words && getdelim(&word, &capacity, 0, words) > 0) {
        fputc(' ', stderr);
        print_for_shell(stderr, word);
    }
    if (words) fclose(words);
    free(word);
    fputc('\n', stderr);
}
