/* The pool options: one table entry each, from which come the parser, the RANKPOOL_... variables and the help. */
#include "cli.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { CORES_MOST = 1024 };

static int wrong(rp_error *error, const char *name, const char *value, const char *expected) {
    error->code = RP_EUSAGE;
    snprintf(error->text, sizeof error->text, "%s \"%.60s\" is not valid: expected %s", name, value, expected);
    return RP_EUSAGE;
}

/* The index of `value` in a NULL-terminated list of words, or -1. */
static int choose(const char *value, const char *const *words) {
    for (int i = 0; words[i]; i++)
        if (!strcmp(value, words[i])) return i;
    return -1;
}

static int read_count(const char *name, const char *value, uint64_t least, uint64_t most, uint64_t *count,
                      rp_error *error) {
    rp_error why = {0};
    char expected[160];
    if (rp_read_uint64(value, count, &why) == 0 && *count >= least && *count <= most) return 0;
    snprintf(expected, sizeof expected, "a number from %llu to %llu", (unsigned long long)least,
             (unsigned long long)most);
    return wrong(error, name, value, expected);
}

static int set_crew(struct options *options, const char *name, const char *value, rp_error *error) {
    uint64_t count;
    if (!strcmp(value, "cores")) {
        options->pool.crew = RP_CREW_CORES;
        return 0;
    }
    if (rp_read_uint64(value, &count, NULL) || count < 1 || count > 1024)
        return wrong(error, name, value, "a number of workers from 1 to 1024, or cores");
    options->pool.crew = (uint32_t)count;
    return 0;
}

static int set_workers(struct options *options, const char *name, const char *value, rp_error *error) {
    int i = choose(value, (const char *const[]){"process", "thread", "inline", NULL});
    if (i < 0) return wrong(error, name, value, "process, thread or inline");
    options->pool.kind = (enum rp_workers)i;
    return 0;
}

static int set_bind(struct options *options, const char *name, const char *value, rp_error *error) {
    int i = choose(value, (const char *const[]){"core", "pu", "none", NULL});
    if (i < 0) return wrong(error, name, value, "core, pu or none");
    options->pool.bind = (enum rp_bind)i;
    options->pool.bind_asked = true;
    return 0;
}

static int set_cores(struct options *options, const char *name, const char *value, rp_error *error) {
    uint64_t count = 0;
    int rc = read_count(name, value, 1, CORES_MOST, &count, error);
    options->pool.cores = (uint32_t)count;
    return rc;
}

static int set_schedule(struct options *options, const char *name, const char *value, rp_error *error) {
    static const char *const expected = "auto, static, dynamic, guided or factoring, with ,CHUNK if wanted";
    static const char *const kinds[] = {"auto", "static", "dynamic", "guided", "factoring", NULL};
    const char *comma = strchr(value, ',');
    char word[16] = "";
    size_t length = comma ? (size_t)(comma - value) : strlen(value);
    if (length < sizeof word) memcpy(word, value, length);
    int i = choose(word, kinds);
    uint64_t chunk = 0;
    if (i < 0 || (comma && (i == RP_AUTO || rp_read_uint64(comma + 1, &chunk, NULL) || !chunk)))
        return wrong(error, name, value, expected);
    options->schedule.kind = (enum rp_schedule_kind)i;
    if (comma) options->schedule.chunk = chunk;
    options->schedule_given = true;
    return 0;
}

static int set_chunk(struct options *options, const char *name, const char *value, rp_error *error) {
    options->chunk_given = true;
    return read_count(name, value, 1, UINT64_MAX, &options->schedule.chunk, error);
}

static int set_active(struct options *options, const char *name, const char *value, rp_error *error) {
    uint64_t count = 0;
    int rc = read_count(name, value, 1, UINT32_MAX - 1, &count, error);
    options->active = (uint32_t)count;
    return rc;
}

static int set_retries(struct options *options, const char *name, const char *value, rp_error *error) {
    uint64_t count = 0;
    int rc = read_count(name, value, 0, 1000, &count, error);
    options->retries = count ? (uint32_t)count : UINT32_MAX; /* the library's 0 means its default */
    return rc;
}

