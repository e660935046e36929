/* The memory of values and arrays, as their home and the other processes of its node have it. */
#include "crew/cells.h"
#include "rankpool.h"
#include "unit.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define IS(is, should) CU_ASSERT_EQUAL(is, should)

struct memory {
    struct rp__cells *cells;
    struct rp__cell_memory of;
};

static struct memory open_memory(void) {
    struct rp__cells *cells = rp__cells_new();
    return (struct memory){.cells = cells, .of = rp__cells_memory(cells)};
}
static uint64_t *take(struct memory *memory, uint64_t object, size_t words) {
    return memory->of.make(memory->of.context, object, words);
}
static void drop(struct memory *memory, void *at, size_t words) { memory->of.drop(memory->of.context, at, words); }

static size_t descriptors(void) {
    size_t count = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (readdir(directory)) count++;
    closedir(directory);
    return count;
}

static const size_t sizes[] = {1, 2, 7, 8, 100, 511, 512, 513, 100000};
enum { SIZES = sizeof sizes / sizeof *sizes };

static void words_are_zero_and_apart(void) {
    struct memory memory = open_memory();
    uint64_t *at[SIZES][3];
    for (size_t i = 0; i < SIZES; i++)
        for (size_t k = 0; k < 3; k++) {
            at[i][k] = take(&memory, 100 * i + k + 1, sizes[i]);
            for (size_t word = 0; word < sizes[i]; word++) {
                if (at[i][k][word]) CU_FAIL("not zero");
                at[i][k][word] = 100 * i + k;
            }
        }
    for (size_t i = 0; i < SIZES; i++)
        for (size_t k = 0; k < 3; k++) {
            for (size_t word = 0; word < sizes[i]; word++)
                if (at[i][k][word] != 100 * i + k) CU_FAIL("overlaps");
            IS(at[i][k][-1], rp__cells_mark(100 * i + k + 1));
            drop(&memory, at[i][k], sizes[i]);
        }
    rp__cells_free(memory.cells);
}

static void what_is_mapped_is_the_same_memory(void) {
    struct memory memory = open_memory();
    for (size_t i = 0; i < SIZES; i++) {
        uint64_t *words = take(&memory, i + 1, sizes[i]);
        struct rp__cells_at at;
        CU_ASSERT_FATAL(rp__cells_find(memory.cells, i + 1, &at));
        IS(at.words, sizes[i]);
        _Atomic uint64_t *mapped = rp__cells_map(&at);
        CU_ASSERT_FATAL(mapped != NULL);
        CU_ASSERT_PTR_NOT_EQUAL((void *)mapped, (void *)words);
        mapped[sizes[i] - 1] = 77;
        IS(words[sizes[i] - 1], 77);
        IS(mapped[-1], rp__cells_mark(i + 1));
        drop(&memory, words, sizes[i]);
        IS(mapped[-1], 0);
        mapped[0] = 1; /* still there, though nobody else's yet */
        rp__cells_unmap(mapped, &at);
        CU_ASSERT_FALSE(rp__cells_find(memory.cells, i + 1, &at));
    }
    rp__cells_free(memory.cells);
}

static void another_process_maps_them(void) {
    struct memory memory = open_memory();
    uint64_t *small = take(&memory, 1, 3), *large = take(&memory, 2, 5000);
    struct rp__cells_at at[2];
    CU_ASSERT_FATAL(rp__cells_find(memory.cells, 1, &at[0]) && rp__cells_find(memory.cells, 2, &at[1]));
    pid_t child = fork();
    if (child == 0) {
        _Atomic uint64_t *mapped[2] = {rp__cells_map(&at[0]), rp__cells_map(&at[1])};
        if (!mapped[0] || !mapped[1]) _exit(1);
        mapped[0][2] += 5;
        mapped[1][4999] += 6;
        _exit(0);
    }
    int status = -1;
    waitpid(child, &status, 0);
    IS(status, 0);
    IS(small[2], 5);
    IS(large[4999], 6);
    rp__cells_free(memory.cells);
}

