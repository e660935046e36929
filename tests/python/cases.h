/* rankpool's side of table.txt: each case makes calls, and answers a value or the name of a code. Cases about what
 * tasks share can be answered by any caller, so they are: by the program, by a task in a worker process and by one in
 * a thread. The others are the program's. */
#ifndef RP_TESTS_PYTHON_CASES_H
#define RP_TESTS_PYTHON_CASES_H

#include "rankpool.h"
#include "rankpool_sync.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What another caller, a worker process, is asked to do, and with what. */
enum errand_what {
    GET,
    CLOSE_QUEUE,
    SEND,
    RECEIVE,
    RELEASE,
    ACQUIRE_AND_DIE,
    TRY_RLOCK,
    RELEASE_RLOCK,
    NONE /* the task that asked has ended */
};
struct errand {
    enum errand_what what;
    uint64_t id;
    int64_t item;
    rp_queue answer;
};
struct errand_answer {
    int code;
    int64_t item;
};

/* What the kernels of held tasks are given: they say that they run, and wait until it opens, at their place. */
struct gate {
    rp_event open, started;
    rp_value count;
};

enum { FUTURES = 4 };

/* Where a case is answered. What it puts into `pool` to `process` is ended and freed after it. */
struct stand {
    rp_self *self;
    int (*elsewhere)(struct stand *stand, const struct errand *errand, struct errand_answer *answer);
    rp_pool *errands_pool; /* of the program */
    rp_queue errands;      /* of a task */
    rp_world *world;       /* from here on: the program's cases only */
    struct gate gate;
    rp_pool *pool;
    rp_map *map;
    rp_future *future[FUTURES];
    rp_results results;
    rp_process *process;
    char word[160]; /* the answer, if it is not the code */
};

/* A case returns a code; a word that it said is the answer if the code is 0. */
struct python_case {
    const char *name;
    int (*run)(struct stand *stand);
};
extern const struct python_case sync_cases[], pool_cases[], future_cases[], process_cases[];

static inline void say_number(struct stand *s, int64_t number) {
    snprintf(s->word, sizeof s->word, "%" PRId64, number);
}
static inline void say_bool(struct stand *s, bool yes) { snprintf(s->word, sizeof s->word, yes ? "True" : "False"); }

#define CASE(name) static int name(struct stand *s)
#define LISTED(name)                                                                                                   \
    { #name, name }
/* What must succeed before. */
#define DO(call)                                                                                                       \
    do {                                                                                                               \
        int code_ = (call);                                                                                            \
        if (code_) return snprintf(s->word, sizeof s->word, "before: %s", rp_error_name(code_)), 0;                    \
    } while (0)

#endif
