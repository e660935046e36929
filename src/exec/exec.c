/* rankpool exec COMMAND ::: VALUES: a command for every set of inputs, on the pool. A task is one command; its input are
 * the values, and the argument bytes of the map hold the template, so nothing but values travels with a task. Inputs are
 * read while commands run: the first starts at once, and a list without an end needs no more memory than a short one. */
#include "exec/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- Plan ---------------------------------------------------------------------------------------------- */

/* \t is a tab, the rest is as it stands. Given: free. */
static char *read_tabs(const char *text) {
    char *column = strdup(text), *to = column;
    for (const char *from = text; column && *from; from++) {
        bool tab = from[0] == '\\' && from[1] == 't';
        *to++ = tab ? '\t' : *from;
        from += tab;
    }
    if (column) *to = 0;
    return column;
}

static int read_arguments(rp_job_run *run, uint64_t *arguments) {
    const char *value = rp_job_option_value(run, "N");
    if (value && (rp_read_uint64(value, arguments, NULL) || *arguments < 1 || *arguments > 100000))
        return rp_job_fail(run, "-N \"%.60s\" is not valid: expected a number from 1 to 100000", value);
    return 0;
}

/* Columns are trimmed unless somebody says otherwise. */
static int read_trim(rp_job_run *run, struct exec_inputs_options *options) {
    static const char *const words[] = {"n", "l", "r", "lr", "rl"};
    const char *value = rp_job_option_value(run, "trim");
    if (!value) value = options->column ? "lr" : "n";
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(value, words[i])) continue;
        options->trim_left = strchr(value, 'l') != NULL;
        options->trim_right = strchr(value, 'r') != NULL;
        return 0;
    }
    return rp_job_fail(run, "--trim \"%.60s\" is not valid: expected l, r or lr, the sides to trim, or n", value);
}

/* The files of -a, in the order given. Given: free. */
static const char **read_files(const rp_job_run *run, size_t *count) {
    size_t options = 0;
    while (run->given && run->given[options].name) options++;
    const char **files = calloc(options + 1, sizeof *files);
    for (size_t i = 0; files && i < options; i++)
        if (!strcmp(run->given[i].name, "a")) files[(*count)++] = run->given[i].value;
    return files;
}

static int open_inputs(rp_job_run *run, struct exec *exec, int argc, const char *const *argv) {
    struct exec_inputs_options options = {.commands = rp_job_option_value(run, "commands"),
                                          .null = rp_job_option_value(run, "0") != NULL,
                                          .link = rp_job_option_value(run, "link") != NULL,
                                          .header = rp_job_option_value(run, "header") != NULL,
                                          .no_blank = exec->options.none_is_fine};
    const char *column = rp_job_option_value(run, "colsep");
    rp_error error = {0};
    if (column && !*column) return rp_job_fail(run, "--colsep is empty; expected what stands between two columns");
    options.files = exec->files = read_files(run, &options.file_count);
    options.column = exec->column = column ? read_tabs(column) : NULL;
    if (!exec->files || (column && !exec->column)) return rp_job_fail(run, "out of memory");
    if (read_arguments(run, &options.arguments) || read_trim(run, &options)) return RP_EUSAGE;
    int rc = exec_inputs_open(&exec->inputs, &options, argv, (size_t)argc, &error);
    if (rc) return rp_job_fail(run, "%s", error.text);
    if (options.header) exec_inputs_header(exec->inputs, &exec->names);
    return exec->names.failed ? rp_job_fail(run, "out of memory") : 0;
}

/* The command and the tag. */
static int parse_templates(rp_job_run *run, struct exec *exec, const char *const *words, size_t count) {
    struct exec_style style = {.shell = exec->options.shell,
                               .quote = exec->options.quote,
                               .plus = exec->options.plus,
                               .mark = exec->options.mark,
                               .names = exec->names.data,
                               .names_size = exec->names.size};
    rp_error error = {0};
    int rc = exec_template_parse(&exec->template, words, count, &style, &error);
    if (rc) return rp_job_fail(run, "%s", error.text);
    if (!exec->options.tag) return 0;
    char *tag = read_tabs(exec->options.tag);
    if (!tag) return rp_job_fail(run, "out of memory");
    style.shell = false;
    style.text = true;
    rc = exec_template_parse(&exec->tag, (const char *const[]){tag}, 1, &style, &error);
    free(tag);
    return rc ? rp_job_fail(run, "%s", error.text) : 0;
}

