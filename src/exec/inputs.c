/* Sources in groups: the sources of a group are linked and step together, the groups are combined as the wheels of a
 * counter are, the last one fastest. Only where each wheel stands is held: the value of every source. The first group
 * is read once, the others once for every step of the one before. */
#include "exec/inputs.h"

#include "exec/lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct source {
    bool linked; /* to the source before */
    bool ended;  /* once, and has begun again */
    bool is_file;
    const char *const *word; /* [count] of no file */
    size_t count, at;
    struct exec_lines lines;
    const char *value; /* where it stands */
    size_t size;
};

struct exec_inputs {
    struct exec_inputs_options options;
    struct source *source; /* [sources] */
    size_t sources, capacity;
    bool started, ended;
    rp_error failed; /* at its header */
};

static int wrong(rp_error *error, int code, const char *text, const char *what) {
    *error = (rp_error){.code = code};
    snprintf(error->text, sizeof error->text, text, what);
    return code;
}

/* ---- Sources ------------------------------------------------------------------------------------------- */

bool exec_inputs_begin(const char *word) {
    return !strcmp(word, ":::") || !strcmp(word, ":::+") || !strcmp(word, "::::") || !strcmp(word, "::::+");
}

static struct source *add_source(struct exec_inputs *inputs, bool linked) {
    if (inputs->sources == inputs->capacity) {
        size_t capacity = inputs->capacity ? 2 * inputs->capacity : 8;
        struct source *grown = realloc(inputs->source, capacity * sizeof *grown);
        if (!grown) return NULL;
        inputs->source = grown;
        inputs->capacity = capacity;
    }
    struct source *source = &inputs->source[inputs->sources];
    *source = (struct source){.linked = (linked || inputs->options.link) && inputs->sources > 0};
    inputs->sources++;
    return source;
}

static bool is_stdin(const char *file) { return !strcmp(file, "-"); }

static int add_file(struct exec_inputs *inputs, bool linked, const char *file, rp_error *error) {
    for (size_t i = 0; is_stdin(file) && i < inputs->sources; i++)
        if (inputs->source[i].is_file && !inputs->source[i].lines.file)
            return wrong(error, RP_EUSAGE, "%s: standard input can be one source only, and was given twice", "-");
    struct source *source = add_source(inputs, linked);
    if (!source) return RP_ENOMEM;
    source->is_file = true;
    source->lines = (struct exec_lines){.file = is_stdin(file) ? NULL : file, .end = inputs->options.null ? 0 : '\n'};
    return 0;
}

/* What follows one of ::: :::+ :::: ::::+, up to the next. */
static int add_words(struct exec_inputs *inputs, const char *kind, const char *const *word, size_t count,
                     rp_error *error) {
    bool linked = kind[strlen(kind) - 1] == '+', files = !strncmp(kind, "::::", 4);
    int rc = 0;
    if (files && !count) return wrong(error, RP_EUSAGE, "%s needs a file after it, or - for standard input", kind);
    if (files) {
        for (size_t i = 0; i < count && !rc; i++) rc = add_file(inputs, linked, word[i], error);
        return rc;
    }
    for (size_t i = 0; i < count; i++)
        if (strlen(word[i]) > EXEC_VALUE_MAX)
            return wrong(error, RP_EUSAGE, "a value after %s is longer than Linux passes on in one argument", kind);
    struct source *source = add_source(inputs, linked);
    if (!source) return RP_ENOMEM;
    source->word = word;
    source->count = count;
    return 0;
}

static int add_sources(struct exec_inputs *inputs, const char *const *words, size_t count, rp_error *error) {
    const struct exec_inputs_options *options = &inputs->options;
    int rc = options->commands ? add_file(inputs, false, options->commands, error) : 0;
    for (size_t i = 0; i < options->file_count && !rc; i++) rc = add_file(inputs, false, options->files[i], error);
    for (size_t i = 0, end; i < count && !rc; i = end) {
        for (end = i + 1; end < count && !exec_inputs_begin(words[end]); end++) continue;
        rc = add_words(inputs, words[i], words + i + 1, end - i - 1, error);
    }
    if (!rc && !inputs->sources) rc = add_file(inputs, false, "-", error);
    if (!rc && options->commands && inputs->sources > 1)
        return wrong(error, RP_EUSAGE, "--commands %.100s has whole commands, and inputs were given too; give one",
                     options->commands);
    if (!rc && options->arguments > 1 && inputs->sources > 1)
        return wrong(error, RP_EUSAGE, "%s takes its values from one source, and several were given; give one", "-N");
    return rc;
}

