/* What one commit adds to a store. Made by the run's thread, written by the writer's, never by both at a time. */
#ifndef RP_STORE_BATCH_H
#define RP_STORE_BATCH_H

#include "core/buffer.h"
#include "core/interval.h"
#include "rankpool_store.h"
#include "store/waiting.h"

/* Where a run goes on: its output and its state are those of the results taken by then. */
struct rp__point {
    bool there;
    uint64_t cursor; /* of ordered results: the next task due */
    uint64_t length; /* of the output */
    char *state;     /* what `save` wrote; given */
    size_t size;
};

struct rp__batch {
    struct rp__intervals fresh; /* done since the batch before */
    struct rp__intervals whole; /* all that is done, where `rewrite` is set */
    bool rewrite;
    struct rp__waiting add;   /* their rows, their failures, or both; the items stay the run's */
    struct rp__buffer remove; /* uint64_t: begins of rows that are not needed any more */
    struct rp__buffer output; /* of standard output, */
    uint64_t output_at;       /* from this byte on */
    int sync_fd;              /* an output file to be on the disk first; -1: none */
    struct rp__point now;     /* the point after this commit */
    struct rp__point retry;   /* there: the one before the first failure, from which a retry goes on */
    uint64_t inputs, digest;
    rp_store_summary summary;
};

#endif
