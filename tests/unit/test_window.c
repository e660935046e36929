/* The reorder window against a plain model: parts go in as they come and go out in task order with the bytes that
 * they had, what is kept in memory stays below the bound, and a disk that fails costs memory but no result. */
#include "core/window.h"
#include "random.h"
#include "rankpool.h"

#include <stdlib.h>
#include <string.h>

/* A file, played: it can be told to fail. */
struct disk {
    uint8_t *bytes;
    size_t size, writes, reads, resets;
    bool full, broken; /* writes fail; reads fail */
};

static int disk_write(void *self, const uint8_t *data, size_t size, uint64_t *offset) {
    struct disk *disk = self;
    if (disk->full) return RP_ESYSTEM;
    uint8_t *bytes = realloc(disk->bytes, disk->size + size + 1);
    if (!bytes) return RP_ESYSTEM;
    disk->bytes = bytes;
    if (size) memcpy(bytes + disk->size, data, size);
    *offset = disk->size;
    disk->size += size;
    disk->writes++;
    return 0;
}

static int disk_read(void *self, uint64_t offset, uint8_t *data, size_t size) {
    struct disk *disk = self;
    if (disk->broken || offset + size > disk->size) return RP_ESYSTEM;
    if (size) memcpy(data, disk->bytes + offset, size);
    disk->reads++;
    return 0;
}

static void disk_reset(void *self) {
    struct disk *disk = self;
    disk->size = 0;
    disk->resets++;
}

static struct rp__window_aside aside_to(struct disk *disk) {
    return (struct rp__window_aside){.self = disk, .write = disk_write, .read = disk_read, .reset = disk_reset};
}

/* A part whose bytes follow from its tasks, of either make. */
static struct rp__part *part_of(uint64_t begin, uint64_t end, size_t size) {
    uint8_t *data = malloc(size ? size : 1);
    for (size_t i = 0; i < size; i++) data[i] = (uint8_t)(begin * 7 + i);
    bool copied = (begin + end) % 3 != 0;
    struct rp__part *part = copied ? rp__part_copy(begin, end, data, size) : rp__part_new(begin, end, data, size);
    if (copied) free(data);
    CU_ASSERT_PTR_NOT_NULL_FATAL(part);
    return part;
}

static bool is_whole(const struct rp__part *part) {
    REQUIRE(part->data != NULL && !part->aside);
    for (size_t i = 0; i < part->size; i++) REQUIRE(part->data[i] == (uint8_t)(part->begin * 7 + i));
    return true;
}

static size_t bytes_in_memory(const struct rp__window *window) {
    size_t bytes = 0;
    for (size_t i = 0; i < window->count; i++)
        if (window->heap[i]->data) bytes += window->heap[i]->size;
    return bytes;
}

/* Of those, of parts that are not due. */
static size_t bytes_waiting(const struct rp__window *window) {
    size_t bytes = 0;
    for (size_t i = 0; i < window->count; i++)
        if (window->heap[i]->data && window->heap[i]->begin != window->due) bytes += window->heap[i]->size;
    return bytes;
}

/* ---- Any order ----------------------------------------------------------------------------------------- */

enum { PARTS = 200 };

struct cut {
    uint64_t begin, end;
    size_t size;
};

/* Tasks cut into parts, shuffled so that a part is early or late by about `reach`. */
static uint64_t shuffled_cuts(uint64_t *random, struct cut *cut, uint64_t reach) {
    uint64_t tasks = 0;
    for (int i = 0; i < PARTS; i++) {
        uint64_t end = tasks + 1 + random_size(random, 50);
        cut[i] = (struct cut){tasks, end, (size_t)random_size(random, 300)};
        tasks = end;
    }
    for (uint64_t i = 0; i + 1 < PARTS; i++) {
        uint64_t with = i + random_below(random, reach < PARTS - i ? reach : PARTS - i);
        struct cut swap = cut[i];
        cut[i] = cut[with];
        cut[with] = swap;
    }
    return tasks;
}

/* Takes what is due; false when that is not what the model says. */
static bool take_due(struct rp__window *window, uint64_t *due, uint64_t *taken) {
    struct rp__part *part;
    for (;;) {
        REQUIRE(rp__window_next(window, &part) == 0);
        if (!part) return true;
        REQUIRE(part->begin == *due && is_whole(part));
        *due = part->end;
        ++*taken;
        rp__part_free(part);
    }
}

