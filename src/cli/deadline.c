/* Until when the run may last: as the user says, or as Slurm does, whose word is in the environment or else with its
 * controller. Whoever asks that starts a program, so it is done before the world opens: later, MPI may not like it. */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static const double SLURM_RESERVE_S = 10, SLURM_RESERVE_SHARE = 0.1; /* before its end, to write what was computed */
static const double SLURM_FOR_EVER_S = 300 * 86400.0;                /* what has no limit ends in a year, to Slurm */
static const int ANSWER_MS = 5000;

/* ---- Slurm's own forms: minutes, M:SS, H:MM:SS, D-HH, D-HH:MM, D-HH:MM:SS -------------------------------- */

/* Digits, up to a billion. */
static bool read_part(const char **at, double *value) {
    const char *first = *at;
    for (*value = 0; **at >= '0' && **at <= '9' && *at - first < 9; ++*at) *value = *value * 10 + (**at - '0');
    return *at > first;
}

/* The forms with a - or a : in them; the others are not told from seconds. */
static bool read_slurm_form(const char *word, double *seconds) {
    double days = 0, part[3] = {0};
    int parts = 1;
    const bool of_days = strchr(word, '-') != NULL;
    if (of_days && (!read_part(&word, &days) || *word++ != '-')) return false;
    if (!read_part(&word, &part[0])) return false;
    for (; *word == ':' && parts < 3; parts++) {
        word++;
        if (!read_part(&word, &part[parts]) || part[parts] >= 60) return false;
    }
    if (*word || (parts == 1 && !of_days)) return false;
    *seconds = of_days || parts == 3 ? part[0] * 3600 + part[1] * 60 + part[2] : part[0] * 60 + part[1];
    *seconds += days * 86400;
    return *seconds <= 1e9;
}

bool read_time_limit(const char *word, double *seconds) {
    return (rp_read_seconds(word, seconds, NULL) == 0 || read_slurm_form(word, seconds)) && *seconds > 0;
}

/* ---- Slurm's end ------------------------------------------------------------------------------------------ */

/* What the descriptor gives until its end, or until `text` is full or the time is over. */
static void read_answer(int fd, char *text, size_t size) {
    const double until_s = clock_s(CLOCK_MONOTONIC) + ANSWER_MS * 1e-3;
    size_t length = 0;
    for (;;) {
        const int left_ms = (int)((until_s - clock_s(CLOCK_MONOTONIC)) * 1e3);
        struct pollfd in = {.fd = fd, .events = POLLIN};
        if (left_ms <= 0 || length + 1 == size || poll(&in, 1, left_ms) <= 0) break;
        const ssize_t got = read(fd, text + length, size - 1 - length);
        if (got <= 0) break;
        length += (size_t)got;
    }
    text[length] = 0;
}

/* What the program prints, if it says something within its time; "" otherwise. It is gone then. */
static void ask(const char *const argv[], char *text, size_t size) {
    posix_spawn_file_actions_t files;
    int ends[2];
    pid_t pid;
    text[0] = 0;
    if (pipe2(ends, O_CLOEXEC)) return;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    const int rc = posix_spawnp(&pid, argv[0], &files, NULL, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&files);
    close(ends[1]);
    if (rc == 0) {
        read_answer(ends[0], text, size);
        kill(pid, SIGKILL); /* it has spoken, or is too late */
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) continue;
    }
    close(ends[0]);
}

/* Seconds since 1970; 0: Slurm says nothing, or names no time (N/A, UNLIMITED, NONE). */
static double slurm_end_s(const char *job) {
    const char *known = getenv("SLURM_JOB_END_TIME");
    char text[64];
    struct tm tm = {.tm_isdst = -1};
    uint64_t seconds;
    if (known && rp_read_uint64(known, &seconds, NULL) == 0 && seconds > 1) return (double)seconds;
    ask((const char *const[]){"squeue", "-h", "-j", job, "-o", "%e", NULL}, text, sizeof text);
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    if (!end || (*end && *end != '\n')) return 0;
    const time_t at = mktime(&tm);
    return at > 0 ? (double)at : 0;
}

/* ---- Both ------------------------------------------------------------------------------------------------- */

void deadline_find(struct deadline *deadline, const struct options *options) {
    const double now_s = clock_s(CLOCK_MONOTONIC);
    const char *job = getenv("SLURM_JOB_ID");
    *deadline = (struct deadline){.at_s = now_s + options->time_limit};
    if (options->time_limit > 0) return;
    const double end_s = job && is_first_rank() ? slurm_end_s(job) : 0;
    const double left_s = end_s - clock_s(CLOCK_REALTIME), tenth_s = left_s * SLURM_RESERVE_SHARE;
    if (end_s <= 0 || left_s > SLURM_FOR_EVER_S) {
        deadline->at_s = 0;
        return;
    }
    deadline->slurm_left_s = left_s > 0 ? left_s : 0;
    deadline->at_s = now_s + left_s - (tenth_s < SLURM_RESERVE_S ? tenth_s : SLURM_RESERVE_S);
}

void deadline_set(const struct deadline *deadline, const struct options *options, rp_world *world) {
    char text[32];
    if (!deadline->at_s) return;
    const double left_s = deadline->at_s - clock_s(CLOCK_MONOTONIC);
    rp_world_set_deadline(world, left_s > 0 ? left_s : 0);
    if (deadline->slurm_left_s > 0 && !options->quiet)
        fprintf(stderr, "rankpool: Slurm ends this job in %s\n", time_text(deadline->slurm_left_s, text));
}
