/* Who calls and what is called, see home.h: finds the party and the object of a request, hands it to the object's
 * kind, and keeps the answers in order. A party has at most one request open, so it is itself the entry in the list
 * where it waits. */
#include "core/home.h"

#include "core/home_object.h"
#include "rankpool.h"

#include <stdlib.h>
#include <string.h>

enum { KEPT_CAPACITY = 64 * 1024, TYPE_SHIFT = 36, RANK_SHIFT = 40 };

struct rp__home {
    uint32_t rank;
    uint64_t made;
    struct rp__cell_memory memory;
    struct rp__table parties, objects;
    struct rp__out *first, *last; /* answers that nobody has fetched */
};

static const struct rp__kind *const kinds[] = {
    [RP__QUEUE] = &rp__queue_kind,         [RP__PIPE] = &rp__pipe_kind,   [RP__LOCK] = &rp__lock_kind,
    [RP__RLOCK] = &rp__rlock_kind,         [RP__EVENT] = &rp__event_kind, [RP__SEMAPHORE] = &rp__semaphore_kind,
    [RP__CONDITION] = &rp__condition_kind, [RP__CELLS] = &rp__cells_kind, [RP__BARRIER] = &rp__barrier_kind,
};

static bool is_type(uint64_t type) { return type > 0 && type < sizeof kinds / sizeof *kinds; }

static void *heap_make(void *context, uint64_t object, size_t words) { return calloc(words, sizeof(uint64_t)); }
static void heap_drop(void *context, void *at, size_t words) { free(at); }

struct rp__home *rp__home_new(uint32_t rank, const struct rp__cell_memory *memory) {
    struct rp__home *home = calloc(1, sizeof *home);
    if (!home) return NULL;
    home->rank = rank;
    home->memory = memory ? *memory : (struct rp__cell_memory){.make = heap_make, .drop = heap_drop};
    if (rp__table_open(&home->parties) && rp__table_open(&home->objects)) return home;
    rp__home_free(home);
    return NULL;
}

static void free_party(struct rp__home *home, struct rp__party *party) {
    rp__home_withdraw(home, &party->out);
    rp__table_remove(&home->parties, &party->node);
    rp__buffer_free(&party->data);
    free(party->stake);
    free(party);
}

void rp__home_free(struct rp__home *home) {
    if (!home) return;
    for (size_t i = 0; home->objects.bucket && i < home->objects.buckets; i++)
        while (home->objects.bucket[i]) rp__home_drop(home, (struct rp__object *)home->objects.bucket[i]);
    for (size_t i = 0; home->parties.bucket && i < home->parties.buckets; i++)
        while (home->parties.bucket[i]) free_party(home, (struct rp__party *)home->parties.bucket[i]);
    free(home->objects.bucket);
    free(home->parties.bucket);
    free(home);
}

const struct rp__cell_memory *rp__home_memory(const struct rp__home *home) { return &home->memory; }

/* ---- Answers ------------------------------------------------------------------------------------------- */

void rp__home_emit(struct rp__home *home, struct rp__out *out) {
    if (out->queued) return;
    out->queued = true;
    out->before = home->last;
    out->after = NULL;
    *(home->last ? &home->last->after : &home->first) = out;
    home->last = out;
}

void rp__home_withdraw(struct rp__home *home, struct rp__out *out) {
    if (!out->queued) return;
    out->queued = false;
    *(out->before ? &out->before->after : &home->first) = out->after;
    *(out->after ? &out->after->before : &home->last) = out->before;
}

bool rp__home_answer(struct rp__home *home, struct rp__answer *answer) {
    if (!home->first) return false;
    *answer = home->first->answer;
    rp__home_withdraw(home, home->first);
    return true;
}

static bool gives_data(enum rp__op op) { return op == RP__OP_GET || op == RP__OP_RECV || op == RP__OP_READ; }

/* A reply takes the place of a WAITING that was not fetched; it was the last word to this party in any case. */
void rp__home_reply(struct rp__home *home, struct rp__party *party, int code, uint64_t value) {
    if (party->waits) rp__waits_remove(party);
    struct rp__answer *answer = &party->out.answer;
    const uint64_t grant = answer->grant;
    *answer = (struct rp__answer){.kind = RP__REPLY, .to = party->caller, .code = code, .value = value};
    if (code == 0 && gives_data(party->op)) {
        answer->data = party->data.data;
        answer->size = party->data.size;
        answer->grant = grant;
    }
    rp__home_emit(home, &party->out);
}

void rp__home_reply_all(struct rp__home *home, struct rp__waits *waits, int code, uint64_t value) {
    while (waits->first) rp__home_reply(home, waits->first, code, value);
}