/* A group whose members are read again when any of them is in a later group than the first. */
static void mark_groups(struct exec_inputs *inputs) {
    bool again = false;
    for (size_t i = 0; i < inputs->sources; i++) {
        again = again || (i > 0 && !inputs->source[i].linked);
        inputs->source[i].lines.again = again || (inputs->options.link && inputs->sources > 1);
    }
}

int exec_inputs_open(struct exec_inputs **inputs, const struct exec_inputs_options *options, const char *const *words,
                     size_t count, rp_error *error) {
    struct exec_inputs *new = calloc(1, sizeof *new);
    *error = (rp_error){0};
    if (!new) return wrong(error, RP_ENOMEM, "%s", rp_strerror(RP_ENOMEM));
    new->options = *options;
    int rc = add_sources(new, words, count, error);
    if (rc) {
        exec_inputs_free(new);
        return rc == RP_ENOMEM ? wrong(error, rc, "%s", rp_strerror(rc)) : rc;
    }
    mark_groups(new);
    *inputs = new;
    return 0;
}

void exec_inputs_free(struct exec_inputs *inputs) {
    if (!inputs) return;
    for (size_t i = 0; i < inputs->sources; i++) exec_lines_close(&inputs->source[i].lines);
    free(inputs->source);
    free(inputs);
}

bool exec_inputs_terminal(const struct exec_inputs *inputs) {
    for (size_t i = 0; i < inputs->sources; i++)
        if (inputs->source[i].is_file && !inputs->source[i].lines.file) return isatty(STDIN_FILENO);
    return false;
}

/* ---- Stepping ------------------------------------------------------------------------------------------ */

static int step_source(struct source *source, rp_error *error) {
    char *line;
    if (source->is_file) {
        int rc = exec_lines_next(&source->lines, &line, &source->size, error);
        source->value = rc == 1 ? line : NULL;
        return rc;
    }
    if (source->at == source->count) return 0;
    source->value = source->word[source->at++];
    source->size = strlen(source->value);
    return 1;
}

static int rewind_source(const struct exec_inputs *inputs, struct source *source, rp_error *error) {
    source->at = 0;
    int rc = source->is_file ? exec_lines_rewind(&source->lines, error) : 0;
    if (!rc && inputs->options.header) rc = step_source(source, error);
    return rc < 0 ? rc : 0;
}

/* With --link: one that has no more begins again, until that is so of all. */
static int step_linked(struct exec_inputs *inputs, rp_error *error) {
    bool all_ended = true;
    int rc = 1;
    for (size_t i = 0; i < inputs->sources && rc == 1; i++) {
        struct source *source = &inputs->source[i];
        rc = step_source(source, error);
        if (rc == 0) {
            source->ended = true;
            rc = rewind_source(inputs, source, error);
            if (rc == 0) rc = step_source(source, error);
        }
        all_ended = all_ended && source->ended;
    }
    return rc == 1 && all_ended ? 0 : rc;
}

/* The sources of a group, from the first of them on: 1; 0: one of them has no more; or a code. */
static int step_group(struct exec_inputs *inputs, size_t begin, rp_error *error) {
    int rc = step_source(&inputs->source[begin], error);
    for (size_t i = begin + 1; rc == 1 && i < inputs->sources && inputs->source[i].linked; i++)
        rc = step_source(&inputs->source[i], error);
    return rc;
}

static int rewind_group(struct exec_inputs *inputs, size_t begin, rp_error *error) {
    int rc = rewind_source(inputs, &inputs->source[begin], error);
    for (size_t i = begin + 1; rc == 0 && i < inputs->sources && inputs->source[i].linked; i++)
        rc = rewind_source(inputs, &inputs->source[i], error);
    return rc;
}

