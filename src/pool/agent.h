/* An agent: moves chunks from the master to its crew and results back. It computes nothing and waits for nobody.
 * It keeps each chunk until it is answered, so that a worker that died can be replaced and given again what it had
 * not answered. */
#ifndef RP_POOL_AGENT_H
#define RP_POOL_AGENT_H

#include "core/wire.h"
#include "crew/crew.h"

/* What the agent needs of a crew (crew/crew.h has the contracts); tests play one. */
struct rp__agent_crew {
    bool (*give)(struct rp__crew *crew, uint32_t worker, struct rp__work *work);
    void (*wake)(struct rp__crew *crew, uint32_t worker);
    void (*retire)(struct rp__crew *crew, uint32_t worker);
    void (*cancel)(const struct rp__crew *crew, uint32_t map);
    bool (*take_back)(struct rp__crew *crew, uint32_t worker, uint64_t chunk);
    void (*low_water)(struct rp__crew *crew, uint32_t worker, uint32_t low);
    int (*poll)(struct rp__crew *crew, struct rp__crew_event *event, bool *got, rp_error *error);
    bool (*progress)(struct rp__crew *crew, uint32_t worker, uint64_t *chunk, double *tasks, uint64_t *item);
    int (*kill)(struct rp__crew *crew, uint32_t worker, const char *cause);
    int (*restart)(struct rp__crew *crew, uint32_t worker, rp_error *error);
    int (*add)(struct rp__crew *crew, uint32_t like, uint32_t *index, rp_error *error);
};

struct rp__agent;

/* Who is told of what workers have to do with shared objects (pool/router.h; tests play one). `worker` is the crew's. */
struct rp__agent_calls {
    void *context;
    void (*started)(void *context, uint32_t worker);                                   /* a new life */
    int (*called)(void *context, uint32_t worker, const struct rp__crew_event *event); /* a piece of a call */
    int (*gone)(void *context, uint32_t worker, uint64_t stream);
    int (*deadlocked)(void *context, uint32_t worker); /* its open call is to end with RP_EDEADLK */
};

/* `crew` (of so many workers) and `out` (frames for the master are put there) are lent. NULL: out of memory. */
struct rp__agent *rp__agent_new(const struct rp__agent_crew *ops, struct rp__crew *crew, uint32_t workers,
                                struct rp__outbox *out);
/* Before the first poll: each worker that starts runs this kernel first, with this input, which is lent. */
void rp__agent_initialize(struct rp__agent *agent, uint32_t kernel, const void *input, size_t size);
/* A worker is replaced by a new one before it has computed more tasks than these, as far as chunks are no larger. */
void rp__agent_limit_tasks(struct rp__agent *agent, uint64_t tasks);
/* The crew is one worker, which lives `where` (lent): the master learns that and its pid, and when it has ended no other
 * takes its place. */
void rp__agent_is_process(struct rp__agent *agent, const rp_where *where);
void rp__agent_free(struct rp__agent *agent);
/* MAP, MAP_END, WORK, TAKE_BACK or CANCEL came. 0, RP_ENOMEM, RP_EPROTOCOL. */
int rp__agent_receive(struct rp__agent *agent, const struct rp__frame *frame);
/* Polls from now on take about so many bytes from workers at most, each; at first any number. The rest waits in the rings,
 * and holds its workers up when these are full. */
void rp__agent_set_room(struct rp__agent *agent, size_t bytes);
/* Take what the crew has to say, and give it what it has room for. *events: how many things happened. 0, or why
 * this rank cannot go on. */
int rp__agent_poll(struct rp__agent *agent, uint32_t *events, rp_error *error);
/* Before the first poll. Without it a call is a worker gone wild. Copied. */
void rp__agent_set_calls(struct rp__agent *agent, const struct rp__agent_calls *calls);
/* The worker's open call waits, for something `held` by a caller that lives or not; and was answered. After a moment of
 * waiting the worker gives up its place, and another takes over the chunks that it had not started. */
void rp__agent_blocked(struct rp__agent *agent, uint32_t worker, bool held);
void rp__agent_unblocked(struct rp__agent *agent, uint32_t worker);
/* Give up the places of those that have waited for long enough. *next_ns: how long until there is more to be done, or
 * INT64_MAX. */
int rp__agent_tick(struct rp__agent *agent, uint64_t now_ns, int64_t *next_ns, rp_error *error);
/* Tell the master how far long chunks are, ten times a second at most; and kill workers whose task has computed for
 * longer than its map allows. 0 or RP_ENOMEM. */
int rp__agent_look(struct rp__agent *agent, uint64_t now_ns);
/* Workers that have nothing to do. */
uint32_t rp__agent_idle(const struct rp__agent *agent);
/* A moving mean of how long a chunk takes, ns; 0: not known. */
uint64_t rp__agent_chunk_ns(const struct rp__agent *agent);
/* Chunks that the master has given and that are not answered. */
uint64_t rp__agent_held(const struct rp__agent *agent);

#endif
