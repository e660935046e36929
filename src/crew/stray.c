/* By /proc, which says what a process's environment was when its program started. A process is held by its pidfd before
 * that is looked at, so that its number cannot have gone to anybody else when it is killed. */
#include "crew/stray.h"

#include "crew/worker.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 100, NAP_NS = 10000000 };

void rp__stray_mark(char *mark, size_t capacity) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(mark, capacity, RP__FAMILY "=%d-%lld.%09ld", (int)getpid(), (long long)now.tv_sec, now.tv_nsec);
}

/* Of a process that carries the mark: 0, or what RP__WORKER_PID says there. -1: it does not carry it. */
static int look_at(int pid, const char *mark) {
    const size_t length = strlen(RP__WORKER_PID);
    char path[32], *variable = NULL;
    size_t capacity = 0;
    bool found = false;
    int worker = 0;
    snprintf(path, sizeof path, "/proc/%d/environ", pid);
    FILE *file = fopen(path, "re");
    while (file && getdelim(&variable, &capacity, 0, file) > 0) {
        if (!strcmp(variable, mark)) found = true;
        if (!strncmp(variable, RP__WORKER_PID, length) && variable[length] == '=') worker = atoi(variable + length + 1);
    }
    free(variable);
    if (file) fclose(file);
    return found ? worker : -1;
}

int rp__stray_worker(int pid, const char *mark) {
    const int worker = look_at(pid, mark);
    return worker > 0 ? worker : 0;
}

static bool kill_marked(int pid, const char *mark) {
    int held = -1;
#if defined SYS_pidfd_open && defined SYS_pidfd_send_signal
    held = (int)syscall(SYS_pidfd_open, pid, 0u);
#endif
    const bool found = look_at(pid, mark) >= 0;
    if (found && held < 0) kill(pid, SIGKILL); /* Linux before 5.3 */
#ifdef SYS_pidfd_send_signal
    if (found && held >= 0) (void)syscall(SYS_pidfd_send_signal, held, SIGKILL, NULL, 0u);
#endif
    if (held >= 0) close(held);
    return found;
}

/* One that is becoming another program shows no environment for a moment, some may fork meanwhile, and the dead take
 * their time: so it is over when two looks in a row have found none. */
void rp__stray_end(const char *mark) {
    for (int round = 0, quiet = 0; quiet < 2 && round < ROUNDS; round++) {
        if (round) nanosleep(&(struct timespec){.tv_nsec = NAP_NS}, NULL);
        DIR *all = opendir("/proc");
        quiet++;
        for (struct dirent *entry; all && (entry = readdir(all));) {
            const int pid = atoi(entry->d_name);
            if (pid > 0 && kill_marked(pid, mark)) quiet = 0;
        }
        if (all) closedir(all);
    }
}
