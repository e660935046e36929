/* What the router's files share: router.c has its callers and what goes in and out, router_calls.c what calls and
 * answers mean.
 *
 * A line is one caller of this rank: a worker's life, a thread of main, or a ghost: a worker that died while another
 * rank had its open call. The ghost stays until that call's answer has come, since items that were lent by it would
 * be taken for used otherwise. */
#ifndef RP_POOL_ROUTER_STATE_H
#define RP_POOL_ROUTER_STATE_H

#include "pool/router.h"

struct rp__line {
    struct rp__line *chain; /* of its bucket */
    uint64_t local;
    struct rp__router_crew *of;                      /* whose worker it is; NULL: a ghost or a thread of main */
    struct rp__main_call *main;                      /* NULL: of a worker */
    uint32_t worker;                                 /* the crew's */
    uint32_t *called, called_count, called_capacity; /* ranks */
    struct rp__buffer call;                          /* as far as it came */

    bool open;
    uint32_t asked;  /* the rank that has the open call */
    uint64_t object; /* that it is on */

    uint32_t lendings; /* of its life; the last: */
    uint64_t lent_object, lent_grant;

    bool unsent;                  /* `reply` is not yet in the ring: `sent` of its bytes are, `rest` has all of them */
    struct rp__answer_head reply; /* of a worker */
    struct rp__buffer rest;
    size_t sent;
    struct rp__line *next_unsent;

    uint64_t wait, told; /* the number of the wait that it is in, and that the agent knows of; 0: none */
    bool held, changed;
    struct rp__line *next_changed;
};

struct rp__router_crew {
    struct rp__router_crew *next;
    struct rp__router *router;
    struct rp__crew *crew;
    struct rp__agent *agent;
    struct rp__line **line; /* [lines], by worker; NULL: it is not alive */
    uint32_t lines;
};

/* A frame of another rank, as far as it came. */
struct rp__incoming {
    struct rp__buffer bytes;
    bool open;
    enum rp__frame_type type;
    uint64_t chunk;
};

enum { RP__LINE_BUCKETS = 1024 };

struct rp__router {
    struct rp__router_options options;
    struct rp__router_cells cells;
    pthread_mutex_t lock; /* guards all below */
    struct rp__home *home;
    struct rp__router_crew *crews;
    struct rp__line *bucket[RP__LINE_BUCKETS];
    struct rp__line *unsent, *changed;
    uint64_t locals, waits; /* numbers given so far */
    int failed;
    bool *lost;                    /* [ranks], made when the first one is */
    struct rp__incoming *incoming; /* [ranks], made when first used, as is `to` */
    struct rp__outbox *to;
    uint32_t *dirty, dirty_count;
    struct rp__buffer scratch;
    bool heard_remote, asked_remote;           /* other hosts called, were called, since the last step */
    uint32_t open_remote;                      /* calls of ours at other hosts */
    uint64_t heard_remote_ns, asked_remote_ns; /* when they did; 0: never */
};

/* router.c. */
struct rp__line *rp__router_find(const struct rp__router *router, uint64_t local);
void rp__router_drop(struct rp__router *router, struct rp__line *line);
bool rp__router_is_remote(const struct rp__router *router, uint32_t rank);
bool rp__router_is_lost(const struct rp__router *router, uint32_t rank);
/* A frame of that head and its bytes for another rank. 0 or RP_ENOMEM. */
int rp__router_put(struct rp__router *router, enum rp__frame_type type, uint32_t rank, uint64_t local, const void *head,
                   size_t head_size, const void *data, size_t size);
/* Write on what is left of the line's reply, whose bytes these are; false: the ring is full. */
bool rp__router_reply(struct rp__router *router, struct rp__line *line, const uint8_t *data);

/* router_calls.c. A line makes a call; an answer comes to one; another rank's call comes. 0, RP_ENOMEM, RP_EPROTOCOL. */
int rp__router_make(struct rp__router *router, struct rp__line *line, const struct rp__call_head *head,
                    const uint8_t *data);
int rp__router_hear(struct rp__router *router, struct rp__line *line, const struct rp__answer_head *head,
                    const uint8_t *data);
int rp__router_serve(struct rp__router *router, struct rp__caller from, const struct rp__call_head *head,
                     const uint8_t *data);
/* Bring the home's answers to their callers. */
int rp__router_answer(struct rp__router *router);
/* The line's open call, if any, is to end with this code, or 0: its own for too late. */
int rp__router_end_call(struct rp__router *router, const struct rp__line *line, int code);
/* The worker is gone, having taken so many of what it was lent last. The line is freed, or will be. */
int rp__router_gone(struct rp__router *router, struct rp__line *line, uint32_t taken);

#endif
