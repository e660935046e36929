/* Results into task order, see window.h. */
#include "core/window.h"

#include "core/record.h"

#include <stdlib.h>
#include <string.h>

struct rp__part *rp__part_new(uint64_t begin, uint64_t end, uint8_t *data, size_t size) {
    struct rp__part *part = malloc(sizeof *part);
    if (part) *part = (struct rp__part){.begin = begin, .end = end, .data = data, .size = size};
    return part;
}

struct rp__part *rp__part_copy(uint64_t begin, uint64_t end, const uint8_t *data, size_t size) {
    struct rp__part *part = malloc(sizeof *part + size);
    if (!part) return NULL;
    *part = (struct rp__part){.begin = begin, .end = end, .data = part->inside, .size = size};
    if (size) memcpy(part->inside, data, size);
    return part;
}

static void free_data(struct rp__part *part) {
    if (part->unmap)
        part->unmap(part->data, part->size);
    else if (part->data != part->inside)
        free(part->data);
    part->data = NULL;
}

void rp__part_free(struct rp__part *part) {
    if (!part) return;
    free_data(part);
    free(part->failed);
    free(part);
}

/* ---- Failures ------------------------------------------------------------------------------------------- */

/* Goes through records and inputs side by side. */
struct walk {
    const struct rp__part *part;
    const uint8_t *input;
    size_t at, inputs_left, input_size;
    uint64_t task; /* the one behind */
};

/* The next task that failed, and its input. */
static bool next_failed(struct walk *walk) {
    const struct rp__part *part = walk->part;
    while (walk->at < part->size) {
        const uint8_t *data, *input = walk->input + walk->input_size;
        size_t size;
        bool failed, ignored;
        const size_t length = rp__record_read(part->data + walk->at, part->size - walk->at, &data, &size, &failed);
        const size_t taken = rp__record_read(input, walk->inputs_left, &walk->input, &walk->input_size, &ignored);
        if (!length || !taken) return false;
        walk->at += length;
        walk->inputs_left -= taken;
        walk->task++;
        if (failed) return true;
    }
    return false;
}

/* A record may be of many tasks, and then no input is its own. */
static bool is_record_a_task(const struct rp__part *part) {
    uint64_t tasks = part->end - part->begin;
    for (size_t at = 0, length; at < part->size; at += length, tasks--) {
        const uint8_t *data;
        size_t size;
        bool failed;
        length = rp__record_read(part->data + at, part->size - at, &data, &size, &failed);
        if (!length || !tasks) return false;
    }
    return tasks == 0;
}

int rp__part_fail(struct rp__part *part, const rp_failure *how, const uint8_t *inputs, size_t size) {
    const bool known = inputs && is_record_a_task(part);
    const struct walk begin = {.part = part, .input = inputs, .inputs_left = size, .task = part->begin};
    struct walk walk = begin;
    size_t count = 0, bytes = 0;
    while (known && next_failed(&walk)) count++, bytes += walk.input_size;
    if (!count) count = 1;
    part->failed_size = count * sizeof *part->failed + bytes;
    part->failed = malloc(part->failed_size);
    if (!part->failed) return RP_ENOMEM;
    part->failed_count = count;
    part->failed[0] = (struct rp__failed){.task = part->begin, .how = *how};
    uint8_t *to = (uint8_t *)(part->failed + count);
    walk = begin;
    for (struct rp__failed *at = part->failed; known && next_failed(&walk); at++, to += walk.input_size) {
        *at = (struct rp__failed){.task = walk.task - 1, .how = *how};
        at->how.input = to;
        at->how.input_size = walk.input_size;
        if (walk.input_size) memcpy(to, walk.input, walk.input_size);
    }
    return 0;
}

const rp_failure *rp__part_failure(const struct rp__part *part, uint64_t task) {
    size_t low = 0, high = part->failed_count;
    if (!high) return NULL;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (part->failed[middle].task <= task)
            low = middle;
        else
            high = middle;
    }
    return &part->failed[low].how;
}

/* ---- The window ----------------------------------------------------------------------------------------- */

/* What of it is memory: the bytes of a file are none. */
static size_t memory_of(const struct rp__part *part) { return part->unmap ? 0 : part->size; }

static bool room(struct rp__window *window) {
    if (window->count < window->capacity) return true;
    size_t capacity = window->capacity ? 2 * window->capacity : 32;
    struct rp__part **heap = realloc(window->heap, capacity * sizeof *heap);
    if (!heap) return false;
    window->heap = heap;
    window->capacity = capacity;
    return true;
}

/* Put the bytes of a part that is far ahead aside; where that fails they stay. Returns the part, which may have moved
 * since it gives its memory back. */
static struct rp__part *put_aside(struct rp__window *window, struct rp__part *part) {
    const struct rp__window_aside *aside = &window->aside;
    if (!aside->write || part->unmap || aside->write(aside->self, part->data, part->size, &part->offset)) return part;
    bool inside = part->data == part->inside;
    free_data(part);
    part->aside = true;
    window->aside_count++;
    struct rp__part *small = inside ? realloc(part, sizeof *part) : NULL;
    return small ? small : part;
}

static int bring_back(struct rp__window *window, struct rp__part *part) {
    uint8_t *data = malloc(part->size ? part->size : 1);
    if (!data) return RP_ENOMEM;
    int rc = window->aside.read(window->aside.self, part->offset, data, part->size);
    if (rc) {
        free(data);
        return rc;
    }
    part->data = data;
    part->aside = false;
    if (--window->aside_count == 0) window->aside.reset(window->aside.self);
    return 0;
}

int rp__window_put(struct rp__window *window, struct rp__part *part) {
    if (!room(window)) return RP_ENOMEM;
    bool due = window->unordered || part->begin == window->due;
    if (!due && window->bytes + memory_of(part) > window->limit) part = put_aside(window, part);
    if (!part->aside) window->bytes += memory_of(part);
    size_t at = window->count++;
    for (size_t up; at && window->heap[up = (at - 1) / 2]->begin > part->begin; at = up)
        window->heap[at] = window->heap[up];
    window->heap[at] = part;
    return 0;
}

static void remove_top(struct rp__window *window) {
    struct rp__part *last = window->heap[--window->count];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < window->count; at = child) {
        if (child + 1 < window->count && window->heap[child + 1]->begin < window->heap[child]->begin) child++;
        if (last->begin <= window->heap[child]->begin) break;
        window->heap[at] = window->heap[child];
    }
    window->heap[at] = last;
}

int rp__window_next(struct rp__window *window, struct rp__part **part) {
    *part = NULL;
    if (!window->count) return 0;
    struct rp__part *top = window->heap[0];
    if (!window->unordered && top->begin != window->due) return 0;
    if (top->aside) {
        int rc = bring_back(window, top);
        if (rc) return rc;
    } else {
        window->bytes -= memory_of(top);
    }
    remove_top(window);
    window->due = top->end;
    *part = top;
    return 0;
}

void rp__window_free(struct rp__window *window) {
    for (size_t i = 0; i < window->count; i++) rp__part_free(window->heap[i]);
    free(window->heap);
    *window = (struct rp__window){0};
}
