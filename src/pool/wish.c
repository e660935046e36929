/* See wish.h. All ranks run the same program, so a wish that makes no sense is a mistake of ours, or of the network: it is
 * refused before anything is planned by it. */
#include "pool/wish.h"

#include "core/error.h"

#include <string.h>

/* Other values than 0 and 1 must not even be read as bool. */
static bool has_sound_flags(const uint8_t *data) {
    return data[offsetof(struct rp__pool_wish, options.bind_asked)] <= 1 &&
           data[offsetof(struct rp__pool_wish, process)] <= 1 && data[offsetof(struct rp__pool_wish, initializes)] <= 1;
}

static bool has_sound_numbers(const struct rp__pool_wish *wish, size_t behind, uint32_t world_ranks) {
    const rp_pool_options *options = &wish->options;
    return (unsigned)options->kind <= RP_WORKERS_INLINE && (unsigned)options->bind <= RP_BIND_NONE && wish->ranks > 0 &&
           wish->first_rank < world_ranks && wish->ranks <= world_ranks - wish->first_rank &&
           options->rank_count <= world_ranks && options->rank_count <= behind / sizeof *options->ranks;
}

static bool is_ascending(const int *ranks, size_t count, uint32_t world_ranks) {
    for (size_t i = 0; i < count; i++)
        if (ranks[i] < 0 || (uint32_t)ranks[i] >= world_ranks || (i && ranks[i] <= ranks[i - 1])) return false;
    return true;
}

int rp__wish_read(const uint8_t *data, size_t size, uint32_t world_ranks, struct rp__pool_wish *wish, rp_error *error) {
    struct rp__pool_wish read;
    bool sound = size >= sizeof read && has_sound_flags(data);
    if (sound) {
        memcpy(&read, data, sizeof read);
        sound = has_sound_numbers(&read, size - sizeof read, world_ranks);
    }
    if (sound) {
        rp_pool_options *options = &read.options;
        const size_t listed = options->rank_count * sizeof *options->ranks;
        options->ranks = listed ? (const int *)(data + sizeof read) : NULL;
        options->initializer = NULL;
        options->init_args = data + sizeof read + listed;
        options->init_args_size = size - sizeof read - listed;
        sound = is_ascending(options->ranks, options->rank_count, world_ranks);
    }
    if (!sound)
        return rp__fail(error, RP_EPROTOCOL,
                        "%zu bytes from rank 0 are no options of a pool: start the same program on all ranks", size);
    *wish = read;
    return 0;
}
