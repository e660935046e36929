/* Locks, conditions, semaphores, barriers and events in any run, beside a model so plain that it can be read: arrays
 * of who waits, in order. After every step exactly those requests have ended that the model ended, with its codes,
 * each once. So never do two hold a lock, nobody waits who could go, and nobody is overtaken.
 *
 * With an argument, the seed, only that one runs. */
#include "core/home.h"
#include "random.h"
#include "rankpool.h"

#include <stdlib.h>
#include <string.h>

enum { CLIENTS = 6, RUNS = 1, WAITS = 2, NOBODY = -1 };

struct line {
    int who[CLIENTS], count;
};

struct client {
    struct rp__caller caller;
    int ended; /* what the model says: RUNS: no request open, WAITS, or a code */
    uint64_t value, depth;
    int code;
    bool acquires; /* in the lock's line for itself, not on the way back from the condition */
};

struct model {
    uint64_t random;
    struct rp__home *home;
    uint32_t lives;
    uint64_t lock, condition, semaphore, barrier, event;
    struct client client[CLIENTS];

    bool recursive, lock_broken;
    int holder;
    uint64_t depth;
    struct line for_lock, for_condition;

    uint64_t value, limit, lost;
    bool bounded, semaphore_broken;
    int64_t balance[CLIENTS];
    struct line for_semaphore;

    int parties;
    bool barrier_broken;
    struct line for_barrier;

    bool set;
    struct line for_event;
};

static void join_line(struct model *model, struct line *line, int who) {
    line->who[line->count++] = who;
    model->client[who].ended = WAITS;
}

static bool leave_line(struct line *line, int who) {
    for (int i = 0; i < line->count; i++) {
        if (line->who[i] != who) continue;
        memmove(line->who + i, line->who + i + 1, (size_t)(--line->count - i) * sizeof *line->who);
        return true;
    }
    return false;
}

static int first_of(struct line *line) {
    int who = line->who[0];
    leave_line(line, who);
    return who;
}

static void end(struct model *model, int who, int code) { model->client[who].ended = code; }

static void end_line(struct model *model, struct line *line, int code) {
    while (line->count) end(model, first_of(line), code);
}

/* ---- Locks and conditions ------------------------------------------------------------------------------ */

static void hand_on(struct model *model) {
    if (model->holder != NOBODY || !model->for_lock.count) return;
    model->holder = first_of(&model->for_lock);
    model->depth = model->client[model->holder].depth;
    end(model, model->holder, model->client[model->holder].code);
}

static void want_lock(struct model *model, int who, uint64_t depth, int code, bool acquires) {
    model->client[who].depth = depth;
    model->client[who].code = code;
    model->client[who].acquires = acquires;
    join_line(model, &model->for_lock, who);
    hand_on(model);
}

static void use_lock(struct model *model, int who, const struct rp__request *request) {
    const bool mine = model->holder == who;
    int code = 0;
    if (request->op == RP__OP_REPAIR) {
        model->client[who].value = model->lock_broken;
        model->lock_broken = false;
    } else if (request->op == RP__OP_RELEASE) {
        if (model->holder == NOBODY || (model->recursive && !mine))
            code = RP_EPERM;
        else if (--model->depth == 0)
            model->holder = NOBODY;
    } else if (model->lock_broken) {
        code = RP_EBROKEN;
    } else if (mine && model->recursive) {
        model->depth++;
    } else if (model->holder != NOBODY && request->try_only) {
        code = RP_ETIMEDOUT;
    } else if (mine && request->b == 1) {
        code = RP_EDEADLK;
    } else {
        want_lock(model, who, 1, 0, true);
        return;
    }
    end(model, who, code);
    hand_on(model);
}

static void wake(struct model *model, int who, int code) {
    leave_line(&model->for_condition, who);
    want_lock(model, who, model->client[who].depth, code, false);
}

static void use_condition(struct model *model, int who, const struct rp__request *request) {
    if (model->holder != who) {
        end(model, who, RP_EPERM);
    } else if (request->op == RP__OP_WAIT) {
        model->client[who].depth = model->depth;
        join_line(model, &model->for_condition, who);
        model->holder = NOBODY;
        hand_on(model);
        if (request->try_only) wake(model, who, RP_ETIMEDOUT);
    } else {
        for (uint64_t left = request->a; left && model->for_condition.count; left--)
            wake(model, model->for_condition.who[0], 0);
        end(model, who, 0);
    }
}

/* ---- The others ---------------------------------------------------------------------------------------- */

static void hand_out(struct model *model) {
    while (model->value && model->for_semaphore.count) {
        int who = first_of(&model->for_semaphore);
        model->value--;
        model->balance[who]++;
        end(model, who, 0);
    }
}

