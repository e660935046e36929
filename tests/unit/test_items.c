/* Inputs of a fed map against a plain model: any chunk's records are the ones that were put, bytes are held until
 * their tasks are done in whatever order, and what is not a row of whole records is refused. */
#include "core/items.h"
#include "core/record.h"
#include "random.h"
#include "rankpool.h"

#include <stdlib.h>
#include <string.h>

/* Adds the record of `task`, whose bytes follow from its number. Returns its whole length. */
static size_t add_record(struct rp__buffer *records, uint64_t task, size_t size) {
    uint8_t head[RP__RECORD_HEAD_MAX];
    size_t length = rp__record_head(head, size, false);
    CU_ASSERT_EQUAL_FATAL(rp__buffer_append(records, head, length), 0);
    uint8_t *body = rp__buffer_reserve(records, size);
    for (size_t i = 0; i < size; i++) body[i] = (uint8_t)(task * 11 + i);
    records->size += size;
    return length + size;
}

static void add_batch(struct rp__items *items, uint64_t begin, uint64_t tasks, size_t size) {
    struct rp__buffer records = {0};
    for (uint64_t i = 0; i < tasks; i++) add_record(&records, begin + i, size);
    CU_ASSERT_EQUAL_FATAL(rp__items_add(items, begin, tasks, &records), 0);
    CU_ASSERT_TRUE(records.data == NULL && records.size == 0);
}

/* ---- The model ----------------------------------------------------------------------------------------- */

enum { TASKS_MAX = 3000 };

struct model {
    uint64_t tasks, batches;
    struct rp__buffer all;        /* every record ever put */
    size_t offset[TASKS_MAX + 1]; /* of each task's in `all` */
    uint64_t batch_of[TASKS_MAX];
    bool done[TASKS_MAX];
};

static bool feed(struct model *model, struct rp__items *items, uint64_t *random) {
    struct rp__buffer records = {0};
    uint64_t begin = model->tasks, tasks = 1 + random_size(random, 60);
    if (begin + tasks > TASKS_MAX) return true;
    for (uint64_t task = begin; task < begin + tasks; task++) {
        size_t at = records.size;
        add_record(&records, task, (size_t)random_size(random, 300));
        model->offset[task] = model->all.size;
        model->batch_of[task] = model->batches;
        REQUIRE(rp__buffer_append(&model->all, records.data + at, records.size - at) == 0);
    }
    model->tasks += tasks;
    model->offset[model->tasks] = model->all.size;
    model->batches++;
    REQUIRE(rp__items_add(items, begin, tasks, &records) == 0);
    return true;
}

/* A run of tasks that are not done. False: there is none. */
static bool pick(const struct model *model, uint64_t *random, uint64_t *begin, uint64_t *end) {
    if (!model->tasks) return false;
    const uint64_t from = random_below(random, model->tasks);
    uint64_t looked = 0;
    while (looked < model->tasks && model->done[(from + looked) % model->tasks]) looked++;
    if (looked == model->tasks) return false;
    *begin = (from + looked) % model->tasks;
    uint64_t most = 1 + random_size(random, 200);
    for (*end = *begin; *end < model->tasks && !model->done[*end] && *end - *begin < most;) ++*end;
    return true;
}

static bool gets_what_was_put(const struct model *model, const struct rp__items *items, struct rp__buffer *scratch,
                              uint64_t begin, uint64_t end) {
    const uint8_t *data = NULL;
    size_t size = 0, expected = model->offset[end] - model->offset[begin];
    REQUIRE(rp__items_get(items, begin, end, scratch, &data, &size) == 0);
    REQUIRE(size == expected && memcmp(data, model->all.data + model->offset[begin], size) == 0);
    /* Only what lies in several batches is copied. */
    bool copied = data == scratch->data && scratch->size > 0;
    REQUIRE(copied == (model->batch_of[begin] != model->batch_of[end - 1]));
    return true;
}

static bool fits(const struct model *model, const struct rp__items *items, uint64_t begin, uint64_t end, size_t bytes) {
    uint64_t expected = begin;
    while (expected < end && model->offset[expected + 1] - model->offset[begin] <= bytes) expected++;
    if (expected == begin) expected++;
    REQUIRE(rp__items_fit(items, begin, end, bytes) == expected);
    return true;
}

/* A batch is held until all of it is done. */
static size_t bytes_held(const struct model *model) {
    size_t bytes = 0;
    for (uint64_t task = 0, next; task < model->tasks; task = next) {
        bool left = false;
        for (next = task; next < model->tasks && model->batch_of[next] == model->batch_of[task]; next++)
            left = left || !model->done[next];
        if (left) bytes += model->offset[next] - model->offset[task];
    }
    return bytes;
}

static bool agrees_with_the_model(uint64_t seed) {
    uint64_t random = seed, begin, end, feeding = 1 + random_below(&random, 6);
    struct model *model = calloc(1, sizeof *model);
    struct rp__items items = {0};
    struct rp__buffer scratch = {0};
    for (int step = 0; step < 300; step++) {
        if (one_in(&random, feeding)) REQUIRE(feed(model, &items, &random));
        if (!pick(model, &random, &begin, &end)) continue;
        REQUIRE(gets_what_was_put(model, &items, &scratch, begin, end));
        REQUIRE(fits(model, &items, begin, end, (size_t)random_size(&random, 20000)));
        if (one_in(&random, 2)) continue;
        rp__items_done(&items, begin, end);
        for (uint64_t task = begin; task < end; task++) model->done[task] = true;
        REQUIRE(items.bytes == bytes_held(model));
    }
    while (pick(model, &random, &begin, &end)) {
        rp__items_done(&items, begin, end);
        for (uint64_t task = begin; task < end; task++) model->done[task] = true;
    }
    REQUIRE(items.bytes == 0 && items.count == 0);
    rp__items_free(&items);
    rp__buffer_free(&scratch);
    rp__buffer_free(&model->all);
    free(model);
    return true;
}

