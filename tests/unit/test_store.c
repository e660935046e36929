/* The store by random runs: killed and stopped at random steps, what they leave together is what one run leaves. */
#include "store_stage.h"

static void set_random_ends(struct stage *stage, uint64_t *random) {
    stage->kill_step = random_below(random, 2) ? 1 + (unsigned)random_below(random, stage->tasks + 1) : 0;
    stage->stop_step = random_below(random, 2) ? 1 + (unsigned)random_below(random, stage->tasks + 1) : 0;
    stage->window = 1 + (unsigned)random_below(random, 40);
}

/* Runs until one comes to its end. */
static void play_to_end(struct stage *stage, uint64_t *random) {
    int code = 1;
    for (int tries = 0; code && tries < 40; tries++) {
        set_random_ends(stage, random);
        if (tries == 39) stage->kill_step = stage->stop_step = 0;
        code = stage_play(stage, random);
        if (code == STAGE_FAILED) break;
    }
    CU_ASSERT_EQUAL(code, 0);
    stage->kill_step = stage->stop_step = 0;
}

/* Each line of the expected ones once, in any order; the sum follows the order. */
static void check_unordered(const struct stage *stage) {
    char *found = stage_read(stage->output), *at = found;
    bool seen[256] = {false};
    uint64_t lines = 0, number;
    unsigned long long task, value;
    for (; sscanf(at, "%llu %llu", &task, &value) == 2; at = strchr(at, '\n') + 1, lines++) {
        CU_ASSERT_FATAL(task < stage->tasks && !seen[task]);
        CU_ASSERT_EQUAL(value, stage_value(task));
        seen[task] = true;
    }
    CU_ASSERT_EQUAL(sscanf(at, "sum %*u of %" SCNu64, &number), 1);
    CU_ASSERT_EQUAL(lines, stage->tasks);
    CU_ASSERT_EQUAL(number, lines);
    free(found);
}

static void play_rounds(struct stage stage, int rounds) {
    uint64_t random = stage.tasks + stage.failing * 7 + stage.to_stdout;
    stage_open(&stage);
    for (int round = 0; round < rounds; round++) {
        stage_begin_anew(&stage);
        stage.tasks = random_below(&random, 200);
        const unsigned failing = stage.failing;
        play_to_end(&stage, &random);
        stage_check_output(&stage);
        stage.retry = failing;
        stage.failing = 0;
        if (failing) play_to_end(&stage, &random);
        stage.retry = false;
        if (failing) stage_check_output(&stage);
        play_to_end(&stage, &random); /* one more run finds nothing to do, and prints the same */
        stage_check_output(&stage);
        stage.failing = failing;
    }
    stage_close(&stage);
}

static void runs_that_are_killed_leave_the_output_file_of_one_run(void) { play_rounds((struct stage){.tasks = 1}, 40); }

static void runs_that_are_killed_print_what_one_run_prints(void) {
    play_rounds((struct stage){.tasks = 1, .to_stdout = true}, 40);
}

static void without_a_state_all_results_are_handed_out_again(void) {
    play_rounds((struct stage){.tasks = 1, .no_state = true}, 20);
    play_rounds((struct stage){.tasks = 1, .no_state = true, .to_stdout = true}, 20);
}

static void what_failed_is_computed_again_in_its_place(void) {
    play_rounds((struct stage){.tasks = 1, .failing = 7}, 30);
    play_rounds((struct stage){.tasks = 1, .failing = 5, .to_stdout = true}, 30);
    play_rounds((struct stage){.tasks = 1, .failing = 3, .no_state = true}, 20);
}

static void results_that_are_due_as_they_come_come_once(void) {
    struct stage stage = {.unordered = true};
    uint64_t random = 1;
    stage_open(&stage);
    for (int round = 0; round < 30; round++) {
        stage_begin_anew(&stage);
        stage.tasks = random_below(&random, 200);
        stage.no_state = round % 3 == 2;
        play_to_end(&stage, &random);
        check_unordered(&stage);
    }
    stage_close(&stage);
}

int main(void) {
    static const struct unit_test tests[] = {UNIT(runs_that_are_killed_leave_the_output_file_of_one_run),
                                             UNIT(runs_that_are_killed_print_what_one_run_prints),
                                             UNIT(without_a_state_all_results_are_handed_out_again),
                                             UNIT(what_failed_is_computed_again_in_its_place),
                                             UNIT(results_that_are_due_as_they_come_come_once),
                                             {NULL, NULL}};
    return unit_run("store", tests);
}
