/* A store whose every write may fail, or be the last thing that its run does: a VFS between SQLite and the files counts
 * what changes anything, and at the Nth of these fails from then on, or ends the process. For N = 1, 2, ... until a run gets
 * through: the store opens, has whatever was committed before, and the runs after it print what one run prints. */
#include "store_stage.h"

#include <sqlite3.h>

enum fault { FAULT_EXIT, FAULT_FULL, FAULT_IO };

static struct {
    enum fault kind;
    int countdown; /* changes that are still well */
    sqlite3_vfs *below;
} plan; /* the methods of a VFS have no other place for it */

struct faulty_file {
    sqlite3_file base;
    sqlite3_file *below;
};

/* 0: go on. */
static int change(void) {
    if (--plan.countdown > 0) return 0;
    if (plan.kind == FAULT_EXIT) _exit(STAGE_KILLED);
    return plan.kind == FAULT_FULL ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static sqlite3_file *below(sqlite3_file *file) { return ((struct faulty_file *)file)->below; }

static int faulty_close(sqlite3_file *file) {
    const int code = below(file)->pMethods ? below(file)->pMethods->xClose(below(file)) : SQLITE_OK;
    free(below(file));
    return code;
}
static int faulty_read(sqlite3_file *file, void *to, int size, sqlite3_int64 at) {
    return below(file)->pMethods->xRead(below(file), to, size, at);
}
/* The last write of all may have come half way. */
static int faulty_write(sqlite3_file *file, const void *from, int size, sqlite3_int64 at) {
    if (plan.countdown == 1) (void)below(file)->pMethods->xWrite(below(file), from, size / 2, at);
    const int code = change();
    return code ? code : below(file)->pMethods->xWrite(below(file), from, size, at);
}
static int faulty_truncate(sqlite3_file *file, sqlite3_int64 size) {
    const int code = change();
    return code ? code : below(file)->pMethods->xTruncate(below(file), size);
}
static int faulty_sync(sqlite3_file *file, int flags) {
    const int code = change();
    return code ? code : below(file)->pMethods->xSync(below(file), flags);
}
static int faulty_size(sqlite3_file *file, sqlite3_int64 *size) {
    return below(file)->pMethods->xFileSize(below(file), size);
}
static int faulty_lock(sqlite3_file *file, int level) { return below(file)->pMethods->xLock(below(file), level); }
static int faulty_unlock(sqlite3_file *file, int level) { return below(file)->pMethods->xUnlock(below(file), level); }
static int faulty_check(sqlite3_file *file, int *held) {
    return below(file)->pMethods->xCheckReservedLock(below(file), held);
}
static int faulty_control(sqlite3_file *file, int op, void *argument) {
    return below(file)->pMethods->xFileControl(below(file), op, argument);
}
static int faulty_sector(sqlite3_file *file) { return below(file)->pMethods->xSectorSize(below(file)); }
static int faulty_device(sqlite3_file *file) { return below(file)->pMethods->xDeviceCharacteristics(below(file)); }

static int faulty_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out) {
    static const sqlite3_io_methods methods = {.iVersion = 1,
                                               .xClose = faulty_close,
                                               .xRead = faulty_read,
                                               .xWrite = faulty_write,
                                               .xTruncate = faulty_truncate,
                                               .xSync = faulty_sync,
                                               .xFileSize = faulty_size,
                                               .xLock = faulty_lock,
                                               .xUnlock = faulty_unlock,
                                               .xCheckReservedLock = faulty_check,
                                               .xFileControl = faulty_control,
                                               .xSectorSize = faulty_sector,
                                               .xDeviceCharacteristics = faulty_device};
    struct faulty_file *faulty = (struct faulty_file *)file;
    file->pMethods = NULL;
    if ((flags & SQLITE_OPEN_CREATE) && change()) return SQLITE_CANTOPEN;
    faulty->below = calloc(1, (size_t)plan.below->szOsFile);
    const int code = plan.below->xOpen(plan.below, name, faulty->below, flags, out);
    if (code)
        free(faulty->below);
    else
        file->pMethods = &methods;
    return code;
}

static int faulty_delete(sqlite3_vfs *vfs, const char *name, int sync) {
    const int code = change();
    return code ? code : plan.below->xDelete(plan.below, name, sync);
}

static void install(void) {
    static sqlite3_vfs vfs;
    plan.below = sqlite3_vfs_find(NULL);
    vfs = *plan.below;
    vfs.zName = "faulty";
    vfs.szOsFile = sizeof(struct faulty_file);
    vfs.xOpen = faulty_open;
    vfs.xDelete = faulty_delete;
    sqlite3_vfs_register(&vfs, 1);
}

/* The last number in the pipe: tasks that were committed before the fault. */
static uint64_t read_committed(int fd) {
    uint64_t committed = 0;
    while (read(fd, &committed, sizeof committed) == (ssize_t)sizeof committed) continue;
    return committed;
}

static void check_after(const struct stage *stage, uint64_t committed) {
    rp_store_summary summary;
    rp_error error = {0};
    const int code = rp_store_look(stage->path, &summary, NULL, NULL, &error);
    if (code == RP_ESYSTEM && committed == 0) return; /* it was not made yet */
    CU_ASSERT_EQUAL(code, 0);
    CU_ASSERT_TRUE(code || summary.tasks_done >= committed);
    if (code) fprintf(stderr, "%s\n", error.text);
}

/* false: the Nth change was none any more. */
static bool play_fault(struct stage *stage, uint64_t *random, enum fault kind, int n) {
    int ends[2];
    if (pipe(ends)) abort();
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    plan.kind = kind;
    plan.countdown = n;
    stage_begin_anew(stage);
    stage->before = install;
    stage->committed = ends[1];
    const int code = stage_play(stage, random);
    close(ends[1]);
    check_after(stage, read_committed(ends[0]));
    close(ends[0]);
    stage->before = NULL;
    stage->committed = 0;
    CU_ASSERT_TRUE(code == 0 || code == (kind == FAULT_EXIT ? STAGE_KILLED : STAGE_FAILED));
    if (code) CU_ASSERT_EQUAL(stage_play(stage, random), 0);
    stage_check_output(stage);
    return code != 0;
}

static void play_all(enum fault kind) {
    struct stage stage = {.tasks = 24, .window = 6, .to_stdout = kind == FAULT_IO};
    uint64_t random = 1 + kind;
    stage_open(&stage);
    int n = 1;
    while (play_fault(&stage, &random, kind, n)) n++;
    CU_ASSERT_TRUE(n > 50); /* commits were among them */
    stage_close(&stage);
}

static void a_run_that_is_killed_at_any_write_loses_no_commit(void) { play_all(FAULT_EXIT); }

static void a_disk_that_is_full_from_any_write_on_loses_no_commit(void) { play_all(FAULT_FULL); }

static void a_disk_that_fails_from_any_write_on_loses_no_commit(void) { play_all(FAULT_IO); }

int main(void) {
    static const struct unit_test tests[] = {UNIT(a_run_that_is_killed_at_any_write_loses_no_commit),
                                             UNIT(a_disk_that_is_full_from_any_write_on_loses_no_commit),
                                             UNIT(a_disk_that_fails_from_any_write_on_loses_no_commit),
                                             {NULL, NULL}};
    return unit_run("store_faults", tests);
}