static bool order_is_kept(uint64_t seed) {
    uint64_t random = seed, due = 0, taken = 0;
    struct cut cut[PARTS];
    uint64_t tasks = shuffled_cuts(&random, cut, 1 + random_size(&random, PARTS));
    struct disk disk = {0};
    struct rp__window window = {.limit = (size_t)random_size(&random, 20000), .aside = aside_to(&disk)};
    for (int i = 0; i < PARTS; i++) {
        struct rp__part *part = part_of(cut[i].begin, cut[i].end, cut[i].size);
        REQUIRE(rp__window_put(&window, part) == 0);
        REQUIRE(window.bytes == bytes_in_memory(&window));
        REQUIRE(bytes_waiting(&window) <= window.limit);
        if (one_in(&random, 3)) REQUIRE(take_due(&window, &due, &taken));
        REQUIRE(window.bytes == bytes_in_memory(&window));
    }
    REQUIRE(take_due(&window, &due, &taken));
    REQUIRE(due == tasks && taken == PARTS && window.count == 0 && window.bytes == 0);
    REQUIRE(disk.writes == disk.reads && window.aside_count == 0);
    REQUIRE(disk.writes ? disk.resets > 0 && disk.size == 0 : disk.resets == 0);
    rp__window_free(&window);
    free(disk.bytes);
    return true;
}

static void parts_leave_in_order_within_the_byte_bound(void) { run_seeds(1000, order_is_kept); }

static bool survives_a_failing_disk(uint64_t seed) {
    uint64_t random = seed, due = 0, taken = 0;
    struct cut cut[PARTS];
    uint64_t tasks = shuffled_cuts(&random, cut, PARTS);
    struct disk disk = {0};
    struct rp__window window = {.limit = 1000, .aside = aside_to(&disk)};
    for (int i = 0; i < PARTS; i++) {
        disk.full = one_in(&random, 2);
        REQUIRE(rp__window_put(&window, part_of(cut[i].begin, cut[i].end, cut[i].size)) == 0);
        REQUIRE(window.bytes == bytes_in_memory(&window));
    }
    while (due < tasks) {
        struct rp__part *part;
        disk.broken = one_in(&random, 2);
        bool from_disk = window.heap[0]->aside;
        int rc = rp__window_next(&window, &part);
        REQUIRE(rc == (from_disk && disk.broken ? RP_ESYSTEM : 0));
        REQUIRE(rc == 0 || (part == NULL && window.due == due)); /* it stays, and can be asked for again */
        if (rc) continue;
        REQUIRE(part != NULL && part->begin == due && is_whole(part));
        due = part->end;
        taken++;
        rp__part_free(part);
    }
    REQUIRE(taken == PARTS && window.bytes == 0);
    rp__window_free(&window);
    free(disk.bytes);
    return true;
}

static void failing_disk_loses_nothing(void) { run_seeds(300, survives_a_failing_disk); }

/* ---- One claim each ------------------------------------------------------------------------------------ */

static void part_that_is_due_is_never_put_aside(void) {
    struct disk disk = {0};
    struct rp__window window = {.limit = 10, .aside = aside_to(&disk)};
    struct rp__part *part;
    CU_ASSERT_EQUAL(rp__window_put(&window, part_of(0, 1, 1000)), 0);
    CU_ASSERT_EQUAL(disk.writes, 0);
    CU_ASSERT_EQUAL(rp__window_put(&window, part_of(1, 2, 1000)), 0);
    CU_ASSERT_EQUAL(disk.writes, 1);
    CU_ASSERT_EQUAL(window.bytes, 1000);
    for (uint64_t i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(rp__window_next(&window, &part), 0);
        CU_ASSERT_TRUE_FATAL(part && part->begin == i && is_whole(part));
        rp__part_free(part);
    }
    CU_ASSERT_EQUAL(disk.resets, 1);
    rp__window_free(&window);
    free(disk.bytes);
}

static void nothing_leaves_before_the_one_that_is_due(void) {
    struct rp__window window = {.limit = 1 << 20};
    struct rp__part *part;
    for (uint64_t begin = 10; begin > 1; begin--)
        CU_ASSERT_EQUAL(rp__window_put(&window, part_of(begin - 1, begin, 3)), 0);
    CU_ASSERT_EQUAL(rp__window_next(&window, &part), 0);
    CU_ASSERT_PTR_NULL(part);
    CU_ASSERT_EQUAL(rp__window_put(&window, part_of(0, 1, 3)), 0);
    for (uint64_t i = 0; i < 10; i++) {
        CU_ASSERT_EQUAL(rp__window_next(&window, &part), 0);
        CU_ASSERT_TRUE_FATAL(part && part->begin == i);
        rp__part_free(part);
    }
    rp__window_free(&window);
}

static void without_a_disk_everything_stays_in_memory(void) {
    struct rp__window window = {.limit = 10};
    for (uint64_t i = 1; i < 100; i++) CU_ASSERT_EQUAL(rp__window_put(&window, part_of(i, i + 1, 50)), 0);
    CU_ASSERT_EQUAL(window.bytes, 99 * 50);
    CU_ASSERT_EQUAL(bytes_in_memory(&window), 99 * 50);
    rp__window_free(&window);
    CU_ASSERT_PTR_NULL(window.heap);
    CU_ASSERT_EQUAL(window.count, 0);
}

