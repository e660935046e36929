/* PATH.status: what a run is doing, in text, replaced each second, so that whoever looks needs neither lock nor SQLite. */
#ifndef RP_STORE_STATUS_H
#define RP_STORE_STATUS_H

#include "rankpool_store.h"

enum { RP__STATUS_FAILURES = 100 };

/* Begins the next one, beside the one that is there; NULL: it cannot be written. */
FILE *rp__status_begin(const char *store, const rp_store_summary *summary);
/* Adds a failure: `file` is that of rp__status_begin. */
void rp__status_failure(void *file, const rp_store_failure *failure);
/* Renames it into place where all of it could be written. */
void rp__status_end(const char *store, FILE *file);
/* RP_ESYSTEM: there is none; RP_EINVAL: it is something else. */
int rp__status_read(const char *store, rp_store_summary *summary,
                    void (*failure)(void *context, const rp_store_failure *failure), void *context, rp_error *error);

#endif