/* The first step moves every group to its first values: where one has none, there is no set at all. */
static int start(struct exec_inputs *inputs, rp_error *error) {
    inputs->started = true;
    int rc = 1;
    for (size_t i = 0; i < inputs->sources && rc == 1; i++)
        if (!inputs->source[i].linked) rc = step_group(inputs, i, error);
    return rc;
}

static int step(struct exec_inputs *inputs, rp_error *error) {
    if (inputs->options.link) return step_linked(inputs, error);
    if (!inputs->started) return start(inputs, error);
    for (size_t end = inputs->sources; end > 0;) {
        size_t begin = end - 1;
        while (inputs->source[begin].linked) begin--;
        int rc = step_group(inputs, begin, error);
        if (rc < 0 || (rc == 0 && begin == 0)) return rc;
        if (rc == 0) {
            rc = rewind_group(inputs, begin, error);
            if (rc == 0) rc = step_group(inputs, begin, error);
            if (rc != 1) return rc;
            end = begin;
            continue;
        }
        return 1;
    }
    return 0;
}

/* ---- Sets ---------------------------------------------------------------------------------------------- */

static bool is_blank(char c) { return c && strchr(" \t\n\v\f\r", c); }

static void add_trimmed(struct exec_bytes *set, const char *value, size_t size,
                        const struct exec_inputs_options *options) {
    for (; options->trim_left && size && is_blank(*value); size--) value++;
    while (options->trim_right && size && is_blank(value[size - 1])) size--;
    exec_bytes_add(set, value, size);
    exec_bytes_add(set, "", 1);
}

static void add_value(struct exec_bytes *set, const char *value, size_t size,
                      const struct exec_inputs_options *options) {
    const char *column = options->column, *cut;
    while (column && (cut = strstr(value, column))) {
        add_trimmed(set, value, (size_t)(cut - value), options);
        size -= (size_t)(cut - value) + strlen(column);
        value = cut + strlen(column);
    }
    add_trimmed(set, value, size, options);
}

static void add_values(const struct exec_inputs *inputs, struct exec_bytes *set) {
    for (size_t i = 0; i < inputs->sources; i++)
        add_value(set, inputs->source[i].value, inputs->source[i].size, &inputs->options);
}

void exec_inputs_header(struct exec_inputs *inputs, struct exec_bytes *names) {
    int rc = 1;
    for (size_t i = 0; i < inputs->sources && rc == 1; i++) rc = step_source(&inputs->source[i], &inputs->failed);
    if (rc == RP_ENOMEM) wrong(&inputs->failed, rc, "%s", rp_strerror(rc));
    if (rc == 1) add_values(inputs, names);
    inputs->ended = rc == 0;
}

/* A line of --commands that is none, or nothing but blanks where those are no input. */
static bool is_skipped(const struct exec_inputs *inputs) {
    const char *value = inputs->source[0].value;
    if (inputs->options.no_blank) {
        size_t blank = 0;
        for (size_t i = 0; i < inputs->sources; i++) {
            const char *text = inputs->source[i].value;
            blank += !text[strspn(text, " \t\n\v\f\r")];
        }
        if (blank == inputs->sources) return true;
    }
    if (!inputs->options.commands) return false;
    value += strspn(value, " \t");
    return !*value || *value == '#';
}

int exec_inputs_next(struct exec_inputs *inputs, struct exec_bytes *set, rp_error *error) {
    uint64_t want = inputs->options.arguments ? inputs->options.arguments : 1, have = 0;
    set->size = 0;
    if (inputs->failed.code) {
        *error = inputs->failed;
        return error->code;
    }
    while (have < want && !inputs->ended) {
        int rc = step(inputs, error);
        inputs->ended = rc != 1;
        if (rc == RP_ENOMEM) return wrong(error, rc, "%s", rp_strerror(rc));
        if (rc < 0) return rc;
        if (rc == 0 || is_skipped(inputs)) continue;
        add_values(inputs, set);
        have++;
    }
    if (set->failed) return wrong(error, RP_ENOMEM, "%s", rp_strerror(RP_ENOMEM));
    return have > 0;
}
