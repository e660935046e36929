/* Queues and pipes in any run: callers put, take, cancel and die at random, and letters to them lie about for any
 * time. Every item that was accepted is got exactly once, in order for each pair of producer and consumer, or by one
 * that died; every request is answered exactly once; and when all letters are delivered nobody waits who could go.
 *
 * With an argument, the seed, only that one runs. */
#include "core/home.h"
#include "core/record.h"
#include "random.h"
#include "rankpool.h"

#include <stdlib.h>
#include <string.h>

enum { CLIENTS = 6, ITEMS = 600, LETTERS = 8, BATCH = 256 };

enum state { UNUSED, OFFERED, ACCEPTED, GRANTED, GOT, LOST, REFUSED };

struct item {
    enum state state;
    uint32_t producer;
};

struct letter {
    struct rp__answer answer;
    uint32_t item[BATCH];
    uint64_t items;
};

struct client {
    struct rp__caller caller;
    bool open;      /* the home has not replied */
    enum rp__op op; /* of the open request */
    uint32_t offered;
    struct letter letter[LETTERS]; /* fetched from the home, not delivered */
    uint32_t letters;
    uint32_t item[BATCH]; /* what it was granted, got up to `next` */
    uint64_t items, next, grant;
    uint32_t last[CLIENTS]; /* that it got from each producer */
};

struct run {
    uint64_t random;
    struct rp__home *home;
    bool pipe;
    uint64_t to, from, room; /* ids to put and to take */
    uint32_t lives, offered; /* items so far: an item is its number, from 1 on */
    uint64_t unfinished;
    struct item item[ITEMS];
    struct client client[CLIENTS];
};

static uint64_t count_items(const struct run *run, enum state state) {
    uint64_t count = 0;
    for (uint32_t i = 1; i <= run->offered; i++) count += run->item[i].state == state;
    return count;
}

static struct client *client_of(struct run *run, struct rp__caller caller) {
    for (int i = 0; i < CLIENTS; i++)
        if (run->client[i].caller.local == caller.local) return &run->client[i];
    return NULL;
}

static bool accept(struct run *run, uint32_t number) {
    REQUIRE(run->item[number].state == OFFERED);
    run->item[number].state = ACCEPTED;
    run->unfinished++;
    return true;
}

static bool read_items(struct run *run, struct letter *letter) {
    const struct rp__answer *answer = &letter->answer;
    const uint8_t *item;
    size_t size, at = 0, length;
    bool failed;
    for (; at < answer->size; at += length) {
        length = rp__record_read(answer->data + at, answer->size - at, &item, &size, &failed);
        REQUIRE(length && size >= 4 && letter->items < BATCH);
        uint32_t *number = &letter->item[letter->items++];
        memcpy(number, item, sizeof *number);
        if (run->item[*number].state == OFFERED) REQUIRE(accept(run, *number)); /* its reply is behind this one */
        REQUIRE(run->item[*number].state == ACCEPTED);
        run->item[*number].state = GRANTED;
    }
    REQUIRE(letter->items == answer->value && letter->items >= 1);
    REQUIRE((letter->items > 1) == (answer->grant != 0) && (!run->room || letter->items == 1));
    return true;
}

static bool end_put(struct run *run, const struct client *client, int code) {
    if (code) {
        REQUIRE(run->item[client->offered].state == OFFERED);
        run->item[client->offered].state = REFUSED;
    } else if (run->item[client->offered].state == OFFERED) {
        REQUIRE(accept(run, client->offered));
    }
    return true;
}

static bool take_reply(struct run *run, struct client *client, struct letter *letter) {
    const struct rp__answer *answer = &letter->answer;
    REQUIRE(client->open);
    client->open = false;
    if (client->op == RP__OP_PUT || client->op == RP__OP_SEND) return end_put(run, client, answer->code);
    if (answer->code) return true;
    if (client->op == RP__OP_GET || client->op == RP__OP_RECV) return read_items(run, letter);
    if (client->op == RP__OP_SIZE) REQUIRE(answer->value == count_items(run, ACCEPTED));
    if (client->op == RP__OP_POLL) REQUIRE(count_items(run, ACCEPTED) + count_items(run, OFFERED) > 0);
    return true;
}

/* Fetch all answers. What they say of items is true from here on; their callers read them later. */
static bool fetch(struct run *run) {
    struct letter letter = {0};
    while (rp__home_answer(run->home, &letter.answer)) {
        struct client *client = client_of(run, letter.answer.to);
        REQUIRE(client); /* nothing comes for the dead */
        if (letter.answer.kind == RP__WAITING) {
            REQUIRE(client->open);
            continue;
        }
        if (letter.answer.kind == RP__REPLY) REQUIRE(take_reply(run, client, &letter));
        REQUIRE(client->letters < LETTERS);
        client->letter[client->letters++] = letter;
        letter = (struct letter){0};
    }
    return true;
}

