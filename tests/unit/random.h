/* Random cases that their seed reproduces. A case is a function of its seed that ends with false where a claim does
 * not hold; seeds run from 1 on, so the one that is printed leads straight back to the case. */
#ifndef RP_TESTS_RANDOM_H
#define RP_TESTS_RANDOM_H

#include "unit.h"

#include <inttypes.h>
#include <stdint.h>

/* Inside a case. */
#define REQUIRE(claim)                                                                                                 \
    do {                                                                                                               \
        if (!(claim)) {                                                                                                \
            fprintf(stderr, "\n%s:%d: not so: %s\n", __FILE__, __LINE__, #claim);                                      \
            return false;                                                                                              \
        }                                                                                                              \
    } while (0)

static inline void run_seeds(uint64_t count, bool (*holds)(uint64_t seed)) {
    for (uint64_t seed = 1; seed <= count; seed++) {
        bool good = holds(seed);
        CU_ASSERT_TRUE(good);
        if (good) continue;
        fprintf(stderr, "with seed %" PRIu64 "\n", seed);
        return;
    }
}

/* splitmix64 [Steele, Lea, Flood, OOPSLA 2014]: a good generator for every seed. */
static inline uint64_t random_next(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* [0, n), n > 0. */
static inline uint64_t random_below(uint64_t *state, uint64_t n) { return random_next(state) % n; }

/* [low, high]. */
static inline uint64_t random_between(uint64_t *state, uint64_t low, uint64_t high) {
    return high - low == UINT64_MAX ? random_next(state) : low + random_below(state, high - low + 1);
}

/* Of every size alike: as many numbers of 3 bits as of 60. At most `max`. */
static inline uint64_t random_size(uint64_t *state, uint64_t max) {
    uint64_t number = random_next(state);
    number >>= random_below(state, 64);
    return number <= max ? number : random_between(state, 0, max);
}

static inline bool one_in(uint64_t *state, uint64_t n) { return random_below(state, n) == 0; }

#endif
