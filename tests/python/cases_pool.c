/* The cases of Pool: map, starmap, imap, apply, and how it ends. */
#include "cases.h"

static int open_pool(struct stand *s, uint32_t workers) {
    return rp_pool_open(s->world, &(rp_pool_options){.workers = workers, .bind = RP_BIND_NONE}, &s->pool, NULL);
}
static rp_items items_of(const int64_t *number, size_t count) {
    return (rp_items){.data = number, .count = count, .size = sizeof *number};
}
static int64_t number_of(const rp_result *result) {
    int64_t number = -1;
    if (result->status == 0 && result->size == sizeof number) memcpy(&number, result->data, sizeof number);
    return number;
}
/* "1 4 9" */
static void say_results(struct stand *s, const rp_results *results) {
    size_t at = 0;
    for (size_t i = 0; i < results->count && at < sizeof s->word; i++)
        at += (size_t)snprintf(s->word + at, sizeof s->word - at, "%s%" PRId64, i ? " " : "",
                               number_of(&results->result[i]));
}
static int map(struct stand *s, const char *kernel, size_t chunksize, const int64_t *number, size_t count) {
    const rp_items items = items_of(number, count);
    const rp_call call = {.kernel = kernel, .chunksize = chunksize, .args = &s->gate, .args_size = sizeof s->gate};
    return rp_pool_map(s->pool, &call, &items, &s->results, NULL);
}
/* One task of it, with the gate. */
static int begin(struct stand *s, const char *kernel, int64_t number, rp_future **future) {
    const rp_call call = {.kernel = kernel, .args = &s->gate, .args_size = sizeof s->gate};
    return rp_pool_apply_async(s->pool, &call, &number, sizeof number, future, NULL);
}
static int say_of(struct stand *s, rp_future *future) {
    const rp_results *results = NULL;
    int code = rp_future_get(future, 10, &results, NULL);
    if (code == 0) say_results(s, results);
    return code;
}

/* ---- map and starmap ------------------------------------------------------------------------------------ */

static int map_in_order(struct stand *s, size_t chunksize) {
    DO(open_pool(s, 2));
    DO(map(s, "square", chunksize, (int64_t[]){1, 2, 3}, 3));
    say_results(s, &s->results);
    return 0;
}
CASE(pool_map) { return map_in_order(s, 2); }
CASE(pool_map_chunksize_0) { return map_in_order(s, 0); }
CASE(pool_map_of_nothing) {
    DO(open_pool(s, 2));
    DO(map(s, "square", 0, NULL, 0));
    say_number(s, (int64_t)s->results.count);
    return 0;
}
CASE(pool_map_exception) {
    DO(open_pool(s, 2));
    return map(s, "inverse", 1, (int64_t[]){1, 0, 1}, 3);
}
/* How many of those that do not fail were computed. */
static int count_others(struct stand *s, size_t chunksize) {
    int64_t counted;
    DO(open_pool(s, 1));
    int code = map(s, "count", chunksize, (int64_t[]){0, 1, 2}, 3);
    if (code != RP_ETASK) return code;
    DO(rp_value_load(s->self, s->gate.count, &counted));
    say_number(s, counted);
    return 0;
}
CASE(pool_map_others_after_exception) { return count_others(s, 1); }
CASE(pool_map_others_in_its_chunk) { return count_others(s, 3); }
CASE(pool_map_results_after_exception) {
    DO(open_pool(s, 1));
    int code = map(s, "inverse", 1, (int64_t[]){1, 0, 1}, 3);
    if (code != RP_ETASK) return code;
    say_number(s, (int64_t)(s->results.count - s->results.failed));
    return 0;
}
CASE(pool_starmap) {
    const int64_t base[] = {2, 3}, exponent[] = {3, 2};
    const rp_items columns[] = {items_of(base, 2), items_of(exponent, 2)};
    DO(open_pool(s, 2));
    DO(rp_pool_starmap(s->pool, &(rp_call){.kernel = "power"}, columns, 2, &s->results, NULL));
    say_results(s, &s->results);
    return 0;
}
CASE(pool_starmap_async) {
    const int64_t base[] = {2, 3}, exponent[] = {3, 2};
    const rp_items columns[] = {items_of(base, 2), items_of(exponent, 2)};
    DO(open_pool(s, 2));
    DO(rp_pool_starmap_async(s->pool, &(rp_call){.kernel = "power"}, columns, 2, &s->future[0], NULL));
    return say_of(s, s->future[0]);
}
CASE(pool_apply) {
    DO(open_pool(s, 1));
    DO(rp_pool_apply(s->pool, &(rp_call){.kernel = "square"}, &(int64_t){3}, sizeof(int64_t), &s->results, NULL));
    say_results(s, &s->results);
    return 0;
}
CASE(pool_apply_exception) {
    DO(open_pool(s, 1));
    return rp_pool_apply(s->pool, &(rp_call){.kernel = "inverse"}, &(int64_t){0}, sizeof(int64_t), &s->results, NULL);
}

