/* Maps that reduce and maps that grow, as a program sees them, bare and on ranks. A reduction is one value, of the same
 * bits whatever happens on the way: what is expected is folded here, block by block, in the same order. */
#include "mpi/on_a_pool.h"
#include "unit/queens.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Workers crash on purpose here: the address sanitizer is to let them die as they would without it. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "handle_segv=0:handle_abort=0:detect_leaks=0"; }

enum { MANY = 1000 * 1000, BLOCK = 1000, BIG = 5 * 1000 * 1000, LARGE = 4 * 1000 * 1000, LARGE_COUNT = 30 };

struct how {
    uint64_t bad;       /* a task, UINT64_MAX: none */
    char what;          /* of the bad one: e error, s SEGV, l a longer record */
    uint32_t queens;    /* rows of the boards */
    uint64_t die_every; /* each so manyth task kills its worker, once; 0: none */
    char flag[64];      /* what begins the names of the files that tell which did already */
};

static const struct how well = {.bad = UINT64_MAX};

static void die_once(const struct how *how, uint64_t index) {
    char path[96];
    snprintf(path, sizeof path, "%s-%" PRIu64, how->flag, index);
    int fd = open(path, O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return;
    close(fd);
    raise(SIGKILL);
}

static uint64_t count_deaths(const struct how *how, uint64_t count) {
    uint64_t deaths = 0;
    for (uint64_t index = how->die_every - 1; index < count; index += how->die_every) {
        char path[96];
        snprintf(path, sizeof path, "%s-%" PRIu64, how->flag, index);
        deaths += unlink(path) == 0;
    }
    return deaths;
}

static double term(uint64_t index) { return (index % 3 ? 1.0 : -1.0) / (double)(index + 1); }

/* A term of a sum: the input's first bytes if there is one. */
static int summand(rp_task *task, const void *input, size_t size) {
    size_t args_size;
    const struct how *how = rp_task_args(task, &args_size);
    uint64_t index = rp_task_index(task);
    double value = term(index);
    if (how->die_every && (index + 1) % how->die_every == 0) die_once(how, index);
    if (index == how->bad && how->what == 'e') return rp_task_fail(task, "does not like it");
    if (index == how->bad && how->what == 's') raise(SIGSEGV);
    if (index == how->bad && how->what == 'l') rp_task_write(task, "x", 1);
    if (input && size >= sizeof value) memcpy(&value, input, sizeof value);
    return rp_task_write(task, &value, sizeof value);
}

static void add(void *into, const void *from, size_t size) {
    double *sum = into;
    const double *more = from;
    *sum += *more;
}

static int alone(rp_task *task, const void *input, size_t size) { return rp_task_write(task, "x", 1); }

/* Writes what came of adding a task where none can be added. */
static int stretch(rp_task *task, uint64_t begin, uint64_t end) {
    int code = rp_task_add(task, "x", 1);
    return rp_task_write(task, &code, sizeof code);
}

static int add_one(rp_task *task, const void *input, size_t size) { return stretch(task, 0, 1); }

/* A board adds those of its next row, then dies or fails where it is to, or answers whether it is full. */
static int queens(rp_task *task, const void *input, size_t size) {
    size_t args_size;
    const struct how *how = rp_task_args(task, &args_size);
    struct board board;
    uint64_t index = rp_task_index(task), full;
    memcpy(&board, input, sizeof board);
    for (uint32_t places = free_places(&board, how->queens); places; places &= places - 1) {
        struct board next = with_queen(&board, places);
        int code = rp_task_add(task, &next, sizeof next);
        if (code) return code;
    }
    if (how->die_every && (index + 1) % how->die_every == 0) die_once(how, index);
    if (index == how->bad) return rp_task_fail(task, "does not like it");
    full = is_full(&board, how->queens);
    return rp_task_write(task, &full, sizeof full);
}

/* A small task adds large ones, which answer with their input. */
static int fan(rp_task *task, const void *input, size_t size) {
    if (size == LARGE) return rp_task_write(task, input, size);
    uint8_t *bytes = calloc(LARGE, 1);
    int code = bytes ? 0 : RP_ENOMEM;
    for (int i = 0; i < LARGE_COUNT && code == 0; i++) code = rp_task_add(task, bytes, LARGE);
    free(bytes);
    return code;
}

static const rp_kernel sum_kernel = {.name = "sum", .item = summand, .combine = add},
                       alone_kernel = {.name = "alone", .item = alone},
                       range_kernel = {.name = "range", .range = stretch, .combine = add};
static const rp_kernel add_kernel = {.name = "add", .item = add_one},
                       queens_kernel = {.name = "queens", .item = queens}, fan_kernel = {.name = "fan", .item = fan};
static const rp_kernel *const kernels[] = {&sum_kernel,    &alone_kernel, &range_kernel, &add_kernel,
                                           &queens_kernel, &fan_kernel,   NULL};

static struct {
    rp_world *world;
    rp_pool *pool;
} the;

static rp_map *open_map(uint64_t count, const struct how *how, rp_map_options options) {
    rp_map *map = NULL;
    rp_error error = {0};
    if (!options.kernel) options.kernel = "sum";
    options.count = count;
    options.args = how;
    options.args_size = sizeof *how;
    if (rp_map_open(the.pool, &options, &map, &error)) printf("rp_map_open: %s\n", error.text);
    return map;
}

static double block_sum(uint64_t begin, uint64_t end) {
    double sum = term(begin);
    for (uint64_t index = begin + 1; index < end; index++) sum += term(index);
    return sum;
}

static double expected_sum(uint64_t count, uint64_t block) {
    double sum = block_sum(0, block < count ? block : count);
    for (uint64_t begin = block; begin < count; begin += block)
        sum += block_sum(begin, begin + block < count ? begin + block : count);
    return sum;
}

static bool same_bits(double a, double b) { return memcmp(&a, &b, sizeof a) == 0; }

static void a_sum_has_the_same_bits_for_every_schedule_and_chunk(void) {
    double sum, expected = expected_sum(MANY, BLOCK);
    CU_ASSERT(!same_bits(expected, expected_sum(MANY, 7))); /* the order shows in the bits */
    for (enum rp_schedule_kind kind = RP_AUTO; kind <= RP_FACTORING; kind++)
        for (uint64_t chunk = 0; chunk < 8000; chunk += 7777) {
            rp_map *map = open_map(MANY, &well, (rp_map_options){.reduce = BLOCK, .schedule = {kind, chunk}});
            CU_ASSERT_EQUAL(rp_map_reduce(map, 60, &sum, sizeof sum), 0);
            CU_ASSERT(same_bits(sum, expected));
            CU_ASSERT_EQUAL(rp_map_reduce(map, 60, &sum, sizeof sum), RP_END);
            rp_map_close(map);
        }
}

static void a_sum_has_the_same_bits_when_workers_are_killed(void) {
    double sum = 0;
    for (enum rp_schedule_kind kind = RP_AUTO; kind <= RP_FACTORING; kind++) {
        struct how how = {.bad = UINT64_MAX, .die_every = 123457};
        snprintf(how.flag, sizeof how.flag, "%s/rankpool-reduce-%ld", unit_folder(), (long)getpid());
        rp_map *map = open_map(MANY + 1, &how, (rp_map_options){.reduce = BLOCK, .schedule.kind = kind});
        rp_map_stats stats;
        CU_ASSERT_EQUAL(rp_map_reduce(map, 60, &sum, sizeof sum), 0);
        rp_map_stats_get(map, &stats);
        rp_map_close(map);
        CU_ASSERT(same_bits(sum, expected_sum(MANY + 1, BLOCK)));
        CU_ASSERT_EQUAL(stats.tasks_done, MANY + 1);
        CU_ASSERT_EQUAL(stats.deaths, MANY / 123457);
        CU_ASSERT_EQUAL(count_deaths(&how, MANY), MANY / 123457);
    }
}

static void a_map_without_blocks_is_reduced_in_task_order(void) {
    double sum, expected = block_sum(0, 10007);
    rp_map *map = open_map(10007, &well, (rp_map_options){.schedule = {RP_DYNAMIC, 3}});
    CU_ASSERT_EQUAL(rp_map_reduce(map, 60, &sum, sizeof sum), 0);
    CU_ASSERT(same_bits(sum, expected));
    rp_map_close(map);
}

static void a_reduced_map_hands_out_a_record_a_block(void) {
    for (int unordered = 0; unordered < 2; unordered++) {
        rp_map *map = open_map(1030, &well, (rp_map_options){.reduce = 100, .unordered = unordered});
        rp_result result;
        uint64_t tasks = 0, blocks = 0;
        for (; rp_map_next(map, 60, &result) == 0; blocks++) {
            double sum;
            CU_ASSERT_EQUAL_FATAL(result.size, sizeof sum);
            memcpy(&sum, result.data, sizeof sum);
            CU_ASSERT(result.begin % 100 == 0 && result.end == (result.begin == 1000 ? 1030 : result.begin + 100));
            CU_ASSERT(same_bits(sum, block_sum(result.begin, result.end)));
            CU_ASSERT(unordered || result.begin == tasks);
            tasks += result.end - result.begin;
        }
        CU_ASSERT(blocks == 11 && tasks == 1030);
        rp_map_close(map);
    }
}

static void one_fails(char what, int status, const char *message) {
    struct how how = {.bad = 777, .what = what};
    rp_map *map = open_map(2000, &how, (rp_map_options){.reduce = 50, .retries = 1});
    double sum = 5;
    rp_result result;
    rp_map_stats stats;
    uint64_t good = 0;
    CU_ASSERT_EQUAL(rp_map_reduce(map, 60, &sum, sizeof sum), status);
    CU_ASSERT_EQUAL(rp_map_reduce(map, 60, &sum, sizeof sum), status);
    CU_ASSERT_EQUAL(sum, 5);
    CU_ASSERT_EQUAL_FATAL(rp_map_next(map, 60, &result), 0);
    CU_ASSERT(result.begin == 750 && result.end == 800 && result.status == status);
    char text[512];
    snprintf(text, sizeof text, "%.*s", (int)result.size, (const char *)result.data);
    CU_ASSERT(strstr(text, "task 777: ") && strstr(text, message));
    while (rp_map_next(map, 60, &result) == 0) good += result.status ? 0 : result.end - result.begin;
    CU_ASSERT_EQUAL(good, 1200);
    rp_map_stats_get(map, &stats);
    CU_ASSERT(stats.tasks_done == 2000 && stats.tasks_failed == 50);
    rp_map_close(map);
}

static void a_task_that_fails_fails_its_block_alone(void) { one_fails('e', RP_ETASK, "does not like it"); }
static void a_record_of_another_size_fails_its_block_alone(void) { one_fails('l', RP_ETASK, "9 bytes"); }
static void a_task_that_crashes_fails_its_block_alone(void) { one_fails('s', RP_EDIED, "signal 11"); }

static void fed_tasks_are_folded_though_a_block_is_larger_than_what_may_be_held(void) {
    double sum, expected = 0, in_block = 0;
    rp_map *map = open_map(RP_FED, &well, (rp_map_options){.reduce = 5});
    uint8_t *input = calloc(BIG, 1);
    for (uint64_t i = 0; i < 12; i++) {
        double value = term(i);
        memcpy(input, &value, sizeof value);
        CU_ASSERT_EQUAL(rp_map_put(map, input, BIG), 0);
        in_block = i % 5 ? in_block + value : value;
        if (i % 5 == 4 || i == 11) expected = i < 5 ? in_block : expected + in_block;
    }
    rp_map_end(map);
    CU_ASSERT_EQUAL(rp_map_reduce(map, 60, &sum, sizeof sum), 0);
    CU_ASSERT(same_bits(sum, expected));
    free(input);
    rp_map_close(map);
}

static void a_reduction_goes_on_after_its_time_was_up(void) {
    double sum = 5, value = 1;
    rp_map *map = open_map(RP_FED, &well, (rp_map_options){.reduce = 2});
    CU_ASSERT_EQUAL(rp_map_reduce(map, 0, &sum, sizeof sum), RP_ETIMEDOUT);
    for (int i = 0; i < 4; i++) CU_ASSERT_EQUAL(rp_map_put(map, &value, sizeof value), 0);
    CU_ASSERT_EQUAL(rp_map_reduce(map, 0.2, &sum, sizeof sum), RP_ETIMEDOUT);
    CU_ASSERT_EQUAL(sum, 5);
    CU_ASSERT_EQUAL(rp_map_put(map, &value, sizeof value), 0);
    rp_map_end(map);
    CU_ASSERT_EQUAL(rp_map_reduce(map, 60, &sum, sizeof sum), 0);
    CU_ASSERT_EQUAL(sum, 5 * value);
    rp_map_close(map);
}

static void reductions_that_make_no_sense_are_refused(void) {
    rp_map *map = NULL;
    rp_error error = {0};
    double sum = 5;
    rp_map_options refused[] = {{.kernel = "alone", .count = 9, .reduce = 3},
                                {.kernel = "range", .count = 9, .reduce = 3},
                                {.kernel = "sum", .count = 9, .reduce = 3, .edge = 3},
                                {.kernel = "sum", .count = 9, .reduce = 3, .wall = 3}};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        CU_ASSERT_EQUAL(rp_map_open(the.pool, &refused[i], &map, &error), RP_EINVAL);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "reduce"));
    }
    CU_ASSERT_EQUAL(rp_map_open(the.pool, &(rp_map_options){.kernel = "alone", .count = 9}, &map, &error), 0);
    CU_ASSERT_EQUAL(rp_map_reduce(map, 60, &sum, sizeof sum), RP_EINVAL);
    rp_map_close(map);
    map = open_map(9, &well, (rp_map_options){.unordered = true});
    CU_ASSERT_EQUAL(rp_map_reduce(map, 60, &sum, sizeof sum), RP_EINVAL);
    rp_map_close(map);
    map = open_map(9, &well, (rp_map_options){.reduce = 3});
    CU_ASSERT_EQUAL(rp_map_reduce(map, 60, &sum, 4), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_map_reduce(map, 60, &sum, sizeof sum), 0);
    rp_map_close(map);
    sum = 5;
    map = open_map(0, &well, (rp_map_options){.reduce = 3});
    CU_ASSERT_EQUAL(rp_map_reduce(map, 60, &sum, sizeof sum), RP_END);
    CU_ASSERT_EQUAL(sum, 5);
    rp_map_close(map);
    CU_ASSERT_EQUAL(rp_map_reduce(NULL, 60, &sum, sizeof sum), RP_EINVAL);
}

