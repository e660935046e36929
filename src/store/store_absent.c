/* The store of a build without SQLite: none can be opened, so that nothing else is ever called. */
#include "rankpool_store.h"

#include "core/error.h"

static int refuse(rp_error *error) {
    return rp__fail(error, RP_EUNSUPPORTED, "not built: needs libsqlite3-dev; install it and build again");
}

int rp_store_open(const rp_store_options *options, rp_store **store, rp_error *error) { return refuse(error); }
const rp_span *rp_store_done(const rp_store *store, size_t *count) { return NULL; }
const void *rp_store_state(const rp_store *store, size_t *size) { return NULL; }
FILE *rp_store_output(rp_store *store) { return NULL; }
uint64_t rp_store_inputs(const rp_store *store, uint64_t *digest) { return 0; }
bool rp_store_finished(const rp_store *store) { return false; }
int rp_store_put(rp_store *store, const rp_result *result) { return RP_EUNSUPPORTED; }
int rp_store_next(rp_store *store, bool last, rp_result *result) { return RP_EUNSUPPORTED; }
int rp_store_tick(rp_store *store, const rp_map_stats *stats, uint64_t inputs, uint64_t digest) {
    return RP_EUNSUPPORTED;
}
uint64_t rp_store_committed(const rp_store *store) { return 0; }
uint64_t rp_store_failed(const rp_store *store) { return 0; }
const char *rp_store_error(const rp_store *store) { return ""; }
int rp_store_close(rp_store *store, enum rp_store_end end, const rp_map_stats *stats, rp_error *error) { return 0; }
int rp_store_look(const char *path, rp_store_summary *summary,
                  void (*failure)(void *context, const rp_store_failure *failure), void *context, rp_error *error) {
    return refuse(error);
}
