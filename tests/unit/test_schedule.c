/* Schedules: whatever the bounds, edges and walls, chunks cover the range once, end where they may, and have the
 * sizes that give each kind its name. Ranges go up to 2^64 - 2, so a case looks at their beginning, at somewhere in
 * the middle and at their end. */
#include "core/schedule.h"
#include "random.h"

#include <stdlib.h>

__extension__ typedef unsigned __int128 wide; /* GNU: twice as wide as a task number */

static const enum rp_schedule_kind dealt_kinds[] = {RP_DYNAMIC, RP_GUIDED, RP_FACTORING, RP_AUTO};
enum { DEALT_KINDS = sizeof dealt_kinds / sizeof *dealt_kinds };

struct subject {
    rp_schedule schedule;
    rp_map_options map;
    uint64_t count, workers;
};

static struct subject random_subject(uint64_t *random) {
    struct subject subject = {.count = random_size(random, RP_FED - 1), .workers = 1 + random_size(random, 999)};
    if (one_in(random, 20)) subject.count = RP_FED - 1;
    subject.schedule.kind = dealt_kinds[random_below(random, DEALT_KINDS)];
    if (one_in(random, 2)) subject.schedule.chunk = random_size(random, UINT64_MAX);
    rp_map_options *map = &subject.map;
    if (one_in(random, 3)) map->chunk_min = random_size(random, UINT64_MAX);
    if (one_in(random, 3)) map->chunk_max = random_between(random, map->chunk_min ? map->chunk_min : 1, UINT64_MAX);
    if (one_in(random, 2)) map->edge = random_size(random, UINT64_MAX);
    if (map->edge) map->edge_phase = random_size(random, UINT64_MAX);
    if (one_in(random, 3)) map->wall = random_size(random, UINT64_MAX);
    return subject;
}

/* ---- Where a chunk ends -------------------------------------------------------------------------------- */

/* By the words of schedule.h, in arithmetic that cannot overflow. */
static uint64_t true_end(const rp_map_options *map, uint64_t begin, uint64_t size, uint64_t limit) {
    wide end = (wide)begin + (size ? size : 1);
    if (map->edge) {
        wide phase = map->edge_phase % map->edge, past = end < phase ? 0 : (end - phase) % map->edge;
        if (end < phase)
            end = phase;
        else if (past)
            end += map->edge - past;
    }
    if (map->wall) {
        wide wall = ((wide)begin / map->wall + 1) * map->wall;
        if (end > wall) end = wall;
    }
    return end > limit ? limit : (uint64_t)end;
}

static bool ends_are_true(uint64_t seed) {
    uint64_t random = seed;
    for (int i = 0; i < 100; i++) {
        struct subject subject = random_subject(&random);
        if (subject.count == 0) continue;
        uint64_t begin = random_below(&random, subject.count), size = random_size(&random, UINT64_MAX);
        uint64_t end = rp__schedule_end(&subject.map, begin, size, subject.count);
        REQUIRE(end == true_end(&subject.map, begin, size, subject.count));
        REQUIRE(end > begin && end <= subject.count);
    }
    return true;
}

static void chunk_ends_at_the_next_edge_wall_or_limit(void) { run_seeds(5000, ends_are_true); }

static void primes_never_split_twins(void) {
    /* Edges at 30k + 2 (tasks begin at 0 = the number 0): 29 and 31 stay together, whatever the size. */
    const rp_map_options map = {.edge = 30, .edge_phase = 2};
    for (uint64_t size = 1; size < 100; size++)
        for (uint64_t begin = 2; begin < 200; begin = rp__schedule_end(&map, begin, size, 200)) {
            uint64_t end = rp__schedule_end(&map, begin, size, 200);
            CU_ASSERT_TRUE(end % 30 == 2 || end == 200);
            CU_ASSERT_TRUE(end >= begin + size || end == 200);
        }
}

/* ---- Dealing ------------------------------------------------------------------------------------------- */

/* A dealer as the ledger is one: it keeps the batch of factoring. */
struct dealer {
    struct subject *subject;
    struct rp__schedule_ask ask;
    uint64_t next;
};

static uint64_t deal(struct dealer *dealer, uint64_t *size) {
    struct subject *subject = dealer->subject;
    struct rp__schedule_ask *ask = &dealer->ask;
    ask->remaining = subject->count - dealer->next;
    ask->workers = subject->workers;
    *size = rp__schedule_size(&subject->schedule, &subject->map, ask);
    if (!ask->batch_left) {
        ask->batch_left = subject->workers;
        ask->batch_size = *size;
    }
    ask->batch_left--;
    return rp__schedule_end(&subject->map, dealer->next, *size, subject->count);
}

