/* Values and arrays. A value is an array of one word. Where the words are mapped an access is an instruction, behind a
 * look at the mark before them, which goes when the array is freed; where they are not it is a call to the home, which
 * does the same to the same words. */
#include "sync/sync.h"

#include <stdatomic.h>
#include <string.h>

/* The words of an array. `code` is 0 if they are `at` NULL: on another node. */
struct words {
    _Atomic uint64_t *at;
    size_t count;
    int code;
};

static struct words find(rp_self *self, uint64_t object, bool keep) {
    struct words words = {.code = RP_EINVAL};
    if (!self || !rp__sync_is(object, RP__CELLS)) return words;
    words.code = 0;
    words.at = self->cells(self, object, keep, &words.count, &words.code);
    if (words.at && atomic_load(words.at - 1) != rp__cells_mark(object)) words.code = RP_ECLOSED;
    return words;
}

static uint64_t bits_of(double number) {
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

static double number_of(uint64_t bits) {
    double number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

static uint64_t add_double(_Atomic uint64_t *word, double addend) {
    uint64_t before = atomic_load(word);
    while (!atomic_compare_exchange_weak(word, &before, bits_of(number_of(before) + addend))) continue;
    return before;
}

/* Operation `op` on one word; what it was goes to *before. */
static int change(rp_self *self, uint64_t object, size_t index, enum rp__op op, uint64_t b, uint64_t *before) {
    const struct words words = find(self, object, false);
    if (words.code) return words.code;
    if (!words.at) {
        const struct rp__call call = {.object = object, .op = op, .a = index, .b = b};
        return rp__sync_call(self, RP__CELLS, &call, before);
    }
    if (index >= words.count) return RP_ERANGE;
    _Atomic uint64_t *word = &words.at[index];
    switch (op) {
    case RP__OP_LOAD:
        *before = atomic_load(word);
        return 0;
    case RP__OP_ADD:
        *before = atomic_fetch_add(word, b);
        return 0;
    case RP__OP_ADD_DOUBLE:
        *before = add_double(word, number_of(b));
        return 0;
    default: /* store and exchange */
        *before = atomic_exchange(word, b);
        return 0;
    }
}

static int change_integer(rp_self *self, uint64_t object, size_t index, enum rp__op op, int64_t b, int64_t *before) {
    uint64_t was;
    int code = change(self, object, index, op, (uint64_t)b, &was);
    if (code == 0 && before) *before = (int64_t)was;
    return code;
}

static int change_double(rp_self *self, uint64_t object, size_t index, enum rp__op op, double b, double *before) {
    uint64_t was;
    int code = change(self, object, index, op, bits_of(b), &was);
    if (code == 0 && before) *before = number_of(was);
    return code;
}

static int compare_exchange(rp_self *self, uint64_t object, size_t index, int64_t *expected, int64_t desired,
                            bool *swapped) {
    const struct words words = find(self, object, false);
    if (words.code || !expected) return words.code ? words.code : RP_EINVAL;
    uint64_t was = (uint64_t)*expected;
    if (words.at) {
        if (index >= words.count) return RP_ERANGE;
        atomic_compare_exchange_strong(&words.at[index], &was, (uint64_t)desired);
    } else {
        const struct rp__call call = {.object = object,
                                      .op = RP__OP_COMPARE_EXCHANGE,
                                      .a = index,
                                      .b = (uint64_t)desired,
                                      .data = expected,
                                      .size = sizeof *expected};
        int code = rp__sync_call(self, RP__CELLS, &call, &was);
        if (code) return code;
    }
    if (swapped) *swapped = was == (uint64_t)*expected;
    *expected = (int64_t)was;
    return 0;
}

/* ---- Value --------------------------------------------------------------------------------------------- */

int rp_value_new(rp_self *self, rp_value *value) {
    return value ? rp__sync_new(self, RP__CELLS, 1, 0, &value->id) : RP_EINVAL;
}

int rp_value_free(rp_self *self, rp_value value) { return rp__sync_do(self, RP__CELLS, value.id, RP__OP_FREE); }

int rp_value_load(rp_self *self, rp_value value, int64_t *now) {
    return now ? change_integer(self, value.id, 0, RP__OP_LOAD, 0, now) : RP_EINVAL;
}

int rp_value_store(rp_self *self, rp_value value, int64_t now) {
    return change_integer(self, value.id, 0, RP__OP_STORE, now, NULL);
}

int rp_value_add(rp_self *self, rp_value value, int64_t addend, int64_t *before) {
    return change_integer(self, value.id, 0, RP__OP_ADD, addend, before);
}

int rp_value_exchange(rp_self *self, rp_value value, int64_t now, int64_t *before) {
    return change_integer(self, value.id, 0, RP__OP_EXCHANGE, now, before);
}

int rp_value_compare_exchange(rp_self *self, rp_value value, int64_t *expected, int64_t desired, bool *swapped) {
    return compare_exchange(self, value.id, 0, expected, desired, swapped);
}

int rp_value_load_double(rp_self *self, rp_value value, double *now) {
    return now ? change_double(self, value.id, 0, RP__OP_LOAD, 0, now) : RP_EINVAL;
}

int rp_value_store_double(rp_self *self, rp_value value, double now) {
    return change_double(self, value.id, 0, RP__OP_STORE, now, NULL);
}

int rp_value_add_double(rp_self *self, rp_value value, double addend, double *before) {
    return change_double(self, value.id, 0, RP__OP_ADD_DOUBLE, addend, before);
}

/* ---- Array --------------------------------------------------------------------------------------------- */

int rp_array_new(rp_self *self, size_t count, rp_array *array) {
    return array ? rp__sync_new(self, RP__CELLS, count, 0, &array->id) : RP_EINVAL;
}

int rp_array_free(rp_self *self, rp_array array) { return rp__sync_do(self, RP__CELLS, array.id, RP__OP_FREE); }

int rp_array_load(rp_self *self, rp_array array, size_t index, int64_t *now) {
    return now ? change_integer(self, array.id, index, RP__OP_LOAD, 0, now) : RP_EINVAL;
}

int rp_array_store(rp_self *self, rp_array array, size_t index, int64_t now) {
    return change_integer(self, array.id, index, RP__OP_STORE, now, NULL);
}

int rp_array_add(rp_self *self, rp_array array, size_t index, int64_t addend, int64_t *before) {
    return change_integer(self, array.id, index, RP__OP_ADD, addend, before);
}

int rp_array_exchange(rp_self *self, rp_array array, size_t index, int64_t now, int64_t *before) {
    return change_integer(self, array.id, index, RP__OP_EXCHANGE, now, before);
}

int rp_array_compare_exchange(rp_self *self, rp_array array, size_t index, int64_t *expected, int64_t desired,
                              bool *swapped) {
    return compare_exchange(self, array.id, index, expected, desired, swapped);
}

int rp_array_load_double(rp_self *self, rp_array array, size_t index, double *now) {
    return now ? change_double(self, array.id, index, RP__OP_LOAD, 0, now) : RP_EINVAL;
}

int rp_array_store_double(rp_self *self, rp_array array, size_t index, double now) {
    return change_double(self, array.id, index, RP__OP_STORE, now, NULL);
}

int rp_array_add_double(rp_self *self, rp_array array, size_t index, double addend, double *before) {
    return change_double(self, array.id, index, RP__OP_ADD_DOUBLE, addend, before);
}

static int fetch_words(rp_self *self, rp_array array, size_t first, size_t count, void *to) {
    struct rp__buffer data = {0};
    const struct rp__call call = {.object = array.id, .op = RP__OP_READ, .a = first, .b = count};
    int code = rp__sync_fetch(self, RP__CELLS, &call, &data);
    if (code == 0 && data.size != count * sizeof(uint64_t)) code = RP_EPROTOCOL;
    if (code == 0 && count) memcpy(to, data.data, data.size);
    rp__buffer_free(&data);
    return code;
}

int rp_array_read(rp_self *self, rp_array array, size_t first, size_t count, void *to) {
    if ((!to && count) || count > PTRDIFF_MAX / sizeof(uint64_t)) return RP_EINVAL;
    const struct words words = find(self, array.id, false);
    if (words.code) return words.code;
    if (!words.at) return fetch_words(self, array, first, count, to);
    if (first > words.count || count > words.count - first) return RP_ERANGE;
    for (size_t i = 0; i < count; i++) {
        const uint64_t word = atomic_load(&words.at[first + i]);
        memcpy((uint8_t *)to + i * sizeof word, &word, sizeof word);
    }
    return 0;
}

int rp_array_write(rp_self *self, rp_array array, size_t first, size_t count, const void *from) {
    if ((!from && count) || count > PTRDIFF_MAX / sizeof(uint64_t)) return RP_EINVAL;
    const struct words words = find(self, array.id, false);
    if (words.code) return words.code;
    if (!words.at) {
        const struct rp__call call = {
            .object = array.id, .op = RP__OP_WRITE, .a = first, .data = from, .size = count * sizeof(uint64_t)};
        return rp__sync_call(self, RP__CELLS, &call, NULL);
    }
    if (first > words.count || count > words.count - first) return RP_ERANGE;
    for (size_t i = 0; i < count; i++) {
        uint64_t word;
        memcpy(&word, (const uint8_t *)from + i * sizeof word, sizeof word);
        atomic_store(&words.at[first + i], word);
    }
    return 0;
}

int rp_array_words(rp_self *self, rp_array array, void **at, size_t *count) {
    if (!at) return RP_EINVAL;
    const struct words words = find(self, array.id, true);
    if (words.code) return words.code;
    if (!words.at) return RP_EUNSUPPORTED;
    *at = (void *)words.at;
    if (count) *count = words.count;
    return 0;
}
