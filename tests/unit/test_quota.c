/* The CPU quota, read from a directory that stands for /: what a process sees of itself in /proc and of its
 * cgroups below the mount points, in the layouts that are met on real machines. */
#include "topo/topo.h"
#include "unit.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct file {
    const char *path, *text;
};

static void make_file(const char *root, const struct file *file) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", root, file->path);
    for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        CU_ASSERT_FATAL(mkdir(path, 0700) == 0 || errno == EEXIST);
        *slash = '/';
    }
    FILE *out = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    CU_ASSERT(fputs(file->text, out) >= 0);
    CU_ASSERT_EQUAL(fclose(out), 0);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk) { return remove(path); }

/* The quota with these files (up to one without a path) below /. */
static double quota_with(const struct file *files) {
    const char *parent = getenv("TMPDIR");
    char root[PATH_MAX / 2];
    snprintf(root, sizeof root, "%s/rankpool-quota-XXXXXX", parent ? parent : "/tmp");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(root));
    for (; files->path; files++) make_file(root, files);
    const double quota = rp__cpu_quota(root);
    CU_ASSERT_EQUAL(nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    return quota;
}

#define QUOTA(...) quota_with((const struct file[]){__VA_ARGS__, {NULL, NULL}})

#define CGROUP    "proc/self/cgroup"
#define MOUNTINFO "proc/self/mountinfo"

/* As on a machine with systemd and v2 alone, with mounts around it that must not matter. */
#define V2_MOUNTS                                                                                                      \
    {                                                                                                                  \
        MOUNTINFO, "22 28 0:21 / /proc rw,nosuid shared:14 - proc proc rw\n"                                           \
                   "29 22 0:26 / /sys/fs/cgroup rw,nosuid,nodev shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"            \
                   "97 28 8:1 / /home/a\\040b rw - ext4 /dev/sda1 rw\n"                                                \
    }

static void no_proc_means_no_quota(void) { CU_ASSERT_EQUAL(QUOTA({"etc/hostname", "x\n"}), 0); }

static void v2_without_a_limit_means_no_quota(void) {
    CU_ASSERT_EQUAL(QUOTA({CGROUP, "0::/user.slice\n"}, V2_MOUNTS), 0);
    CU_ASSERT_EQUAL(
        QUOTA({CGROUP, "0::/user.slice\n"}, V2_MOUNTS, {"sys/fs/cgroup/user.slice/cpu.max", "max 100000\n"}), 0);
}

static void v2_quota_is_its_share_of_the_period(void) {
    CU_ASSERT_EQUAL(
        QUOTA({CGROUP, "0::/user.slice\n"}, V2_MOUNTS, {"sys/fs/cgroup/user.slice/cpu.max", "250000 100000\n"}), 2.5);
    CU_ASSERT_EQUAL(
        QUOTA({CGROUP, "0::/user.slice\n"}, V2_MOUNTS, {"sys/fs/cgroup/user.slice/cpu.max", "25000 50000\n"}), 0.5);
}

static void v2_least_limit_on_the_way_to_the_root_wins(void) {
    CU_ASSERT_EQUAL(QUOTA({CGROUP, "0::/a/b/c\n"}, V2_MOUNTS, {"sys/fs/cgroup/a/cpu.max", "600000 100000\n"},
                          {"sys/fs/cgroup/a/b/cpu.max", "200000 100000\n"},
                          {"sys/fs/cgroup/a/b/c/cpu.max", "max 100000\n"}),
                    2);
    CU_ASSERT_EQUAL(QUOTA({CGROUP, "0::/a/b/c\n"}, V2_MOUNTS, {"sys/fs/cgroup/a/cpu.max", "100000 100000\n"},
                          {"sys/fs/cgroup/a/b/c/cpu.max", "300000 100000\n"}),
                    1);
    CU_ASSERT_EQUAL(QUOTA({CGROUP, "0::/a/b/c\n"}, V2_MOUNTS, {"sys/fs/cgroup/a/cpu.max", "600000 100000\n"},
                          {"sys/fs/cgroup/a/b/c/cpu.max", "300000 100000\n"}),
                    3);
}

static void v2_limits_of_other_cgroups_do_not_count(void) {
    CU_ASSERT_EQUAL(QUOTA({CGROUP, "0::/a/b\n"}, V2_MOUNTS, {"sys/fs/cgroup/a/b/c/cpu.max", "100000 100000\n"},
                          {"sys/fs/cgroup/ab/cpu.max", "100000 100000\n"}, {"cpu.max", "100000 100000\n"},
                          {"sys/fs/cpu.max", "100000 100000\n"}, {"sys/fs/cgroup/a/b/cpu.max", "400000 100000\n"}),
                    4);
}

