/* libFuzzer: a store in which bytes were changed opens or is refused, and is never a reason to crash or to hang; what it
 * tells then are spans that are sorted and apart, and results as they should be, until it is refused after all.
 *
 * The input: a byte says how the store is opened, then come places (two bytes) and what is written there (one). */
#include "rankpool_store.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TASKS = 40, FILE_MAX = 1 << 16 };

static char folder[64], path[80], output[80]; /* for all inputs, until the end */

static void require(bool true_claim) {
    if (!true_claim) abort();
}

static int save(void *context, FILE *to) { return fputs("state", to) < 0; }

static rp_store_options options_for(void) {
    static const rp_store_word word = {"job", "fuzz"};
    return (rp_store_options){.path = path, .words = &word, .word_count = 1, .output = output, .save = save};
}

/* A store with a bit of everything: done tasks, results that wait, failures, a point before the first. */
static size_t make_store(uint8_t *bytes) {
    const rp_store_options options = options_for();
    rp_store *store;
    rp_result result;
    require(rp_store_open(&options, &store, NULL) == 0);
    for (uint64_t task = 0; task < TASKS; task++) {
        const bool failed = task % 9 == 5;
        if (task % 13 == 12) continue;
        require(rp_store_put(store, &(rp_result){.begin = task,
                                                 .end = task + 1,
                                                 .status = failed ? RP_ETASK : 0,
                                                 .data = "some bytes of it",
                                                 .size = task % 17}) == 0);
        while (rp_store_next(store, false, &result) == 0) fputs("line\n", rp_store_output(store));
    }
    require(rp_store_close(store, RP_STORE_STOPPED, NULL, NULL) == 0);
    const int fd = open(path, O_RDONLY);
    const ssize_t size = read(fd, bytes, FILE_MAX);
    close(fd);
    require(size > 0 && size < FILE_MAX);
    return (size_t)size;
}

static void write_store(const uint8_t *bytes, size_t size) {
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    require(fd >= 0 && write(fd, bytes, size) == (ssize_t)size && close(fd) == 0);
}

static void see_failure(void *context, const rp_store_failure *failure) {
    require(failure->begin < failure->end && strlen(failure->message) < FILE_MAX && failure->how->host[63] == 0);
}

static void use_store(rp_store *store) {
    size_t count, size;
    const rp_span *done = rp_store_done(store, &count);
    for (size_t i = 0; i < count; i++)
        require(done[i].begin < done[i].end && (i == 0 || done[i - 1].end < done[i].begin));
    const char *state = rp_store_state(store, &size);
    static volatile char seen;
    if (state && size) seen = state[size - 1];
    rp_result result;
    for (int i = 0; i < 2 * TASKS && rp_store_next(store, true, &result) == 0; i++) {
        require(result.begin < result.end && (result.status == 0) == (result.failure == NULL));
        if (result.size) seen = ((const char *)result.data)[result.size - 1];
    }
    (void)seen;
    (void)rp_store_close(store, RP_STORE_STOPPED, NULL, NULL);
}

static void remove_all(void) {
    const char *endings[] = {"", "-journal", ".lock", ".status"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        char name[96];
        snprintf(name, sizeof name, "%s%s", path, endings[i]);
        unlink(name);
    }
    unlink(output);
    rmdir(folder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t original[FILE_MAX], bytes[FILE_MAX];
    static size_t length;
    if (!length) {
        strcpy(folder, access("/dev/shm", W_OK) == 0 ? "/dev/shm/fuzz-store-XXXXXX" : "/tmp/fuzz-store-XXXXXX");
        require(mkdtemp(folder) != NULL);
        snprintf(path, sizeof path, "%s/s", folder);
        snprintf(output, sizeof output, "%s/o", folder);
        length = make_store(original);
        atexit(remove_all);
    }
    if (size < 1) return 0;
    memcpy(bytes, original, length);
    for (size_t at = 1; at + 2 < size; at += 3) bytes[(data[at] | (size_t)data[at + 1] << 8) % length] = data[at + 2];
    write_store(bytes, data[0] & 1 ? length : length - data[0] * 16 % length);
    rp_store_summary summary;
    rp_store_options options = options_for();
    options.retry_failed = data[0] & 2;
    if (data[0] & 4) (void)rp_store_look(path, &summary, see_failure, NULL, NULL);
    rp_store *store;
    rp_error error = {0};
    if (rp_store_open(&options, &store, &error) == 0)
        use_store(store);
    else
        require(error.code && error.text[0]);
    return 0;
}
