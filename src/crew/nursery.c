/* The nursery process: forks workers when the agent says so, reaps them, reports how each ended.
 *
 * - It lives as long as the other end of its socket: at end of file it kills what it forked and leaves. A parent
 *   death signal would not do, it follows the thread that forked.
 * - Workers have that signal, since the nursery has one thread; the parent is compared after asking for it, or a
 *   nursery that died in between would be missed.
 * - A worker leads a process group: what it forked and left there is killed with it. Programs that have left that group
 *   come to the nursery, their subreaper, when their parents end. They carry their worker's number in their environment, and
 *   are killed once that worker is gone; those of a living worker stay, until the end of all. (Where the nursery itself
 *   is killed, crew/stray.h finds them.)
 * - Signals that mean the job reach every process of the group. Nursery and workers ignore them: the agent decides.
 * - It and its workers are a session of their own: a launcher that kills the agent's group leaves the nursery alive, which
 *   then sees the agent's end and kills what workers have started, whatever group that is in. And they have no terminal:
 *   a program that reads one would be stopped there, in the background, for ever.
 * - Of the descriptors it keeps stderr, so that no launcher returns while a worker lives; stdout belongs to results,
 *   so what a kernel prints goes to stderr too. */
#include "crew/nursery_messages.h"
#include "crew/oom.h"
#include "crew/orphan.h"
#include "crew/stray.h"
#include "crew/worker.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { AGENT = 3 }; /* the socket's descriptor in the nursery */
enum { OOM_PREFERENCE = 500, OOM_WORST = 1000 };

struct nursery {
    const struct rp__arena *arena;
    const char *family;
    pid_t self;
    int deaths;    /* signalfd */
    bool bereaved; /* a worker has ended: until then nothing is left behind */
    struct rp__oom oom;
    pid_t *pids; /* [slots], 0: no worker */
};

static void close_from(int first) {
#ifdef SYS_close_range
    if (syscall(SYS_close_range, (unsigned)first, ~0u, 0) == 0) return;
#endif
    DIR *open_ones = opendir("/proc/self/fd"); /* Linux before 5.9 */
    if (!open_ones) return;
    for (struct dirent *entry; (entry = readdir(open_ones));) {
        const int fd = atoi(entry->d_name);
        if (fd >= first && fd != dirfd(open_ones)) close(fd);
    }
    closedir(open_ones);
}

static void point_to_null(int fd, int flags) {
    const int null = open("/dev/null", flags);
    if (null < 0 || null == fd) return;
    dup2(null, fd);
    close(null);
}

static void settle_descriptors(int agent) {
    if (agent != AGENT) dup3(agent, AGENT, O_CLOEXEC);
    close_from(AGENT + 1);
    if (fcntl(2, F_GETFD) < 0) point_to_null(2, O_WRONLY); /* the program runs without stderr */
    point_to_null(0, O_RDONLY);
    dup2(2, 1);
}

/* UCX, which Open MPI 5 loads, catches crashes to print where they were, and may then wait for a debugger. A worker that
 * crashes is to be gone. A sanitizer's or the program's own handlers stay. */
static void forget_ucx(void) {
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++) {
        struct sigaction caught;
        Dl_info library;
        if (sigaction(crashes[i], NULL, &caught) || !(caught.sa_flags & SA_SIGINFO)) continue;
        if (dladdr((void *)(uintptr_t)caught.sa_sigaction, &library) && library.dli_fname &&
            strstr(library.dli_fname, "libucs"))
            signal(crashes[i], SIG_DFL);
    }
}

static void settle_signals(void) {
    static const int ignored[] = {SIGINT,  SIGTERM, SIGHUP,  SIGQUIT, SIGUSR1, SIGUSR2,
                                  SIGTSTP, SIGTTIN, SIGTTOU, SIGPIPE, SIGALRM, SIGXCPU};
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) signal(ignored[i], SIG_IGN);
    signal(SIGCHLD, SIG_DFL);
    forget_ucx();
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGCHLD);
    sigprocmask(SIG_SETMASK, &mask, NULL);
}

/* A program started by a kernel must not take itself for a rank of this job. */
static void forget_launcher(void) {
    extern char **environ;
    static const char *const prefixes[] = {
        "OMPI_", "PMIX_", "PMI_", "PRTE_", "IPATH_NO_BACKTRACE=1", "HFI_NO_BACKTRACE=1"}; /* two of Open MPI's */
    const size_t known = sizeof prefixes / sizeof *prefixes - (getenv("OMPI_COMM_WORLD_SIZE") ? 0 : 2);
    for (char **at = environ; at && *at;) {
        char name[256];
        const size_t length = strcspn(*at, "=");
        bool launcher = false;
        for (size_t i = 0; i < known; i++) launcher = launcher || strncmp(*at, prefixes[i], strlen(prefixes[i])) == 0;
        if (launcher && (*at)[length] == '=' && length < sizeof name) {
            memcpy(name, *at, length);
            name[length] = 0;
            unsetenv(name); /* moves the rest up */
        } else {
            at++;
        }
    }
}

