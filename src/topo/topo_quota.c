/* What the system says about this process: its binding, and how much CPU time its cgroups allow.
 *
 * A quota is found as the kernel documents it: /proc/self/cgroup names the process's cgroup in each hierarchy,
 * /proc/self/mountinfo says where each hierarchy is mounted and which of its cgroups is seen there, and every
 * cgroup from its own up to the mount may set a limit. So it works with v2, with v1 wherever it is mounted, with
 * both at once (hybrid: the cpu controller is in one of them), and in containers with or without a cgroup
 * namespace. What cannot be seen from here does not limit. */
#include "topo/topo.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* glibc's type ends at 1024 CPUs; the kernel takes any length. */
enum { MASKS = RP__CPU_MAX / CPU_SETSIZE };

int rp__cpuset_of_process(int pid, struct rp__cpuset *set) {
    cpu_set_t mask[MASKS];
    if (sched_getaffinity(pid, sizeof mask, mask) != 0) return RP_ESYSTEM;
    *set = (struct rp__cpuset){0};
    for (unsigned cpu = 0; cpu < RP__CPU_MAX; cpu++) {
        if (CPU_ISSET_S(cpu, sizeof mask, mask)) rp__cpuset_add(set, cpu);
    }
    return 0;
}

int rp__cpuset_bind_self(const struct rp__cpuset *set) {
    if (rp__cpuset_is_empty(set)) return 0;
    cpu_set_t mask[MASKS];
    CPU_ZERO_S(sizeof mask, mask);
    for (unsigned cpu = rp__cpuset_next(set, 0); cpu < RP__CPU_MAX; cpu = rp__cpuset_next(set, cpu + 1)) {
        CPU_SET_S(cpu, sizeof mask, mask);
    }
    return sched_setaffinity(0, sizeof mask, mask) == 0 ? 0 : RP_ESYSTEM;
}

/* The cgroups of this process in the hierarchies that may hold the cpu controller; "": none. */
struct membership {
    char unified[PATH_MAX]; /* v2 */
    char legacy[PATH_MAX];  /* v1 */
};

static bool list_has(const char *list, const char *word) {
    const size_t length = strlen(word);
    for (;; list++) {
        const size_t item = strcspn(list, ",");
        if (item == length && strncmp(list, word, length) == 0) return true;
        list += item;
        if (*list == '\0') return false;
    }
}

static FILE *open_under(const char *directory, const char *name) {
    char path[PATH_MAX];
    const int length = snprintf(path, sizeof path, "%s/%s", directory, name);
    return length < (int)sizeof path ? fopen(path, "re") : NULL;
}

/* Lines such as "4:cpu,cpuacct:/user.slice" (v1) and "0::/user.slice" (v2); the path may hold colons. */
static void read_membership(const char *root, struct membership *own) {
    *own = (struct membership){0};
    FILE *file = open_under(root, "proc/self/cgroup");
    if (!file) return;
    char *line = NULL;
    size_t capacity = 0;
    while (getline(&line, &capacity, file) > 0) {
        line[strcspn(line, "\n")] = '\0';
        char *rest = line;
        const char *hierarchy = strsep(&rest, ":");
        const char *controllers = strsep(&rest, ":");
        if (!rest || strlen(rest) >= PATH_MAX) continue;
        if (strcmp(hierarchy, "0") == 0 && *controllers == '\0') strcpy(own->unified, rest);
        if (list_has(controllers, "cpu")) strcpy(own->legacy, rest);
    }
    free(line);
    fclose(file);
}

struct mount {
    const char *root;  /* the cgroup that is seen at the mount point */
    const char *point; /* lent, like root, from the line that was read */
    bool unified;
};

static bool is_octal(char digit) { return digit >= '0' && digit <= '7'; }

/* mountinfo writes blanks and backslashes as \040 and so on. */
static void unescape(char *text) {
    char *to = text;
    for (const char *from = text; *from; to++) {
        if (from[0] == '\\' && is_octal(from[1]) && is_octal(from[2]) && is_octal(from[3])) {
            *to = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
            from += 4;
        } else {
            *to = *from++;
        }
    }
    *to = '\0';
}

