/* A task as its kernel sees it: the run of finished records, and the one in the making at its end. */
#ifndef RP_CREW_TASK_H
#define RP_CREW_TASK_H

#include "core/buffer.h"
#include "rankpool.h"

enum { RP__FAILURE_MAX = 1024 }; /* bytes that are kept of a failed task's message */

struct rp_task {
    struct rp__buffer out; /* finished records, then the one in the making */
    size_t record;         /* where that one begins */
    size_t promised;       /* room that rp_task_reserve has handed out */
    uint64_t index;
    const void *args;
    size_t args_size;
    const void *input; /* of the task that is computed */
    size_t input_size;
    void *state;
    const rp_where *where;
    bool failed;
    char message[RP__FAILURE_MAX + 1];
};

/* Begin a record. false: not even memory for a message; the worker must end. */
bool rp__task_begin(rp_task *task, uint64_t index);
/* Finish it with what the kernel returned. Cannot fail: a failed record fits in what begin made sure of. */
void rp__task_end(rp_task *task, int code);
/* Drop it. */
void rp__task_drop(rp_task *task);
/* Why it failed, given what the kernel returned. Lent until the next record begins. */
const char *rp__task_message(const rp_task *task, int code);

#endif
