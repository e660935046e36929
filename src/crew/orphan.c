/* By the parent's pidfd, so that nothing is polled, and by what /proc says of the agent. A run that no launcher has
 * started may well be stopped and outlive its shell: somebody will continue it. */
#include "crew/orphan.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* false: it is gone. The name between parentheses may hold anything. */
static bool look_at(pid_t pid, char *state, int *parent) {
    char path[32], line[512];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file) return false;
    const char *end = fgets(line, sizeof line, file) ? strrchr(line, ')') : NULL;
    fclose(file);
    return end && sscanf(end, ") %c %d", state, parent) == 2;
}

int rp__orphan_open(pid_t agent) {
    char state;
    int parent;
    const bool launched = getenv("PMIX_RANK") || getenv("PMI_RANK");
    if (!launched || !look_at(agent, &state, &parent)) return -1;
#ifdef SYS_pidfd_open
    return (int)syscall(SYS_pidfd_open, parent, 0);
#else
    return -1;
#endif
}

void rp__orphan_end(pid_t agent) {
    char state;
    int parent;
    /* While it is the parent, no other process has its number. */
    if (getppid() == agent && look_at(agent, &state, &parent) && state == 'T') kill(agent, SIGKILL);
}
