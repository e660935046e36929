/* Places and the lives in them: who gives up its place, and who takes it over. See agent_state.h.
 *
 * A task that waits for what another task of this place does would wait for ever if that one were behind it in its ring.
 * So after a moment, in which most waits end, the worker hands back what it has not started, and another life computes
 * that. The one that waited goes on beside it when it is answered, and is kept for the next time. */
#include "core/error.h"
#include "pool/agent_state.h"

#include <stdlib.h>
#include <string.h>

enum { ASIDE_MAX = 64 /* lives of a place that are blocked, or run on beside the current one */ };
static const uint64_t WAIT_NS = 1000000, HELD_NS = 10000000; /* who holds it mostly lets it go again soon */

static uint32_t number_of(const struct rp__agent *agent, const struct rp__agent_life *life) {
    return (uint32_t)(life - agent->life);
}

static void take_place(struct rp__agent *agent, struct rp__agent_life *life) {
    struct rp__agent_place *place = &agent->place[life->place];
    if (life->state == RP__LIFE_BLOCKED || life->state == RP__LIFE_RESUMED) place->aside--;
    life->state = RP__LIFE_CURRENT;
    place->current = number_of(agent, life);
    place->starved = false;
    rp__agent_count_idle(agent, life->place);
}

void rp__agent_blocked(struct rp__agent *agent, uint32_t worker, bool held) {
    struct rp__agent_life *life = &agent->life[worker];
    life->held = held;
    if (life->waits) return;
    life->waits = true;
    life->deadlocked = false;
    life->since_ns = RP__NOT_SEEN;
    if (life->state == RP__LIFE_RESUMED) life->state = RP__LIFE_BLOCKED;
}

void rp__agent_unblocked(struct rp__agent *agent, uint32_t worker) {
    struct rp__agent_life *life = &agent->life[worker];
    life->waits = false;
    if (life->state != RP__LIFE_BLOCKED) return;
    if (agent->place[life->place].current == RP__NO_LIFE)
        take_place(agent, life);
    else
        life->state = RP__LIFE_RESUMED;
}

void rp__agent_at_rest(struct rp__agent *agent, struct rp__agent_life *life) {
    struct rp__agent_place *place = &agent->place[life->place];
    life->waits = false;
    if (life->state != RP__LIFE_BLOCKED && life->state != RP__LIFE_RESUMED) return;
    if (place->current == RP__NO_LIFE) {
        take_place(agent, life);
        return;
    }
    place->aside--;
    life->state = RP__LIFE_PARKED;
}

bool rp__agent_leaves(struct rp__agent *agent, struct rp__agent_life *life) {
    struct rp__agent_place *place = &agent->place[life->place];
    life->waits = false;
    if (life->state == RP__LIFE_CURRENT) return true;
    if (life->state != RP__LIFE_PARKED) place->aside--;
    life->state = RP__LIFE_ENDED;
    place->starved = false;
    return false;
}

/* ---- Giving up ---- */

static struct rp__agent_life *find_life(const struct rp__agent *agent, uint32_t at, enum rp__life_state state) {
    for (uint32_t i = 0; i < agent->lives; i++)
        if (agent->life[i].place == at && agent->life[i].state == state) return &agent->life[i];
    return NULL;
}

/* The chunk in hand stays with the life, what is behind it with the place. */
static int give_up(struct rp__agent *agent, uint32_t at) {
    struct rp__agent_place *place = &agent->place[at];
    struct rp__agent_life *life = rp__agent_current(agent, at);
    if (!rp__agent_recall_behind(agent, place->current))
        return 0; /* it runs wild: it has started what it waits behind */
    life->state = RP__LIFE_BLOCKED;
    place->aside++;
    place->current = RP__NO_LIFE;
    struct rp__agent_life *runs = find_life(agent, at, RP__LIFE_RESUMED);
    if (runs) take_place(agent, runs);
    rp__agent_count_idle(agent, at);
    struct rp__held *held = life->given.first;
    if (held->blocked) return 0;
    held->blocked = true;
    return rp__outbox_put(agent->out, &(struct rp__frame){.type = RP__FRAME_BLOCKED, .chunk = held->work.chunk});
}

/* No life takes over any more. A wait for what a living caller holds ends some day, and so may one while another life
 * of the place runs; any other is told that it will not, once. */
static int is_stuck(struct rp__agent *agent, struct rp__agent_life *life) {
    if (!life || life->held || life->deadlocked || find_life(agent, life->place, RP__LIFE_RESUMED)) return 0;
    life->deadlocked = true;
    return agent->calls.deadlocked ? agent->calls.deadlocked(agent->calls.context, number_of(agent, life)) : 0;
}