static bool may_end_at(const struct subject *subject, uint64_t end) {
    const rp_map_options *map = &subject->map;
    if (end == subject->count) return true;
    if (map->wall && end % map->wall == 0) return true;
    return map->edge <= 1 || end % map->edge == map->edge_phase % map->edge;
}

/* Deals some chunks from `from` on; each meets the last and keeps the rules. */
static bool deals_on(struct subject *subject, uint64_t *random, uint64_t from) {
    struct dealer dealer = {.subject = subject, .next = from};
    const rp_map_options *map = &subject->map;
    for (int i = 0; i < 60 && dealer.next < subject->count; i++) {
        dealer.ask.grown = random_size(random, UINT64_MAX / 2);
        dealer.ask.ns_per_task = one_in(random, 3) ? 0 : (double)random_size(random, UINT64_MAX) / 1e3;
        dealer.ask.bytes_per_task = one_in(random, 3) ? 0 : (double)random_size(random, UINT64_MAX) / 1e3;
        uint64_t size, end = deal(&dealer, &size);
        REQUIRE(size >= 1);
        REQUIRE(end > dealer.next && end <= subject->count);
        REQUIRE(may_end_at(subject, end));
        REQUIRE(!map->wall || dealer.next / map->wall == (end - 1) / map->wall);
        if (subject->schedule.kind != RP_DYNAMIC) {
            REQUIRE(size >= map->chunk_min);
            REQUIRE(!map->chunk_max || size <= map->chunk_max);
        } else {
            REQUIRE(size == (subject->schedule.chunk ? subject->schedule.chunk : map->chunk_min ? map->chunk_min : 1));
        }
        dealer.next = end;
    }
    return true;
}

static bool deals_anything(uint64_t seed) {
    uint64_t random = seed;
    for (int i = 0; i < 5; i++) {
        struct subject subject = random_subject(&random);
        uint64_t count = subject.count;
        if (count == 0) continue;
        REQUIRE(deals_on(&subject, &random, 0));
        REQUIRE(deals_on(&subject, &random, random_below(&random, count)));
        REQUIRE(deals_on(&subject, &random, count - 1 - random_below(&random, count < 1000 ? count : 1000)));
    }
    return true;
}

static void chunks_of_every_kind_keep_edges_walls_and_bounds(void) { run_seeds(3000, deals_anything); }

/* Short ranges are dealt to their end: one chunk begins where the last one ended, and the last ends the range. */
static bool short_range_is_covered(uint64_t seed) {
    uint64_t random = seed;
    struct subject subject = random_subject(&random);
    subject.count = random_below(&random, 3000);
    struct dealer dealer = {.subject = &subject};
    uint64_t chunks = 0;
    for (uint64_t size; dealer.next < subject.count; chunks++) {
        dealer.ask.grown = 1 + chunks;
        dealer.next = deal(&dealer, &size);
        REQUIRE(dealer.next <= subject.count && chunks < 3000);
    }
    REQUIRE(dealer.next == subject.count);
    return true;
}

static void short_ranges_are_dealt_to_their_end(void) { run_seeds(5000, short_range_is_covered); }

/* ---- What gives each kind its name --------------------------------------------------------------------- */

static uint64_t divide_up(uint64_t a, uint64_t b) { return a / b + (a % b != 0); }
static uint64_t most(uint64_t a, uint64_t b) { return a > b ? a : b; }
static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

static bool guided_shrinks(uint64_t seed) {
    uint64_t random = seed;
    struct subject subject = {.count = 1 + random_size(&random, RP_FED - 2), .workers = 1 + random_size(&random, 999)};
    subject.schedule = (rp_schedule){.kind = RP_GUIDED, .chunk = random_size(&random, 1000)};
    struct dealer dealer = {.subject = &subject};
    uint64_t size, last = UINT64_MAX;
    for (int i = 0; i < 500 && dealer.next < subject.count; i++) {
        uint64_t remaining = subject.count - dealer.next;
        dealer.next = deal(&dealer, &size);
        REQUIRE(size <= last);
        REQUIRE(size == most(divide_up(remaining, subject.workers), most(subject.schedule.chunk, 1)));
        last = size;
    }
    return true;
}