static void v2_container_with_its_own_namespace_reads_the_mount_point(void) {
    CU_ASSERT_EQUAL(QUOTA({CGROUP, "0::/\n"}, V2_MOUNTS, {"sys/fs/cgroup/cpu.max", "150000 100000\n"}), 1.5);
}

static void v2_paths_keep_their_colons_backslashes_and_blanks(void) {
    CU_ASSERT_EQUAL(QUOTA({CGROUP, "0::/a:b.slice/x\\x2dy\n"},
                          {MOUNTINFO, "29 22 0:26 / /mnt/my\\040groups rw - cgroup2 cgroup2 rw\n"},
                          {"mnt/my groups/a:b.slice/x\\x2dy/cpu.max", "700000 100000\n"}),
                    7);
}

#define V1_CGROUP                                                                                                      \
    {                                                                                                                  \
        CGROUP, "12:cpuset:/deep/set\n"                                                                                \
                "5:cpu,cpuacct:/jobs/7\n"                                                                              \
                "1:name=systemd:/user.slice\n"                                                                         \
    }
#define V1_MOUNTS                                                                                                      \
    {                                                                                                                  \
        MOUNTINFO, "31 23 0:28 / /sys/fs/cgroup rw shared:8 - tmpfs tmpfs rw,mode=755\n"                               \
                   "33 31 0:29 / /sys/fs/cgroup/cpuset rw shared:9 - cgroup cgroup rw,cpuset\n"                        \
                   "35 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw shared:10 - cgroup cgroup rw,cpu,cpuacct\n"             \
                   "37 31 0:31 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"                          \
    }

static void v1_quota_needs_its_period(void) {
    CU_ASSERT_EQUAL(QUOTA(V1_CGROUP, V1_MOUNTS, {"sys/fs/cgroup/cpu,cpuacct/jobs/7/cpu.cfs_quota_us", "300000\n"},
                          {"sys/fs/cgroup/cpu,cpuacct/jobs/7/cpu.cfs_period_us", "200000\n"}),
                    1.5);
    CU_ASSERT_EQUAL(QUOTA(V1_CGROUP, V1_MOUNTS, {"sys/fs/cgroup/cpu,cpuacct/jobs/7/cpu.cfs_quota_us", "300000\n"}), 0);
}

static void v1_minus_one_means_no_quota_and_a_parents_counts(void) {
    const struct file leaf = {"sys/fs/cgroup/cpu,cpuacct/jobs/7/cpu.cfs_quota_us", "-1\n"};
    const struct file leaf_period = {"sys/fs/cgroup/cpu,cpuacct/jobs/7/cpu.cfs_period_us", "100000\n"};
    CU_ASSERT_EQUAL(QUOTA(V1_CGROUP, V1_MOUNTS, leaf, leaf_period), 0);
    CU_ASSERT_EQUAL(QUOTA(V1_CGROUP, V1_MOUNTS, leaf, leaf_period,
                          {"sys/fs/cgroup/cpu,cpuacct/jobs/cpu.cfs_quota_us", "800000\n"},
                          {"sys/fs/cgroup/cpu,cpuacct/jobs/cpu.cfs_period_us", "100000\n"}),
                    8);
}