/* What is started once has no input yet. */
static int check_served(rp_job_run *run, const struct exec *exec, int words) {
    if (!exec->options.serve) return 0;
    if (!words) return rp_job_fail(run, "--serve needs a command, which reads a line for each input; none was given");
    if (!exec_template_replaces(exec->template)) return 0;
    return rp_job_fail(run, "--serve starts the command once and then writes inputs to it, so it has no {}; give it "
                            "without replacement strings");
}

static int plan_parts(rp_job_run *run, struct exec *exec, int argc, const char *const argv[]) {
    const char *commands = rp_job_option_value(run, "commands");
    int words = 0;
    while (words < argc && !exec_inputs_begin(argv[words])) words++;
    if (commands && words)
        return rp_job_fail(run,
                           "--commands %.60s has whole commands, and the command \"%.60s\" was given too; give one",
                           commands, argv[0]);
    if (exec_options_read(run, &exec->options)) return RP_EUSAGE;
    int rc = open_inputs(run, exec, argc - words, argv + words);
    if (!rc) rc = parse_templates(run, exec, argv, (size_t)words);
    if (!rc) rc = check_served(run, exec, words);
    if (rc) return rc;
    if (exec_told_pack(exec, &exec->args)) return rp_job_fail(run, "out of memory");
    return exec_collect_begin(run, exec);
}

static void free_exec(struct exec *exec) {
    exec_collect_free(exec->output);
    exec_inputs_free(exec->inputs);
    exec_template_free(exec->template);
    exec_template_free(exec->tag);
    exec_bytes_free(&exec->args);
    exec_bytes_free(&exec->set);
    exec_bytes_free(&exec->names);
    free((void *)exec->options.env);
    free((void *)exec->files);
    free(exec->column);
    free(exec);
}

static int plan(rp_job_run *run, int argc, const char *const argv[]) {
    struct exec *exec = calloc(1, sizeof *exec);
    if (!exec) return rp_job_fail(run, "out of memory");
    run->state = exec;
    int rc = plan_parts(run, exec, argc, argv);
    if (rc) {
        free_exec(exec);
        return rc;
    }
    run->map.count = RP_FED;
    run->map.args = exec->args.data;
    run->map.args_size = exec->args.size;
    run->unordered = true; /* -k concerns what is printed, not what is logged and counted */
    if (exec->options.retries > 1 && !exec->options.serve) {
        run->map.grows = true;
        run->map.retries = exec->options.retries - 1; /* of a worker that dies with the command */
    }
    run->crew = exec->options.jobs;
    run->siblings = exec->options.jobs_per_worker;
    run->settles = exec->options.serve;
    run->map.schedule = (rp_schedule){.kind = RP_DYNAMIC, .chunk = 1}; /* each is answered when it ends */
    return 0;
}

static void release(rp_job_run *run) { free_exec(run->state); }

int exec_fill(const struct exec *exec, uint64_t seq, uint32_t slot, const char *data, size_t size,
              struct exec_bytes *tag, struct exec_command *command) {
    size_t count;
    const char **value = exec_values_list(data, size, &count);
    if (!value) return RP_ENOMEM;
    const struct exec_values values = {.seq = seq, .slot = slot, .count = count, .value = value};
    if (tag && exec->tag) {
        tag->size = 0;
        exec_template_tag(exec->tag, &values, tag);
    }
    int rc = tag && tag->failed ? RP_ENOMEM : exec_template_fill(exec->template, &values, command);
    free((void *)value);
    return rc;
}

/* ---- Feed ---------------------------------------------------------------------------------------------- */

/* What is done with each set of values; `seq` counts from 1. */
typedef int take_set(void *self, uint64_t seq, const struct exec_bytes *set);

