/* The cases of concurrent.futures: an executor is a pool, what `submit` gives is a future. */
#include "cases.h"

static int open_pool(struct stand *s, uint32_t workers) {
    return rp_pool_open(s->world, &(rp_pool_options){.workers = workers, .bind = RP_BIND_NONE}, &s->pool, NULL);
}
static int submit(struct stand *s, const char *kernel, int64_t number, rp_future **future) {
    const rp_call call = {.kernel = kernel, .args = &s->gate, .args_size = sizeof s->gate};
    return rp_pool_apply_async(s->pool, &call, &number, sizeof number, future, NULL);
}
/* On an executor of one worker. */
static int submit_one(struct stand *s, const char *kernel, int64_t number) {
    int code = open_pool(s, 1);
    return code ? code : submit(s, kernel, number, &s->future[0]);
}
/* One runs until the gate opens, the others come after it. */
static int hold_worker(struct stand *s, int others) {
    int code = submit_one(s, "pass_gate", 0);
    if (code == 0) code = rp_event_wait(s->self, s->gate.started, 10);
    for (int i = 1; i <= others && code == 0; i++) code = submit(s, "square", i, &s->future[i]);
    return code;
}
/* The first of two workers is held, the other task runs. */
static int hold_one_of_two(struct stand *s, const char *kernel, int64_t number) {
    int code = open_pool(s, 2);
    if (code == 0) code = submit(s, "pass_gate", 0, &s->future[0]);
    if (code == 0) code = rp_event_wait(s->self, s->gate.started, 10);
    return code ? code : submit(s, kernel, number, &s->future[1]);
}
static int64_t number_of(const rp_result *result) {
    int64_t number = -1;
    if (result->status == 0 && result->size == sizeof number) memcpy(&number, result->data, sizeof number);
    return number;
}

CASE(future_result) {
    const rp_results *results = NULL;
    DO(submit_one(s, "square", 3));
    DO(rp_future_get(s->future[0], 10, &results, NULL));
    say_number(s, number_of(&results->result[0]));
    return 0;
}
CASE(future_exception) {
    DO(submit_one(s, "inverse", 0));
    return rp_future_get(s->future[0], 10, NULL, NULL);
}
CASE(future_result_too_late) {
    DO(hold_worker(s, 0));
    return rp_future_get(s->future[0], 0.001, NULL, NULL);
}
CASE(future_done_before) {
    DO(hold_worker(s, 0));
    say_bool(s, rp_future_ready(s->future[0]));
    return 0;
}

/* ---- cancel --------------------------------------------------------------------------------------------- */

CASE(future_cancel_queued) {
    DO(hold_worker(s, 3));
    return rp_future_cancel(s->future[3], false);
}
CASE(future_cancel_running) {
    DO(hold_worker(s, 0));
    return rp_future_cancel(s->future[0], false);
}
CASE(future_cancel_done) {
    DO(submit_one(s, "square", 3));
    DO(rp_future_wait(s->future[0], 10));
    return rp_future_cancel(s->future[0], false);
}
CASE(future_cancel_twice) {
    DO(hold_worker(s, 3));
    DO(rp_future_cancel(s->future[3], false));
    return rp_future_cancel(s->future[3], false);
}
CASE(future_result_of_canceled) {
    DO(hold_worker(s, 3));
    DO(rp_future_cancel(s->future[3], false));
    return rp_future_get(s->future[3], 10, NULL, NULL);
}
CASE(future_done_when_canceled) {
    DO(hold_worker(s, 3));
    DO(rp_future_cancel(s->future[3], false));
    say_bool(s, rp_future_ready(s->future[3]));
    return 0;
}

/* ---- callbacks ------------------------------------------------------------------------------------------ */

static void count_call(rp_future *future, const rp_results *results, void *context) { ++*(int *)context; }
static int call_back(struct stand *s, const char *kernel, bool cancel) {
    int calls = 0;
    const rp_call call = {.kernel = kernel,
                          .callback = count_call,
                          .error_callback = count_call,
                          .context = &calls,
                          .args = &s->gate,
                          .args_size = sizeof s->gate};
    if (cancel)
        DO(hold_worker(s, 2));
    else
        DO(open_pool(s, 1));
    DO(rp_pool_apply_async(s->pool, &call, &(int64_t){0}, sizeof(int64_t), &s->future[3], NULL));
    if (cancel) DO(rp_future_cancel(s->future[3], false));
    DO(rp_future_wait(s->future[3], 10));
    say_number(s, calls);
    return 0;
}
CASE(future_callback) { return call_back(s, "square", false); }
CASE(future_callback_of_exception) { return call_back(s, "inverse", false); }
CASE(future_callback_of_canceled) { return call_back(s, "square", true); }

/* ---- as_completed and wait ------------------------------------------------------------------------------ */