static void use_semaphore(struct model *model, int who, const struct rp__request *request) {
    int code = 0;
    if (request->op == RP__OP_RELEASE) {
        if (request->a == 0)
            code = RP_EINVAL;
        else if (model->bounded && model->value + request->a > model->limit)
            code = RP_ERANGE;
        if (code == 0) model->value += request->a, model->balance[who] -= (int64_t)request->a;
    } else if (request->op == RP__OP_REPAIR) {
        model->client[who].value = model->semaphore_broken;
        model->value += model->lost;
        if (model->bounded && model->value > model->limit) model->value = model->limit;
        model->lost = 0;
        model->semaphore_broken = false;
    } else if (model->semaphore_broken) {
        code = RP_EBROKEN;
    } else if (!model->value && request->try_only) {
        code = RP_ETIMEDOUT;
    } else {
        join_line(model, &model->for_semaphore, who);
        hand_out(model);
        return;
    }
    end(model, who, code);
    hand_out(model);
}

static void break_barrier(struct model *model) {
    model->barrier_broken = true;
    end_line(model, &model->for_barrier, RP_EBROKEN);
}

static void use_barrier(struct model *model, int who, const struct rp__request *request) {
    struct client *client = &model->client[who];
    if (request->op == RP__OP_WAIT && !model->barrier_broken) {
        client->value = (uint64_t)model->for_barrier.count;
        join_line(model, &model->for_barrier, who);
        if (model->for_barrier.count == model->parties)
            end_line(model, &model->for_barrier, 0);
        else if (request->try_only)
            break_barrier(model);
        return;
    }
    int code = request->op == RP__OP_WAIT ? RP_EBROKEN : 0;
    if (request->op == RP__OP_ABORT || request->op == RP__OP_RESET) break_barrier(model);
    if (request->op == RP__OP_RESET) model->barrier_broken = false;
    if (request->op == RP__OP_STATE) {
        client->value = (uint64_t)model->for_barrier.count;
        code = model->barrier_broken ? RP_EBROKEN : 0;
    }
    end(model, who, code);
}

static void use_event(struct model *model, int who, const struct rp__request *request) {
    if (request->op == RP__OP_WAIT && !model->set && !request->try_only) {
        join_line(model, &model->for_event, who);
        return;
    }
    end(model, who, request->op == RP__OP_WAIT && !model->set ? RP_ETIMEDOUT : 0);
    if (request->op == RP__OP_SET) model->set = true;
    if (request->op == RP__OP_CLEAR) model->set = false;
    if (request->op == RP__OP_IS_SET) model->client[who].value = model->set;
    if (request->op == RP__OP_SET) end_line(model, &model->for_event, 0);
}

static void cancel(struct model *model, int who, int code) {
    if (model->client[who].ended != WAITS) return;
    const int late = code ? code : RP_ETIMEDOUT;
    for (int i = 0; i < model->for_condition.count; i++)
        if (model->for_condition.who[i] == who) {
            wake(model, who, late);
            return;
        }
    if (leave_line(&model->for_barrier, who)) {
        end(model, who, code ? code : RP_EBROKEN);
        break_barrier(model);
    }
    if (leave_line(&model->for_event, who) || leave_line(&model->for_semaphore, who)) end(model, who, late);
    if (model->client[who].acquires && leave_line(&model->for_lock, who)) end(model, who, late);
}

static void die(struct model *model, int who) {
    leave_line(&model->for_lock, who);
    leave_line(&model->for_condition, who);
    leave_line(&model->for_semaphore, who);
    leave_line(&model->for_event, who);
    if (leave_line(&model->for_barrier, who)) break_barrier(model);
    if (model->holder == who) {
        model->holder = NOBODY;
        model->lock_broken = true;
        end_line(model, &model->for_lock, RP_EBROKEN);
        end_line(model, &model->for_condition, RP_EBROKEN);
    }
    if (model->balance[who] > 0) {
        model->lost += (uint64_t)model->balance[who];
        model->semaphore_broken = true;
        end_line(model, &model->for_semaphore, RP_EBROKEN);
    }
    model->balance[who] = 0;
    model->client[who] = (struct client){.caller.local = ++model->lives, .ended = RUNS};
}

/* ---- Both side by side --------------------------------------------------------------------------------- */

static bool agree(struct model *model) {
    struct rp__answer answer;
    while (rp__home_answer(model->home, &answer)) {
        struct client *client = NULL;
        for (int i = 0; i < CLIENTS; i++)
            if (model->client[i].caller.local == answer.to.local) client = &model->client[i];
        REQUIRE(client);
        if (answer.kind == RP__WAITING) {
            REQUIRE(client->ended == WAITS);
            continue;
        }
        REQUIRE(answer.kind == RP__REPLY && client->ended <= 0 && answer.code == client->ended);
        REQUIRE(answer.code || answer.value == client->value);
        client->ended = RUNS;
    }
    for (int i = 0; i < CLIENTS; i++) REQUIRE(model->client[i].ended == RUNS || model->client[i].ended == WAITS);
    return true;
}