static void guided_deals_one_share_of_the_rest_and_shrinks(void) { run_seeds(2000, guided_shrinks); }

static bool factoring_halves(uint64_t seed) {
    uint64_t random = seed;
    struct subject subject = {.count = 1 + random_size(&random, RP_FED - 2), .workers = 1 + random_size(&random, 99)};
    subject.schedule = (rp_schedule){.kind = RP_FACTORING, .chunk = random_size(&random, 1000)};
    struct dealer dealer = {.subject = &subject};
    for (int batch = 0; batch < 70 && dealer.next < subject.count; batch++) {
        uint64_t before = subject.count - dealer.next, size;
        uint64_t share = most(divide_up(before, 2 * subject.workers), most(subject.schedule.chunk, 1));
        for (uint64_t i = 0; i < subject.workers && dealer.next < subject.count; i++) {
            dealer.next = deal(&dealer, &size);
            REQUIRE(size == share);
        }
        uint64_t left = subject.count - dealer.next;
        REQUIRE(left <= before / 2);
        REQUIRE(share == most(subject.schedule.chunk, 1) || left + 2 * subject.workers >= before / 2);
    }
    return true;
}

static void factoring_deals_half_of_the_rest_in_each_batch(void) { run_seeds(2000, factoring_halves); }

static void dynamic_deals_what_was_asked(void) {
    struct subject subject = {.count = 100, .workers = 3, .schedule = {.kind = RP_DYNAMIC}};
    struct dealer dealer = {.subject = &subject};
    uint64_t size;
    CU_ASSERT_EQUAL(deal(&dealer, &size), 1);
    subject.map.chunk_min = 20; /* what the job finds worth dealing, unless the user knows better */
    CU_ASSERT_EQUAL(deal(&dealer, &size), 20);
    subject.schedule.chunk = 7;
    CU_ASSERT_EQUAL(deal(&dealer, &size), 7);
    dealer.next = 98;
    CU_ASSERT_EQUAL(deal(&dealer, &size), 100);
}

/* ---- static -------------------------------------------------------------------------------------------- */

struct part {
    uint64_t begin, end;
};

static struct part part_of(const struct subject *subject, uint64_t index) {
    struct part part;
    rp__schedule_part(&subject->schedule, &subject->map, subject->count, subject->workers, index, &part.begin,
                      &part.end);
    return part;
}

/* A part begins where the one before it ended, and bounds lie on edges. */
static bool meets_the_next(const struct subject *subject, uint64_t index) {
    struct part part = part_of(subject, index), next = part_of(subject, index + 1);
    struct subject no_wall = *subject;
    no_wall.map.wall = 0;
    REQUIRE(part.begin <= part.end && part.end <= subject->count);
    REQUIRE(part.end == next.begin);
    REQUIRE(may_end_at(&no_wall, part.end));
    return true;
}

static bool static_parts_meet(uint64_t seed) {
    uint64_t random = seed;
    for (int i = 0; i < 20; i++) {
        struct subject subject = random_subject(&random);
        subject.schedule.kind = RP_STATIC;
        REQUIRE(part_of(&subject, 0).begin == 0);
        uint64_t size =
            most(subject.schedule.chunk ? subject.schedule.chunk : divide_up(subject.count, subject.workers), 1);
        uint64_t parts = divide_up(subject.count, size);
        struct part beyond = part_of(&subject, parts);
        REQUIRE(beyond.begin == subject.count && beyond.end == subject.count);
        for (int k = 0; k < 10; k++) REQUIRE(meets_the_next(&subject, random_size(&random, parts)));
        REQUIRE(parts == 0 || meets_the_next(&subject, parts - 1));
    }
    return true;
}

static void static_parts_meet_and_cover_the_range(void) { run_seeds(3000, static_parts_meet); }

static bool equal_parts(uint64_t seed) {
    uint64_t random = seed;
    struct subject subject = {.count = random_size(&random, RP_FED - 1), .workers = 1 + random_size(&random, 999)};
    subject.schedule.kind = RP_STATIC;
    if (one_in(&random, 2)) subject.map.edge = 1 + random_size(&random, 1000);
    subject.map.edge_phase = random_size(&random, 1000);
    uint64_t share = divide_up(subject.count, subject.workers), slack = most(subject.map.edge, 1) - 1, sum = 0;
    for (uint64_t i = 0; i < subject.workers; i++) {
        struct part part = part_of(&subject, i);
        uint64_t tasks = part.end - part.begin;
        sum += tasks;
        REQUIRE(tasks <= share + slack);
        /* Only at the end of the range is there less: shares are rounded up. */
        REQUIRE(part.end == subject.count || tasks + slack >= share);
    }
    REQUIRE(sum == subject.count);
    return true;
}

