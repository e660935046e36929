/* Routers of three ranks in any run: workers put, take, give back, lock, meet and die at random, main's thread too,
 * messages take any time, and replies fit into the rings in part only. Every item is got once at most; none is lost
 * but the first of what was granted to one that died; locks are held by one; at rest the agents know exactly who
 * waits; and in the end no call is open.
 *
 * With an argument, the seed, only that one runs. */
#include "router_stage.h"

#include "rankpool.h"

enum { OBJECTS = 9, ITEMS = 1500, CALLERS = RANKS * WORKERS + 1, MAIN = RANKS * WORKERS, BATCH = 256, LARGE = 300000 };

enum state { UNUSED, OFFERED, ACCEPTED, REFUSED, GOT };

struct object {
    uint64_t to, from; /* ids to put and to take; of a lock, `to` alone */
    bool pipe, lock, barrier, bounded;
    int holder;        /* of a lock, a caller; -1: none */
    uint32_t consumer; /* where callers have their parts, who takes from it */
};

struct client {
    bool open, tries;
    enum rp__op op;
    uint32_t object, offered;
    uint32_t item[BATCH], items; /* that it was lent, of `lender`; as many of them are taken as its slot says */
    uint32_t lender, lendings;
    uint64_t grant;
    uint32_t last[OBJECTS][CALLERS]; /* item that it got from each producer */
};

struct item {
    enum state state;
    uint32_t producer;
};

struct run {
    uint64_t random, now_ns;
    bool parts; /* each queue and pipe has one that takes from it, others seldom do: batches grow */
    struct stage *stage;
    struct object object[OBJECTS];
    struct client client[CALLERS];
    struct item item[ITEMS];
    uint32_t offered;
    uint64_t may_be_lost; /* first items under way to those that died */
    struct rp__main_call *main;
};

static uint32_t rank_of(uint32_t who) { return who == MAIN ? 0 : who / WORKERS; }
static uint32_t worker_of(uint32_t who) { return who % WORKERS; }
static struct played *slot_of(const struct run *run, uint32_t who) {
    return &run->stage->crew[rank_of(who)].worker[worker_of(who)];
}

static bool send(struct run *run, uint32_t who, const struct rp__call_head *head, const void *data, size_t size) {
    if (who != MAIN) {
        const size_t pieces = (size_t)random_between(&run->random, 1, 3);
        REQUIRE(call(run->stage, rank_of(who), worker_of(who), *head, data, size, pieces) == 0);
        return true;
    }
    struct rp__router *router = run->stage->router[0];
    struct rp__call_head whole = *head;
    whole.size = size;
    pthread_mutex_lock(rp__router_lock(router));
    const int rc = head->type == RP__CALL_CANCEL
                       ? rp__router_cancel(router, RP__MAIN_CALLER | 7)
                       : rp__router_call(router, RP__MAIN_CALLER | 7, &whole, data, &run->main);
    pthread_mutex_unlock(rp__router_lock(router));
    post(run->stage, 0);
    REQUIRE(rc == 0);
    return true;
}

/* ---- Items ---- */

static bool get_item(struct run *run, uint32_t who, uint32_t object, uint32_t number) {
    struct client *client = &run->client[who];
    struct item *item = &run->item[number];
    REQUIRE(number >= 1 && number <= run->offered);
    REQUIRE(item->state == OFFERED || item->state == ACCEPTED);
    item->state = GOT;
    /* Of one producer's life always later ones. */
    REQUIRE(number > client->last[object][item->producer]);
    client->last[object][item->producer] = number;
    return true;
}

static bool has_lent(const struct run *run, uint32_t who) {
    const uint64_t stream = who == MAIN ? 0 : slot_of(run, who)->stream;
    return who != MAIN && run->client[who].items && !(stream & RP__STREAM_RECALLED) &&
           (uint32_t)stream < run->client[who].items;
}

static bool take_next(struct run *run, uint32_t who) {
    struct played *slot = slot_of(run, who);
    const struct client *client = &run->client[who];
    return get_item(run, who, client->lender, client->item[(uint32_t)slot->stream++]);
}

static bool read_items(struct run *run, uint32_t who, const struct rp__answer_head *head, const uint8_t *data) {
    struct client *client = &run->client[who];
    size_t at = 0, size;
    const uint8_t *item;
    bool failed;
    client->items = 0;
    for (size_t step_by; (step_by = rp__record_read(data + at, head->size - at, &item, &size, &failed));
         at += step_by) {
        REQUIRE(client->items < BATCH && size >= 4);
        memcpy(&client->item[client->items++], item, 4);
    }
    REQUIRE(at == head->size && client->items == head->value && client->items >= 1);
    REQUIRE((client->items > 1) == (head->grant != 0));
    client->lender = client->object;
    client->grant = head->grant;
    if (head->grant) {
        uint64_t *stream = &slot_of(run, who)->stream;
        client->lendings++;
        if (*stream >> 33 != client->lendings) *stream = rp__stream(client->lendings, 1);
        REQUIRE((uint32_t)*stream == 1);
    }
    REQUIRE(get_item(run, who, client->object, client->item[0]));
    if (!head->grant) client->items = 0;
    return true;
}