/* ---- A worker's first steps ---------------------------------------------------------------------------- */

static void prefer_for_oom_killer(void) {
    FILE *file = fopen("/proc/self/oom_score_adj", "r+e");
    if (!file) return;
    int score = 0;
    if (fscanf(file, "%d", &score) == 1) {
        score = score + OOM_PREFERENCE < OOM_WORST ? score + OOM_PREFERENCE : OOM_WORST;
        rewind(file);
        fprintf(file, "%d\n", score);
    }
    fclose(file);
}

/* What it has by now comes on top. Where the system refuses, so does it more than was asked for. */
static void limit_memory(uint64_t bytes) {
    unsigned long long pages = 0;
    FILE *file = bytes ? fopen("/proc/self/statm", "re") : NULL;
    if (!file) return;
    if (fscanf(file, "%*s %*s %*s %*s %*s %llu", &pages) != 1) pages = 0;
    fclose(file);
    const uint64_t now = pages * (uint64_t)sysconf(_SC_PAGESIZE);
    const rlim_t limit = bytes < RLIM_INFINITY - now ? bytes + now : RLIM_INFINITY;
    (void)setrlimit(RLIMIT_DATA, &(struct rlimit){.rlim_cur = limit, .rlim_max = limit});
}

/* Set before anything of OpenMP or BLAS is used here. Unless a worker was given several cores, the pool's workers are the
 * parallelism. BLAS follows OMP_NUM_THREADS where it is given no number of its own, so whoever gave that gave both. */
static void set_threads(uint32_t cores) {
    static const char *const names[] = {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
                                        "BLIS_NUM_THREADS"};
    char count[16];
    if (!cores && getenv(names[0])) return;
    snprintf(count, sizeof count, "%u", cores ? cores : 1);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) setenv(names[i], count, cores > 0);
}

_Noreturn static void be_worker(const struct nursery *nursery, uint32_t slot) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != nursery->self) _exit(0);
    setpgid(0, 0);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    close_from(AGENT);
    prctl(PR_SET_NAME, "rp-worker");
    prefer_for_oom_killer();
    rp__arena_keep_only(nursery->arena, slot);
    setvbuf(stdout, NULL, _IOLBF, 0); /* a worker is killed in the end: what a kernel printed must be out */
    set_threads(rp__arena_slot(nursery->arena, slot)->cores);

    char pid[16];
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    setenv(RP__WORKER_PID, pid, 1);

    struct rp__worker *worker = rp__worker_new(nursery->arena, slot, true);
    if (worker) {
        limit_memory(rp__arena_slot(nursery->arena, slot)->memory);
        rp__worker_run(worker);
        rp__worker_free(worker);
    } else {
        atomic_store(&rp__arena_slot(nursery->arena, slot)->left, RP__LEFT_NO_MEMORY);
    }
    _exit(0);
}

/* ---- The nursery --------------------------------------------------------------------------------------- */

/* The slot of this worker; slots: it is none. */
static uint32_t slot_of(const struct nursery *nursery, pid_t pid) {
    uint32_t slot = 0;
    while (slot < nursery->arena->slots && nursery->pids[slot] != pid) slot++;
    return slot;
}

/* Kill every child. Where the system does not tell (it has no CONFIG_PROC_CHILDREN), strays are the agent's, which waits
 * for the nursery two seconds and no longer. */
static void kill_children(void) {
    FILE *file = fopen("/proc/thread-self/children", "re");
    for (int pid; file && fscanf(file, "%d", &pid) == 1;) kill(pid, SIGKILL);
    if (file) fclose(file);
}

/* The children of what is killed come here as it is reaped. */
_Noreturn static void leave(struct nursery *nursery) {
    for (uint32_t slot = 0; slot < nursery->arena->slots; slot++)
        if (nursery->pids[slot] > 0) kill(nursery->pids[slot], SIGKILL);
    do kill_children();
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR);
    _exit(0);
}