static void v1_container_without_a_namespace_finds_its_cgroup_at_the_mount_point(void) {
    CU_ASSERT_EQUAL(QUOTA({CGROUP, "4:cpu,cpuacct:/docker/1a2b\n"},
                          {MOUNTINFO, "741 740 0:32 /docker/1a2b /sys/fs/cgroup/cpu,cpuacct ro master:12 - "
                                      "cgroup cgroup rw,cpu,cpuacct\n"},
                          {"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "50000\n"},
                          {"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"}),
                    0.5);
}

static void v1_cgroup_below_a_containers_own_is_found(void) {
    CU_ASSERT_EQUAL(QUOTA({CGROUP, "4:cpu,cpuacct:/docker/1a2b/job\n"},
                          {MOUNTINFO, "741 740 0:32 /docker/1a2b /cg ro - cgroup cgroup rw,cpu,cpuacct\n"},
                          {"cg/cpu.cfs_quota_us", "400000\n"}, {"cg/cpu.cfs_period_us", "100000\n"},
                          {"cg/job/cpu.cfs_quota_us", "200000\n"}, {"cg/job/cpu.cfs_period_us", "100000\n"}),
                    2);
}

static void a_mount_of_somebody_elses_cgroup_does_not_count(void) {
    CU_ASSERT_EQUAL(QUOTA({CGROUP, "0::/pods/1\n"}, {MOUNTINFO, "90 20 0:26 /pods/12 /other rw - cgroup2 cgroup2 rw\n"},
                          {"other/cpu.max", "100000 100000\n"}),
                    0);
    CU_ASSERT_EQUAL(QUOTA({CGROUP, "0::/../12\n"}, V2_MOUNTS, {"sys/fs/cgroup/cpu.max", "100000 100000\n"}), 0);
}

static void a_mount_from_outside_the_namespace_shows_an_ancestor(void) {
    CU_ASSERT_EQUAL(QUOTA({CGROUP, "0::/\n"}, {MOUNTINFO, "30 23 0:27 /../.. /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"},
                          {"sys/fs/cgroup/cpu.max", "900000 100000\n"}),
                    9);
}

/* v1 for the controllers, and a v2 tree, without any, that systemd keeps its books in. */
#define HYBRID_CGROUP                                                                                                  \
    {                                                                                                                  \
        CGROUP, "9:name=systemd:/\n"                                                                                   \
                "4:cpu:/work\n"                                                                                        \
                "3:cpuacct:/elsewhere\n"                                                                               \
                "0::/work.scope\n"                                                                                     \
    }
#define HYBRID_MOUNTS                                                                                                  \
    {                                                                                                                  \
        MOUNTINFO, "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"                                       \
                   "33 31 0:30 / /sys/fs/cgroup/cpuacct rw - cgroup cgroup rw,cpuacct\n"                               \
                   "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"                                     \
    }

static void hybrid_reads_the_controller_where_it_is(void) {
    CU_ASSERT_EQUAL(QUOTA(HYBRID_CGROUP, HYBRID_MOUNTS, {"sys/fs/cgroup/cpu/work/cpu.cfs_quota_us", "300000\n"},
                          {"sys/fs/cgroup/cpu/work/cpu.cfs_period_us", "100000\n"},
                          {"sys/fs/cgroup/cpuacct/work/cpu.cfs_quota_us", "100000\n"},
                          {"sys/fs/cgroup/cpuacct/work/cpu.cfs_period_us", "100000\n"},
                          {"sys/fs/cgroup/unified/work.scope/cgroup.procs", ""}),
                    3);
    CU_ASSERT_EQUAL(
        QUOTA(HYBRID_CGROUP, HYBRID_MOUNTS, {"sys/fs/cgroup/unified/work.scope/cpu.max", "500000 100000\n"}), 5);
}

static void torn_files_mean_no_quota(void) {
    CU_ASSERT_EQUAL(QUOTA({CGROUP, "0:\n0\n\n:::\n"}, {MOUNTINFO, " - \n - cgroup2\n1 2 - cgroup2 x y\nx\n\n"}), 0);
    CU_ASSERT_EQUAL(QUOTA({CGROUP, "0::/a\n"}, V2_MOUNTS, {"sys/fs/cgroup/a/cpu.max", "100000\n"}), 0);
    CU_ASSERT_EQUAL(QUOTA({CGROUP, "0::/a\n"}, V2_MOUNTS, {"sys/fs/cgroup/a/cpu.max", "100000 0\n"}), 0);
    CU_ASSERT_EQUAL(QUOTA({CGROUP, "0::/a\n"}, V2_MOUNTS, {"sys/fs/cgroup/a/cpu.max", ""}), 0);
}

static void this_machine_has_no_negative_quota(void) { CU_ASSERT(rp__cpu_quota("") >= 0); }

int main(void) {
    static const struct unit_test tests[] = {
        UNIT(no_proc_means_no_quota),
        UNIT(v2_without_a_limit_means_no_quota),
        UNIT(v2_quota_is_its_share_of_the_period),
        UNIT(v2_least_limit_on_the_way_to_the_root_wins),
        UNIT(v2_limits_of_other_cgroups_do_not_count),
        UNIT(v2_container_with_its_own_namespace_reads_the_mount_point),
        UNIT(v2_paths_keep_their_colons_backslashes_and_blanks),
        UNIT(v1_quota_needs_its_period),
        UNIT(v1_minus_one_means_no_quota_and_a_parents_counts),
        UNIT(v1_container_without_a_namespace_finds_its_cgroup_at_the_mount_point),
        UNIT(v1_cgroup_below_a_containers_own_is_found),
        UNIT(a_mount_of_somebody_elses_cgroup_does_not_count),
        UNIT(a_mount_from_outside_the_namespace_shows_an_ancestor),
        UNIT(hybrid_reads_the_controller_where_it_is),
        UNIT(torn_files_mean_no_quota),
        UNIT(this_machine_has_no_negative_quota),
        {NULL, NULL},
    };
    return unit_run("quota", tests);
}
