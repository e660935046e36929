/* What a map is told of an earlier run of itself: which tasks are skipped, and which inputs it must get again.
 *
 * The digest of inputs is a chain: each is hashed by MurmurHash64A [Austin Appleby, 2010, public domain], eight bytes a
 * step, with the digest of those before it as the seed. The hash takes the size in, so that no two inputs run together. */
#include "core/error.h"
#include "core/skip.h"
#include "pool/world_state.h"

#include <inttypes.h>
#include <string.h>

static uint64_t hash(const uint8_t *at, size_t size, uint64_t seed) {
    const uint64_t m = UINT64_C(0xc6a4a7935bd1e995);
    uint64_t h = seed ^ size * m, k;
    for (; size >= sizeof k; at += sizeof k, size -= sizeof k) {
        memcpy(&k, at, sizeof k);
        k *= m;
        k ^= k >> 47;
        h = (h ^ k * m) * m;
    }
    if (size) {
        k = 0;
        memcpy(&k, at, size);
        h = (h ^ k) * m;
    }
    h = (h ^ h >> 47) * m;
    return h ^ h >> 47;
}

int rp__count_input(rp_map *map, const void *input, size_t size) {
    map->digest = hash(input, size, map->digest);
    return map->fed_tasks == map->wanted && map->digest != map->wanted_digest ? RP_EMISMATCH : 0;
}

uint64_t rp_map_inputs(rp_map *map, uint64_t *digest) {
    if (!map || !map->fed || rp__world_is_in_task(map->world)) return 0;
    pthread_mutex_lock(&map->lock);
    const uint64_t inputs = map->fed_tasks;
    if (digest) *digest = map->digest;
    pthread_mutex_unlock(&map->lock);
    return inputs;
}

bool rp__is_input_skipped(const rp_map *map) {
    return map->skip->count && rp__skip_gap(map->skip, map->fed_tasks).begin != map->fed_tasks;
}

int rp__check_resume(const rp_map_options *options, rp_error *error) {
    const rp_span *skip = options->skip;
    const size_t count = options->skip_count;
    const bool fed = options->count == RP_FED;
    if (options->inputs && !fed)
        return rp__fail(error, RP_EINVAL,
                        "%" PRIu64 " inputs were named of a map that is not fed: count must be RP_FED",
                        options->inputs);
    if (!count) return 0;
    if (!skip) return rp__fail(error, RP_EINVAL, "%zu spans to skip were promised, and skip is NULL", count);
    if (options->each_worker || options->grows)
        return rp__fail(error, RP_EINVAL,
                        "a map with each_worker or grows cannot skip tasks: each run numbers them anew");
    if (!rp__skip_is_valid(skip, count))
        return rp__fail(error, RP_EINVAL,
                        "the spans to skip must ascend, and none be empty or touch another: merge them");
    if (!fed && skip[count - 1].end > options->count)
        return rp__fail(error, RP_EINVAL, "tasks up to %" PRIu64 " are to be skipped, of %" PRIu64, skip[count - 1].end,
                        options->count);
    for (size_t i = 0; options->reduce && i < count; i++) {
        const bool last = !fed && skip[i].end == options->count;
        if (skip[i].begin % options->reduce == 0 && (last || skip[i].end % options->reduce == 0)) continue;
        return rp__fail(error, RP_EINVAL, "tasks [%" PRIu64 ", %" PRIu64 ") to skip are no whole blocks of %" PRIu64,
                        skip[i].begin, skip[i].end, options->reduce);
    }
    return 0;
}