/* The socket may be full while the agent is busy; it takes in reports before it sends more, so this ends. */
static void report(struct nursery *nursery, const struct rp__report *what) {
    ssize_t sent;
    while ((sent = send(AGENT, what, sizeof *what, MSG_NOSIGNAL)) < 0 && errno == EINTR) {
    }
    if (sent < 0) leave(nursery);
    atomic_fetch_add(&rp__arena_family_page(nursery->arena)->posted, 1);
    rp__bell_ring(nursery->arena->bell);
}

static void spawn(struct nursery *nursery, uint32_t slot) {
    const pid_t pid = fork();
    if (pid == 0) be_worker(nursery, slot);
    struct rp__report what = {.type = RP__REPORT_SPAWNED, .slot = slot, .pid = pid};
    if (pid < 0)
        what = (struct rp__report){.type = RP__REPORT_REFUSED, .slot = slot, .status = errno};
    else
        nursery->pids[slot] = pid;
    report(nursery, &what);
}

/* false: there was no order. Leaves when the agent is gone. */
static bool take_order(struct nursery *nursery) {
    struct rp__order order;
    const ssize_t size = recv(AGENT, &order, sizeof order, MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    if (size != sizeof order || order.slot >= nursery->arena->slots) leave(nursery);
    const pid_t pid = nursery->pids[order.slot];
    if (order.type == RP__ORDER_SPAWN && pid == 0) spawn(nursery, order.slot);
    if (order.type == RP__ORDER_KILL && pid > 0) kill(pid, SIGKILL);
    return true;
}

/* Programs that have come here and whose worker is gone. As each of them is reaped its children come, so whenever anything
 * was, this looks again. None is reaped meanwhile: a number stays that child's. */
static void kill_left_behind(const struct nursery *nursery) {
    FILE *file = fopen("/proc/thread-self/children", "re");
    for (int pid; file && fscanf(file, "%d", &pid) == 1;) {
        if (slot_of(nursery, pid) < nursery->arena->slots) continue;
        const int worker = rp__stray_worker(pid, nursery->family);
        if (worker > 0 && slot_of(nursery, worker) == nursery->arena->slots) kill(pid, SIGKILL);
    }
    if (file) fclose(file);
}

/* A worker's group is killed before it is reaped: until then no other can have its number. */
static void reap(struct nursery *nursery) {
    bool any = false;
    siginfo_t ended = {0};
    for (; waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid > 0; ended.si_pid = 0) {
        const pid_t pid = ended.si_pid;
        const uint32_t slot = slot_of(nursery, pid);
        const bool worker = slot < nursery->arena->slots;
        int status;
        if (worker) kill(-pid, SIGKILL);
        waitpid(pid, &status, 0);
        any = true;
        if (!worker) continue;
        nursery->bereaved = true;
        nursery->pids[slot] = 0;
        const bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
        const struct rp__report what = {.type = RP__REPORT_ENDED,
                                        .slot = slot,
                                        .pid = pid,
                                        .status = status,
                                        .oom = killed && rp__oom_struck(&nursery->oom)};
        report(nursery, &what);
    }
    if (any && nursery->bereaved) kill_left_behind(nursery);
}

void rp__nursery_main(const struct rp__arena *arena, int agent, uint64_t lease_ns, const char *family) {
    struct nursery nursery = {.arena = arena, .family = family, .self = getpid()};
    const pid_t parent = getppid();
    prctl(PR_SET_NAME, "rp-nursery");
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    setsid();
    settle_signals();
    settle_descriptors(agent);
    struct rp__orphan orphan;
    rp__orphan_open(&orphan, parent, lease_ns);
    forget_launcher();
    setenv(RP__FAMILY, family + strlen(RP__FAMILY "="), 1);
    rp__oom_open(&nursery.oom, "");
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGCHLD);
    nursery.deaths = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    nursery.pids = calloc(arena->slots, sizeof *nursery.pids);
    if (nursery.deaths < 0 || (!nursery.pids && arena->slots)) _exit(1);

    struct pollfd polled[] = {{.fd = AGENT, .events = POLLIN},
                              {.fd = nursery.deaths, .events = POLLIN},
                              {.fd = orphan.launcher, .events = POLLIN}};
    for (;;) {
        if (poll(polled, 3, rp__orphan_patience(&orphan)) < 0 && errno != EINTR) leave(&nursery);
        if (polled[2].revents) rp__orphan_end(&orphan);
        polled[2].fd = orphan.launcher;
        rp__orphan_look(&orphan);
        struct signalfd_siginfo death;
        while (read(nursery.deaths, &death, sizeof death) > 0) {
        }
        reap(&nursery);
        while (take_order(&nursery)) {
        }
    }
}