static bool give_back(struct run *run, uint32_t who) {
    uint64_t *stream = &slot_of(run, who)->stream;
    const struct client *client = &run->client[who];
    *stream |= RP__STREAM_RECALLED;
    const struct rp__call_head head = {.type = RP__CALL_RETURNED,
                                       .object = run->object[client->lender].from,
                                       .a = client->grant,
                                       .b = (uint32_t)*stream};
    return send(run, who, &head, NULL, 0);
}

/* ---- Calls ---- */

static bool ask(struct run *run, uint32_t who, uint32_t object, struct rp__call_head head, const void *data,
                size_t size) {
    struct client *client = &run->client[who];
    if (has_lent(run, who)) REQUIRE(give_back(run, who));
    head.type = RP__CALL_REQUEST;
    if (!(head.flags & RP__CALL_SILENT)) {
        client->open = true;
        client->op = (enum rp__op)head.op;
        client->object = object;
        client->tries = head.flags & RP__CALL_TRY;
    }
    return send(run, who, &head, data, size);
}

static bool put_item(struct run *run, uint32_t who, uint32_t at) {
    static const uint8_t none[LARGE];
    const struct object *object = &run->object[at];
    if (run->offered + 1 == ITEMS) return true;
    const uint32_t number = ++run->offered;
    run->item[number] = (struct item){.state = OFFERED, .producer = who};
    run->client[who].offered = number;
    const size_t size = one_in(&run->random, 60) ? sizeof none : 4 + (size_t)random_below(&run->random, 40);
    uint8_t *bytes = malloc(size);
    memcpy(bytes, none, size);
    memcpy(bytes, &number, sizeof number);
    struct rp__call_head head = {.op = object->pipe ? RP__OP_SEND : RP__OP_PUT, .object = object->to};
    if (who != MAIN && !object->bounded && one_in(&run->random, 2)) {
        head.flags = RP__CALL_SILENT;
        run->item[number].state = ACCEPTED;
    } else if (one_in(&run->random, 4)) {
        head.flags = RP__CALL_TRY;
    }
    const bool good = ask(run, who, at, head, bytes, size);
    free(bytes);
    return good;
}

static bool take_item(struct run *run, uint32_t who, uint32_t at) {
    if (has_lent(run, who) && run->client[who].lender == at) return take_next(run, who);
    const struct object *object = &run->object[at];
    const struct rp__call_head head = {.op = object->pipe ? RP__OP_RECV : RP__OP_GET,
                                       .object = object->from,
                                       .flags = one_in(&run->random, 4) ? RP__CALL_TRY : 0,
                                       .a = who == MAIN ? 1 : BATCH};
    return ask(run, who, at, head, NULL, 0);
}

static bool use_lock(struct run *run, uint32_t who, uint32_t at) {
    struct object *lock = &run->object[at];
    const bool holds = lock->holder == (int)who;
    struct rp__call_head head = {.op = holds ? RP__OP_RELEASE : RP__OP_ACQUIRE, .object = lock->to};
    if (!holds && one_in(&run->random, 6)) head.op = RP__OP_REPAIR;
    if (holds && who != MAIN && one_in(&run->random, 2)) head.flags = RP__CALL_SILENT;
    if (holds) lock->holder = -1;
    return ask(run, who, at, head, NULL, 0);
}

static bool meet(struct run *run, uint32_t who, uint32_t at) {
    struct rp__call_head head = {.op = one_in(&run->random, 5) ? RP__OP_RESET : RP__OP_WAIT,
                                 .object = run->object[at].to};
    return ask(run, who, at, head, NULL, 0);
}

static bool make_call(struct run *run, uint32_t who) {
    const uint32_t at = (uint32_t)random_below(&run->random, OBJECTS);
    if (run->object[at].lock) return use_lock(run, who, at);
    if (run->object[at].barrier) return meet(run, who, at);
    bool takes = one_in(&run->random, 2);
    if (run->parts) takes = who == run->object[at].consumer ? !one_in(&run->random, 10) : one_in(&run->random, 40);
    return takes ? take_item(run, who, at) : put_item(run, who, at);
}

/* ---- Replies ---- */

