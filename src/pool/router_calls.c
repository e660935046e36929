/* What calls and answers mean: where a call goes, what the home says to it, what becomes of items that were lent.
 *
 * Items are lent to a line by one home at a time. When they are to come back, the worker's slot says how many it has
 * taken; homes ignore what they are told of a lending that is over, so it is told rather once too often. What one
 * rank tells another arrives in order, which is why nothing here is numbered but the home's own grants. */
#include "pool/router_state.h"

#include <stdlib.h>
#include <string.h>

enum { RANK_SHIFT = 40, TYPE_SHIFT = 36, CODE_MAX = 255, FIRST_CALLED = 4 };

static uint32_t own_rank(const struct rp__router *router) { return router->options.rank; }

/* ---- At the home ---- */

static int tell(struct rp__router *router, struct rp__caller to, const struct rp__answer_head *head,
                const uint8_t *data) {
    if (to.rank != own_rank(router))
        return rp__router_put(router, RP__FRAME_ANSWER, to.rank, to.local, head, sizeof *head, data, head->size);
    struct rp__line *line = rp__router_find(router, to.local);
    return line ? rp__router_hear(router, line, head, data) : 0;
}

static int tell_code(struct rp__router *router, struct rp__caller to, int code) {
    return tell(router, to, &(struct rp__answer_head){.kind = RP__REPLY, .code = code}, NULL);
}

int rp__router_answer(struct rp__router *router) {
    struct rp__answer answer;
    int rc = 0;
    while (rc == 0 && rp__home_answer(router->home, &answer)) {
        const struct rp__answer_head head = {.kind = (uint8_t)answer.kind,
                                             .held = answer.held,
                                             .code = answer.code,
                                             .object = answer.object,
                                             .grant = answer.grant,
                                             .value = answer.value,
                                             .size = answer.size};
        rc = tell(router, answer.to, &head, answer.data);
    }
    return rc;
}

/* A silent call's item that finds no memory would be lost unseen: the rank cannot go on. */
static int request(struct rp__router *router, struct rp__caller from, const struct rp__call_head *head,
                   const uint8_t *data) {
    const struct rp__request wish = rp__call_request(from, head, data);
    const int code = rp__home_request(router->home, &wish);
    if (code == 0) return 0;
    if (wish.silent) return code == RP_ENOMEM ? code : 0;
    return code == RP_EBUSY ? RP_EPROTOCOL : tell_code(router, from, code);
}

/* The words are shared by the processes of one host. That a path through /proc leads to them and not to another
 * process's file is for rp__cells_map to see. */
static int where_cells_are(struct rp__router *router, struct rp__caller from, const struct rp__call_head *head) {
    struct rp__cells_at at = {0};
    if ((head->object >> TYPE_SHIFT & 0xf) != RP__CELLS) return tell_code(router, from, RP_EINVAL);
    if (!router->cells.find || rp__router_is_remote(router, from.rank)) return tell_code(router, from, RP_EUNSUPPORTED);
    if (!router->cells.find(router->cells.context, head->object, &at)) return tell_code(router, from, RP_ECLOSED);
    const struct rp__answer_head answer = {.kind = RP__REPLY, .size = sizeof at};
    return tell(router, from, &answer, (const uint8_t *)&at);
}

int rp__router_serve(struct rp__router *router, struct rp__caller from, const struct rp__call_head *head,
                     const uint8_t *data) {
    switch (head->type) {
    case RP__CALL_REQUEST:
        return request(router, from, head, data);
    case RP__CALL_CANCEL:
        rp__home_cancel(router->home, from, -(int)(head->a & CODE_MAX));
        return 0;
    case RP__CALL_RETURNED:
        rp__home_returned(router->home, from, head->object, head->a, head->b);
        return 0;
    case RP__CALL_GONE:
        rp__home_gone(router->home, from);
        return 0;
    case RP__CALL_CELLS:
        return where_cells_are(router, from, head);
    default:
        return RP_EPROTOCOL;
    }
}