static int set_timeout(struct options *options, const char *name, const char *value, rp_error *error) {
    if (rp_read_seconds(value, &options->timeout, NULL) == 0) return 0;
    return wrong(error, name, value, "seconds such as 5 or 0.25, or 250ms, 2m, 1h");
}

static int set_memory(struct options *options, const char *name, const char *value, rp_error *error) {
    if (rp_read_bytes(value, &options->pool.memory, NULL) == 0) return 0;
    return wrong(error, name, value, "bytes such as 512M, 1.5G or 1GiB");
}

static int set_progress(struct options *options, const char *name, const char *value, rp_error *error) {
    int i = choose(value, (const char *const[]){"auto", "bar", "lines", "none", NULL});
    if (i < 0) return wrong(error, name, value, "auto, bar, lines or none, as in --progress bar");
    options->progress = (enum progress_kind)i;
    return 0;
}

static int set_mpi(struct options *options, const char *name, const char *value, rp_error *error) {
    int i = choose(value, (const char *const[]){"auto", "yes", "no", NULL});
    if (i < 0) return wrong(error, name, value, "yes, no or auto");
    options->mpi = (enum rp_mpi)i;
    return 0;
}

static int set_lease(struct options *options, const char *name, const char *value, rp_error *error) {
    static const char *const expected = "a time of at least 3s, or never";
    if (!strcmp(value, "never")) {
        options->lease_s = -1;
        return 0;
    }
    if (rp_read_seconds(value, &options->lease_s, NULL) || options->lease_s < 3)
        return wrong(error, name, value, expected);
    return 0;
}

static int set_output(struct options *options, const char *name, const char *value, rp_error *error) {
    if (!*value) return wrong(error, name, value, "the name of a file");
    options->output = value;
    return 0;
}

static int set_store(struct options *options, const char *name, const char *value, rp_error *error) {
    if (!*value) return wrong(error, name, value, "the name of a file");
    options->store = value;
    return 0;
}

static int set_max_failures(struct options *options, const char *name, const char *value, rp_error *error) {
    return read_count(name, value, 1, UINT64_MAX, &options->max_failures, error);
}

static int set_time_limit(struct options *options, const char *name, const char *value, rp_error *error) {
    if (!read_time_limit(value, &options->time_limit))
        return wrong(error, name, value, "a time such as 90s, 30m or 2h, or as Slurm has it, 90:00 or 1-12:00:00");
    return 0;
}

/* Switches: in a variable, 0 and the empty word mean no. */
static int set_switch(bool *what, const char *value) {
    *what = !value || (*value && strcmp(value, "0"));
    return 0;
}
static int set_unordered(struct options *options, const char *name, const char *value, rp_error *error) {
    return set_switch(&options->unordered, value);
}
static int set_steal(struct options *options, const char *name, const char *value, rp_error *error) {
    return set_switch(&options->steal, value);
}
static int set_retry_failed(struct options *options, const char *name, const char *value, rp_error *error) {
    return set_switch(&options->retry_failed, value);
}
static int set_quiet(struct options *options, const char *name, const char *value, rp_error *error) {
    return set_switch(&options->quiet, value);
}
static int set_help(struct options *options, const char *name, const char *value, rp_error *error) {
    return set_switch(&options->help, value);
}
static int set_version(struct options *options, const char *name, const char *value, rp_error *error) {
    return set_switch(&options->version, value);
}

