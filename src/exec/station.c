/* Slots: a worker takes the lowest number whose socket name, in Linux's abstract name space, nobody on the host has yet.
 * The name is given back by the kernel when the worker is gone, however it went, so whoever takes its place finds it.
 *
 * Output: two unlinked files for the life of the worker. A command that writes nothing costs no call on them; they are
 * open for appending, so that what is emptied fills from its begin whoever writes. */
#include "exec/station.h"
#include "exec/file.h"
#include "exec/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { SLOTS_MAX = 4096 };

/* ---- The slot ------------------------------------------------------------------------------------------ */

static int take_slot(struct exec_station *station, uint64_t run) {
    station->slot_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (station->slot_fd < 0) return errno;
    for (uint32_t slot = 0; slot < SLOTS_MAX; slot++) {
        struct sockaddr_un name = {.sun_family = AF_UNIX};
        int length = snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "rankpool-exec-%016llx-%u",
                              (unsigned long long)run, slot);
        socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
        if (bind(station->slot_fd, (const struct sockaddr *)&name, size) == 0) {
            station->slot = slot;
            return 0;
        }
        if (errno != EADDRINUSE) return errno;
    }
    return ENOSPC;
}

/* ---- Output -------------------------------------------------------------------------------------------- */

int exec_station_empty(int fd) {
    struct stat what;
    if (fstat(fd, &what)) return errno;
    return what.st_size > 0 && ftruncate(fd, 0) ? errno : 0;
}

/* ---- The environment ----------------------------------------------------------------------------------- */

/* What a launcher told the worker about itself: a command that is an MPI program must not take itself for that rank.
 * What Slurm says of the job stays, what it says of one of its tasks does not. */
static bool is_launchers(const char *variable) {
    static const char *const prefixes[] = {"OMPI_",        "PMIX_",           "PMI_",           "PRTE_",
                                           "MPI_LOCAL",    "SLURM_PROCID=",   "SLURM_LOCALID=", "SLURM_NODEID=",
                                           "SLURM_GTIDS=", "SLURM_TASK_PID=", "SLURM_STEP_",    "SLURM_STEPID="};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (!strncmp(variable, prefixes[i], strlen(prefixes[i]))) return true;
    return getenv("OMPI_COMM_WORLD_SIZE") && /* Open MPI's mpirun sets two more */
           (!strcmp(variable, "IPATH_NO_BACKTRACE=1") || !strcmp(variable, "HFI_NO_BACKTRACE=1"));
}

static bool same_name(const char *one, const char *other) {
    size_t length = strcspn(one, "=");
    return length == strcspn(other, "=") && !strncmp(one, other, length);
}

static void put_variable(char **environment, size_t *count, const char *variable) {
    size_t i = 0;
    while (i < *count && !same_name(environment[i], variable)) i++;
    if (i == *count) ++*count;
    environment[i] = (char *)variable;
}

static void name_place(struct exec_station *station, const rp_where *where) {
    const size_t size = sizeof *station->fixed;
    snprintf(station->fixed[0], size, "RANKPOOL_RANK=%d", where->rank);
    snprintf(station->fixed[1], size, "RANKPOOL_WORKER=%u", where->worker);
    snprintf(station->fixed[2], size, "RANKPOOL_SLOT=%u", station->slot);
    snprintf(station->fixed[3], size, "RANKPOOL_HOST=%s", where->host);
    snprintf(station->task, sizeof station->task, "RANKPOOL_TASK=");
}

static int make_environment(struct exec_station *station, const char *const *env, size_t env_count) {
    extern char **environ;
    size_t count = 0, here = 0, fixed = sizeof station->fixed / sizeof *station->fixed;
    while (environ && environ[here]) here++;
    station->environment = calloc(here + env_count + fixed + 2, sizeof *station->environment);
    if (!station->environment) return ENOMEM;
    for (size_t i = 0; i < here; i++)
        if (!is_launchers(environ[i])) station->environment[count++] = environ[i];
    for (size_t i = 0; i < fixed; i++) put_variable(station->environment, &count, station->fixed[i]);
    put_variable(station->environment, &count, station->task);
    for (size_t i = 0; i < env_count; i++) put_variable(station->environment, &count, env[i]);
    return 0;
}

/* ---- All of it ----------------------------------------------------------------------------------------- */

int exec_station_open(struct exec_station *station, rp_task *task, uint64_t run, const char *const *env,
                      size_t env_count) {
    const rp_where *where = rp_task_where(task);
    *station = (struct exec_station){.slot_fd = -1};
    station->null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    exec_changed_signals(&station->changed);
    station->out = exec_file_unnamed();
    station->err = exec_file_unnamed();
    if (station->null < 0 || station->out < 0 || station->err < 0)
        return rp_task_fail(task,
                            "no file for the output of commands in %.200s on %s: %s; set TMPDIR to a folder with room",
                            exec_file_folder(), where->host, strerror(errno));
    int error = take_slot(station, run);
    name_place(station, where);
    if (!error) error = make_environment(station, env, env_count);
    return error ? rp_task_fail(task, "no commands can be run on %s: %s", where->host, strerror(error)) : 0;
}

void exec_station_close(struct exec_station *station) {
    const int fds[] = {station->slot_fd, station->null, station->out, station->err};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0) close(fds[i]);
    free((void *)station->environment);
}
