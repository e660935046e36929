/* Finding the OOM killer's counter, in trees that look like the systems there are. */
#include "crew/oom.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void write_file(const char *root, const char *path, const char *text) {
    char name[512];
    snprintf(name, sizeof name, "%s/%s", root, path);
    for (char *slash = name + strlen(root) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = 0;
        mkdir(name, 0700);
    }
    FILE *file = fopen(name, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fputs(text, file);
    fclose(file);
}

static char *new_root(char *root) {
    strcpy(root, "/tmp/rankpool-oom-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(root));
    return root;
}

static void end_root(struct rp__oom *oom, const char *root) {
    char command[128];
    if (oom->fd >= 0) close(oom->fd);
    snprintf(command, sizeof command, "rm -r %s", root);
    CU_ASSERT_EQUAL(system(command), 0);
}

static void counter_of_version_2_is_read(void) {
    char root[64];
    struct rp__oom oom;
    new_root(root);
    write_file(root, "proc/self/cgroup", "0::/job/step\n");
    write_file(root, "sys/fs/cgroup/memory.events", "oom_kill 99\n");
    write_file(root, "sys/fs/cgroup/job/step/memory.events", "low 0\nhigh 0\nmax 7\noom 5\noom_kill 3\n");
    rp__oom_open(&oom, root);
    CU_ASSERT_EQUAL(oom.count, 3);
    CU_ASSERT_FALSE(rp__oom_struck(&oom));
    write_file(root, "sys/fs/cgroup/job/step/memory.events", "low 0\nhigh 0\nmax 9\noom 6\noom_kill 4\n");
    CU_ASSERT_TRUE(rp__oom_struck(&oom));
    CU_ASSERT_FALSE(rp__oom_struck(&oom));
    end_root(&oom, root);
}

static void counter_of_version_1_is_read(void) {
    char root[64];
    struct rp__oom oom;
    new_root(root);
    write_file(root, "proc/self/cgroup", "9:cpu,cpuacct:/job\n4:hugetlb,memory:/job\n0::/\n");
    write_file(root, "sys/fs/cgroup/memory/job/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");
    rp__oom_open(&oom, root);
    CU_ASSERT_EQUAL(oom.count, 1);
    write_file(root, "sys/fs/cgroup/memory/job/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
    CU_ASSERT_TRUE(rp__oom_struck(&oom));
    end_root(&oom, root);
}

static void container_finds_its_counter_at_the_top(void) {
    char root[64];
    struct rp__oom oom;
    new_root(root);
    write_file(root, "proc/self/cgroup", "4:memory:/docker/0123\n0::/docker/0123\n");
    write_file(root, "sys/fs/cgroup/memory.events", "oom_kill 2\n");
    rp__oom_open(&oom, root);
    CU_ASSERT_EQUAL(oom.count, 2);
    end_root(&oom, root);
}

static void without_a_counter_nothing_is_said(void) {
    char root[64];
    struct rp__oom oom;
    new_root(root);
    write_file(root, "proc/self/cgroup", "nonsense\n1:memory\n0::/gone\n");
    rp__oom_open(&oom, root);
    CU_ASSERT_EQUAL(oom.fd, -1);
    CU_ASSERT_FALSE(rp__oom_struck(&oom));
    end_root(&oom, root);
}

int main(void) {
    static const struct unit_test tests[] = {UNIT(counter_of_version_2_is_read),
                                             UNIT(counter_of_version_1_is_read),
                                             UNIT(container_finds_its_counter_at_the_top),
                                             UNIT(without_a_counter_nothing_is_said),
                                             {NULL, NULL}};
    return unit_run("oom", tests);
}
