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
    int (*kill)(struct rp__crew *crew, uint32_t worker, const char *cause);
    int (*restart)(struct rp__crew *crew, uint32_t worker, rp_error *error);
};
extern const struct rp__agent_crew rp__agent_real_crew;

struct rp__agent;

/* `crew` (of so many workers) and `out` (frames for the master are put there) are lent. NULL: out of memory. */
struct rp__agent *rp__agent_new(const struct rp__agent_crew *ops, struct rp__crew *crew, uint32_t workers,
                                struct rp__outbox *out);
/* Before the first poll: each worker that starts runs this kernel first, with this input, which is lent. */
void rp__agent_initialize(struct rp__agent *agent, uint32_t kernel, const void *input, size_t size);
/* A worker is replaced by a new one before it has computed more tasks than these, as far as chunks are no larger. */
void rp__agent_limit_tasks(struct rp__agent *agent, uint64_t tasks);
void rp__agent_free(struct rp__agent *agent);
/* MAP, MAP_END, WORK, TAKE_BACK or CANCEL came. 0, RP_ENOMEM, RP_EPROTOCOL. */
int rp__agent_receive(struct rp__agent *agent, const struct rp__frame *frame);
/* Take what the crew has to say, and give it what it has room for. *events: how many things happened. 0, or why
 * this rank cannot go on. */
int rp__agent_poll(struct rp__agent *agent, uint32_t *events, rp_error *error);
/* Workers that have nothing to do. */
uint32_t rp__agent_idle(const struct rp__agent *agent);
/* A moving mean of how long a chunk takes, ns; 0: not known. */
uint64_t rp__agent_chunk_ns(const struct rp__agent *agent);
/* Chunks that the master has given and that are not answered. */
uint64_t rp__agent_held(const struct rp__agent *agent);

#endif