static bool end_put(struct run *run, const struct client *client, int code) {
    struct item *item = &run->item[client->offered];
    REQUIRE(code == 0 || code == RP_EFULL);
    if (code == 0 && item->state == OFFERED) item->state = ACCEPTED;
    if (code) REQUIRE(item->state == OFFERED);
    if (code) item->state = REFUSED;
    return true;
}

static bool take_reply(struct run *run, uint32_t who, const struct rp__answer_head *head, const uint8_t *data) {
    struct client *client = &run->client[who];
    struct object *object = &run->object[client->object];
    REQUIRE(client->open && head->kind == RP__REPLY);
    client->open = false;
    switch (client->op) {
    case RP__OP_PUT:
    case RP__OP_SEND:
        return end_put(run, client, head->code);
    case RP__OP_GET:
    case RP__OP_RECV:
        REQUIRE(head->code == 0 || head->code == RP_EEMPTY);
        return head->code ? true : read_items(run, who, head, data);
    case RP__OP_ACQUIRE:
        REQUIRE(head->code == 0 || head->code == RP_ETIMEDOUT || head->code == RP_EBROKEN || head->code == RP_EDEADLK);
        if (head->code) return true;
        REQUIRE(object->holder == -1);
        object->holder = (int)who;
        return true;
    case RP__OP_WAIT:
        REQUIRE(head->code == RP_EBROKEN || head->code == RP_ETIMEDOUT || (head->code == 0 && head->value < 3));
        return true;
    default:
        REQUIRE(head->code == 0);
        return true;
    }
}

static bool listen(struct run *run, uint32_t who) {
    if (who != MAIN) {
        const struct played *slot = slot_of(run, who);
        if (!read_piece(run->stage, rank_of(who), worker_of(who))) return true;
        return take_reply(run, who, &slot->head, slot->reply.data);
    }
    if (!run->client[MAIN].open || run->main->open) return true;
    const struct rp__answer_head head = {
        .kind = RP__REPLY, .code = run->main->code, .value = run->main->value, .size = run->main->data.size};
    return take_reply(run, who, &head, run->main->data.data);
}

/* What it was granted and had not read may be lost, by one item. What it held is broken until somebody repairs it. */
static bool die(struct run *run, uint32_t who) {
    struct client *client = &run->client[who];
    if (who == MAIN) return true;
    const uint32_t rank = rank_of(who);
    REQUIRE(run->stage->calls[rank].gone(run->stage->calls[rank].context, worker_of(who), slot_of(run, who)->stream) ==
            0);
    post(run->stage, rank);
    if (client->open && (client->op == RP__OP_GET || client->op == RP__OP_RECV)) run->may_be_lost++;
    for (int i = 0; i < OBJECTS; i++)
        if (run->object[i].holder == (int)who) run->object[i].holder = -1;
    *client = (struct client){0};
    begin_life(run->stage, rank, worker_of(who));
    return true;
}

static bool cancel(struct run *run, uint32_t who) {
    if (!run->client[who].open) return true;
    const struct rp__call_head head = {.type = RP__CALL_CANCEL, .object = run->object[run->client[who].object].from};
    return send(run, who, &head, NULL, 0);
}

/* ---- A run ---- */

static bool one_step(struct run *run) {
    const uint32_t who = (uint32_t)random_below(&run->random, CALLERS);
    const uint64_t what = random_below(&run->random, 100);
    if (what < 30) {
        deliver(run->stage, (uint32_t)random_below(&run->random, RANKS), (uint32_t)random_below(&run->random, RANKS));
    } else if (what < 40) {
        step(run->stage, (uint32_t)random_below(&run->random, RANKS), ++run->now_ns);
    } else if (what < 60) {
        REQUIRE(listen(run, who));
    } else if (what < 62) {
        REQUIRE(die(run, who));
    } else if (what < 66) {
        REQUIRE(cancel(run, who));
    } else if (!run->client[who].open) {
        REQUIRE(make_call(run, who));
    }
    REQUIRE(!run->stage->fault);
    return true;
}

static bool comes_to_rest(struct run *run) {
    for (int round = 0; round < 40; round++) { /* a large reply takes so many rounds through its ring */
        settle(run->stage);
        for (uint32_t who = 0; who < CALLERS; who++) REQUIRE(listen(run, who));
    }
    REQUIRE(!run->stage->fault);
    for (uint32_t who = 0; who < MAIN; who++) {
        const struct played *slot = slot_of(run, who);
        REQUIRE(slot->blocked == run->client[who].open && !slot->pieces && !slot->began);
        REQUIRE(!run->client[who].open || !run->client[who].tries);
    }
    return true;
}