/* Who gave up a starved place last: the one of highest wait. */
static struct rp__agent_life *last_blocked(const struct rp__agent *agent, uint32_t at) {
    struct rp__agent_life *last = NULL;
    for (uint32_t i = 0; i < agent->lives; i++) {
        struct rp__agent_life *life = &agent->life[i];
        if (life->place == at && life->state == RP__LIFE_BLOCKED && (!last || life->since_ns >= last->since_ns))
            last = life;
    }
    return last;
}

/* *left_ns: until this place is to be looked at again. */
static int look_at(struct rp__agent *agent, uint32_t at, uint64_t now_ns, uint64_t *left_ns, rp_error *error) {
    struct rp__agent_place *place = &agent->place[at];
    struct rp__agent_life *life = rp__agent_current(agent, at);
    int rc = 0;
    *left_ns = UINT64_MAX;
    if (place->starved) {
        place->starved = false;
        rc = rp__agent_pump(agent, at, error);
        rp__agent_count_idle(agent, at);
        *left_ns = place->starved ? HELD_NS : UINT64_MAX;
        return rc || !place->starved ? rc : is_stuck(agent, last_blocked(agent, at));
    }
    if (!life || !life->waits || !life->ready || !life->given.count) return 0;
    if (life->since_ns == RP__NOT_SEEN) life->since_ns = now_ns;
    uint64_t limit = life->held ? HELD_NS : WAIT_NS, waited = now_ns - life->since_ns;
    if (waited < limit) {
        *left_ns = limit - waited;
    } else if (place->aside < ASIDE_MAX) {
        rc = give_up(agent, at);
        if (rc == 0) rc = rp__agent_pump(agent, at, error);
        *left_ns = place->starved ? HELD_NS : UINT64_MAX;
    } else {
        rc = is_stuck(agent, life);
        *left_ns = life->deadlocked ? UINT64_MAX : HELD_NS;
    }
    return rc;
}

int rp__agent_tick(struct rp__agent *agent, uint64_t now_ns, int64_t *next_ns, rp_error *error) {
    uint64_t next = INT64_MAX;
    int rc = 0;
    for (uint32_t at = 0; at < agent->workers && rc == 0; at++) {
        uint64_t left;
        rc = look_at(agent, at, now_ns, &left, error);
        if (left < next) next = left;
    }
    *next_ns = (int64_t)next;
    if (rc == RP_ENOMEM) rp__fail(error, rc, "the agent is out of memory");
    return rc;
}

/* ---- Taking over ---- */

static bool make_room(struct rp__agent *agent) {
    if (agent->lives < agent->lives_capacity) return true;
    uint32_t capacity = 2 * agent->lives_capacity;
    for (struct rp__agent_map *map = agent->maps; map; map = map->next) {
        bool *known = realloc(map->known, capacity * sizeof *known);
        if (!known) return false;
        memset(known + agent->lives_capacity, 0, (capacity - agent->lives_capacity) * sizeof *known);
        map->known = known;
    }
    struct rp__agent_life *life = realloc(agent->life, capacity * sizeof *life);
    if (!life) return false;
    agent->life = life;
    agent->lives_capacity = capacity;
    for (uint32_t i = 0; i < agent->lives; i++) /* an empty queue points into itself */
        if (!life[i].given.first) life[i].given.last = &life[i].given.first;
    return true;
}

/* One more worker of the crew. NULL and *code 0: there is no slot for it. */
static struct rp__agent_life *add_life(struct rp__agent *agent, uint32_t at, int *code, rp_error *error) {
    uint32_t index;
    *code = make_room(agent) ? agent->ops->add(agent->crew, at, &index, error) : RP_ENOMEM;
    if (*code == 0 && index != agent->lives)
        *code = rp__fail(error, RP_EPROTOCOL, "worker %u was added to a crew of %u", index, agent->lives);
    if (*code) {
        *code = *code == RP_EINVAL ? 0 : *code;
        return NULL;
    }
    struct rp__agent_life *life = &agent->life[agent->lives++];
    *life = (struct rp__agent_life){.given.last = &life->given.first, .place = at, .state = RP__LIFE_PARKED};
    rp__agent_start_over(agent, life);
    return life;
}

int rp__agent_substitute(struct rp__agent *agent, uint32_t at, rp_error *error) {
    int rc = 0;
    struct rp__agent_life *life = find_life(agent, at, RP__LIFE_PARKED);
    if (!life && (life = find_life(agent, at, RP__LIFE_ENDED)))
        rc = agent->ops->restart(agent->crew, number_of(agent, life), error);
    else if (!life)
        life = add_life(agent, at, &rc, error);
    if (rc) return rc;
    if (life)
        take_place(agent, life);
    else
        agent->place[at].starved = true;
    return 0;
}