/* "31 23 0:28 ROOT POINT OPTIONS [TAGS...] - TYPE SOURCE SUPER_OPTIONS". True for a mount that may hold the cpu
 * controller; the line is cut into pieces either way. */
static bool read_mount(char *line, struct mount *mount) {
    char *tail = strstr(line, " - ");
    if (!tail) return false;
    *tail = '\0';
    tail += 3;
    const char *type = strsep(&tail, " ");
    strsep(&tail, " ");
    mount->unified = strcmp(type, "cgroup2") == 0;
    if (!mount->unified && (strcmp(type, "cgroup") != 0 || !tail || !list_has(tail, "cpu"))) return false;
    for (int skipped = 0; skipped < 3; skipped++) strsep(&line, " ");
    char *root = strsep(&line, " ");
    char *point = strsep(&line, " ");
    if (!root || !point) return false;
    unescape(root);
    unescape(point);
    mount->root = root;
    mount->point = point;
    return true;
}

/* Where the cgroup `own` is below the mount point: "" for the mount point itself, NULL if it is not seen there. */
static const char *below_mount(const struct mount *mount, const char *own) {
    /* Outside of our cgroup namespace there are no names, only "/.." once or more. */
    if (*own != '/' || strncmp(own, "/..", 3) == 0) return NULL;
    /* A mount made outside of the namespace shows an ancestor of ours: its own limit holds for us too. */
    if (strncmp(mount->root, "/..", 3) == 0) return "";
    const size_t length = strcmp(mount->root, "/") == 0 ? 0 : strlen(mount->root);
    if (strncmp(own, mount->root, length) != 0) return NULL;
    const char *rest = own + length;
    if (strcmp(rest, "/") == 0) return "";
    return *rest == '/' || *rest == '\0' ? rest : NULL;
}

/* The number on the first line of a file; 0 where there is none. */
static long long number_in(const char *directory, const char *name) {
    FILE *file = open_under(directory, name);
    if (!file) return 0;
    long long number = 0;
    if (fscanf(file, "%lld", &number) != 1) number = 0;
    fclose(file);
    return number;
}

/* CPUs' worth of time that one cgroup allows itself; 0: no limit set, which v2 writes as "max" and v1 as -1. */
static double limit_of(const char *directory, bool unified) {
    long long quota = 0, period = 0;
    if (unified) {
        FILE *file = open_under(directory, "cpu.max");
        if (!file) return 0;
        if (fscanf(file, "%lld %lld", &quota, &period) != 2) quota = 0;
        fclose(file);
    } else {
        quota = number_in(directory, "cpu.cfs_quota_us");
        period = number_in(directory, "cpu.cfs_period_us");
    }
    return quota > 0 && period > 0 ? (double)quota / (double)period : 0;
}

static double lesser_limit(double a, double b) {
    if (a == 0 || b == 0) return a + b;
    return a < b ? a : b;
}

/* The least limit on the way from the process's cgroup up to the mount point. */
static double limit_on_the_way(const char *root, const struct mount *mount, const char *below) {
    char path[PATH_MAX];
    const int length = snprintf(path, sizeof path, "%s%s%s", root, mount->point, below);
    if (length >= (int)sizeof path) return 0;
    const size_t top = (size_t)length - strlen(below);
    double least = limit_of(path, mount->unified);
    for (size_t end = (size_t)length; end > top; least = lesser_limit(least, limit_of(path, mount->unified))) {
        while (path[--end] != '/') {
        }
        path[end] = '\0';
    }
    return least;
}

double rp__cpu_quota(const char *root) {
    struct membership own;
    read_membership(root, &own);
    FILE *file = open_under(root, "proc/self/mountinfo");
    if (!file) return 0;
    double least = 0;
    char *line = NULL;
    size_t capacity = 0;
    while (getline(&line, &capacity, file) > 0) {
        line[strcspn(line, "\n")] = '\0';
        struct mount mount;
        if (!read_mount(line, &mount)) continue;
        const char *below = below_mount(&mount, mount.unified ? own.unified : own.legacy);
        if (below) least = lesser_limit(least, limit_on_the_way(root, &mount, below));
    }
    free(line);
    fclose(file);
    return least;
}