/* Reads a growing map of boards to its end: its solutions. */
static uint64_t read_solutions(rp_map *map, uint64_t *boards, uint64_t *failed) {
    rp_result result;
    uint64_t solutions = 0, full;
    int rc;
    *boards = *failed = 0;
    for (; (rc = rp_map_next(map, 60, &result)) == 0; ++*boards) {
        *failed += result.status != 0;
        if (result.status) continue;
        memcpy(&full, result.data, sizeof full);
        solutions += full;
    }
    CU_ASSERT_EQUAL(rc, RP_END);
    return solutions;
}

static rp_map *open_boards(const struct how *how, rp_map_options options) {
    options.kernel = "queens";
    options.grows = true;
    return open_map(RP_FED, how, options);
}

static void put_board(rp_map *map) { CU_ASSERT_EQUAL(rp_map_put(map, &(struct board){0}, sizeof(struct board)), 0); }

static void tasks_that_add_tasks_find_all_queens_though_workers_are_killed(void) {
    static const uint64_t known[] = {92, 352, 724};
    for (uint32_t n = 8; n <= 10; n++) {
        struct how how = {.bad = UINT64_MAX, .queens = n, .die_every = 1009};
        snprintf(how.flag, sizeof how.flag, "%s/rankpool-queens-%ld", unit_folder(), (long)getpid());
        uint64_t boards, failed, expected = 0, solutions = 0;
        count_boards(&(struct board){0}, n, &expected, &solutions);
        rp_map *map = open_boards(&how, (rp_map_options){.unordered = n % 2});
        rp_map_stats stats;
        put_board(map);
        rp_map_end(map);
        CU_ASSERT_EQUAL(read_solutions(map, &boards, &failed), known[n - 8]);
        rp_map_stats_get(map, &stats);
        CU_ASSERT(solutions == known[n - 8] && boards == expected && failed == 0);
        CU_ASSERT(stats.tasks_known == boards && stats.tasks_final && stats.deaths == boards / 1009);
        CU_ASSERT_EQUAL(count_deaths(&how, boards), boards / 1009);
        rp_map_close(map);
    }
}