/* ---- imap ----------------------------------------------------------------------------------------------- */

struct source {
    int64_t next, end;
    bool breaks; /* at its end */
};
static int next_number(void *context, const void **input, size_t *size) {
    struct source *source = context;
    if (source->next == source->end) return source->breaks ? RP_ESYSTEM : 0;
    source->next++;
    *input = &source->next;
    *size = sizeof source->next;
    return 1;
}
static int next_inverse(void *context, const void **input, size_t *size) {
    struct source *source = context;
    static const int64_t number[] = {1, 0, 1};
    if (source->next == 3) return 0;
    *input = &number[source->next++];
    *size = sizeof *number;
    return 1;
}
static int begin_imap(struct stand *s, const char *kernel, bool ordered, rp_source *from, struct source *source) {
    const rp_call call = {.kernel = kernel, .chunksize = 1, .args = &s->gate, .args_size = sizeof s->gate};
    int code = open_pool(s, 2);
    if (code) return code;
    return (ordered ? rp_pool_imap : rp_pool_imap_unordered)(s->pool, &call, from, source, &s->map, NULL);
}
/* The next result's number, and its code. */
static int next_result(struct stand *s, double timeout_s, int64_t *number) {
    rp_result result;
    int code = rp_map_next(s->map, timeout_s, &result);
    if (code == 0) *number = number_of(&result);
    return code ? code : result.status;
}
static int sum_up(struct stand *s, bool ordered) {
    struct source source = {.end = 3};
    int64_t number, sum = 0, digits = 0;
    int code;
    DO(begin_imap(s, "square", ordered, next_number, &source));
    while ((code = next_result(s, 10, &number)) == 0) {
        sum += number;
        digits = digits * 10 + number;
    }
    say_number(s, ordered ? digits : sum);
    return code == RP_END ? 0 : code;
}
CASE(pool_imap) { return sum_up(s, true); }
CASE(pool_imap_unordered) { return sum_up(s, false); }
CASE(pool_imap_after_the_end) {
    struct source source = {.end = 0};
    int64_t number;
    DO(begin_imap(s, "square", true, next_number, &source));
    int code = next_result(s, 10, &number);
    return code == RP_END ? next_result(s, 10, &number) : code;
}
CASE(pool_imap_too_late) {
    struct source source = {.end = 1};
    int64_t number;
    DO(begin_imap(s, "pass_gate", true, next_number, &source));
    return next_result(s, 0.001, &number);
}
CASE(pool_imap_after_too_late) {
    struct source source = {.end = 1};
    int64_t number;
    DO(begin_imap(s, "pass_gate", true, next_number, &source));
    next_result(s, 0.001, &number);
    DO(rp_event_set(s->self, s->gate.open));
    DO(next_result(s, 10, &number));
    say_number(s, number);
    return 0;
}
CASE(pool_imap_exception) {
    struct source source = {0};
    int64_t number;
    DO(begin_imap(s, "inverse", true, next_inverse, &source));
    DO(next_result(s, 10, &number));
    return next_result(s, 10, &number);
}
CASE(pool_imap_after_exception) {
    struct source source = {0};
    int64_t number;
    DO(begin_imap(s, "inverse", true, next_inverse, &source));
    for (int i = 0; i < 2; i++) next_result(s, 10, &number);
    DO(next_result(s, 10, &number));
    say_number(s, number);
    return 0;
}
CASE(pool_imap_input_breaks) {
    struct source source = {.end = 1, .breaks = true};
    int64_t number;
    DO(begin_imap(s, "square", true, next_number, &source));
    DO(next_result(s, 10, &number));
    return next_result(s, 10, &number);
}
/* How much of its input it takes while nobody reads more results. */
CASE(pool_imap_reads_ahead) {
    struct source source = {.end = 70000};
    int64_t number;
    DO(begin_imap(s, "square", true, next_number, &source));
    DO(next_result(s, 10, &number));
    snprintf(s->word, sizeof s->word, source.next == source.end ? "all of it" : "some of it");
    return 0;
}
CASE(pool_imap_chunksize_0) {
    struct source source = {.end = 1};
    int64_t number;
    DO(open_pool(s, 1));
    DO(rp_pool_imap(s->pool, &(rp_call){.kernel = "square"}, next_number, &source, &s->map, NULL));
    DO(next_result(s, 10, &number));
    say_number(s, number);
    return 0;
}