static void unordered_parts_leave_at_once(void) {
    struct disk disk = {0};
    struct rp__window window = {.unordered = true, .limit = 10, .aside = aside_to(&disk)};
    struct rp__part *part;
    static const uint64_t order[] = {700, 3, 90, 0, 4000};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        CU_ASSERT_EQUAL(rp__window_put(&window, part_of(order[i], order[i] + 5, 100)), 0);
        CU_ASSERT_EQUAL(rp__window_next(&window, &part), 0);
        CU_ASSERT_TRUE_FATAL(part && part->begin == order[i] && is_whole(part));
        rp__part_free(part);
        CU_ASSERT_EQUAL(rp__window_next(&window, &part), 0);
        CU_ASSERT_PTR_NULL(part);
    }
    CU_ASSERT_EQUAL(disk.writes, 0);
    rp__window_free(&window);
}

static void failures_marks_and_empty_parts_pass_through(void) {
    struct disk disk = {0};
    struct rp__window window = {.limit = 0, .aside = aside_to(&disk)};
    struct rp__part *part = part_of(1, 2, 20), *empty = rp__part_new(0, 1, NULL, 0);
    part->failure = RP_EDIED;
    CU_ASSERT_EQUAL(rp__window_put(&window, part), 0);
    CU_ASSERT_EQUAL(rp__window_put(&window, empty), 0);
    CU_ASSERT_EQUAL(rp__window_next(&window, &part), 0);
    CU_ASSERT_PTR_EQUAL(part, empty);
    rp__part_free(part);
    CU_ASSERT_EQUAL(rp__window_next(&window, &part), 0);
    CU_ASSERT_TRUE_FATAL(part && part->failure == RP_EDIED && is_whole(part));
    rp__part_free(part);
    rp__window_free(&window);
    free(disk.bytes);
}

/* Records of one byte each, of which the third and the fifth are failures. */
static struct rp__part *part_with_failures(void) {
    static const uint8_t records[] = {2, 'a', 2, 'b', 3, 'c', 2, 'd', 3, 'e'};
    struct rp__part *part = rp__part_copy(10, 15, records, sizeof records);
    CU_ASSERT_PTR_NOT_NULL_FATAL(part);
    return part;
}

static void each_task_that_failed_has_its_own_input(void) {
    static const uint8_t inputs[] = {2, 'A', 0, 6, 'C', 'C', 'C', 2, 'D', 4, 'E', 'E'};
    struct rp__part *part = part_with_failures();
    CU_ASSERT_EQUAL(rp__part_fail(part, &(rp_failure){.rank = 3}, inputs, sizeof inputs), 0);
    CU_ASSERT_EQUAL(part->failed_count, 2);
    const rp_failure *third = rp__part_failure(part, 12), *fifth = rp__part_failure(part, 14);
    CU_ASSERT_TRUE_FATAL(third && fifth && third->rank == 3 && fifth->rank == 3);
    CU_ASSERT_TRUE(third->input_size == 3 && memcmp(third->input, "CCC", 3) == 0);
    CU_ASSERT_TRUE(fifth->input_size == 2 && memcmp(fifth->input, "EE", 2) == 0);
    rp__part_free(part);
}

static void without_inputs_or_with_a_record_of_several_tasks_one_failure_is_for_all(void) {
    static const uint8_t inputs[] = {2, 'A', 2, 'B', 2, 'C'}, record[] = {3, 'x'};
    struct rp__part *part = part_with_failures(), *block = rp__part_copy(10, 13, record, sizeof record);
    CU_ASSERT_PTR_NOT_NULL_FATAL(block);
    CU_ASSERT_EQUAL(rp__part_fail(part, &(rp_failure){.rank = 3}, NULL, 0), 0);
    CU_ASSERT_EQUAL(rp__part_fail(block, &(rp_failure){.rank = 4}, inputs, sizeof inputs), 0);
    CU_ASSERT_PTR_EQUAL(rp__part_failure(part, 12), rp__part_failure(part, 14));
    CU_ASSERT_TRUE(rp__part_failure(part, 14)->rank == 3 && !rp__part_failure(part, 14)->input);
    CU_ASSERT_TRUE(rp__part_failure(block, 12)->rank == 4 && !rp__part_failure(block, 12)->input);
    rp__part_free(part);
    rp__part_free(block);
}

int main(void) {
    static const struct unit_test tests[] = {
        UNIT(parts_leave_in_order_within_the_byte_bound),
        UNIT(failing_disk_loses_nothing),
        UNIT(part_that_is_due_is_never_put_aside),
        UNIT(nothing_leaves_before_the_one_that_is_due),
        UNIT(without_a_disk_everything_stays_in_memory),
        UNIT(unordered_parts_leave_at_once),
        UNIT(failures_marks_and_empty_parts_pass_through),
        UNIT(each_task_that_failed_has_its_own_input),
        UNIT(without_inputs_or_with_a_record_of_several_tasks_one_failure_is_for_all),
        {NULL, NULL},
    };
    return unit_run("window", tests);
}
