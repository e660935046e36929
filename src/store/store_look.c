/* Looking into a store: at its status while a run has it, else into the file itself, under its lock for that moment, so
 * that what a killed run left half written is rolled back first. */
#include "core/error.h"
#include "store/db.h"
#include "store/status.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static int look_inside(const char *path, rp_store_summary *summary,
                       void (*failure)(void *context, const rp_store_failure *failure), void *context,
                       rp_error *error) {
    struct rp__db *db = NULL;
    struct rp__loaded loaded = {0};
    int code = rp__db_open(path, false, &db, error);
    if (!code && rp__db_is_new(db)) code = rp__fail(error, RP_ESYSTEM, "%s: no run has begun in this store", path);
    if (!code) code = rp__db_load(db, &loaded, error);
    if (!code && failure) code = rp__db_failures(db, INT64_MAX, failure, context, error);
    if (!code) *summary = loaded.summary;
    rp__loaded_free(&loaded);
    rp__db_close(db);
    return code;
}

int rp_store_look(const char *path, rp_store_summary *summary,
                  void (*failure)(void *context, const rp_store_failure *failure), void *context, rp_error *error) {
    if (!path || !summary) return rp__fail(error, RP_EINVAL, "to look into a store takes its path, and a summary");
    if (access(path, R_OK)) return rp__fail(error, RP_ESYSTEM, "%s: %s", path, strerror(errno));
    struct rp__lock lock;
    int code = rp__lock_take(path, false, true, &lock, NULL, error);
    if (code == 0) {
        code = look_inside(path, summary, failure, context, error);
        rp__lock_release(&lock);
        return code;
    }
    const bool running = code == RP_EBUSY;
    if (rp__status_read(path, summary, failure, context, error)) return error ? error->code : RP_ESYSTEM;
    summary->running = running;
    return 0;
}