static const struct pool_option {
    const char *name, *value; /* value NULL: a switch */
    int (*set)(struct options *options, const char *name, const char *value, rp_error *error);
    bool variable;
    const char *help;
} table[] = {
    {"crew", "N|cores", set_crew, true,
     "workers a rank; cores: one for every allowed core of the node\n"
     "(default: under mpirun or srun 1, or the cores given to each rank;\n"
     "else one for every allowed core)"},
    {"workers", "KIND", set_workers, true, "process (default), thread or inline"},
    {"bind", "WHAT", set_bind, true, "pin each worker to a core (default) or pu, or none"},
    {"cores", "N", set_cores, true,
     "each worker has N cores, and OMP_NUM_THREADS=N: crews are of such\nworkers (default 1)"},
    {"schedule", "KIND[,N]", set_schedule, true,
     "how tasks are cut into chunks: auto (default), static, dynamic,\nguided or factoring; N: the (least) chunk"},
    {"chunk", "N", set_chunk, true, "tasks a chunk; alone it means --schedule dynamic,N"},
    {"active", "N", set_active, true, "only the first N workers compute"},
    {"retries", "N", set_retries, true, "try a task that killed its worker N times more (default 2)"},
    {"time-limit", "TIME", set_time_limit, true,
     "end by then, with what can be done in time: 30m, 2h, 1-12:00:00\n"
     "(default: when Slurm ends the job, less 10 s)"},
    {"timeout", "TIME", set_timeout, true,
     "kill the worker of a task that takes longer: 30, 250ms, 2m, 1h\n(of a job that computes ranges: of a chunk)"},
    {"memory", "SIZE", set_memory, true, "memory that a worker may allocate: 512M, 1.5G"},
    {"unordered", NULL, set_unordered, true, "print results as they come"},
    {"output", "FILE", set_output, true, "results go to FILE instead of standard output"},
    {"store", "FILE", set_store, true,
     "keep what is done in FILE: the same command goes on from there,\nwhatever ended it, on any number of ranks"},
    {"steal", NULL, set_steal, false, "take the store from a run that says it has it, which must be dead"},
    {"retry-failed", NULL, set_retry_failed, true, "compute again what the store says has failed"},
    {"max-failures", "N", set_max_failures, true, "stop when N tasks have failed, those in the store included"},
    {"progress", "KIND", set_progress, true, "auto (default), bar, lines or none, on standard error"},
    {"quiet", NULL, set_quiet, true, "no progress and no summary"},
    {"mpi", "WHEN", set_mpi, true, "auto (default): when started by a launcher; yes; no"},
    {"lease", "TIME", set_lease, true, "give up a rank that is not heard of for so long (default 30s), or never"},
    {"help", NULL, set_help, false, "this help; after a job's name, the job's"},
    {"version", NULL, set_version, false, "the version, and what it was built with"},
};
enum { OPTIONS = sizeof table / sizeof *table };

static bool is_name(const char *name, const char *word, size_t length) {
    return strlen(name) == length && !strncmp(name, word, length);
}

static const struct pool_option *find(const char *word, size_t length) {
    for (int i = 0; i < OPTIONS; i++)
        if (is_name(table[i].name, word, length)) return &table[i];
    return NULL;
}

static const rp_job_option *find_in(const rp_job_option *list, const char *word, size_t length) {
    while (list && list->name && !is_name(list->name, word, length)) list++;
    return list && list->name ? list : NULL;
}

/* By its name, or another one that it has. */
static const rp_job_option *find_own(const rp_job *job, const char *word, size_t length) {
    for (const rp_job_alias *alias = job ? job->aliases : NULL; alias && alias->name; alias++)
        if (is_name(alias->name, word, length)) return find_in(job->options, alias->option, strlen(alias->option));
    return job ? find_in(job->options, word, length) : NULL;
}

/* An option of one letter, of a job that takes them: -k, -N 2 or -N2. */
static const rp_job_option *find_letter(const rp_job *job, const char *word) {
    return job && job->command && word[0] == '-' && word[1] && word[1] != '-' ? find_own(job, word + 1, 1) : NULL;
}

/* "-" is an argument, and so is what begins like a negative number. */
static bool is_option(const char *word) {
    return word[0] == '-' && word[1] && !isdigit((unsigned char)word[1]) && word[1] != '.';
}

int options_find_job(const rp_job *job, int argc, const char *const *argv, int from) {
    for (int i = from; i < argc; i++) {
        if (!is_option(argv[i])) return i;
        const char *name = argv[i] + 2;
        if (strncmp(argv[i], "--", 2)) continue;
        const rp_job_option *own = find_own(job, name, strcspn(name, "="));
        const struct pool_option *option = own ? NULL : find(name, strcspn(name, "="));
        if (((own && own->value) || (option && option->value)) && !strchr(name, '=')) i++;
    }
    return argc;
}

