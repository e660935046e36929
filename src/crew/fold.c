/* Folding records, see fold.h. They are copied before they are combined: in the task's buffer they lie anywhere, and
 * `combine` may want them aligned. */
#include "crew/fold.h"

#include <inttypes.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>

enum { KEEP = 1024 * 1024 /* a larger buffer is given back after use */ };

static void fail(struct rp__fold *fold, uint64_t index, const char *why) {
    fold->failed = true;
    snprintf(fold->message, sizeof fold->message, "task %" PRIu64 ": %.*s", index, RP__FAILURE_MAX - 32, why);
}

static size_t aligned(size_t size) {
    return (size + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
}

void rp__fold_add(struct rp__fold *fold, rp_task *task, void (*combine)(void *into, const void *from, size_t size),
                  int code) {
    size_t size;
    const void *bytes = rp__task_bytes(task, &size);
    const size_t at = fold->begun ? aligned(fold->size) : 0;
    char why[96];
    if (fold->failed) {
        /* nothing of the block counts any more */
    } else if (task->failed || code) {
        fail(fold, task->index, rp__task_message(task, code));
    } else if (fold->begun && size != fold->size) {
        snprintf(why, sizeof why, "its record has %zu bytes and those before it %zu: a reduction needs all alike", size,
                 fold->size);
        fail(fold, task->index, why);
    } else if (size > PTRDIFF_MAX / 4 || !rp__buffer_reserve(&fold->bytes, at + size + 1)) {
        fail(fold, task->index, rp_strerror(RP_ENOMEM));
    } else {
        memcpy(fold->bytes.data + at, bytes, size);
        if (fold->begun) combine(fold->bytes.data, fold->bytes.data + at, size);
        fold->size = size;
        fold->begun = true;
    }
    rp__task_drop(task);
}

int rp__fold_end(struct rp__fold *fold, rp_task *task) {
    const int code =
        fold->failed ? rp_task_fail(task, "%s", fold->message) : rp_task_write(task, fold->bytes.data, fold->size);
    fold->begun = fold->failed = false;
    if (fold->bytes.capacity > KEEP) rp__buffer_free(&fold->bytes);
    return code;
}