CASE(as_completed_order) {
    size_t first = 9, second = 9;
    DO(hold_one_of_two(s, "square", 1));
    DO(rp_futures_next(s->future, 2, 10, &first));
    DO(rp_event_set(s->self, s->gate.open));
    DO(rp_futures_next(s->future, 2, 10, &second));
    snprintf(s->word, sizeof s->word, "%zu %zu", first, second);
    return 0;
}
CASE(as_completed_after_the_end) {
    size_t index;
    DO(submit_one(s, "square", 1));
    DO(rp_futures_next(s->future, 1, 10, &index));
    return rp_futures_next(s->future, 1, 10, &index);
}
CASE(as_completed_too_late) {
    size_t index;
    DO(hold_worker(s, 0));
    return rp_futures_next(s->future, 1, 0.001, &index);
}
static int wait_for(struct stand *s, const char *kernel, enum rp_wait until) {
    DO(hold_one_of_two(s, kernel, 0));
    DO(rp_futures_wait(s->future, 2, until, 10));
    say_number(s, rp_future_ready(s->future[0]) + rp_future_ready(s->future[1]));
    return 0;
}
CASE(wait_first_completed) { return wait_for(s, "square", RP_FIRST_COMPLETED); }
CASE(wait_first_exception) { return wait_for(s, "inverse", RP_FIRST_EXCEPTION); }
static int wait_in_vain(struct stand *s, enum rp_wait until) {
    DO(hold_one_of_two(s, "square", 0));
    DO(rp_future_wait(s->future[1], 10));
    int code = rp_futures_wait(s->future, 2, until, 0.001);
    if (code != RP_ETIMEDOUT) return code;
    say_number(s, rp_future_ready(s->future[0]) + rp_future_ready(s->future[1]));
    return 0;
}
CASE(wait_first_exception_too_late) { return wait_in_vain(s, RP_FIRST_EXCEPTION); }
CASE(wait_all_completed_too_late) { return wait_in_vain(s, RP_ALL_COMPLETED); }
CASE(wait_for_nothing) {
    DO(rp_futures_wait(s->future, 0, RP_ALL_COMPLETED, 10));
    say_number(s, 0);
    return 0;
}

/* ---- executor.map and shutdown -------------------------------------------------------------------------- */

struct source {
    const int64_t *number;
    size_t next, count;
};
static int next_number(void *context, const void **input, size_t *size) {
    struct source *source = context;
    if (source->next == source->count) return 0;
    *input = &source->number[source->next++];
    *size = sizeof *source->number;
    return 1;
}
static int begin_map(struct stand *s, const char *kernel, struct source *source) {
    const rp_call call = {.kernel = kernel, .chunksize = 1, .args = &s->gate, .args_size = sizeof s->gate};
    int code = open_pool(s, 2);
    return code ? code : rp_pool_imap(s->pool, &call, next_number, source, &s->map, NULL);
}
static int next_result(struct stand *s, double timeout_s, int64_t *number) {
    rp_result result;
    int code = rp_map_next(s->map, timeout_s, &result);
    if (code == 0) *number = number_of(&result);
    return code ? code : result.status;
}
CASE(executor_map) {
    struct source source = {.number = (const int64_t[]){1, 2, 3}, .count = 3};
    int64_t number, digits = 0;
    DO(begin_map(s, "square", &source));
    int code;
    while ((code = next_result(s, 10, &number)) == 0) digits = digits * 10 + number;
    say_number(s, digits);
    return code == RP_END ? 0 : code;
}
CASE(executor_map_too_late) {
    struct source source = {.number = (const int64_t[]){1}, .count = 1};
    int64_t number;
    DO(begin_map(s, "pass_gate", &source));
    return next_result(s, 0.001, &number);
}
CASE(executor_map_exception) {
    struct source source = {.number = (const int64_t[]){0, 1}, .count = 2};
    int64_t number;
    DO(begin_map(s, "inverse", &source));
    return next_result(s, 10, &number);
}
CASE(executor_map_after_exception) {
    struct source source = {.number = (const int64_t[]){0, 1}, .count = 2};
    int64_t number;
    DO(begin_map(s, "inverse", &source));
    next_result(s, 10, &number);
    DO(next_result(s, 10, &number));
    say_number(s, number);
    return 0;
}
CASE(executor_submit_after_shutdown) {
    DO(open_pool(s, 1));
    rp_pool_close(s->pool);
    return submit(s, "square", 1, &s->future[0]);
}
CASE(executor_result_after_shutdown) {
    const rp_results *results = NULL;
    DO(submit_one(s, "square", 3));
    rp_pool_close(s->pool);
    DO(rp_pool_join(s->pool, 10));
    DO(rp_future_get(s->future[0], 10, &results, NULL));
    say_number(s, number_of(&results->result[0]));
    return 0;
}
CASE(executor_worker_dies) {
    DO(submit_one(s, "die", 0));
    return rp_future_get(s->future[0], 10, NULL, NULL);
}
CASE(executor_after_a_worker_died) {
    const rp_results *results = NULL;
    DO(submit_one(s, "die", 0));
    DO(rp_future_wait(s->future[0], 10));
    DO(submit(s, "square", 3, &s->future[1]));
    DO(rp_future_get(s->future[1], 10, &results, NULL));
    say_number(s, number_of(&results->result[0]));
    return 0;
}

const struct python_case future_cases[] = {
    LISTED(future_result),
    LISTED(future_exception),
    LISTED(future_result_too_late),
    LISTED(future_done_before),
    LISTED(future_cancel_queued),
    LISTED(future_cancel_running),
    LISTED(future_cancel_done),
    LISTED(future_cancel_twice),
    LISTED(future_result_of_canceled),
    LISTED(future_done_when_canceled),
    LISTED(future_callback),
    LISTED(future_callback_of_exception),
    LISTED(future_callback_of_canceled),
    LISTED(as_completed_order),
    LISTED(as_completed_after_the_end),
    LISTED(as_completed_too_late),
    LISTED(wait_first_completed),
    LISTED(wait_first_exception),
    LISTED(wait_first_exception_too_late),
    LISTED(wait_all_completed_too_late),
    LISTED(wait_for_nothing),
    LISTED(executor_map),
    LISTED(executor_map_too_late),
    LISTED(executor_map_exception),
    LISTED(executor_map_after_exception),
    LISTED(executor_submit_after_shutdown),
    LISTED(executor_result_after_shutdown),
    LISTED(executor_worker_dies),
    LISTED(executor_after_a_worker_died),
    {NULL, NULL},
};