static bool get_one(struct run *run, struct client *client) {
    const uint32_t number = client->item[client->next++];
    struct item *item = &run->item[number];
    REQUIRE(item->state == GRANTED);
    item->state = GOT;
    REQUIRE(number > client->last[item->producer]); /* of one producer always later ones */
    client->last[item->producer] = number;
    return true;
}

/* The answer to a recall, which may be of a grant that is over. The first of a batch is never lent. */
static bool give_back(struct run *run, struct client *client, uint64_t grant) {
    uint64_t taken = client->next;
    if (grant == client->grant && client->items) {
        if (client->next == 0) REQUIRE(get_one(run, client));
        taken = client->next;
        for (uint64_t i = taken; i < client->items; i++) run->item[client->item[i]].state = ACCEPTED;
        client->items = client->next = 0;
    }
    rp__home_returned(run->home, client->caller, run->from, grant, taken);
    return fetch(run);
}

static bool deliver(struct run *run, struct client *client) {
    if (!client->letters) return true;
    struct letter letter = client->letter[0];
    memmove(client->letter, client->letter + 1, --client->letters * sizeof letter);
    if (letter.answer.kind == RP__RECALL) return give_back(run, client, letter.answer.grant);
    if (!letter.items) return true;
    REQUIRE(client->next == client->items); /* it asked when it had none left */
    memcpy(client->item, letter.item, sizeof letter.item);
    client->items = letter.items;
    client->next = 0;
    client->grant = letter.answer.grant;
    return true;
}

static bool ask(struct run *run, struct client *client, struct rp__request *request) {
    request->from = client->caller;
    client->op = request->op;
    client->open = !request->silent;
    int code = rp__home_request(run->home, request);
    if (request->silent && request->op != RP__OP_TASK_DONE) REQUIRE(end_put(run, client, code));
    REQUIRE(request->silent || code == 0);
    return fetch(run);
}

static bool put_one(struct run *run, struct client *client) {
    if (run->offered + 1 == ITEMS) return true;
    static const uint8_t none[400000];
    uint32_t number = client->offered = ++run->offered;
    run->item[number] = (struct item){OFFERED, (uint32_t)(client - run->client)};
    size_t size = one_in(&run->random, 80) ? sizeof none : 4 + (size_t)random_below(&run->random, 30);
    uint8_t *bytes = malloc(size);
    memcpy(bytes, none, size);
    memcpy(bytes, &number, sizeof number);
    struct rp__request request = {.object = run->to, .op = run->pipe ? RP__OP_SEND : RP__OP_PUT, .data = bytes};
    request.size = size;
    request.silent = !run->room && one_in(&run->random, 3);
    request.try_only = !request.silent && one_in(&run->random, 4);
    bool good = ask(run, client, &request);
    free(bytes);
    return good;
}

static bool take_some(struct run *run, struct client *client) {
    if (client->next < client->items) return get_one(run, client);
    struct rp__request request = {.object = run->from, .op = run->pipe ? RP__OP_RECV : RP__OP_GET, .a = BATCH};
    request.try_only = one_in(&run->random, 4);
    return ask(run, client, &request);
}

static bool ask_about(struct run *run, struct client *client) {
    struct rp__request request = {.object = run->from, .op = run->pipe ? RP__OP_POLL : RP__OP_SIZE};
    if (!run->pipe && one_in(&run->random, 2)) request.op = RP__OP_JOIN;
    return ask(run, client, &request);
}

static bool finish_one(struct run *run, struct client *client) {
    if (run->pipe || run->unfinished == 0) return true;
    struct rp__request request = {.object = run->from, .op = RP__OP_TASK_DONE, .silent = true};
    run->unfinished--;
    request.from = client->caller;
    REQUIRE(rp__home_request(run->home, &request) == 0);
    return fetch(run);
}

/* Its place is taken by another caller, who has got nothing yet. */
static bool die(struct run *run, struct client *client) {
    rp__home_gone(run->home, client->caller);
    if (client->open && run->item[client->offered].state == OFFERED) /* what it sent is there, what it put is not */
        REQUIRE(client->op == RP__OP_SEND ? accept(run, client->offered) : end_put(run, client, RP_EDIED));
    for (uint64_t i = client->next; i < client->items; i++) run->item[client->item[i]].state = LOST;
    for (uint32_t i = 0; i < client->letters; i++)
        for (uint64_t k = 0; k < client->letter[i].items; k++) run->item[client->letter[i].item[k]].state = LOST;
    *client = (struct client){.caller.local = ++run->lives};
    return fetch(run);
}