static void thousands_of_values_share_files(void) {
    enum { VALUES = 50000 };
    struct memory memory = open_memory();
    const size_t before = descriptors();
    uint64_t **value = calloc(VALUES, sizeof *value);
    for (uint64_t i = 0; i < VALUES; i++) {
        value[i] = take(&memory, i + 1, 1);
        CU_ASSERT_FATAL(value[i] != NULL);
        *value[i] = i;
    }
    CU_ASSERT(descriptors() - before < 10);
    for (uint64_t i = 0; i < VALUES; i++)
        if (*value[i] != i) CU_FAIL("overlaps");
    free(value);
    rp__cells_free(memory.cells);
    IS(descriptors(), before);
}

static void what_is_freed_is_used_again_and_marked_anew(void) {
    enum { OBJECTS = 200000 };
    struct memory memory = open_memory();
    const size_t before = descriptors();
    uint64_t *first = take(&memory, 1, 1);
    struct rp__cells_at at;
    CU_ASSERT_FATAL(rp__cells_find(memory.cells, 1, &at));
    _Atomic uint64_t *late = rp__cells_map(&at);
    CU_ASSERT_FATAL(late != NULL);
    drop(&memory, first, 1);
    bool again = false;
    for (uint64_t i = 2; i < OBJECTS; i++) {
        uint64_t *words = take(&memory, i, 1);
        if (*words) CU_FAIL("not zero");
        *words = i;
        again = again || words == first;
        if (late[-1] == rp__cells_mark(1)) CU_FAIL("the freed one seems to live");
        drop(&memory, words, 1);
    }
    CU_ASSERT_TRUE(again);
    CU_ASSERT(descriptors() - before < 4);
    CU_ASSERT_PTR_NULL(rp__cells_map(&at)); /* another's room by now */
    rp__cells_unmap(late, &at);
    rp__cells_free(memory.cells);
    IS(descriptors(), before);
}

static void large_ones_give_their_file_back(void) {
    struct memory memory = open_memory();
    const size_t before = descriptors();
    for (uint64_t i = 1; i < 1000; i++) drop(&memory, take(&memory, i, 1000), 1000);
    IS(descriptors(), before);
    rp__cells_free(memory.cells);
}

static void what_is_not_there_is_not_mapped(void) {
    struct memory memory = open_memory();
    uint64_t *words = take(&memory, 1, 1000);
    struct rp__cells_at at, wrong;
    CU_ASSERT_FATAL(rp__cells_find(memory.cells, 1, &at));
    CU_ASSERT_FALSE(rp__cells_find(memory.cells, 2, &wrong));
    wrong = at;
    wrong.words = UINT64_MAX / 8;
    CU_ASSERT_PTR_NULL(rp__cells_map(&wrong));
    wrong = at;
    wrong.offset = 0;
    CU_ASSERT_PTR_NULL(rp__cells_map(&wrong));
    wrong = at;
    wrong.offset += 1u << 30;
    CU_ASSERT_PTR_NULL(rp__cells_map(&wrong));
    wrong = at;
    wrong.object = 2;
    CU_ASSERT_PTR_NULL(rp__cells_map(&wrong));
    wrong = at;
    wrong.fd = 0; /* no memory */
    CU_ASSERT_PTR_NULL(rp__cells_map(&wrong));
    drop(&memory, words, 1000);
    CU_ASSERT_PTR_NULL(rp__cells_map(&at));
    rp__cells_free(memory.cells);
}

static void more_than_the_machine_has_is_refused(void) {
    struct memory memory = open_memory();
    CU_ASSERT_PTR_NULL(take(&memory, 1, (size_t)1 << 50));
    CU_ASSERT_PTR_NULL(take(&memory, 1, PTRDIFF_MAX / sizeof(uint64_t)));
    struct rp__cells_at at;
    CU_ASSERT_FALSE(rp__cells_find(memory.cells, 1, &at));
    rp__cells_free(memory.cells);
}

int main(void) {
    static const struct unit_test tests[] = {
        UNIT(words_are_zero_and_apart),
        UNIT(what_is_mapped_is_the_same_memory),
        UNIT(another_process_maps_them),
        UNIT(thousands_of_values_share_files),
        UNIT(what_is_freed_is_used_again_and_marked_anew),
        UNIT(large_ones_give_their_file_back),
        UNIT(what_is_not_there_is_not_mapped),
        UNIT(more_than_the_machine_has_is_refused),
        {NULL, NULL},
    };
    return unit_run("cells", tests);
}