void rp__home_reply_tries(struct rp__home *home, struct rp__waits *waits, int code) {
    for (struct rp__party *party = waits->first, *next; party; party = next) {
        next = party->after;
        if (party->try_only) rp__home_reply(home, party, code, 0);
    }
}

/* ---- Objects and parties ------------------------------------------------------------------------------- */

struct rp__object *rp__home_find(const struct rp__home *home, uint64_t id) {
    return (struct rp__object *)rp__table_find(&home->objects, id & ~RP__PIPE_END);
}

struct rp__object *rp__home_make(struct rp__home *home, enum rp__home_type type, const struct rp__request *request,
                                 int *code) {
    struct rp__object *object = calloc(1, sizeof *object);
    *code = RP_ENOMEM;
    if (!object) return NULL;
    object->kind = kinds[type];
    object->node.key = (uint64_t)home->rank << RANK_SHIFT | (uint64_t)type << TYPE_SHIFT | ++home->made;
    *code = object->kind->make ? object->kind->make(home, object, request) : 0;
    if (*code) {
        free(object);
        return NULL;
    }
    rp__table_add(&home->objects, &object->node);
    return object;
}

void rp__home_drop(struct rp__home *home, struct rp__object *object) {
    rp__table_remove(&home->objects, &object->node); /* before it drops what it owns: nobody finds it again */
    object->kind->drop(home, object);
    free(object);
}

static uint64_t key_of(struct rp__caller caller) { return (uint64_t)caller.rank << 40 | caller.local; }

static struct rp__party *find_party(const struct rp__home *home, struct rp__caller caller) {
    return (struct rp__party *)rp__table_find(&home->parties, key_of(caller));
}

static struct rp__party *find_or_make_party(struct rp__home *home, struct rp__caller caller) {
    struct rp__party *party = find_party(home, caller);
    if (party) return party;
    party = calloc(1, sizeof *party);
    if (!party) return NULL;
    party->node.key = key_of(caller);
    party->caller = caller;
    rp__table_add(&home->parties, &party->node);
    return party;
}

/* A caller that goes from object to object does not pile up stakes: those that no longer mean anything make room.
 */
static void drop_stakes(struct rp__home *home, struct rp__party *party) {
    size_t kept = 0;
    for (size_t i = 0; i < party->stakes; i++) {
        const struct rp__object *object = rp__home_find(home, party->stake[i].id);
        if (object && object->kind->concerns(object, party, &party->stake[i])) party->stake[kept++] = party->stake[i];
    }
    party->stakes = kept;
}

/* At least half is free then, so that dropping pays for itself. Not while it waits: what it waits for may need one. */
static bool room_for_stake(struct rp__home *home, struct rp__party *party) {
    if (!party->object) drop_stakes(home, party);
    if (party->capacity && party->stakes <= party->capacity / 2) return true;
    const size_t capacity = party->capacity ? 2 * party->capacity : 4;
    struct rp__stake *stake = realloc(party->stake, capacity * sizeof *stake);
    if (!stake) return party->stakes < party->capacity;
    party->stake = stake;
    party->capacity = capacity;
    return true;
}

struct rp__stake *rp__home_stake(struct rp__home *home, struct rp__party *party, const struct rp__object *object) {
    for (size_t i = 0; i < party->stakes; i++)
        if (party->stake[i].id == object->node.key) return &party->stake[i];
    if (party->stakes == party->capacity && !room_for_stake(home, party)) return NULL;
    struct rp__stake *stake = &party->stake[party->stakes++];
    *stake = (struct rp__stake){.id = object->node.key};
    return stake;
}

/* ---- Requests ------------------------------------------------------------------------------------------ */

static bool may_be_silent(enum rp__op op) {
    switch (op) {
    case RP__OP_FREE:
    case RP__OP_PUT:
    case RP__OP_TASK_DONE:
    case RP__OP_CLOSE:
    case RP__OP_SEND:
    case RP__OP_RELEASE:
    case RP__OP_REPAIR:
    case RP__OP_SET:
    case RP__OP_CLEAR:
    case RP__OP_NOTIFY:
    case RP__OP_ABORT:
    case RP__OP_RESET:
    case RP__OP_STORE:
    case RP__OP_ADD:
    case RP__OP_ADD_DOUBLE:
    case RP__OP_WRITE:
        return true;
    default:
        return false;
    }
}