static void tasks_are_put_while_others_add_theirs(void) {
    struct how how = {.bad = UINT64_MAX, .queens = 8};
    uint64_t boards, failed, once = 0, solutions = 0;
    count_boards(&(struct board){0}, 8, &once, &solutions);
    rp_map *map = open_boards(&how, (rp_map_options){0});
    rp_result result;
    put_board(map);
    CU_ASSERT_EQUAL(rp_map_next(map, 60, &result), 0);
    for (int i = 0; i < 3; i++) put_board(map);
    rp_map_end(map);
    CU_ASSERT_EQUAL(read_solutions(map, &boards, &failed), 4 * solutions);
    CU_ASSERT_EQUAL(boards + 1, 4 * once);
    rp_map_close(map);
}

static void a_task_that_fails_adds_none(void) {
    struct how how = {.bad = 0, .queens = 8};
    uint64_t boards, failed;
    rp_map *map = open_boards(&how, (rp_map_options){0});
    put_board(map);
    rp_map_end(map);
    CU_ASSERT_EQUAL(read_solutions(map, &boards, &failed), 0);
    CU_ASSERT(boards == 1 && failed == 1);
    rp_map_close(map);
}

/* Nobody reads, so dealing rests with many megabytes of inputs held. */
static void what_tasks_have_added_does_not_block_who_puts(void) {
    rp_map *map = open_map(RP_FED, &well, (rp_map_options){.kernel = "fan", .grows = true});
    rp_map_stats stats = {0};
    rp_result result;
    uint64_t bytes = 0;
    CU_ASSERT_EQUAL(rp_map_put(map, "x", 1), 0);
    while (stats.tasks_done < 10) {
        usleep(1000);
        rp_map_stats_get(map, &stats);
    }
    CU_ASSERT_EQUAL(rp_map_put(map, "x", 1), 0);
    rp_map_end(map);
    while (rp_map_next(map, 60, &result) == 0) bytes += result.size;
    CU_ASSERT_EQUAL(bytes, 2 * (uint64_t)LARGE_COUNT * LARGE);
    rp_map_close(map);
}

