/* rankpool's side of table.txt, on the library as any program has it, bare or on ranks: `python_cases` prints a line
 * for each case, its name and what it gives. What tasks share is asked by the program, in worker processes and in
 * threads: where they do not agree the line says who got what.
 *
 * "Another caller" is a worker process. The program asks it by rp_pool_apply; a task asks the program, which serves
 * such errands while its map runs, to do so. */
#include "cases.h"
#include "kernels.h"

#include <stdlib.h>

/* Workers crash on purpose here: the address sanitizer is to let them die as they would without it. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "handle_segv=0:handle_abort=0:detect_leaks=0"; }

enum { WORD = sizeof((struct stand *)0)->word, SYNC_CASES = 200, SILENT_S = 60 };
typedef char answers[SYNC_CASES][WORD];

static void answer(const struct python_case *of, struct stand *stand, char word[WORD]) {
    stand->word[0] = 0;
    int code = of->run(stand);
    snprintf(word, WORD, "%s", code ? rp_error_name(code) : stand->word[0] ? stand->word : "RP_OK");
}

/* ---- Errands -------------------------------------------------------------------------------------------- */

static int by_apply(struct stand *stand, const struct errand *errand, struct errand_answer *given) {
    rp_results results = {0};
    int code =
        rp_pool_apply(stand->errands_pool, &(rp_call){.kernel = "errand"}, errand, sizeof *errand, &results, NULL);
    *given = (struct errand_answer){0};
    if (code == 0 && results.result[0].size == sizeof *given) memcpy(given, results.result[0].data, sizeof *given);
    rp_results_free(&results);
    return code == RP_EDIED && errand->what == ACQUIRE_AND_DIE ? 0 : code;
}

static int by_the_program(struct stand *stand, const struct errand *errand, struct errand_answer *given) {
    struct errand asked = *errand;
    int code = rp_queue_new(stand->self, 0, &asked.answer);
    if (code == 0) code = rp_queue_put(stand->self, stand->errands, &asked, sizeof asked, -1);
    return code ? code : rp_queue_get(stand->self, asked.answer, -1, given, sizeof *given, NULL);
}

/* Until all tasks have said that they ended. */
static int serve_errands(struct stand *stand, size_t tasks) {
    int code = 0;
    while (tasks > 0 && code == 0) {
        struct errand errand;
        struct errand_answer given;
        code = rp_queue_get(stand->self, stand->errands, SILENT_S, &errand, sizeof errand, NULL);
        if (code == 0 && errand.what == NONE) {
            tasks--;
        } else if (code == 0) {
            code = by_apply(stand, &errand, &given);
            if (code == 0) code = rp_queue_put(stand->self, errand.answer, &given, sizeof given, -1);
        }
    }
    return code;
}

/* ---- In tasks ------------------------------------------------------------------------------------------- */

static int answer_in_task(rp_task *task, const void *input, size_t size) {
    struct stand stand = {.self = rp_task_self(task), .elsewhere = by_the_program};
    memcpy(&stand.errands, rp_task_args(task, NULL), sizeof stand.errands);
    char word[WORD] = "";
    answer(&sync_cases[rp_task_index(task)], &stand, word);
    int code = rp_task_write(task, word, sizeof word);
    const struct errand ended = {.what = NONE};
    return code ? code : rp_queue_put(stand.self, stand.errands, &ended, sizeof ended, -1);
}
static const rp_kernel answer_kernel = {.name = "answer", .item = answer_in_task};

static int answer_in_tasks(struct stand *stand, enum rp_workers kind, size_t count, answers word, rp_error *error) {
    rp_pool *pool = NULL;
    rp_map *map = NULL;
    int code = rp_pool_open(stand->world, &(rp_pool_options){.kind = kind, .bind = RP_BIND_NONE}, &pool, error);
    if (code) return code;
    const rp_map_options options = {.kernel = "answer",
                                    .count = count,
                                    .args = &stand->errands,
                                    .args_size = sizeof stand->errands,
                                    .schedule = {.kind = RP_DYNAMIC}};
    code = rp_map_open(pool, &options, &map, error);
    if (code == 0) code = serve_errands(stand, count);
    for (size_t i = 0; i < count && code == 0; i++) {
        rp_result result;
        code = rp_map_next(map, SILENT_S, &result);
        if (code == 0) snprintf(word[i], WORD, "%.*s", (int)result.size, (const char *)result.data);
    }
    if (map) rp_map_close(map);
    rp_pool_free(pool);
    return code;
}