static void static_gives_every_worker_an_equal_part(void) { run_seeds(2000, equal_parts); }

static bool chunks_rotate(uint64_t seed) {
    uint64_t random = seed;
    struct subject subject = {.count = random_below(&random, 5000), .workers = 1 + random_below(&random, 8)};
    subject.schedule = (rp_schedule){.kind = RP_STATIC, .chunk = 1 + random_size(&random, 100)};
    if (one_in(&random, 2)) subject.map.edge = 1 + random_size(&random, 100);
    subject.map.edge_phase = random_size(&random, 100);
    uint64_t edge = most(subject.map.edge, 1), size = divide_up(subject.schedule.chunk, edge) * edge;
    for (uint64_t i = 0; part_of(&subject, i).begin < subject.count; i++) {
        struct part part = part_of(&subject, i);
        /* The first one reaches up to an edge, the last one to the end; all others are alike, and none is empty. */
        REQUIRE(part.end > part.begin);
        REQUIRE(part.begin == 0 ? part.end >= least(subject.schedule.chunk, subject.count)
                                : part.end - part.begin == size || part.end == subject.count);
    }
    return true;
}

static void static_chunks_below_an_edge_still_go_to_every_worker(void) { run_seeds(5000, chunks_rotate); }

/* ---- auto ---------------------------------------------------------------------------------------------- */

static bool auto_keeps_its_promises(uint64_t seed) {
    uint64_t random = seed;
    const rp_schedule schedule = {.kind = RP_AUTO};
    const rp_map_options map = {0};
    struct rp__schedule_ask ask = {.remaining = 1 + random_size(&random, RP_FED - 2),
                                   .workers = 1 + random_size(&random, 199999),
                                   .grown = random_size(&random, UINT64_MAX / 2)};
    REQUIRE(rp__schedule_size(&schedule, &map, &ask) == most(ask.grown, 1));
    ask.ns_per_task = 1 + (double)random_size(&random, UINT64_C(1) << 40);
    if (one_in(&random, 2)) ask.bytes_per_task = 1 + (double)random_size(&random, UINT64_C(1) << 40);
    uint64_t size = rp__schedule_size(&schedule, &map, &ask);
    double ns = (double)size * ask.ns_per_task;
    REQUIRE(size <= most(ask.grown, 1));
    /* The more workers, the longer: one master deals to them all. */
    const double target_ns = (double)most(RP__AUTO_TARGET_NS, ask.workers * RP__AUTO_WORKER_NS);
    REQUIRE(size == 1 || ns <= target_ns);
    const uint64_t tail = divide_up(ask.remaining, 2 * ask.workers);
    REQUIRE(ask.bytes_per_task > 0 || size >= ask.grown || size >= tail || ns + ask.ns_per_task > target_ns);
    REQUIRE(size == 1 || (double)size * ask.bytes_per_task <= RP__AUTO_BYTES);
    REQUIRE(size <= tail || ns <= RP__AUTO_LEAST_NS);
    /* And no shorter than is worth dealing, for the tail's sake alone. */
    REQUIRE(ask.bytes_per_task > 0 || size >= ask.grown || ns + ask.ns_per_task > RP__AUTO_LEAST_NS);
    return true;
}

static void auto_is_bounded_by_growth_time_bytes_and_the_tail(void) { run_seeds(20000, auto_keeps_its_promises); }

static bool jobs_bounds_win(uint64_t seed) {
    uint64_t random = seed;
    const rp_schedule schedule = {.kind = RP_AUTO};
    rp_map_options map = {.chunk_min = 1 + random_size(&random, 1000000)};
    map.chunk_max = random_between(&random, map.chunk_min, 100 * map.chunk_min);
    struct rp__schedule_ask ask = {.remaining = 1 + random_size(&random, RP_FED - 2),
                                   .workers = 1 + random_size(&random, 999),
                                   .grown = random_size(&random, UINT64_MAX / 2)};
    uint64_t size = rp__schedule_size(&schedule, &map, &ask);
    REQUIRE(size >= map.chunk_min && size <= map.chunk_max);
    /* The best, whatever it takes, while four of them a worker remain. */
    map.chunk_best = random_between(&random, map.chunk_min, map.chunk_max);
    ask.ns_per_task = (double)random_size(&random, 1000000);
    size = rp__schedule_size(&schedule, &map, &ask);
    uint64_t share = ask.remaining / (4 * ask.workers);
    REQUIRE(size == (share > map.chunk_best ? map.chunk_best : share > map.chunk_min ? share : map.chunk_min));
    return true;
}