static void where_no_task_can_be_added_none_is(void) {
    for (int i = 0; i < 3; i++) {
        rp_map *map = open_map(i == 2 ? RP_FED : 3, &well, (rp_map_options){.kernel = i ? "add" : "range"});
        rp_result result;
        if (i == 2) CU_ASSERT_EQUAL(rp_map_put(map, "", 0), 0);
        rp_map_end(map);
        uint64_t codes = 0;
        for (int code; rp_map_next(map, 60, &result) == 0; codes++) {
            memcpy(&code, result.data, sizeof code);
            CU_ASSERT(result.size == sizeof code && code == RP_EINVAL);
        }
        CU_ASSERT(codes >= 1 && codes <= 3);
        rp_map_close(map);
    }
    rp_map *map = NULL;
    rp_error error = {0};
    rp_map_options counted = {.kernel = "queens", .count = 9, .grows = true},
                   reduced = {.kernel = "sum", .count = RP_FED, .grows = true, .reduce = 3};
    CU_ASSERT_EQUAL(rp_map_open(the.pool, &counted, &map, &error), RP_EINVAL);
    CU_ASSERT_EQUAL(rp_map_open(the.pool, &reduced, &map, &error), RP_EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "grows"));
}

static void every_kind_of_worker_folds_and_adds_alike(void) {
    rp_pool_free(the.pool);
    for (enum rp_workers kind = RP_WORKERS_PROCESS; kind <= RP_WORKERS_INLINE; kind++) {
        CU_ASSERT_EQUAL_FATAL(rp_pool_open(the.world, &(rp_pool_options){.crew = 2, .kind = kind}, &the.pool, NULL), 0);
        a_reduced_map_hands_out_a_record_a_block();
        a_task_that_fails_fails_its_block_alone();
        tasks_are_put_while_others_add_theirs();
        where_no_task_can_be_added_none_is();
        rp_pool_free(the.pool);
    }
    CU_ASSERT_EQUAL(rp_pool_open(the.world, NULL, &the.pool, NULL), 0);
}

