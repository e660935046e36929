/* How fast results stream through a store: `count` of 8 bytes each are put, taken, printed and committed, as a run does it
 * whose workers are no limit.
 *
 *     bench_store COUNT file|stdout FOLDER
 *
 * Prints on stderr the results a second, from the first put to the end of the close; on stdout goes the output, if any. */
#include "rankpool_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec * 1e-9;
}

static int save(void *context, FILE *to) { return fwrite(context, sizeof(uint64_t), 1, to) != 1; }

/* In pairs, the second first, as two workers may answer. */
static int stream(rp_store *store, uint64_t count, uint64_t *sum) {
    int code = 0;
    for (uint64_t i = 0; i < count && !code; i++) {
        const uint64_t task = i ^ 1;
        code = rp_store_put(store, &(rp_result){.begin = task, .end = task + 1, .data = &task, .size = sizeof task});
        for (rp_result due; !code && rp_store_next(store, false, &due) == 0;) {
            uint64_t value;
            memcpy(&value, due.data, sizeof value);
            *sum += value;
            fprintf(rp_store_output(store), "%llu\n", (unsigned long long)value);
        }
        const rp_map_stats stats = {.tasks_known = count, .tasks_final = true, .workers = 2};
        if (!code && i % 64 == 63) code = rp_store_tick(store, &stats, 0, 0);
    }
    return code;
}

static double run(const char *folder, uint64_t count, bool to_file, rp_error *error) {
    char path[4096], output[4096];
    snprintf(path, sizeof path, "%s/bench.store", folder);
    snprintf(output, sizeof output, "%s/bench.output", folder);
    uint64_t sum = 0;
    const rp_store_options options = {.path = path, .output = to_file ? output : NULL, .save = save, .context = &sum};
    rp_store *store;
    const double begin = now();
    double seconds = 0;
    if (rp_store_open(&options, &store, error) == 0) {
        const int code = stream(store, count, &sum), closed = rp_store_close(store, RP_STORE_DONE, NULL, error);
        if (!code && !closed && sum == count / 2 * (count - 1)) seconds = now() - begin;
    }
    char status[4200];
    snprintf(status, sizeof status, "%s.status", path);
    unlink(path);
    unlink(status);
    if (to_file) unlink(output);
    return seconds;
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: bench_store COUNT file|stdout FOLDER\n");
        return 2;
    }
    const uint64_t count = strtoull(argv[1], NULL, 10) / 2 * 2;
    rp_error error = {.text = "the sum is wrong"};
    const double seconds = run(argv[3], count, strcmp(argv[2], "file") == 0, &error);
    if (seconds > 0)
        fprintf(stderr, "%.0f\n", (double)count / seconds);
    else
        fprintf(stderr, "bench_store: %s\n", error.text);
    return seconds > 0 ? 0 : 1;
}
