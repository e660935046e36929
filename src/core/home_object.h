/* Inside the machine of home.h: objects, the parties that call them, and how the kinds of objects meet home.c.
 * Answers need no memory of their own: each party and each flow carries the one that it can have under way, so
 * nothing that was granted is lost when memory runs out. */
#ifndef RP_CORE_HOME_OBJECT_H
#define RP_CORE_HOME_OBJECT_H

#include "core/buffer.h"
#include "core/home.h"

struct rp__node {
    uint64_t key;
    struct rp__node *chain;
};

struct rp__table {
    struct rp__node **bucket;
    size_t buckets, count;
};

struct rp__out {
    struct rp__answer answer;
    struct rp__out *before, *after;
    bool queued;
};

/* Waiting parties, first come first. */
struct rp__waits {
    struct rp__party *first, *last;
};

/* What ties a party to an object beyond a request, so that its death is noticed there. */
struct rp__stake {
    uint64_t id;
    int64_t balance; /* of a semaphore: acquired less released */
};

/* A caller, from its first request until it is gone. */
struct rp__party {
    struct rp__node node; /* first */
    struct rp__caller caller;
    struct rp__out out;
    struct rp__object *object; /* that its open request waits for; NULL: none does */
    struct rp__waits *waits;
    struct rp__party *before, *after;
    enum rp__op op;
    bool try_only;
    int refused; /* the code of a silent request on `refused_by` that it was not told of; 0: none */
    uint64_t refused_by;
    uint64_t a;
    uint64_t depth;         /* how often it will hold the lock that it waits for */
    int code;               /* what to answer then */
    struct rp__buffer data; /* of the reply, or the item that waits for room */
    struct rp__stake *stake;
    size_t stakes, capacity;
};

/* Items in one direction. [head, bytes.size) are records; the first `lent` of them are also at `last`. */
struct rp__flow {
    struct rp__buffer bytes;
    size_t head;
    uint64_t count, lent; /* count: with those lent */
    uint64_t grant, batch;
    struct rp__caller last; /* who got the last batch */
    bool recalled, single, closed;
    struct rp__waits getters, watchers, putters;
    struct rp__out recall;
};

struct rp__lock {
    struct rp__party *holder;
    uint64_t depth;
    bool recursive, broken;
    struct rp__waits waits;
    struct rp__object *conditions; /* on this lock */
};

struct rp__object {
    struct rp__node node; /* first; the key is the id */
    const struct rp__kind *kind;
    union {
        struct {
            struct rp__flow flow;
            uint64_t room, unfinished;
            struct rp__waits joiners;
        } queue;
        struct {
            struct rp__flow flow[2]; /* [e]: to end e; its putters are senders that wait until it is read */
            bool duplex, closed[2];
        } pipe;
        struct rp__lock lock;
        struct {
            uint64_t value, limit, taken, lost; /* taken: by who lives; lost: by who does not */
            bool bounded, broken;
            struct rp__waits waits;
        } semaphore;
        struct {
            bool set;
            struct rp__waits waits;
        } event;
        struct {
            struct rp__object *lock; /* NULL: it was freed */
            struct rp__object *next; /* condition on the same lock */
            bool owner;
            struct rp__waits waits;
        } condition;
        struct {
            uint64_t parties, waiting;
            bool broken;
            struct rp__waits waits;
        } barrier;
        struct {
            void *word;
            size_t words;
        } cells;
    };
};

enum { RP__LATER = 1 }; /* the request was put in a list; it may have been answered from there already */

/* A kind of objects. Where a function is NULL there is nothing to do. */
struct rp__kind {
    int (*make)(struct rp__home *home, struct rp__object *object, const struct rp__request *request);
    int (*request)(struct rp__home *home, struct rp__object *object, struct rp__party *party,
                   const struct rp__request *request, uint64_t *value);
    void (*cancel)(struct rp__home *home, struct rp__party *party, int code); /* NULL: reply with the code */
    /* A party with a stake here is gone. */
    void (*gone)(struct rp__home *home, struct rp__object *object, struct rp__party *party, struct rp__stake *stake);
    void (*left)(struct rp__home *home, struct rp__object *object); /* one that waited is gone */
    bool (*concerns)(const struct rp__object *object, const struct rp__party *party, const struct rp__stake *stake);
    bool (*held)(const struct rp__object *object);
    void (*drop)(struct rp__home *home, struct rp__object *object); /* answer all that wait, free what it owns */
};

extern const struct rp__kind rp__queue_kind, rp__pipe_kind, rp__lock_kind, rp__rlock_kind, rp__semaphore_kind,
    rp__event_kind, rp__condition_kind, rp__barrier_kind, rp__cells_kind;

/* home_object.c */
bool rp__table_open(struct rp__table *table);
struct rp__node *rp__table_find(const struct rp__table *table, uint64_t key);
void rp__table_add(struct rp__table *table, struct rp__node *node);
void rp__table_remove(struct rp__table *table, struct rp__node *node);
void rp__waits_add(struct rp__waits *waits, struct rp__object *object, struct rp__party *party);
void rp__waits_remove(struct rp__party *party);

/* home.c */
void rp__home_emit(struct rp__home *home, struct rp__out *out);
void rp__home_withdraw(struct rp__home *home, struct rp__out *out);
/* End the party's open request. */
void rp__home_reply(struct rp__home *home, struct rp__party *party, int code, uint64_t value);
void rp__home_reply_all(struct rp__home *home, struct rp__waits *waits, int code, uint64_t value);
/* Those of the list that may not wait. */
void rp__home_reply_tries(struct rp__home *home, struct rp__waits *waits, int code);
/* The party's stake in the object, made if need be; NULL when out of memory. Valid until the next call. */
struct rp__stake *rp__home_stake(struct rp__home *home, struct rp__party *party, const struct rp__object *object);
struct rp__object *rp__home_find(const struct rp__home *home, uint64_t id);
/* NULL: out of memory, or `make` refused with *code. */
struct rp__object *rp__home_make(struct rp__home *home, enum rp__home_type type, const struct rp__request *request,
                                 int *code);
void rp__home_drop(struct rp__home *home, struct rp__object *object);
const struct rp__cell_memory *rp__home_memory(const struct rp__home *home);

#endif
