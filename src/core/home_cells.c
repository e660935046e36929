/* Words that tasks share, changed atomically: where the memory is shared with other processes of the node, those use
 * the same words without asking here. */
#include "core/home_object.h"
#include "rankpool.h"

#include <stdatomic.h>
#include <string.h>

static int make_cells(struct rp__home *home, struct rp__object *object, const struct rp__request *request) {
    if (request->a == 0 || request->a > PTRDIFF_MAX / sizeof(uint64_t)) return RP_EINVAL;
    const struct rp__cell_memory *memory = rp__home_memory(home);
    object->cells.words = (size_t)request->a;
    object->cells.word = memory->make(memory->context, object->node.key, object->cells.words);
    return object->cells.word ? 0 : RP_ENOMEM;
}

static uint64_t add_double(_Atomic uint64_t *word, uint64_t bits) {
    double addend, sum;
    memcpy(&addend, &bits, sizeof addend);
    uint64_t before = atomic_load(word), after;
    do {
        memcpy(&sum, &before, sizeof sum);
        sum += addend;
        memcpy(&after, &sum, sizeof after);
    } while (!atomic_compare_exchange_weak(word, &before, after));
    return before;
}

static int compare_exchange(_Atomic uint64_t *word, const struct rp__request *request, uint64_t *value) {
    if (request->size != sizeof *value) return RP_EINVAL;
    memcpy(value, request->data, sizeof *value);
    atomic_compare_exchange_strong(word, value, request->b);
    return 0;
}

static int read_words(_Atomic uint64_t *word, struct rp__party *party, size_t words) {
    uint8_t *at = rp__buffer_reserve(&party->data, words * sizeof(uint64_t));
    if (!at) return RP_ENOMEM;
    for (size_t i = 0; i < words; i++) {
        const uint64_t value = atomic_load(&word[i]);
        memcpy(at + i * sizeof value, &value, sizeof value);
    }
    party->data.size += words * sizeof(uint64_t);
    return 0;
}

static int write_words(_Atomic uint64_t *word, const uint8_t *data, size_t words) {
    for (size_t i = 0; i < words; i++) {
        uint64_t value;
        memcpy(&value, data + i * sizeof value, sizeof value);
        atomic_store(&word[i], value);
    }
    return 0;
}

static int request_cells(struct rp__home *home, struct rp__object *object, struct rp__party *party,
                         const struct rp__request *request, uint64_t *value) {
    if (request->op < RP__OP_LOAD || request->op > RP__OP_WRITE) return RP_EINVAL;
    if (request->op == RP__OP_WRITE && request->size % sizeof(uint64_t)) return RP_EINVAL;
    const size_t words = object->cells.words;
    const uint64_t many = request->op == RP__OP_READ    ? request->b
                          : request->op == RP__OP_WRITE ? request->size / sizeof(uint64_t)
                                                        : 1;
    if (request->a > words || many > words - request->a) return RP_ERANGE;
    _Atomic uint64_t *word = (_Atomic uint64_t *)object->cells.word + request->a;
    switch (request->op) {
    case RP__OP_LOAD:
        *value = atomic_load(word);
        return 0;
    case RP__OP_STORE:
    case RP__OP_EXCHANGE:
        *value = atomic_exchange(word, request->b);
        return 0;
    case RP__OP_ADD:
        *value = atomic_fetch_add(word, request->b);
        return 0;
    case RP__OP_ADD_DOUBLE:
        *value = add_double(word, request->b);
        return 0;
    case RP__OP_COMPARE_EXCHANGE:
        return compare_exchange(word, request, value);
    case RP__OP_READ:
        return read_words(word, party, (size_t)many);
    default:
        return write_words(word, request->data, (size_t)many);
    }
}

static void drop_cells(struct rp__home *home, struct rp__object *object) {
    const struct rp__cell_memory *memory = rp__home_memory(home);
    memory->drop(memory->context, object->cells.word, object->cells.words);
}

const struct rp__kind rp__cells_kind = {.make = make_cells, .request = request_cells, .drop = drop_cells};
