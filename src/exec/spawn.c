/* Starting a command must cost little more than the kernel's own work for it, whatever the worker's size: the child
 * shares the memory of the worker until it becomes the program (vfork), so it only makes system calls and writes to
 * one structure. No handler runs meanwhile, since every signal is blocked until the moment before the program's own
 * mask is set, and by then the handlers are gone.
 *
 * A process group is killed while its leader is not reaped yet: its number cannot have gone to anybody else. */
#include "exec/spawn.h"

#include "exec/timing.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOOK_MS = 200 /* between looks at whether the result is wanted */ };

/* ---- The program --------------------------------------------------------------------------------------- */

static int can_run(const char *path) {
    struct stat what;
    if (stat(path, &what)) return errno == EACCES ? EACCES : ENOENT;
    if (S_ISDIR(what.st_mode)) return EISDIR;
    return access(path, X_OK) ? EACCES : 0;
}

int exec_find_program(const char *name, char *path, size_t capacity) {
    int found = ENOENT;
    const char *folders = getenv("PATH");
    if (strchr(name, '/')) {
        if ((size_t)snprintf(path, capacity, "%s", name) >= capacity) return ENAMETOOLONG;
        return can_run(path);
    }
    if (!folders) folders = "/usr/local/bin:/usr/bin:/bin";
    for (const char *at = folders;; at++) {
        int length = (int)strcspn(at, ":");
        int size = snprintf(path, capacity, "%.*s%s%s", length, at, length ? "/" : "./", name);
        if (*name && (size_t)size < capacity) {
            int rc = can_run(path);
            if (rc == 0) return 0;
            if (rc != ENOENT) found = rc == EISDIR ? found : rc;
        }
        at += length;
        if (!*at) return found;
    }
}

/* ---- Start --------------------------------------------------------------------------------------------- */

/* Between the worker and its child, which writes what failed. */
struct handover {
    const struct exec_start *start;
    char *const *script; /* what runs it where it is a script without a first line that names its interpreter */
    pid_t parent;
    volatile int error;
    volatile bool in_folder;
};

/* A descriptor that stands where another is to go must be out of the way first. */
static int out_of_the_way(int fd) { return fd > 2 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, 3); }

/* To ask for each of them would take a call for each of them, in every child. */
void exec_changed_signals(sigset_t *changed) {
    struct sigaction now;
    sigemptyset(changed);
    for (int number = 1; number < NSIG; number++)
        if (!sigaction(number, NULL, &now) && now.sa_handler != SIG_DFL) sigaddset(changed, number);
}

static void settle_signals(const sigset_t *changed) {
    sigset_t none;
    for (int number = 1; number < NSIG; number++)
        if (sigismember(changed, number) == 1) signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* A program that this machine cannot run is no script, though the system's word for both is the same. */
static bool is_binary(const char *path) {
    char magic[SELFMAG];
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && read(fd, magic, SELFMAG) == SELFMAG && !memcmp(magic, ELFMAG, SELFMAG);
}

_Noreturn static void become(struct handover *over) {
    const struct exec_start *start = over->start;
    const int in = out_of_the_way(start->in), out = out_of_the_way(start->out), err = out_of_the_way(start->err);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != over->parent) _exit(127);
    setpgid(0, 0);
    if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0) {
        over->error = errno;
        _exit(127);
    }
#ifdef SYS_close_range
    syscall(SYS_close_range, 3u, ~0u, 0); /* where it is not known, what is open is closed by the exec */
#endif
    if (start->folder && chdir(start->folder)) {
        over->in_folder = true;
        over->error = errno;
        _exit(127);
    }
    settle_signals(start->changed);
    execve(start->program, start->argv, start->environment);
    over->error = errno;
    if (over->error == ENOEXEC && !is_binary(start->program)) {
        over->error = 0;
        execve("/bin/sh", over->script, start->environment);
        over->error = errno;
    }
    _exit(127);
}

