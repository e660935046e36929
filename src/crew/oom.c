/* The counter's file is found as the system names our cgroup, and failing that at the top of the hierarchy, which
 * is where a container sees its own. Both versions have a line "oom_kill N" in it. */
#include "crew/oom.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int64_t read_count(int fd) {
    char text[1024];
    const ssize_t size = pread(fd, text, sizeof text - 1, 0);
    if (size <= 0) return -1;
    text[size] = 0;
    for (char *line = text; line; line = strchr(line, '\n')) {
        if (*line == '\n') line++;
        if (strncmp(line, "oom_kill ", 9) == 0) return strtoll(line + 9, NULL, 10);
    }
    return -1;
}

static bool try_file(struct rp__oom *oom, const char *root, const char *mount, const char *group, const char *file) {
    char path[4096];
    const int length = snprintf(path, sizeof path, "%s/sys/fs/cgroup%s%s/%s", root, mount, group, file);
    if (length < 0 || length >= (int)sizeof path) return false;
    oom->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (oom->fd < 0) return false;
    oom->count = read_count(oom->fd);
    if (oom->count >= 0) return true;
    close(oom->fd);
    oom->fd = -1;
    return false;
}

static bool has_memory(const char *controllers) {
    for (const char *at = controllers; (at = strstr(at, "memory")); at += 6)
        if ((at == controllers || at[-1] == ',') && (at[6] == 0 || at[6] == ',')) return true;
    return false;
}

/* A line is "ID:CONTROLLERS:PATH"; the one of version 2 has no controllers. */
static bool try_line(struct rp__oom *oom, const char *root, char *line) {
    line[strcspn(line, "\n")] = 0;
    char *controllers = strchr(line, ':');
    char *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group) return false;
    *group++ = 0;
    controllers++;
    if (strcmp(group, "/") == 0) group = "";
    if (*controllers == 0)
        return try_file(oom, root, "", group, "memory.events") || try_file(oom, root, "", "", "memory.events");
    if (!has_memory(controllers)) return false;
    return try_file(oom, root, "/memory", group, "memory.oom_control") ||
           try_file(oom, root, "/memory", "", "memory.oom_control");
}

void rp__oom_open(struct rp__oom *oom, const char *root) {
    *oom = (struct rp__oom){.fd = -1, .count = -1};
    char line[4096];
    snprintf(line, sizeof line, "%s/proc/self/cgroup", root);
    FILE *groups = fopen(line, "re");
    if (!groups) return;
    while (fgets(line, sizeof line, groups))
        if (try_line(oom, root, line)) break;
    fclose(groups);
}

bool rp__oom_struck(struct rp__oom *oom) {
    if (oom->fd < 0) return false;
    const int64_t before = oom->count, now = read_count(oom->fd);
    if (now < 0) return false;
    oom->count = now;
    return now > before;
}