static bool ask(struct model *model, int who, uint64_t object,
                void (*use)(struct model *, int, const struct rp__request *), enum rp__op op) {
    struct rp__request request = {.from = model->client[who].caller, .object = object, .op = op};
    request.try_only = one_in(&model->random, 4);
    request.a = random_below(&model->random, 4);
    request.b = random_below(&model->random, 2);
    model->client[who].value = 0;
    use(model, who, &request);
    REQUIRE(rp__home_request(model->home, &request) == 0);
    return agree(model);
}

static bool one_step(struct model *model) {
    static const enum rp__op lock[] = {RP__OP_ACQUIRE, RP__OP_ACQUIRE, RP__OP_ACQUIRE,
                                       RP__OP_RELEASE, RP__OP_RELEASE, RP__OP_REPAIR};
    static const enum rp__op barrier[] = {RP__OP_WAIT, RP__OP_WAIT,  RP__OP_WAIT,  RP__OP_WAIT,
                                          RP__OP_WAIT, RP__OP_STATE, RP__OP_ABORT, RP__OP_RESET};
    static const enum rp__op event[] = {RP__OP_WAIT, RP__OP_WAIT, RP__OP_SET, RP__OP_CLEAR, RP__OP_IS_SET};
    const int who = (int)random_below(&model->random, CLIENTS);
    if (one_in(&model->random, 60)) {
        rp__home_gone(model->home, model->client[who].caller);
        die(model, who);
        return agree(model);
    }
    if (model->client[who].ended == WAITS) {
        if (!one_in(&model->random, 5)) return true;
        const int code = one_in(&model->random, 3) ? RP_ECANCELED : 0;
        cancel(model, who, code);
        rp__home_cancel(model->home, model->client[who].caller, code);
        return agree(model);
    }
    uint64_t *random = &model->random;
    switch (random_below(random, 8)) {
    case 0:
        return ask(model, who, model->barrier, use_barrier, barrier[random_below(random, 8)]);
    case 1:
        return ask(model, who, model->event, use_event, event[random_below(random, 5)]);
    case 2:
    case 3:
        return ask(model, who, model->semaphore, use_semaphore, lock[random_below(random, 6)]);
    case 4:
        return ask(model, who, model->condition, use_lock, lock[random_below(random, 6)]);
    case 5:
        return ask(model, who, model->lock, use_lock, lock[random_below(random, 6)]);
    default:
        return ask(model, who, model->condition, use_condition, one_in(random, 3) ? RP__OP_NOTIFY : RP__OP_WAIT);
    }
}

static uint64_t make(struct model *model, enum rp__home_type type, uint64_t a, uint64_t b) {
    struct rp__answer answer = {0};
    rp__home_request(model->home, &(struct rp__request){.op = RP__OP_NEW, .object = type, .a = a, .b = b});
    return rp__home_answer(model->home, &answer) ? answer.value : 0;
}

static bool plays(struct model *model) {
    for (int i = 0; i < CLIENTS; i++) model->client[i] = (struct client){.caller.local = ++model->lives, .ended = RUNS};
    model->lock = make(model, model->recursive ? RP__RLOCK : RP__LOCK, 0, 0);
    model->condition = make(model, RP__CONDITION, model->lock, 0);
    model->semaphore = make(model, RP__SEMAPHORE, model->limit, model->bounded);
    model->barrier = make(model, RP__BARRIER, (uint64_t)model->parties, 0);
    model->event = make(model, RP__EVENT, 0, 0);
    for (uint64_t steps = 1 + random_below(&model->random, 2000); steps; steps--) REQUIRE(one_step(model));
    return true;
}

static bool home_and_model_agree(uint64_t seed) {
    struct model *model = calloc(1, sizeof *model);
    model->random = seed;
    model->home = rp__home_new(0, NULL);
    model->holder = NOBODY;
    model->recursive = one_in(&model->random, 2);
    model->bounded = one_in(&model->random, 2);
    model->value = model->limit = random_below(&model->random, 4);
    model->parties = 1 + (int)random_below(&model->random, 4);
    bool good = plays(model);
    rp__home_free(model->home);
    free(model);
    return good;
}

static void home_and_model_agree_in_any_run(void) { run_seeds(3000, home_and_model_agree); }

int main(int argc, char **argv) {
    static const struct unit_test tests[] = {UNIT(home_and_model_agree_in_any_run), {NULL, NULL}};
    if (argc > 1) return home_and_model_agree(strtoull(argv[1], NULL, 10)) ? 0 : 1;
    return unit_run("home, any run", tests);
}
