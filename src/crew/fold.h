/* The record of a block of a reduced map in the making: the records of its tasks, folded in the order of the tasks. All
 * zero is an empty block. */
#ifndef RP_CREW_FOLD_H
#define RP_CREW_FOLD_H

#include "crew/task.h"

struct rp__fold {
    bool begun, failed;      /* failed: the block has, of the task in the message, and what follows is dropped */
    size_t size;             /* of each record */
    struct rp__buffer bytes; /* the block's record, then the one that is folded into it, both aligned */
    char message[RP__FAILURE_MAX + 1];
};

/* Take the record of the block's next task, whose kernel returned `code`, out of the task. */
void rp__fold_add(struct rp__fold *fold, rp_task *task, void (*combine)(void *into, const void *from, size_t size),
                  int code);
/* Write the block's record to the task, whose record has begun; the fold is empty then. Returns what to end it with. */
int rp__fold_end(struct rp__fold *fold, rp_task *task);

#endif
