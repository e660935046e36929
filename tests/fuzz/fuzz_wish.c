/* libFuzzer: whatever comes as the options of a pool, they are refused in words, or all that they say can be followed.
 *
 * The input: a byte says how many bytes there are, then come places and what is written there, over a sound wish. */
#include "pool/wish.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RANKS = 5, BEHIND = 40 };

static void require(bool true_claim) {
    if (!true_claim) abort();
}

/* Touches all that it points to. */
static void follow(const struct rp__pool_wish *wish, const uint8_t *bytes, size_t size) {
    static volatile uint8_t seen;
    const rp_pool_options *options = &wish->options;
    const uint8_t *input = options->init_args;
    require(options->rank_count <= RANKS && !options->rank_count == !options->ranks && !options->initializer);
    for (size_t i = 0; i < options->rank_count; i++)
        require(options->ranks[i] >= (i ? options->ranks[i - 1] + 1 : 0) && options->ranks[i] < RANKS);
    require(input >= bytes + sizeof *wish && input + options->init_args_size == bytes + size);
    for (size_t i = 0; i < options->init_args_size; i++) seen = input[i];
    require(wish->ranks && wish->first_rank < RANKS && wish->ranks <= RANKS - wish->first_rank);
    require(options->kind <= RP_WORKERS_INLINE && options->bind <= RP_BIND_NONE);
    seen = (uint8_t)(wish->process + wish->initializes + options->bind_asked);
    (void)seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct rp__pool_wish sound = {.ranks = RANKS, .options = {.rank_count = 3}};
    const int ranks[] = {0, 2, 4};
    uint8_t whole[sizeof sound + BEHIND] = {0};
    if (size < 1) return 0;
    memcpy(whole, &sound, sizeof sound);
    memcpy(whole + sizeof sound, ranks, sizeof ranks);
    for (size_t at = 1; at + 1 < size; at += 2) whole[data[at] % sizeof whole] = data[at + 1];
    const size_t length = data[0] % 4 ? sizeof sound + data[0] % (BEHIND + 1) : data[0] % sizeof whole;
    uint8_t *bytes = malloc(length ? length : 1); /* of its very size, so that a read past the end is seen */
    struct rp__pool_wish wish;
    rp_error error = {0};
    if (!bytes) return 0;
    memcpy(bytes, whole, length);
    const int code = rp__wish_read(bytes, length, RANKS, &wish, &error);
    require(code == 0 || (code == RP_EPROTOCOL && error.code == code && error.text[0]));
    if (code == 0) follow(&wish, bytes, length);
    free(bytes);
    return 0;
}