/* ---- apply_async: what a result tells ------------------------------------------------------------------- */

static int begin_held(struct stand *s) {
    int code = open_pool(s, 1);
    return code ? code : begin(s, "pass_gate", 7, &s->future[0]);
}
static int begin_one(struct stand *s, const char *kernel, int64_t number) {
    int code = open_pool(s, 1);
    return code ? code : begin(s, kernel, number, &s->future[0]);
}
CASE(result_get) {
    DO(begin_one(s, "square", 3));
    return say_of(s, s->future[0]);
}
CASE(result_get_twice) {
    DO(begin_one(s, "square", 3));
    DO(rp_future_get(s->future[0], 10, NULL, NULL));
    return say_of(s, s->future[0]);
}
CASE(result_get_too_late) {
    DO(begin_held(s));
    return rp_future_get(s->future[0], 0.001, NULL, NULL);
}
CASE(result_get_exception_twice) {
    DO(begin_one(s, "inverse", 0));
    int code = rp_future_get(s->future[0], 10, NULL, NULL);
    return code == RP_ETASK ? rp_future_get(s->future[0], 10, NULL, NULL) : code;
}
CASE(result_wait_too_late) {
    DO(begin_held(s));
    return rp_future_wait(s->future[0], 0.001);
}
CASE(result_wait_for_exception) {
    DO(begin_one(s, "inverse", 0));
    return rp_future_wait(s->future[0], 10);
}
CASE(result_ready_before) {
    DO(begin_held(s));
    say_bool(s, rp_future_ready(s->future[0]));
    return 0;
}
CASE(result_ready_after) {
    DO(begin_one(s, "inverse", 0));
    DO(rp_future_wait(s->future[0], 10));
    say_bool(s, rp_future_ready(s->future[0]));
    return 0;
}
CASE(result_successful_before) {
    bool successful;
    DO(begin_held(s));
    return rp_future_successful(s->future[0], &successful);
}
static int successful_after(struct stand *s, int64_t number) {
    bool successful;
    DO(begin_one(s, "inverse", number));
    DO(rp_future_wait(s->future[0], 10));
    DO(rp_future_successful(s->future[0], &successful));
    say_bool(s, successful);
    return 0;
}
CASE(result_successful_after) { return successful_after(s, 1); }
CASE(result_successful_after_exception) { return successful_after(s, 0); }

