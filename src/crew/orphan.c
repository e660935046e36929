/* By the parent's pidfd, and by what /proc says of the agent, once a second. */
#include "crew/orphan.h"

#include "core/now.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const uint64_t LOOK_NS = 1000000000, LATE_NS = 2000000000;
static const uint64_t GRACE_NS = 3000000000; /* for those who can say which rank it is, and end the run by themselves */

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

void rp__orphan_open(struct rp__orphan *orphan, pid_t agent, uint64_t lease_ns) {
    char state;
    int parent;
    const bool launched = getenv("PMIX_RANK") || getenv("PMI_RANK");
    *orphan = (struct rp__orphan){.agent = agent, .launcher = -1};
    if (!launched || !look_at(agent, &state, &parent)) return;
    orphan->lease_ns = lease_ns;
    orphan->looked_ns = rp__now_ns();
#ifdef SYS_pidfd_open
    orphan->launcher = (int)syscall(SYS_pidfd_open, parent, 0);
#endif
}

int rp__orphan_patience(const struct rp__orphan *orphan) { return orphan->lease_ns ? (int)(LOOK_NS / 1000000) : -1; }

/* While it is the parent, no other process has its number. */
static bool is_stopped(const struct rp__orphan *orphan) {
    char state;
    int parent;
    return getppid() == orphan->agent && look_at(orphan->agent, &state, &parent) && state == 'T';
}

void rp__orphan_look(struct rp__orphan *orphan) {
    const uint64_t now_ns = rp__now_ns(), passed_ns = now_ns - orphan->looked_ns;
    if (!orphan->lease_ns || passed_ns < LOOK_NS) return;
    orphan->looked_ns = now_ns;
    orphan->stopped_ns = is_stopped(orphan) ? orphan->stopped_ns + (passed_ns < LATE_NS ? passed_ns : LATE_NS) : 0;
    if (orphan->stopped_ns > orphan->lease_ns + GRACE_NS) kill(orphan->agent, SIGKILL);
}

void rp__orphan_end(struct rp__orphan *orphan) {
    orphan->launcher = -1;
    if (is_stopped(orphan)) kill(orphan->agent, SIGKILL);
}