/* ---- The program ---------------------------------------------------------------------------------------- */

static int answer_thrice(struct stand *stand, rp_error *error) {
    static const char *const where[] = {"the program", "a process", "a thread"};
    answers *word = calloc(3, sizeof *word);
    if (!word) return RP_ENOMEM;
    size_t count = 0;
    for (; sync_cases[count].name; count++) answer(&sync_cases[count], stand, word[0][count]);
    int code = rp_queue_new(stand->self, 0, &stand->errands);
    if (code == 0) code = answer_in_tasks(stand, RP_WORKERS_PROCESS, count, word[1], error);
    if (code == 0) code = answer_in_tasks(stand, RP_WORKERS_THREAD, count, word[2], error);
    for (size_t i = 0; i < count && code == 0; i++) {
        printf("%s %s", sync_cases[i].name, word[0][i]);
        for (int k = 1; k < 3; k++)
            if (strcmp(word[0][i], word[k][i])) printf(", in %s %s", where[k], word[k][i]);
        puts("");
    }
    free(word);
    return code;
}

/* What a case left behind ends here. */
static void clear(struct stand *stand) {
    rp_event_set(stand->self, stand->gate.open);
    if (stand->map) rp_map_close(stand->map);
    for (int i = 0; i < FUTURES; i++) rp_future_free(stand->future[i]);
    rp_results_free(&stand->results);
    rp_process_free(stand->process);
    if (stand->pool) rp_pool_terminate(stand->pool);
    rp_pool_free(stand->pool);
    rp_event_free(stand->self, stand->gate.open);
    rp_event_free(stand->self, stand->gate.started);
    rp_value_free(stand->self, stand->gate.count);
}

static int answer_once(const struct python_case *cases, rp_world *world) {
    for (; cases->name; cases++) {
        struct stand stand = {.world = world, .self = rp_world_self(world)};
        int code = rp_event_new(stand.self, &stand.gate.open);
        if (code == 0) code = rp_event_new(stand.self, &stand.gate.started);
        if (code == 0) code = rp_value_new(stand.self, &stand.gate.count);
        if (code) return code;
        char word[WORD];
        answer(cases, &stand, word);
        printf("%s %s\n", cases->name, word);
        clear(&stand);
    }
    return 0;
}

static const struct python_case *const programs_cases[] = {pool_cases, future_cases, process_cases};
enum { LISTS = sizeof programs_cases / sizeof *programs_cases };

int main(void) {
    const rp_kernel *const kernels[] = {&answer_kernel, WORKERS_KERNELS, NULL};
    rp_world *world = NULL;
    rp_error error = {0};
    int exit_code = 0;
    int rc = rp_world_open(&(rp_world_options){.kernels = kernels}, &world, &exit_code, &error);
    if (rc == RP_SERVED) return exit_code;
    if (rc) return fprintf(stderr, "python_cases: %s\n", error.text), 1;
    struct stand stand = {.world = world, .self = rp_world_self(world), .elsewhere = by_apply};
    rc = rp_pool_open(world, &(rp_pool_options){.workers = 1}, &stand.errands_pool, &error);
    if (rc == 0) rc = answer_thrice(&stand, &error);
    rp_pool_free(stand.errands_pool);
    for (int i = 0; i < LISTS && rc == 0; i++) rc = answer_once(programs_cases[i], world);
    if (rc) fprintf(stderr, "python_cases: %s %s\n", rp_error_name(rc), error.text);
    exit_code = rc != 0;
    rp_world_close(world, exit_code);
    return exit_code;
}