struct calls {
    int success, error;
};
static void on_success(rp_future *future, const rp_results *results, void *context) {
    ((struct calls *)context)->success++;
}
static void on_error(rp_future *future, const rp_results *results, void *context) {
    ((struct calls *)context)->error++;
}
static int call_back(struct stand *s, const int64_t *number, size_t count) {
    struct calls calls = {0};
    const rp_items items = items_of(number, count);
    const rp_call call = {.kernel = "inverse", .callback = on_success, .error_callback = on_error, .context = &calls};
    DO(open_pool(s, 1));
    DO(rp_pool_map_async(s->pool, &call, &items, &s->future[0], NULL));
    rp_future_get(s->future[0], 10, NULL, NULL);
    rp_future_get(s->future[0], 10, NULL, NULL);
    snprintf(s->word, sizeof s->word, "%d %d", calls.success, calls.error);
    return 0;
}
CASE(result_callbacks_of_three) { return call_back(s, (int64_t[]){1, 1, 1}, 3); }
CASE(result_callbacks_of_exception) { return call_back(s, (int64_t[]){1, 0, 0}, 3); }

/* ---- The end of a pool ---------------------------------------------------------------------------------- */

CASE(pool_map_after_close) {
    DO(open_pool(s, 1));
    rp_pool_close(s->pool);
    return map(s, "square", 0, (int64_t[]){1}, 1);
}
CASE(pool_apply_async_after_close) {
    DO(open_pool(s, 1));
    rp_pool_close(s->pool);
    return begin(s, "square", 1, &s->future[0]);
}
CASE(pool_imap_after_close) {
    struct source source = {.end = 1};
    DO(open_pool(s, 1));
    rp_pool_close(s->pool);
    return rp_pool_imap(s->pool, &(rp_call){.kernel = "square"}, next_number, &source, &s->map, NULL);
}
CASE(pool_map_after_terminate) {
    DO(open_pool(s, 1));
    rp_pool_terminate(s->pool);
    return map(s, "square", 0, (int64_t[]){1}, 1);
}
CASE(pool_join_before_close) {
    DO(open_pool(s, 1));
    return rp_pool_join(s->pool, 10);
}
CASE(pool_join_twice) {
    DO(open_pool(s, 1));
    rp_pool_close(s->pool);
    rp_pool_close(s->pool);
    DO(rp_pool_join(s->pool, 10));
    return rp_pool_join(s->pool, 10);
}
CASE(pool_terminate_after_close) {
    DO(open_pool(s, 1));
    rp_pool_close(s->pool);
    rp_pool_terminate(s->pool);
    rp_pool_terminate(s->pool);
    return rp_pool_join(s->pool, 10);
}
CASE(pool_get_after_close_and_join) {
    DO(begin_one(s, "square", 3));
    rp_pool_close(s->pool);
    DO(rp_pool_join(s->pool, 10));
    return say_of(s, s->future[0]);
}
CASE(pool_imap_next_after_close_and_join) {
    struct source source = {.end = 2};
    int64_t number;
    DO(begin_imap(s, "square", true, next_number, &source));
    DO(next_result(s, 10, &number));
    rp_pool_close(s->pool);
    DO(rp_pool_join(s->pool, 10));
    DO(next_result(s, 10, &number));
    say_number(s, number);
    return 0;
}
CASE(pool_get_after_terminate) {
    DO(begin_held(s));
    DO(rp_event_wait(s->self, s->gate.started, 10));
    rp_pool_terminate(s->pool);
    return rp_future_get(s->future[0], 10, NULL, NULL);
}

/* ---- Its workers ---------------------------------------------------------------------------------------- */