static bool has_reply(const struct client *client) {
    for (uint32_t i = 0; i < client->letters; i++)
        if (client->letter[i].answer.kind == RP__REPLY) return true;
    return false;
}

static bool one_step(struct run *run) {
    struct client *client = &run->client[random_below(&run->random, CLIENTS)];
    uint64_t what = random_below(&run->random, 100);
    if (what < 40) return deliver(run, client);
    if (what == 40) return die(run, client);
    if (what < 45) {
        rp__home_cancel(run->home, client->caller, one_in(&run->random, 2) ? 0 : RP_ECANCELED);
        REQUIRE(fetch(run) && !client->open);
        return true;
    }
    if (what < 50) return finish_one(run, client);
    if (client->open || has_reply(client)) return true; /* a recall may lie there: it comes too late then */
    const bool consumer = (size_t)(client - run->client) % 2 == 0;
    if (what < 55) return ask_about(run, client);
    return (what < 90) == consumer ? take_some(run, client) : put_one(run, client);
}

static bool comes_to_rest(struct run *run) {
    for (bool more = true; more;) {
        more = false;
        for (int i = 0; i < CLIENTS; i++) {
            more |= run->client[i].letters > 0;
            REQUIRE(deliver(run, &run->client[i]));
        }
    }
    const uint64_t here = count_items(run, ACCEPTED);
    for (int i = 0; i < CLIENTS; i++) {
        const struct client *client = &run->client[i];
        if (!client->open) continue;
        REQUIRE(client->op != RP__OP_SIZE);
        if (client->op == RP__OP_GET || client->op == RP__OP_RECV || client->op == RP__OP_POLL) REQUIRE(here == 0);
        if (client->op == RP__OP_PUT) REQUIRE(here == run->room);
        if (client->op == RP__OP_JOIN) REQUIRE(run->unfinished > 0);
    }
    return true;
}

/* Close, and let one caller drain it: after that no request is open and no item is left. */
static bool ends(struct run *run) {
    struct client *last = &run->client[0];
    REQUIRE(comes_to_rest(run));
    for (int i = 0; i < CLIENTS; i++) {
        rp__home_cancel(run->home, run->client[i].caller, RP_ECANCELED);
        REQUIRE(fetch(run) && !run->client[i].open);
    }
    REQUIRE(comes_to_rest(run));
    struct rp__request close = {.object = run->to, .op = RP__OP_CLOSE};
    REQUIRE(ask(run, &run->client[1], &close));
    for (int i = 1; i < CLIENTS; i++)
        while (run->client[i].next < run->client[i].items) REQUIRE(get_one(run, &run->client[i]));
    for (int i = 0; !last->open && i < 2 * ITEMS; i++) {
        REQUIRE(take_some(run, last));
        REQUIRE(comes_to_rest(run));
    }
    REQUIRE(!last->open && last->next == last->items);
    for (uint32_t i = 1; i <= run->offered; i++)
        REQUIRE(run->item[i].state == GOT || run->item[i].state == LOST || run->item[i].state == REFUSED);
    return true;
}

static bool plays(struct run *run) {
    struct rp__request new = {.from = {0, 99}, .op = RP__OP_NEW, .object = run->pipe ? RP__PIPE : RP__QUEUE};
    struct rp__answer answer;
    new.a = run->room;
    REQUIRE(rp__home_request(run->home, &new) == 0 && rp__home_answer(run->home, &answer) && answer.code == 0);
    run->to = run->from = answer.value;
    if (run->pipe) run->to |= RP__PIPE_END;
    for (int i = 0; i < CLIENTS; i++) run->client[i].caller.local = ++run->lives;
    run->lives = 1000;
    for (uint64_t steps = 1 + random_below(&run->random, 1500); steps; steps--) {
        REQUIRE(one_step(run));
        if (one_in(&run->random, 50)) REQUIRE(comes_to_rest(run));
    }
    return ends(run);
}

static bool items_are_got_once(uint64_t seed) {
    struct run *run = calloc(1, sizeof *run);
    run->random = seed;
    run->home = rp__home_new(0, NULL);
    run->pipe = one_in(&run->random, 3);
    run->room = !run->pipe && one_in(&run->random, 3) ? random_between(&run->random, 1, 5) : 0;
    bool good = plays(run);
    rp__home_free(run->home);
    free(run);
    return good;
}

static void every_item_is_got_once_and_in_order_whatever_happens(void) { run_seeds(2000, items_are_got_once); }

int main(int argc, char **argv) {
    static const struct unit_test tests[] = {UNIT(every_item_is_got_once_and_in_order_whatever_happens), {NULL, NULL}};
    if (argc > 1) return items_are_got_once(strtoull(argv[1], NULL, 10)) ? 0 : 1;
    return unit_run("home: queues and pipes, any run", tests);
}