/* ---- At the caller ---- */

static int send_call(struct rp__router *router, const struct rp__line *line, uint32_t rank,
                     const struct rp__call_head *head, const uint8_t *data) {
    const struct rp__caller from = {.rank = own_rank(router), .local = line->local};
    if (rank == own_rank(router)) return rp__router_serve(router, from, head, data);
    if (rp__router_is_remote(router, rank)) router->asked_remote = true;
    return rp__router_put(router, RP__FRAME_CALL, rank, line->local, head, sizeof *head, data, head->size);
}

/* Whom to tell when the line is gone. */
static int remember(struct rp__line *line, uint32_t rank) {
    for (uint32_t i = line->called_count; i > 0; i--)
        if (line->called[i - 1] == rank) return 0;
    if (line->called_count == line->called_capacity) {
        const uint32_t capacity = line->called_capacity ? 2 * line->called_capacity : FIRST_CALLED;
        uint32_t *called = realloc(line->called, capacity * sizeof *called);
        if (!called) return RP_ENOMEM;
        line->called = called;
        line->called_capacity = capacity;
    }
    line->called[line->called_count++] = rank;
    return 0;
}

static bool is_answered(const struct rp__call_head *head) {
    return head->type == RP__CALL_CELLS || (head->type == RP__CALL_REQUEST && !(head->flags & RP__CALL_SILENT));
}

static void set_wait(struct rp__router *router, struct rp__line *line, uint64_t wait) {
    line->wait = wait;
    if (!line->of || line->changed || line->wait == line->told) return;
    line->changed = true;
    line->next_changed = router->changed;
    router->changed = line;
}

int rp__router_end_call(struct rp__router *router, const struct rp__line *line, int code) {
    if (!line->open) return 0;
    const struct rp__call_head head = {.type = RP__CALL_CANCEL, .object = line->object, .a = (uint64_t)-code};
    return send_call(router, line, line->asked, &head, NULL);
}

static int make_open(struct rp__router *router, struct rp__line *line, uint32_t rank,
                     const struct rp__call_head *head) {
    line->open = true;
    line->asked = rank;
    line->object = head->object;
    const bool lost = rp__router_is_lost(router, rank);
    if (lost || rank >= router->options.ranks) { /* or of a rank that never was */
        line->asked = own_rank(router);
        const struct rp__answer_head answer = {.kind = RP__REPLY, .code = lost ? RP_ELOST : RP_ECLOSED};
        return rp__router_hear(router, line, &answer, NULL);
    }
    router->open_remote += rp__router_is_remote(router, rank);
    return 0;
}

/* The rank that a call goes to. Who makes an object is its home, but a condition lives with the lock that it is on. */
static uint64_t home_of(const struct rp__router *router, const struct rp__call_head *head) {
    if (head->type != RP__CALL_REQUEST || head->op != RP__OP_NEW) return head->object >> RANK_SHIFT;
    return head->object == RP__CONDITION && head->a ? head->a >> RANK_SHIFT : own_rank(router);
}

/* A second call while one is open, or a give-back or cancel of nothing, comes of a worker gone wild, which thereby
 * spoils nothing but itself. */
int rp__router_make(struct rp__router *router, struct rp__line *line, const struct rp__call_head *head,
                    const uint8_t *data) {
    const uint64_t rank = home_of(router, head);
    if (head->type == RP__CALL_GONE) return 0;
    if (head->type == RP__CALL_CANCEL) return rp__router_end_call(router, line, -(int)(head->a & CODE_MAX));
    if (is_answered(head)) {
        if (line->open) return 0;
        const int rc = make_open(router, line, (uint32_t)rank, head);
        if (rc) return rc;
    }
    if (rank >= router->options.ranks || rp__router_is_lost(router, (uint32_t)rank)) return 0;
    const int rc = remember(line, (uint32_t)rank);
    return rc ? rc : send_call(router, line, (uint32_t)rank, head, data);
}

