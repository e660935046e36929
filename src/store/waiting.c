/* See waiting.h: a binary heap of pointers, at[0] the lowest, each not above its children at 2i + 1 and 2i + 2. */
#include "store/waiting.h"

#include <stdlib.h>
#include <string.h>

struct rp__item *rp__item_new(uint64_t begin, uint64_t end, int status, const void *data, size_t size) {
    if (size > SIZE_MAX / 2) return NULL;
    struct rp__item *item = malloc(sizeof *item + size);
    if (!item) return NULL;
    *item = (struct rp__item){.begin = begin, .end = end, .status = status, .size = size};
    if (size) memcpy(item->data, data, size);
    if (!status) return item;
    item->mishap = calloc(1, sizeof *item->mishap);
    if (item->mishap) return item;
    free(item);
    return NULL;
}

void rp__item_free(struct rp__item *item) {
    if (!item) return;
    if (item->mishap) {
        free(item->mishap->input);
        free(item->mishap->words);
    }
    free(item->mishap);
    free(item);
}

int rp__item_input(struct rp__item *item, const void *input, size_t size) {
    struct rp__mishap *mishap = item->mishap;
    mishap->how.input = NULL;
    mishap->how.input_size = 0;
    if (!input) return 0;
    mishap->input = malloc(size ? size : 1);
    if (!mishap->input) return RP_ENOMEM;
    if (size) memcpy(mishap->input, input, size);
    mishap->how.input = mishap->input;
    mishap->how.input_size = size;
    return 0;
}

size_t rp__item_cost(const struct rp__item *item) {
    const size_t mishap = item->mishap ? sizeof *item->mishap + item->mishap->how.input_size : 0;
    return sizeof *item + item->size + 2 * sizeof(void *) + mishap;
}

static int make_room(struct rp__waiting *waiting) {
    if (waiting->count < waiting->capacity) return 0;
    const size_t capacity = waiting->capacity ? 2 * waiting->capacity : 64;
    struct rp__item **at = realloc(waiting->at, capacity * sizeof *at);
    if (!at) return RP_ENOMEM;
    waiting->at = at;
    waiting->capacity = capacity;
    return 0;
}

int rp__waiting_append(struct rp__waiting *list, struct rp__item *item) {
    const int code = make_room(list);
    if (!code) list->at[list->count++] = item;
    return code;
}

int rp__waiting_add(struct rp__waiting *waiting, struct rp__item *item) {
    if (make_room(waiting)) return RP_ENOMEM;
    size_t i = waiting->count++;
    for (; i > 0 && waiting->at[(i - 1) / 2]->begin > item->begin; i = (i - 1) / 2)
        waiting->at[i] = waiting->at[(i - 1) / 2];
    waiting->at[i] = item;
    return 0;
}

struct rp__item *rp__waiting_first(const struct rp__waiting *waiting) {
    return waiting->count ? waiting->at[0] : NULL;
}

void rp__waiting_remove_first(struct rp__waiting *waiting) {
    struct rp__item *last = waiting->at[--waiting->count];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= waiting->count) break;
        if (child + 1 < waiting->count && waiting->at[child + 1]->begin < waiting->at[child]->begin) child++;
        if (waiting->at[child]->begin >= last->begin) break;
        waiting->at[i] = waiting->at[child];
        i = child;
    }
    waiting->at[i] = last;
}

static int by_begin(const void *a, const void *b) {
    const struct rp__item *const *one = a, *const *other = b;
    return ((*one)->begin > (*other)->begin) - ((*one)->begin < (*other)->begin);
}

void rp__waiting_sort(struct rp__waiting *waiting) {
    if (waiting->count) qsort(waiting->at, waiting->count, sizeof *waiting->at, by_begin);
}

void rp__waiting_free(struct rp__waiting *waiting) {
    for (size_t i = 0; i < waiting->count; i++) rp__item_free(waiting->at[i]);
    free(waiting->at);
    *waiting = (struct rp__waiting){0};
}
