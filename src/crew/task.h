/* A task as its kernel sees it: the run of finished records, and the one in the making at its end. */
#ifndef RP_CREW_TASK_H
#define RP_CREW_TASK_H

#include "core/buffer.h"
#include "crew/arena.h"
#include "rankpool.h"

enum { RP__FAILURE_MAX = 1024 }; /* bytes that are kept of a failed task's message */

struct rp_task {
    struct rp__buffer out;      /* finished records, then the one in the making */
    size_t record;              /* where that one begins */
    bool grows;                 /* tasks may be added */
    struct rp__buffer children; /* records of those that were, by tasks that are done and the one in the making */
    size_t children_before;     /* how much of it is older than that one */
    size_t promised;            /* room that rp_task_reserve has handed out */
    bool may_announce;          /* the record in the making leaves as it is */
    bool announced;             /* its head is written, and what is behind it leaves at once */
    size_t left;                /* bytes that it still needs then */
    uint64_t index;
    const void *args;
    size_t args_size;
    const void *input; /* of the task that is computed */
    size_t input_size;
    void *state;
    const rp_where *where;
    const struct rp__family_page *family;
    const void *shared[RP__SHARED_MAX];                        /* as mapped here; NULL: not yet */
    int (*print)(void *worker, const char *text, size_t size); /* the worker's; the text ends with a newline */
    bool (*canceled)(const void *worker);                      /* the worker's */
    void (*leave)(void *worker);                               /* the worker's: what is in `out` may go */
    void *worker;
    struct rp_self *self;       /* the worker's */
    _Atomic uint64_t *progress; /* where it is shown; NULL: not shown, in setup */
    bool failed;
    char message[RP__FAILURE_MAX + 1];
};

/* Let go of what rp_task_shared has mapped. */
void rp__task_unmap(rp_task *task);
/* Begin a record. false: not even memory for a message; the worker must end. */
bool rp__task_begin(rp_task *task, uint64_t index);
/* Was it announced larger than it came to be? Then part of it may have left, and the worker must end. */
bool rp__task_is_short(const rp_task *task);
/* Finish it with what the kernel returned. Cannot fail: a failed record fits in what begin made sure of. */
void rp__task_end(rp_task *task, int code);
/* What was written to it so far; lent until the next call on the task. */
const void *rp__task_bytes(const rp_task *task, size_t *size);
/* Drop it. */
void rp__task_drop(rp_task *task);
/* Why it failed, given what the kernel returned. Lent until the next record begins. */
const char *rp__task_message(rp_task *task, int code);

#endif