CASE(pool_of_0) {
    DO(open_pool(s, 0));
    snprintf(s->word, sizeof s->word, "opened");
    return 0;
}
static int count_pids(struct stand *s, size_t chunksize) {
    int64_t different = 0;
    DO(rp_pool_open(s->world, &(rp_pool_options){.workers = 1, .maxtasksperchild = 2}, &s->pool, NULL));
    DO(map(s, "pid", chunksize, (int64_t[]){1, 2, 3, 4, 5, 6, 7, 8}, 8));
    for (size_t i = 0; i < s->results.count; i++)
        different += i == 0 || number_of(&s->results.result[i]) != number_of(&s->results.result[i - 1]);
    say_number(s, different);
    return 0;
}
CASE(pool_maxtasksperchild) { return count_pids(s, 1); }
CASE(pool_maxtasksperchild_of_chunks) { return count_pids(s, 2); }
CASE(pool_initializer) {
    int64_t counted;
    const rp_pool_options options = {
        .workers = 2, .initializer = "count", .init_args = &s->gate.count, .init_args_size = sizeof s->gate.count};
    DO(rp_pool_open(s->world, &options, &s->pool, NULL));
    DO(map(s, "square", 1, (int64_t[]){1, 2, 3, 4}, 4));
    DO(rp_value_load(s->self, s->gate.count, &counted));
    say_number(s, counted);
    return 0;
}
CASE(pool_initializer_fails) {
    return rp_pool_open(s->world, &(rp_pool_options){.workers = 1, .initializer = "fail"}, &s->pool, NULL);
}
CASE(pool_worker_dies) {
    DO(open_pool(s, 1));
    return map(s, "die", 1, (int64_t[]){1, 0, 2}, 3);
}
CASE(pool_nested) {
    DO(open_pool(s, 1));
    DO(map(s, "nest", 1, (int64_t[]){1}, 1));
    return (int)number_of(&s->results.result[0]);
}
CASE(cpu_count) {
    say_bool(s, rp_cpu_count() >= 1);
    return 0;
}

const struct python_case pool_cases[] = {
    LISTED(pool_map),
    LISTED(pool_map_chunksize_0),
    LISTED(pool_map_of_nothing),
    LISTED(pool_map_exception),
    LISTED(pool_map_others_after_exception),
    LISTED(pool_map_others_in_its_chunk),
    LISTED(pool_map_results_after_exception),
    LISTED(pool_starmap),
    LISTED(pool_starmap_async),
    LISTED(pool_apply),
    LISTED(pool_apply_exception),
    LISTED(pool_imap),
    LISTED(pool_imap_unordered),
    LISTED(pool_imap_after_the_end),
    LISTED(pool_imap_too_late),
    LISTED(pool_imap_after_too_late),
    LISTED(pool_imap_exception),
    LISTED(pool_imap_after_exception),
    LISTED(pool_imap_input_breaks),
    LISTED(pool_imap_reads_ahead),
    LISTED(pool_imap_chunksize_0),
    LISTED(result_get),
    LISTED(result_get_twice),
    LISTED(result_get_too_late),
    LISTED(result_get_exception_twice),
    LISTED(result_wait_too_late),
    LISTED(result_wait_for_exception),
    LISTED(result_ready_before),
    LISTED(result_ready_after),
    LISTED(result_successful_before),
    LISTED(result_successful_after),
    LISTED(result_successful_after_exception),
    LISTED(result_callbacks_of_three),
    LISTED(result_callbacks_of_exception),
    LISTED(pool_map_after_close),
    LISTED(pool_apply_async_after_close),
    LISTED(pool_imap_after_close),
    LISTED(pool_map_after_terminate),
    LISTED(pool_join_before_close),
    LISTED(pool_join_twice),
    LISTED(pool_terminate_after_close),
    LISTED(pool_get_after_close_and_join),
    LISTED(pool_imap_next_after_close_and_join),
    LISTED(pool_get_after_terminate),
    LISTED(pool_of_0),
    LISTED(pool_maxtasksperchild),
    LISTED(pool_maxtasksperchild_of_chunks),
    LISTED(pool_initializer),
    LISTED(pool_initializer_fails),
    LISTED(pool_worker_dies),
    LISTED(pool_nested),
    LISTED(cpu_count),
    {NULL, NULL},
};