static bool drain(struct run *run, uint32_t at) {
    const struct object *object = &run->object[at];
    const struct rp__call_head head = {
        .op = object->pipe ? RP__OP_RECV : RP__OP_GET, .object = object->from, .flags = RP__CALL_TRY, .a = 1};
    for (uint32_t i = 0; i < ITEMS; i++) {
        REQUIRE(ask(run, MAIN, at, head, NULL, 0));
        settle(run->stage);
        REQUIRE(listen(run, MAIN) && !run->client[MAIN].open);
        if (run->main->code) return run->main->code == RP_EEMPTY;
    }
    return false;
}

static bool no_worker_is_left(const struct run *run) {
    for (uint32_t rank = 0; rank < RANKS; rank++)
        for (size_t i = 0; i < RP__LINE_BUCKETS; i++)
            for (const struct rp__line *line = run->stage->router[rank]->bucket[i]; line; line = line->chain)
                REQUIRE(line->main && !line->open);
    return true;
}

/* Crews are closed while their workers have all kinds of things in hand. */
static bool ends(struct run *run) {
    for (uint32_t rank = 0; rank < RANKS; rank++) {
        for (uint32_t who = rank * WORKERS; who < (rank + 1) * WORKERS; who++) {
            const enum rp__op op = run->client[who].op;
            run->may_be_lost += run->client[who].open && (op == RP__OP_GET || op == RP__OP_RECV);
        }
        REQUIRE(rp__router_remove(run->stage->router[rank], &run->stage->crew[rank]) == 0);
        post(run->stage, rank);
    }
    REQUIRE(cancel(run, MAIN));
    settle(run->stage);
    REQUIRE(listen(run, MAIN) && !run->client[MAIN].open && no_worker_is_left(run));
    for (uint32_t at = 0; at < OBJECTS; at++)
        if (!run->object[at].lock && !run->object[at].barrier) REQUIRE(drain(run, at));
    uint64_t lost = 0;
    for (uint32_t i = 1; i <= run->offered; i++) lost += run->item[i].state == ACCEPTED;
    REQUIRE(lost <= run->may_be_lost);
    return true;
}

/* Each rank has a queue or pipe, a lock, and one more queue or a barrier. */
static bool make_objects(struct run *run) {
    for (uint32_t at = 0; at < OBJECTS; at++) {
        struct object *object = &run->object[at];
        const uint32_t who = at % RANKS * WORKERS;
        struct rp__call_head head = {.type = RP__CALL_REQUEST, .op = RP__OP_NEW, .object = RP__QUEUE};
        object->holder = -1;
        object->consumer = (uint32_t)random_below(&run->random, MAIN);
        object->lock = at / RANKS == 1;
        object->barrier = at / RANKS == 2 && one_in(&run->random, 2);
        object->pipe = at / RANKS == 0 && one_in(&run->random, 2);
        object->bounded = !object->pipe && one_in(&run->random, 3);
        if (object->bounded) head.a = random_between(&run->random, 1, 4);
        if (object->lock) head.object = RP__LOCK, head.a = 0;
        if (object->barrier) head.object = RP__BARRIER, head.a = 3;
        if (object->pipe) head.object = RP__PIPE, head.a = 0;
        REQUIRE(send(run, who, &head, NULL, 0) && read_piece(run->stage, rank_of(who), worker_of(who)));
        const struct rp__answer_head *answer = &slot_of(run, who)->head;
        REQUIRE(answer->code == 0 && answer->value >> 40 == rank_of(who));
        object->to = object->from = answer->value;
        if (object->pipe) object->to |= RP__PIPE_END;
    }
    return true;
}

static bool plays(struct run *run) {
    run->parts = one_in(&run->random, 2);
    REQUIRE(make_objects(run));
    for (uint64_t steps = 1 + random_below(&run->random, 6000); steps; steps--) {
        REQUIRE(one_step(run));
        if (one_in(&run->random, 100)) REQUIRE(comes_to_rest(run));
    }
    return ends(run);
}

static bool calls_reach_their_homes(uint64_t seed) {
    struct run *run = calloc(1, sizeof *run);
    run->random = seed;
    run->stage = open_stage(NULL);
    const bool good = plays(run);
    close_stage(run->stage);
    free(run);
    return good;
}

static void nothing_is_lost_or_doubled_whatever_happens(void) { run_seeds(600, calls_reach_their_homes); }

int main(int argc, char **argv) {
    static const struct unit_test tests[] = {UNIT(nothing_is_lost_or_doubled_whatever_happens), {NULL, NULL}};
    if (argc > 1) return calls_reach_their_homes(strtoull(argv[1], NULL, 10)) ? 0 : 1;
    return unit_run("router: any run", tests);
}