uint32_t options_find_cores(int argc, const char *const *argv) {
    const char *value = getenv("RANKPOOL_CORES");
    uint64_t cores = 0;
    for (int i = 1; i < argc && strcmp(argv[i], "--"); i++) {
        if (!strncmp(argv[i], "--cores=", 8)) value = argv[i] + 8;
        if (!strcmp(argv[i], "--cores") && i + 1 < argc) value = argv[i + 1];
    }
    return value && !rp_read_uint64(value, &cores, NULL) && cores <= CORES_MOST ? (uint32_t)cores : 0;
}

int options_read(struct options *options, const rp_job *job, int argc, const char **argv, int from, int *rest,
                 rp_job_given *given, rp_error *error) {
    int kept = 0;
    bool literal = false;
    for (int i = from; i < argc; i++) {
        const char *word = argv[i];
        if (!literal && !strcmp(word, "--")) {
            literal = true;
            continue;
        }
        const rp_job_option *letter = literal ? NULL : find_letter(job, word);
        if (literal || (!letter && !is_option(word))) {
            argv[from + kept++] = word;
            literal = literal || (job && job->command);
            continue;
        }
        if (!strcmp(word, "-h")) word = "--help";
        const char *name = word + (letter ? 1 : 2), *value = letter ? NULL : strchr(word, '=');
        size_t length = letter ? 1 : value ? (size_t)(value - name) : strlen(name);
        bool two_dashes = !strncmp(word, "--", 2);
        const rp_job_option *own = two_dashes ? find_own(job, name, length) : letter;
        const struct pool_option *option = two_dashes && !own ? find(name, length) : NULL;
        error->code = RP_EUSAGE;
        if (!own && !option) {
            const rp_job_option *absent =
                job ? find_in(job->absent, word + 1 + two_dashes, two_dashes ? length : 1) : NULL;
            if (absent)
                snprintf(error->text, sizeof error->text, "there is no option %.60s for %s: %s", word, job->name,
                         absent->help);
            else
                snprintf(error->text, sizeof error->text, "there is no option %.60s%s%s: see rankpool%s%s --help", word,
                         job ? " for " : "", job ? job->name : "", job ? " " : "", job ? job->name : "");
            return RP_EUSAGE;
        }
        bool takes_value = own ? own->value != NULL : option->value != NULL;
        if (letter && word[2]) value = word + 2;
        if (!takes_value && value) {
            snprintf(error->text, sizeof error->text, "%.*s takes no value, and \"%.60s\" was given",
                     (int)(name + length - word), word, value + !letter);
            return RP_EUSAGE;
        }
        if (takes_value && !value && i + 1 == argc) {
            snprintf(error->text, sizeof error->text, "%.*s needs a value: %s", (int)(name + length - word), word,
                     own ? own->value : option->value);
            return RP_EUSAGE;
        }
        value = !takes_value ? NULL : value ? value + !letter : argv[++i];
        char shown[64];
        snprintf(shown, sizeof shown, "--%.*s", (int)length, name);
        if (own)
            *given++ = (rp_job_given){.name = own->name, .value = value ? value : ""};
        else if (option->set(options, shown, value, error))
            return RP_EUSAGE;
    }
    *given = (rp_job_given){0};
    *rest = kept;
    *error = (rp_error){0};
    return 0;
}

int options_from_environment(struct options *options, rp_error *error) {
    for (int i = 0; i < OPTIONS; i++) {
        char name[40] = "RANKPOOL_";
        size_t length = strlen(name);
        for (const char *c = table[i].name; *c; c++)
            name[length++] = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
        const char *value = table[i].variable ? getenv(name) : NULL;
        if (!value || (!*value && table[i].value)) continue;
        if (table[i].set(options, name, value, error)) return RP_EUSAGE;
    }
    return 0;
}

void options_print(FILE *out) {
    for (int i = 0; i < OPTIONS; i++) {
        char left[32];
        snprintf(left, sizeof left, "--%s%s%s", table[i].name, table[i].value ? " " : "",
                 table[i].value ? table[i].value : "");
        const char *line = table[i].help;
        for (bool first = true; line; first = false) {
            const char *end = strchr(line, '\n');
            fprintf(out, "  %-20s %.*s\n", first ? left : "", end ? (int)(end - line) : (int)strlen(line), line);
            line = end ? end + 1 : NULL;
        }
    }
}