static int make(struct rp__home *home, const struct rp__request *request, uint64_t *value) {
    if (!is_type(request->object)) return RP_EINVAL;
    int code;
    const struct rp__object *object = rp__home_make(home, (enum rp__home_type)request->object, request, &code);
    if (object) *value = object->node.key;
    return code;
}

static int serve(struct rp__home *home, struct rp__party *party, const struct rp__request *request, uint64_t *value) {
    if (request->op == RP__OP_NEW) return make(home, request, value);
    struct rp__object *object = rp__home_find(home, request->object);
    const bool ours = request->object >> RANK_SHIFT == home->rank && is_type(request->object >> TYPE_SHIFT & 0xf);
    if (!object) return ours ? RP_ECLOSED : RP_EINVAL;
    if (request->object & RP__PIPE_END && object->kind != &rp__pipe_kind) return RP_EINVAL;
    if (request->op != RP__OP_FREE) return object->kind->request(home, object, party, request, value);
    rp__home_drop(home, object);
    return 0;
}

/* The first failure is kept: what came behind it failed for the same reason, or can be told by itself. */
static int serve_silently(struct rp__home *home, struct rp__party *party, const struct rp__request *request) {
    uint64_t value = 0;
    const int code = serve(home, party, request, &value);
    if (code && !party->refused) {
        party->refused = code;
        party->refused_by = request->object;
    }
    return code;
}

/* What a silent request of the caller has met that is to be told now, or 0. */
static int refusal(struct rp__party *party, const struct rp__request *request) {
    const bool puts = request->op == RP__OP_PUT || request->op == RP__OP_SEND;
    if (request->op != RP__OP_FLUSH && !(puts && party->refused_by == request->object)) return 0;
    const int code = party->refused;
    party->refused = 0;
    return code;
}

int rp__home_request(struct rp__home *home, const struct rp__request *request) {
    uint64_t value = 0;
    if (request->silent && !may_be_silent(request->op)) return RP_EINVAL;
    struct rp__party *party = find_or_make_party(home, request->from);
    if (!party) return RP_ENOMEM;
    if (request->silent) return serve_silently(home, party, request);
    if (party->object || party->out.queued) return RP_EBUSY;

    party->op = request->op;
    party->a = request->a;
    party->try_only = request->try_only;
    party->out.answer.grant = 0;
    party->data.size = 0;
    if (party->data.capacity > KEPT_CAPACITY) rp__buffer_free(&party->data);
    int code = refusal(party, request);
    if (code == 0 && request->op != RP__OP_FLUSH) code = serve(home, party, request, &value);
    if (code != RP__LATER) {
        rp__home_reply(home, party, code, value);
    } else if (party->object) {
        const struct rp__kind *kind = party->object->kind;
        party->out.answer = (struct rp__answer){.kind = RP__WAITING, .to = party->caller};
        party->out.answer.held = kind->held && kind->held(party->object);
        rp__home_emit(home, &party->out);
    }
    return 0;
}

static int code_for_too_late(enum rp__op op) {
    switch (op) {
    case RP__OP_PUT:
        return RP_EFULL;
    case RP__OP_GET:
    case RP__OP_RECV:
        return RP_EEMPTY;
    default:
        return RP_ETIMEDOUT;
    }
}

void rp__home_cancel(struct rp__home *home, struct rp__caller caller, int code) {
    struct rp__party *party = find_party(home, caller);
    if (!party || !party->object) return;
    if (party->op == RP__OP_SEND)
        rp__home_reply(home, party, 0, 0); /* it is on its way, only not read: a failure would have it sent again */
    else if (party->object->kind->cancel)
        party->object->kind->cancel(home, party, code);
    else
        rp__home_reply(home, party, code ? code : code_for_too_late(party->op), 0);
}

void rp__home_gone(struct rp__home *home, struct rp__caller caller) {
    struct rp__party *party = find_party(home, caller);
    if (!party) return;
    struct rp__object *waited = party->object;
    if (waited) {
        rp__waits_remove(party);
        if (waited->kind->left) waited->kind->left(home, waited);
    }
    for (size_t i = 0; i < party->stakes; i++) {
        struct rp__object *object = rp__home_find(home, party->stake[i].id);
        if (object) object->kind->gone(home, object, party, &party->stake[i]);
    }
    free_party(home, party);
}

void rp__home_lose(struct rp__home *home, uint32_t rank) {
    for (size_t i = 0; i < home->parties.buckets; i++)
        for (struct rp__node *node = home->parties.bucket[i], *next; node; node = next) {
            next = node->chain; /* the end of one caller ends no other */
            const struct rp__caller caller = ((const struct rp__party *)node)->caller;
            if (caller.rank == rank) rp__home_gone(home, caller);
        }
}