/* 0, rp_job_fail(), or what `take` returned. */
static int each_set(rp_job_run *run, take_set *take, void *self) {
    struct exec *exec = run->state;
    rp_error error = {0};
    uint64_t seq = 0;
    int rc;
    if (exec_inputs_terminal(exec->inputs))
        fputs("rankpool: inputs are read from the terminal, a line each; Ctrl-D ends them\n", stderr);
    while ((rc = exec_inputs_next(exec->inputs, &exec->set, &error)) == 1) {
        rc = take(self, ++seq, &exec->set);
        if (rc) return rc;
    }
    if (rc) return rp_job_fail(run, "%s", error.text);
    return seq || exec->options.none_is_fine
               ? 0
               : rp_job_fail(run, "no input: give values after :::, a file after ::::, or lines on standard input");
}

struct feeding {
    rp_job_run *run;
    rp_map *map;
};

static int put(void *self, uint64_t seq, const struct exec_bytes *set) {
    struct feeding *feeding = self;
    return exec_put(feeding->run, feeding->map, seq, set);
}

static int feed(rp_job_run *run, rp_map *map) {
    int rc = exec_output_open(run, run->state);
    if (!rc) rc = each_set(run, put, &(struct feeding){run, map});
    if (rc == RP_ECLOSED) return 0; /* the map was stopped: that is for others to report */
    return rc == RP_ENOMEM ? rp_job_fail(run, "out of memory while reading inputs") : rc;
}

/* ---- Dry run ------------------------------------------------------------------------------------------- */

static int print_command(void *self, uint64_t seq, const struct exec_bytes *set) {
    rp_job_run *run = self;
    const struct exec *exec = run->state;
    struct exec_bytes tag = {0};
    struct exec_command command;
    int rc = exec_fill(exec, seq, 1, set->data, set->size, &tag, &command);
    if (!rc) {
        if (!exec_show_command(run->out, exec->tag ? &tag : NULL, command.text)) rc = RP_EOUTPUT;
        exec_command_free(&command);
    }
    exec_bytes_free(&tag);
    return rc;
}

int exec_print_commands(rp_job_run *run) { return each_set(run, print_command, run); }

/* ---- The job ------------------------------------------------------------------------------------------- */

const rp_job exec_job = {
    .name = "exec",
    .arguments = "[OPTIONS] COMMAND [::: VALUES | :::: FILE]...",
    .summary = "run a command for each input, as GNU parallel does",
    .details =
        "  rankpool exec ./sim --seed {} ::: 1 2 3          several ::: are combined, :::+ is linked to the one "
        "before\n"
        "  rankpool exec gzip -9 {} :::: FILE               :::: reads lines; without any, standard input does\n"
        "  rankpool exec 'grep x {} | wc -l' ::: *.txt      one word with blanks or shell characters is for /bin/sh\n"
        "  rankpool exec --commands FILE                    a line, a command\n"
        "\n"
        "{} the input, {.} without its ending, {/} the file's name, {//} its folder, {/.} name without ending,\n"
        "{#} the number from 1, {%} the job slot, {1} {2} {-1} {1.} ... one of several inputs. Without any, the\n"
        "input is the last word. No input is ever read as a shell's text. Options come before the command.\n"
        "\n"
        "  rankpool exec --serve python3 -u square.py ::: 1 2 3\n"
        "starts the program once a worker. It reads a line for each input (several are joined by tabs), and answers "
        "each\n"
        "with one line, at once: python3 -u, flush=True or stdbuf -oL sees to that, or the answer waits in a buffer. "
        "With\n"
        "--serve-end LINE an answer may have many lines, up to LINE. What it writes to standard error is shown as it\n"
        "comes. If it dies it is started anew, and its task tried again, twice unless --retries says otherwise. At "
        "the\n"
        "end of its input it should leave: it gets a second, then TERM, then KILL. It must write nothing but answers:\n"
        "a line too many that comes late is taken for the next answer; that shows only at the end, and makes exit code "
        "1.\n",
    .options = exec_option_table,
    .aliases = exec_aliases,
    .absent = exec_absent,
    .kernel = &exec_kernel,
    .plan = plan,
    .feed = feed,
    .collect = exec_collect,
    .end = exec_collect_end,
    .kept = exec_kept,
    .judge = exec_judge,
    .finish = exec_collect_finish,
    .release = release,
    .command = true,
    .failures = true,
};