static int give_back(struct rp__router *router, const struct rp__line *line, uint64_t object, uint64_t grant,
                     uint32_t taken) {
    const struct rp__call_head head = {.type = RP__CALL_RETURNED, .object = object, .a = grant, .b = taken};
    return send_call(router, line, (uint32_t)(object >> RANK_SHIFT), &head, NULL);
}

static int say_gone(struct rp__router *router, const struct rp__line *line, uint32_t rank) {
    return send_call(router, line, rank, &(struct rp__call_head){.type = RP__CALL_GONE}, NULL);
}

/* What the open call of a dead worker brought it goes back, but for the first item, which nobody lent. */
static int end_ghost(struct rp__router *router, struct rp__line *line, const struct rp__answer_head *head) {
    int rc = head->grant ? give_back(router, line, line->object, head->grant, 1) : 0;
    if (rc == 0) rc = say_gone(router, line, line->asked);
    rp__router_drop(router, line);
    return rc;
}

int rp__router_gone(struct rp__router *router, struct rp__line *line, uint32_t taken) {
    const bool ghost = line->open && line->asked != own_rank(router);
    int rc = line->lendings ? give_back(router, line, line->lent_object, line->lent_grant, taken) : 0;
    for (uint32_t i = 0; rc == 0 && i < line->called_count; i++)
        if (!ghost || line->called[i] != line->asked) rc = say_gone(router, line, line->called[i]);
    line->of = NULL;
    if (!ghost)
        rp__router_drop(router, line);
    else if (rc == 0)
        rc = rp__router_end_call(router, line, RP_EDIED);
    return rc;
}

static int hear_main(struct rp__main_call *call, const struct rp__answer_head *head, const uint8_t *data) {
    call->open = false;
    call->code = head->code;
    call->value = head->value;
    call->data.size = 0;
    if (rp__buffer_append(&call->data, data, head->size)) call->code = RP_ENOMEM;
    pthread_cond_signal(&call->answered);
    return 0;
}

static int hear_worker(struct rp__router *router, struct rp__line *line, const struct rp__answer_head *head,
                       const uint8_t *data) {
    if (head->grant) {
        line->lendings++;
        line->lent_object = line->object;
        line->lent_grant = head->grant;
    }
    line->reply = *head;
    line->reply.object = line->object;
    line->sent = 0;
    line->rest.size = 0;
    if (rp__router_reply(router, line, data)) return 0;
    line->unsent = true;
    line->next_unsent = router->unsent;
    router->unsent = line;
    return rp__buffer_append(&line->rest, data, head->size);
}

static int hear_reply(struct rp__router *router, struct rp__line *line, const struct rp__answer_head *head,
                      const uint8_t *data) {
    if (!line->open) return 0; /* of main, which had been told that the world ended */
    line->open = false;
    router->open_remote -= rp__router_is_remote(router, line->asked);
    set_wait(router, line, 0);
    if (line->main) return hear_main(line->main, head, data);
    return line->of ? hear_worker(router, line, head, data) : end_ghost(router, line, head);
}

/* A recall of an earlier lending comes too late: the home knows by now that all of it was taken, or given back. */
static int hear_recall(struct rp__router *router, const struct rp__line *line, const struct rp__answer_head *head) {
    if (!line->of || !line->lendings || head->grant != line->lent_grant || head->object != line->lent_object) return 0;
    const uint32_t taken = router->options.ops->recall(line->of->crew, line->worker, line->lendings);
    return give_back(router, line, head->object, head->grant, taken);
}

int rp__router_hear(struct rp__router *router, struct rp__line *line, const struct rp__answer_head *head,
                    const uint8_t *data) {
    switch (head->kind) {
    case RP__REPLY:
        return hear_reply(router, line, head, data);
    case RP__WAITING:
        line->held = head->held;
        if (line->open) set_wait(router, line, ++router->waits);
        return 0;
    case RP__RECALL:
        return hear_recall(router, line, head);
    default:
        return RP_EPROTOCOL;
    }
}