static void auto_keeps_the_jobs_own_bounds(void) { run_seeds(20000, jobs_bounds_win); }

/* A run of equal tasks on workers of one speed, played: the worker that is free first gets the next chunk. */
struct played {
    uint64_t chunks, first, largest, last;
    double seconds, spread; /* from the first worker that was left without work to the end */
};

static struct played play(uint64_t count, uint64_t workers, double ns_per_task) {
    struct subject subject = {.count = count, .workers = workers, .schedule = {.kind = RP_AUTO}};
    struct dealer dealer = {.subject = &subject, .ask = {.grown = 1}};
    struct played played = {0};
    double *free_at = calloc(workers, sizeof *free_at);
    for (; dealer.next < count; played.chunks++) {
        uint64_t soonest = 0, size;
        for (uint64_t i = 1; i < workers; i++)
            if (free_at[i] < free_at[soonest]) soonest = i;
        uint64_t end = deal(&dealer, &size);
        uint64_t tasks = end - dealer.next;
        free_at[soonest] += (double)tasks * ns_per_task;
        if (tasks >= dealer.ask.grown) dealer.ask.grown = 2 * tasks;
        if (!played.chunks) played.first = tasks;
        dealer.ask.ns_per_task = ns_per_task;
        played.largest = most(played.largest, tasks);
        played.last = tasks;
        dealer.next = end;
    }
    double low = free_at[0], high = free_at[0];
    for (uint64_t i = 1; i < workers; i++) {
        if (free_at[i] < low) low = free_at[i];
        if (free_at[i] > high) high = free_at[i];
    }
    free(free_at);
    played.seconds = high / 1e9;
    played.spread = (high - low) / 1e9;
    return played;
}

static bool grows_and_shrinks(uint64_t seed) {
    uint64_t random = seed;
    uint64_t workers = 1 + random_below(&random, 64);
    double ns_per_task = (double)(10 + random_size(&random, 1000000));
    double seconds = 2 + (double)random_below(&random, 5); /* on each worker */
    uint64_t count = (uint64_t)(seconds * 1e9 / ns_per_task * (double)workers);
    struct played played = play(count, workers, ns_per_task);
    double longest_ns = (double)played.largest * ns_per_task, last_ns = (double)played.last * ns_per_task;
    REQUIRE(played.first == 1);
    REQUIRE(longest_ns > RP__AUTO_TARGET_NS / 2.0 && longest_ns <= RP__AUTO_TARGET_NS);
    REQUIRE(last_ns <= RP__AUTO_LEAST_NS || played.last == 1);
    /* All end together, give or take the shortest chunk, and chunks were few. */
    double shortest = ns_per_task > RP__AUTO_LEAST_NS ? ns_per_task : RP__AUTO_LEAST_NS;
    REQUIRE(played.spread * 1e9 <= 2 * shortest);
    REQUIRE((double)played.chunks <= (double)workers * (seconds * 1e9 / RP__AUTO_TARGET_NS + 40));
    return true;
}

static void auto_grows_to_its_target_and_ends_together(void) { run_seeds(300, grows_and_shrinks); }

int main(void) {
    static const struct unit_test tests[] = {
        UNIT(chunk_ends_at_the_next_edge_wall_or_limit),
        UNIT(primes_never_split_twins),
        UNIT(chunks_of_every_kind_keep_edges_walls_and_bounds),
        UNIT(short_ranges_are_dealt_to_their_end),
        UNIT(guided_deals_one_share_of_the_rest_and_shrinks),
        UNIT(factoring_deals_half_of_the_rest_in_each_batch),
        UNIT(dynamic_deals_what_was_asked),
        UNIT(static_parts_meet_and_cover_the_range),
        UNIT(static_gives_every_worker_an_equal_part),
        UNIT(static_chunks_below_an_edge_still_go_to_every_worker),
        UNIT(auto_is_bounded_by_growth_time_bytes_and_the_tail),
        UNIT(auto_keeps_the_jobs_own_bounds),
        UNIT(auto_grows_to_its_target_and_ends_together),
        {NULL, NULL},
    };
    return unit_run("schedule", tests);
}