int main(void) {
    static const struct unit_test tests[] = {UNIT(a_sum_has_the_same_bits_for_every_schedule_and_chunk),
                                             UNIT(a_sum_has_the_same_bits_when_workers_are_killed),
                                             UNIT(a_map_without_blocks_is_reduced_in_task_order),
                                             UNIT(a_reduced_map_hands_out_a_record_a_block),
                                             UNIT(a_task_that_fails_fails_its_block_alone),
                                             UNIT(a_record_of_another_size_fails_its_block_alone),
                                             UNIT(a_task_that_crashes_fails_its_block_alone),
                                             UNIT(fed_tasks_are_folded_though_a_block_is_larger_than_what_may_be_held),
                                             UNIT(a_reduction_goes_on_after_its_time_was_up),
                                             UNIT(reductions_that_make_no_sense_are_refused),
                                             UNIT(tasks_that_add_tasks_find_all_queens_though_workers_are_killed),
                                             UNIT(tasks_are_put_while_others_add_theirs),
                                             UNIT(a_task_that_fails_adds_none),
                                             UNIT(what_tasks_have_added_does_not_block_who_puts),
                                             UNIT(where_no_task_can_be_added_none_is),
                                             UNIT(every_kind_of_worker_folds_and_adds_alike),
                                             {NULL, NULL}};
    return run_on_a_pool("reduce", kernels, tests, &the.world, &the.pool);
}
