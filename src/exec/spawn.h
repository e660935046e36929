/* One command of `rankpool exec`, from its start to the end of its process group. */
#ifndef RP_EXEC_SPAWN_H
#define RP_EXEC_SPAWN_H

#include "rankpool.h"

#include <signal.h>
#include <sys/types.h>

/* What a command is started with; all lent. */
struct exec_start {
    const char *program; /* a path */
    char *const *argv, *const *environment;
    const char *folder;      /* where it runs; NULL: here */
    int in, out, err;        /* its standard streams */
    const sigset_t *changed; /* signals that are not handled by default here, as exec_changed_signals found them */
};

/* The path of a program, looked up as a shell does, in PATH where its name has no slash. 0; or ENOENT, EACCES or EISDIR
 * when there is none that could be run. */
int exec_find_program(const char *name, char *path, size_t capacity);

/* The signals that a command would not find as a program should. */
void exec_changed_signals(sigset_t *changed);

/* Starts it in a process group of its own, which dies with the calling thread. 0, or an errno; *in_folder then says
 * that the folder is what failed. */
int exec_start(const struct exec_start *start, pid_t *pid, bool *in_folder);

/* How a command ended. */
struct exec_end {
    int exit_code, signal;  /* one of them is 0 */
    bool timed_out, killed; /* it took too long; `cancel` said so */
};

enum { EXEC_GRACE_MS = 1000 /* from TERM to KILL */ };

/* What is done while it runs: `ready` is called when `fd` can be read, and says whether there may be more. */
struct exec_watch {
    double timeout_s; /* 0: none */
    int fd;           /* -1: none */
    bool (*ready)(void *self);
    void *self;
};

/* Waits until it has ended. When it takes longer than timeout_s its group gets TERM, and KILL when it still runs a second
 * later; when nobody wants the task's result any more, KILL. Whatever is left of the group is killed at its end. */
void exec_wait(pid_t pid, const struct exec_watch *watch, const rp_task *task, struct exec_end *end);

#endif