/* Alone in its function, which has nothing that a second return could have changed. */
__attribute__((noinline)) static pid_t start_child(struct handover *over) {
    const pid_t pid = vfork();
    if (pid == 0) become(over);
    return pid;
}

/* sh PROGRAM ARGUMENTS... */
static char **shell_words(const struct exec_start *start) {
    size_t count = 0;
    while (start->argv[count]) count++;
    char **words = calloc(count + 2, sizeof *words);
    if (!words) return NULL;
    words[0] = (char *)"sh";
    words[1] = (char *)start->program;
    for (size_t i = 1; i < count; i++) words[i + 1] = start->argv[i];
    return words;
}

int exec_start(const struct exec_start *start, pid_t *pid, bool *in_folder) {
    sigset_t all, before;
    struct handover over = {.start = start, .script = shell_words(start), .parent = getpid()};
    if (!over.script) return ENOMEM;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    *pid = start_child(&over);
    int error = *pid < 0 ? errno : over.error;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    free((void *)over.script);
    *in_folder = over.in_folder;
    if (*pid > 0 && error)
        while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR) continue;
    return error;
}

/* ---- Wait ---------------------------------------------------------------------------------------------- */

static bool has_ended(pid_t pid) {
    siginfo_t info = {0};
    int rc;
    while ((rc = waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | WNOHANG)) < 0 && errno == EINTR) continue;
    return rc < 0 || info.si_pid == pid;
}

/* How a running command is being ended. */
struct ending {
    int64_t term_ms, kill_ms; /* when; INT64_MAX: not */
};

static void end_when_due(pid_t pid, struct ending *ending, const rp_task *task, struct exec_end *end) {
    const int64_t now = exec_now_ms();
    if (now >= ending->term_ms) {
        end->timed_out = true;
        kill(-pid, SIGTERM);
        kill(-pid, SIGCONT);
        ending->term_ms = INT64_MAX;
        ending->kill_ms = now + EXEC_GRACE_MS;
    }
    if (now >= ending->kill_ms || rp_task_canceled(task)) {
        end->killed = now < ending->kill_ms;
        kill(-pid, SIGKILL);
        ending->kill_ms = INT64_MAX;
    }
}

static int wait_ms(const struct ending *ending, bool watched) {
    const int64_t due = ending->term_ms < ending->kill_ms ? ending->term_ms : ending->kill_ms, now = exec_now_ms();
    const int64_t longest = watched ? LOOK_MS : 5; /* without a pidfd (before Linux 5.3) the end itself is polled */
    return due <= now ? 0 : due - now < longest ? (int)(due - now) : (int)longest;
}

/* Until the command has ended; it is not reaped. */
static void watch_it(pid_t pid, const struct exec_watch *watch, const rp_task *task, struct exec_end *end) {
    struct ending ending = {INT64_MAX, INT64_MAX};
    if (watch->timeout_s > 0) ending.term_ms = exec_now_ms() + (int64_t)(watch->timeout_s * 1000);
    const int pidfd = (int)syscall(SYS_pidfd_open, pid, 0u);
    struct pollfd polled[] = {{.fd = pidfd, .events = POLLIN}, {.fd = watch->fd, .events = POLLIN}};
    for (;;) {
        poll(polled, 2, wait_ms(&ending, pidfd >= 0));
        if (polled[1].revents && !watch->ready(watch->self)) polled[1].fd = -1;
        if (polled[0].revents || (pidfd < 0 && has_ended(pid))) break;
        end_when_due(pid, &ending, task, end);
    }
    if (pidfd >= 0) close(pidfd);
}

void exec_wait(pid_t pid, const struct exec_watch *watch, const rp_task *task, struct exec_end *end) {
    int status = 0;
    *end = (struct exec_end){0};
    watch_it(pid, watch, task, end);
    kill(-pid, SIGKILL); /* what it left behind in its group */
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    if (WIFSIGNALED(status))
        end->signal = WTERMSIG(status);
    else
        end->exit_code = WEXITSTATUS(status);
}
