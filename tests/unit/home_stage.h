/* A home and those who call it, for tests: sends one request, fetches all answers and remembers the last of each. */
#ifndef RP_TESTS_HOME_STAGE_H
#define RP_TESTS_HOME_STAGE_H

#include "core/home.h"
#include "core/record.h"
#include "rankpool.h"
#include "unit.h"

#include <string.h>

enum { CALLERS = 8, WAITS = 7, NOTHING = 8 }; /* WAITS and NOTHING stand beside codes, which are not positive */

struct heard {
    int code; /* of the reply, WAITS, or NOTHING since the last call */
    bool held;
    uint64_t value, grant;
    char text[600]; /* items of one character each, in order */
    size_t size;    /* of the data */
    uint64_t recalls, recalled_object, recalled_grant;
};

struct stage {
    struct rp__home *home;
    struct heard heard[CALLERS];
};

static inline struct rp__caller caller(uint32_t who) { return (struct rp__caller){.rank = who / 2, .local = who % 2}; }

static inline void hear_items(struct heard *heard, const uint8_t *data, size_t size) {
    size_t at = 0, length = 0, item_size;
    const uint8_t *item;
    bool failed;
    memset(heard->text, 0, sizeof heard->text);
    for (size_t step; at < size && (step = rp__record_read(data + at, size - at, &item, &item_size, &failed));
         at += step)
        if (item_size == 1 && length + 1 < sizeof heard->text) heard->text[length++] = (char)*item;
}

static inline void listen_to(struct stage *stage) {
    struct rp__answer answer;
    while (rp__home_answer(stage->home, &answer)) {
        struct heard *heard = &stage->heard[2 * answer.to.rank + answer.to.local];
        if (answer.kind == RP__RECALL) {
            heard->recalls++;
            heard->recalled_object = answer.object;
            heard->recalled_grant = answer.grant;
            continue;
        }
        heard->code = answer.kind == RP__WAITING ? WAITS : answer.code;
        heard->held = answer.held;
        heard->value = answer.value;
        heard->grant = answer.grant;
        heard->size = answer.size;
        hear_items(heard, answer.data, answer.size);
    }
}

/* The code of the reply, or WAITS. */
static inline int ask(struct stage *stage, const struct rp__request *request) {
    const uint64_t who = 2 * request->from.rank + request->from.local;
    stage->heard[who].code = NOTHING;
    int code = rp__home_request(stage->home, request);
    listen_to(stage);
    return code || request->silent ? code : stage->heard[who].code;
}

static inline int call(struct stage *stage, uint32_t who, uint64_t object, enum rp__op op, uint64_t a, uint64_t b) {
    return ask(stage, &(struct rp__request){.from = caller(who), .object = object, .op = op, .a = a, .b = b});
}

static inline int try_to(struct stage *stage, uint32_t who, uint64_t object, enum rp__op op) {
    return ask(stage, &(struct rp__request){.from = caller(who), .object = object, .op = op, .try_only = true});
}

static inline int give(struct stage *stage, uint32_t who, uint64_t object, enum rp__op op, const char *item) {
    return ask(
        stage,
        &(struct rp__request){
            .from = caller(who), .object = object, .op = op, .data = (const uint8_t *)item, .size = strlen(item)});
}

static inline uint64_t make(struct stage *stage, enum rp__home_type type, uint64_t a, uint64_t b) {
    return call(stage, 0, type, RP__OP_NEW, a, b) == 0 ? stage->heard[0].value : 0;
}

static inline void cancel(struct stage *stage, uint32_t who, int code) {
    rp__home_cancel(stage->home, caller(who), code);
    listen_to(stage);
}

static inline void gone(struct stage *stage, uint32_t who) {
    rp__home_gone(stage->home, caller(who));
    listen_to(stage);
}

static inline void returned(struct stage *stage, uint32_t who, uint64_t taken) {
    const struct heard *heard = &stage->heard[who];
    rp__home_returned(stage->home, caller(who), heard->recalled_object, heard->recalled_grant, taken);
    listen_to(stage);
}

static inline struct stage open_stage(void) { return (struct stage){.home = rp__home_new(5, NULL)}; }
static inline void close_stage(struct stage *stage) { rp__home_free(stage->home); }

#endif
