/* Workers that live in rp__crew_poll: when the rings hold nothing, each does one piece of its work. They are never
 * bound and never sleep. Answers that do not fit in a ring wait in the worker's own memory. */
#include "core/error.h"
#include "crew/crew_kind.h"
#include "crew/worker.h"

#include <unistd.h>

static int inline_start(struct rp__crew *crew, uint32_t index, rp_error *error) {
    crew->worker[index].worker = rp__worker_new(crew->arena, crew->worker[index].slot, false);
    return crew->worker[index].worker ? 0 : rp__fail(error, RP_ENOMEM, "no memory for worker %u", index);
}

static int inline_idle(struct rp__crew *crew, bool *again, rp_error *error) {
    for (uint32_t i = 0; i < crew->workers; i++) {
        struct rp__crew_worker *at = &crew->worker[i];
        if (!at->worker) continue;
        const enum rp__worker_did did = rp__worker_step(at->worker);
        if (did == RP__WORKER_LEFT) {
            rp__worker_free(at->worker);
            at->worker = NULL;
        }
        *again = *again || did != RP__WORKER_IDLE || rp__ring_waiting(&at->result);
    }
    return 0;
}

static bool inline_ended(struct rp__crew *crew, uint32_t index) { return crew->worker[index].worker == NULL; }

static void inline_describe(struct rp__crew *crew, uint32_t index, struct rp__crew_end *end) {
    const uint32_t left = atomic_load(&rp__crew_slot(crew, index)->left);
    end->pid = (int)getpid();
    end->by_us = left == RP__LEFT_ASKED;
    (void)rp__crew_describe_left(left, end);
}

static bool inline_stop(struct rp__crew *crew) {
    for (uint32_t i = 0; i < crew->workers; i++) {
        if (crew->worker[i].worker) rp__worker_free(crew->worker[i].worker);
        crew->worker[i].worker = NULL;
    }
    return true;
}

const struct rp__crew_kind rp__crew_inline = {.start = inline_start,
                                              .idle = inline_idle,
                                              .ended = inline_ended,
                                              .describe = inline_describe,
                                              .stop = inline_stop};