static void random_chunks_agree_with_a_plain_model(void) { run_seeds(300, agrees_with_the_model); }

/* ---- One claim each ------------------------------------------------------------------------------------ */

static void chunk_of_one_batch_is_not_copied(void) {
    struct rp__items items = {0};
    struct rp__buffer scratch = {0};
    const uint8_t *data;
    size_t size;
    add_batch(&items, 0, 10, 5);
    add_batch(&items, 10, 10, 5);
    CU_ASSERT_EQUAL(rp__items_get(&items, 10, 20, &scratch, &data, &size), 0);
    CU_ASSERT_EQUAL(size, 60);
    CU_ASSERT_PTR_NULL(scratch.data);
    CU_ASSERT_EQUAL(rp__items_get(&items, 9, 11, &scratch, &data, &size), 0);
    CU_ASSERT_EQUAL(size, 12);
    CU_ASSERT_PTR_EQUAL(data, scratch.data);
    rp__buffer_free(&scratch);
    rp__items_free(&items);
}

static void bytes_go_when_the_last_task_of_their_batch_is_done(void) {
    struct rp__items items = {0};
    add_batch(&items, 0, 4, 9);
    add_batch(&items, 4, 4, 9);
    CU_ASSERT_EQUAL(items.bytes, 80);
    rp__items_done(&items, 3, 8); /* the second batch is done before the first */
    CU_ASSERT_EQUAL(items.bytes, 40);
    CU_ASSERT_EQUAL(items.count, 2);
    rp__items_done(&items, 0, 2);
    CU_ASSERT_EQUAL(items.bytes, 40);
    rp__items_done(&items, 2, 3);
    CU_ASSERT_EQUAL(items.bytes, 0);
    CU_ASSERT_EQUAL(items.count, 0);
    rp__items_free(&items);
}

static void long_stream_is_held_in_constant_room(void) {
    struct rp__items items = {0};
    for (uint64_t begin = 0; begin < 100000; begin += 10) {
        add_batch(&items, begin, 10, 3);
        if (begin >= 100) rp__items_done(&items, begin - 100, begin - 90);
    }
    CU_ASSERT_EQUAL(items.count, 10);
    CU_ASSERT_TRUE(items.capacity <= 64);
    rp__items_free(&items);
}

static void one_task_goes_out_however_large_it_is(void) {
    struct rp__items items = {0};
    add_batch(&items, 0, 3, 1000);
    CU_ASSERT_EQUAL(rp__items_fit(&items, 1, 3, 0), 2);
    CU_ASSERT_EQUAL(rp__items_fit(&items, 0, 3, 2 * 1002), 2);
    CU_ASSERT_EQUAL(rp__items_fit(&items, 0, 3, 2 * 1002 - 1), 1);
    CU_ASSERT_EQUAL(rp__items_fit(&items, 0, 2, 1 << 20), 2);
    rp__items_free(&items);
}

static void bytes_that_are_not_so_many_records_are_refused(void) {
    struct rp__items items = {0};
    struct rp__buffer records = {0};
    for (uint64_t i = 0; i < 5; i++) add_record(&records, i, 20);
    const size_t whole = records.size;
    CU_ASSERT_EQUAL(rp__items_add(&items, 0, 4, &records), RP_EPROTOCOL);
    CU_ASSERT_EQUAL(rp__items_add(&items, 0, 6, &records), RP_EPROTOCOL);
    for (records.size = 0; records.size < whole; records.size++)
        CU_ASSERT_EQUAL(rp__items_add(&items, 0, 5, &records), RP_EPROTOCOL);
    CU_ASSERT_EQUAL(items.count, 0);
    CU_ASSERT_EQUAL(items.bytes, 0);
    CU_ASSERT_PTR_NOT_NULL(records.data); /* still the caller's */
    CU_ASSERT_EQUAL(rp__items_add(&items, 0, 5, &records), 0);
    rp__items_free(&items);
    CU_ASSERT_PTR_NULL(items.block);
}

static void batch_of_nothing_is_in_nobodys_way(void) {
    struct rp__items items = {0};
    struct rp__buffer scratch = {0};
    const uint8_t *data;
    size_t size;
    add_batch(&items, 0, 0, 0);
    add_batch(&items, 0, 3, 9);
    add_batch(&items, 3, 0, 0);
    add_batch(&items, 3, 3, 9);
    CU_ASSERT_EQUAL(rp__items_get(&items, 1, 5, &scratch, &data, &size), 0);
    CU_ASSERT_EQUAL(size, 40);
    CU_ASSERT_EQUAL(rp__items_fit(&items, 0, 6, 45), 4);
    rp__items_done(&items, 0, 6);
    CU_ASSERT_EQUAL(items.count, 0);
    CU_ASSERT_EQUAL(items.bytes, 0);
    rp__buffer_free(&scratch);
    rp__items_free(&items);
}

int main(void) {
    static const struct unit_test tests[] = {
        UNIT(random_chunks_agree_with_a_plain_model),
        UNIT(chunk_of_one_batch_is_not_copied),
        UNIT(bytes_go_when_the_last_task_of_their_batch_is_done),
        UNIT(long_stream_is_held_in_constant_room),
        UNIT(one_task_goes_out_however_large_it_is),
        UNIT(bytes_that_are_not_so_many_records_are_refused),
        UNIT(batch_of_nothing_is_in_nobodys_way),
        {NULL, NULL},
    };
    return unit_run("items", tests);
}
