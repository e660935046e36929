/* The router of a rank: brings the calls that its workers and main's threads make on shared objects to the objects'
 * homes, and the answers back. The objects of this rank live in here.
 *
 * It knows neither MPI nor clocks nor crews: frames go out through outboxes and come in by rp__router_receive, and what
 * it needs of crews and agents is a table. One lock guards all of it, and is the innermost: nothing else is locked
 * while it is held. Its callers are the service thread and, on rank 0, main's threads. */
#ifndef RP_POOL_ROUTER_H
#define RP_POOL_ROUTER_H

#include "core/call.h"
#include "core/wire.h"
#include "pool/agent.h"

#include <pthread.h>

/* What the router needs of a crew and its agent (crew/crew.h and pool/agent.h have the contracts); tests play them. */
struct rp__router_ops {
    bool (*reply)(struct rp__crew *crew, uint32_t worker, const struct rp__answer_head *head, const void *piece,
                  size_t size);
    uint32_t (*recall)(struct rp__crew *crew, uint32_t worker, uint32_t lending);
    uint32_t (*taken)(uint64_t stream, uint32_t lending);
    void (*wake)(struct rp__crew *crew, uint32_t worker);
    void (*blocked)(struct rp__agent *agent, uint32_t worker, bool held);
    void (*unblocked)(struct rp__agent *agent, uint32_t worker);
};

/* Where the words of arrays lie, so that other processes of this host find them. */
struct rp__router_cells {
    struct rp__cell_memory memory;
    bool (*find)(void *context, uint64_t object, struct rp__cells_at *at); /* false: it is not there */
    void *context;
};

struct rp__router_options {
    uint32_t rank, ranks;
    const int *host_of;                   /* [ranks], lent; NULL: all are on one host */
    const struct rp__router_ops *ops;     /* lent */
    const struct rp__router_cells *cells; /* copied; NULL: nobody but this process sees them */
};

struct rp__router;

/* NULL: out of memory. */
struct rp__router *rp__router_new(const struct rp__router_options *options);
void rp__router_free(struct rp__router *router);

/* A crew whose workers may call: *calls is for its agent. Both are lent until the crew is removed. 0, RP_ENOMEM. */
int rp__router_add(struct rp__router *router, struct rp__crew *crew, struct rp__agent *agent,
                   struct rp__agent_calls *calls);
/* Before the crew is closed: all its workers are gone. Of a crew that was never added there is nothing to do. 0, RP_ENOMEM. */
int rp__router_remove(struct rp__router *router, const struct rp__crew *crew);

/* CALL or ANSWER came from this rank. 0, RP_ENOMEM, RP_EPROTOCOL. */
int rp__router_receive(struct rp__router *router, uint32_t source, const struct rp__frame *frame);
/* This rank is gone: open calls there end with RP_ELOST, as do all from now on; what its callers waited for here goes to
 * the next, and what they held is broken. 0, RP_ENOMEM. */
int rp__router_lose(struct rp__router *router, uint32_t rank);
/* The service thread, once a round: what did not fit into workers' rings goes on, and agents are told who waits.
 * *next_ns: how long the service may sleep, or INT64_MAX. */
void rp__router_step(struct rp__router *router, uint64_t now_ns, int64_t *next_ns);
/* Messages for another rank change places with those of `outbox`, which is empty; false: there are none. */
bool rp__router_send(struct rp__router *router, uint32_t *rank, struct rp__outbox *outbox);

/* ---- Main's threads, on rank 0 ---- */

pthread_mutex_t *rp__router_lock(struct rp__router *router);

#define RP__MAIN_CALLER (UINT64_C(1) << 39) /* this bit of a caller's number says that it is a thread of main */

struct rp__main_call {
    pthread_cond_t answered;
    bool open;
    int code; /* from here on: when it is not open */
    uint64_t value;
    struct rp__buffer data;
};

/* Lock held. A call that is answered; *call is lent until the router is freed. 0, RP_ENOMEM, RP_EBUSY (the thread has
 * an open one), or why there are no more calls. */
int rp__router_call(struct rp__router *router, uint64_t local, const struct rp__call_head *head, const void *data,
                    struct rp__main_call **call);
/* Lock held: the thread's open call ends with its code for too late. 0, RP_ENOMEM. */
int rp__router_cancel(struct rp__router *router, uint64_t local);
/* Lock held: is there something for rp__router_step and rp__router_send? */
bool rp__router_has_news(const struct rp__router *router);
/* All calls of main end with this code, now and from now on; the first code stays. */
void rp__router_fail(struct rp__router *router, int code);

#endif
