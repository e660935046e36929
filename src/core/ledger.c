/* Which task is where, see ledger.h. */
#include "core/ledger.h"

#include "core/wire.h"

#include <stdlib.h>

enum { PARTS = 16 };

static void open_part(struct rp__ledger *ledger, uint32_t worker) {
    struct rp__part_cursor *part = &ledger->part[worker];
    rp_schedule schedule = ledger->map.schedule;
    if (ledger->map.each_worker) schedule.chunk = 1;
    rp__schedule_part(&schedule, &ledger->map, ledger->known, ledger->workers, part->index, &part->at, &part->end);
}

int rp__ledger_init(struct rp__ledger *ledger, const rp_map_options *map, uint32_t workers) {
    *ledger = (struct rp__ledger){.map = *map, .workers = workers};
    bool fed = map->count == RP_FED;
    /* Equal parts need to know of what: a fed map that is static without a chunk deals one task at a time. */
    ledger->fixed = map->each_worker || (map->schedule.kind == RP_STATIC && !fed);
    if (map->each_worker) ledger->map.edge = 0; /* one task each, wherever edges are */
    if (rp__skip_init(&ledger->skip, map->skip, map->skip_count)) return RP_ENOMEM;
    if (!fed) rp__ledger_feed(ledger, map->count);
    ledger->final = !fed;
    if (!ledger->fixed) return 0;
    ledger->part = calloc(workers, sizeof *ledger->part);
    if (!ledger->part) {
        rp__skip_free(&ledger->skip);
        return RP_ENOMEM;
    }
    for (uint32_t worker = 0; worker < workers; worker++) {
        ledger->part[worker].index = worker;
        open_part(ledger, worker);
    }
    return 0;
}

void rp__ledger_free(struct rp__ledger *ledger) {
    free(ledger->part);
    free(ledger->again);
    rp__intervals_free(&ledger->done);
    rp__skip_free(&ledger->skip);
    *ledger = (struct rp__ledger){0};
}

/* Where dealing must stop for now: while a reduced map is fed, its last block may not be complete. */
static uint64_t limit(const struct rp__ledger *ledger) {
    return ledger->map.reduce && !ledger->final ? ledger->known - ledger->known % ledger->map.reduce : ledger->known;
}

static uint64_t skipped_in(const struct rp__ledger *ledger, uint64_t begin, uint64_t end) {
    return ledger->skip.count ? rp__skip_below(&ledger->skip, end) - rp__skip_below(&ledger->skip, begin) : 0;
}

void rp__ledger_feed(struct rp__ledger *ledger, uint64_t tasks) {
    ledger->done_tasks += skipped_in(ledger, ledger->known, ledger->known + tasks);
    ledger->known += tasks;
}

/* Tasks that were never dealt, and may be now. When fixed, the cursor is a count of tasks. */
static uint64_t fresh(const struct rp__ledger *ledger) {
    const uint64_t end = limit(ledger), skipped = skipped_in(ledger, ledger->fixed ? 0 : ledger->next, end);
    return end - ledger->next - skipped - ledger->dropped;
}

uint64_t rp__ledger_undealt(const struct rp__ledger *ledger) { return fresh(ledger) + ledger->again_tasks; }

bool rp__ledger_complete(const struct rp__ledger *ledger) {
    return ledger->final && ledger->done_tasks == ledger->known;
}

static void sift_down(struct rp__range *heap, size_t count, size_t at) {
    for (;;) {
        size_t low = at, left = 2 * at + 1;
        if (left < count && heap[left].begin < heap[low].begin) low = left;
        if (left + 1 < count && heap[left + 1].begin < heap[low].begin) low = left + 1;
        if (low == at) return;
        struct rp__range swap = heap[at];
        heap[at] = heap[low];
        heap[low] = swap;
        at = low;
    }
}

static void sift_up(struct rp__range *heap, size_t at) {
    for (size_t up; at && heap[up = (at - 1) / 2].begin > heap[at].begin; at = up) {
        struct rp__range swap = heap[at];
        heap[at] = heap[up];
        heap[up] = swap;
    }
}

/* The lowest that came back and that `worker` may have: the heap's top, unless tasks belong to workers. */
static size_t find_again(const struct rp__ledger *ledger, uint32_t worker) {
    const struct rp__range *again = ledger->again;
    size_t lowest = ledger->again_count;
    if (!ledger->fixed) return 0;
    for (size_t i = 0; i < ledger->again_count; i++)
        if ((again[i].worker == RP__ANY_WORKER || again[i].worker == worker) &&
            (lowest == ledger->again_count || again[i].begin < again[lowest].begin))
            lowest = i;
    return lowest;
}

static void remove_again(struct rp__ledger *ledger, size_t at, struct rp__range *range) {
    *range = ledger->again[at];
    ledger->again[at] = ledger->again[--ledger->again_count];
    if (at < ledger->again_count) {
        sift_down(ledger->again, ledger->again_count, at);
        sift_up(ledger->again, at);
    }
    ledger->again_tasks -= range->end - range->begin;
}

static bool take_again(struct rp__ledger *ledger, uint32_t worker, struct rp__range *range) {
    size_t at = find_again(ledger, worker);
    if (at == ledger->again_count) return false;
    remove_again(ledger, at, range);
    return true;
}

/* The first tasks not below `from` that are neither done nor skipped. */
static struct rp__interval next_open(const struct rp__ledger *ledger, uint64_t from) {
    struct rp__interval open, skip;
    for (;; from = open.begin) {
        rp__intervals_gap(&ledger->done, from, &open);
        skip = rp__skip_gap(&ledger->skip, open.begin);
        if (skip.begin == open.begin) break;
        open.begin = skip.begin; /* where something done may begin */
    }
    if (skip.end < open.end) open.end = skip.end;
    return open;
}

/* The run that the cursor comes to: what was dropped, and so is done, is passed over, and what is skipped. */
static uint64_t end_of_run(struct rp__ledger *ledger) {
    const uint64_t most = limit(ledger);
    if (!ledger->dropped && !ledger->skip.count) return most;
    struct rp__interval open = next_open(ledger, ledger->next);
    if (open.begin > most) open.begin = most;
    ledger->dropped -= open.begin - ledger->next - skipped_in(ledger, ledger->next, open.begin);
    ledger->next = open.begin;
    return open.end < most ? open.end : most;
}

bool rp__ledger_drop(struct rp__ledger *ledger, uint64_t begin, uint64_t end, struct rp__range *range, int *code) {
    *code = 0;
    for (size_t i = 0; i < ledger->again_count; i++) {
        struct rp__range back = ledger->again[i], before = back, after = back;
        if (back.end <= begin || back.begin >= end) continue;
        remove_again(ledger, i, range);
        if (range->begin < begin) range->begin = before.end = begin;
        if (range->end > end) range->end = after.begin = end;
        if (range->begin > back.begin) *code = rp__ledger_again(ledger, &before);
        if (range->end < back.end && *code == 0) *code = rp__ledger_again(ledger, &after);
        return *code == 0;
    }
    if (ledger->fixed) return false;
    struct rp__interval gap = next_open(ledger, begin > ledger->next ? begin : ledger->next);
    if (gap.end > end) gap.end = end;
    if (gap.end > ledger->known) gap.end = ledger->known;
    if (gap.begin >= gap.end) return false;
    *range = (struct rp__range){.begin = gap.begin, .end = gap.end, .worker = RP__ANY_WORKER};
    if (gap.begin == ledger->next)
        ledger->next = gap.end;
    else
        ledger->dropped += gap.end - gap.begin;
    return true;
}

/* The worker's next part, or, since nothing below `from` is to be dealt, a later one that may hold some of what is. */
static void next_part(struct rp__ledger *ledger, uint32_t worker, uint64_t from) {
    struct rp__part_cursor *part = &ledger->part[worker];
    part->index += ledger->workers;
    if (from > part->end) {
        const uint64_t index = rp__schedule_part_of(&ledger->map.schedule, &ledger->map, ledger->known, ledger->workers,
                                                    from < ledger->known ? from : ledger->known);
        if (index > part->index) part->index += (index - part->index) / ledger->workers * ledger->workers;
    }
    open_part(ledger, worker);
}

static bool take_part(struct rp__ledger *ledger, uint32_t worker, struct rp__range *range) {
    struct rp__part_cursor *part = &ledger->part[worker];
    struct rp__interval open;
    for (;;) {
        open = rp__skip_gap(&ledger->skip, part->at);
        part->at = open.begin < part->end ? open.begin : part->end;
        if (part->at < part->end) break;
        if (part->at >= ledger->known) return false;
        next_part(ledger, worker, open.begin);
    }
    uint64_t end = open.end < part->end ? open.end : part->end;
    if (ledger->map.wall) {
        uint64_t to_wall = ledger->map.wall - part->at % ledger->map.wall;
        if (end - part->at > to_wall) end = part->at + to_wall;
    }
    *range = (struct rp__range){.begin = part->at, .end = end};
    part->at = end;
    ledger->next += range->end - range->begin;
    return true;
}

/* Parts without an owner come before the worker's own, as what came back does. */
static bool take_fixed(struct rp__ledger *ledger, uint32_t worker, struct rp__range *range) {
    for (uint32_t i = 0; ledger->orphans && i < ledger->workers; i++)
        if (ledger->part[i].orphan && take_part(ledger, i, range)) return true;
    return worker < ledger->workers && take_part(ledger, worker, range);
}

void rp__ledger_release(struct rp__ledger *ledger, uint32_t worker) {
    if (!ledger->fixed || worker >= ledger->workers) return;
    ledger->part[worker].orphan = ledger->orphans = true;
    for (size_t i = 0; i < ledger->again_count; i++)
        if (ledger->again[i].worker == worker) ledger->again[i].worker = RP__ANY_WORKER;
}

static uint64_t first_cut(const struct rp__ledger *ledger, const struct rp__range *range, uint64_t size) {
    return rp__schedule_end(&ledger->map, range->begin, size, range->end);
}

/* Where all but the first of it cannot be kept, it stays as it is: that is no worse than before. */
static void keep_first(struct rp__ledger *ledger, struct rp__range *range) {
    struct rp__range rest = *range;
    rest.begin = first_cut(ledger, range, 1);
    if (rp__ledger_again(ledger, &rest) == 0) range->end = rest.begin;
}

bool rp__ledger_take(struct rp__ledger *ledger, uint32_t worker, struct rp__schedule_ask *ask,
                     struct rp__range *range) {
    bool again = ledger->again_count && take_again(ledger, worker, range), taken = again;
    if (!taken && ledger->fixed) taken = take_fixed(ledger, worker, range);
    if (taken && !again && ledger->fixed) range->worker = worker;
    if (taken && ledger->single) keep_first(ledger, range);
    if (taken && ledger->fixed) range->worker = worker; /* and its own from now on */
    if (taken || ledger->fixed) return taken;
    uint64_t run_end = end_of_run(ledger);
    if (ledger->next == run_end) return false;
    ask->remaining = fresh(ledger);
    ask->workers = ledger->workers;
    ask->batch_left = ledger->batch_left;
    ask->batch_size = ledger->batch_size;
    uint64_t size = ledger->single ? 1 : rp__schedule_size(&ledger->map.schedule, &ledger->map, ask);
    if (ledger->map.schedule.kind == RP_FACTORING) {
        if (!ledger->batch_left) {
            ledger->batch_left = ledger->workers;
            ledger->batch_size = size;
        }
        ledger->batch_left--;
    }
    uint64_t end = rp__schedule_end(&ledger->map, ledger->next, size, run_end);
    *range = (struct rp__range){.begin = ledger->next, .end = end, .worker = RP__ANY_WORKER};
    ledger->next = end;
    return true;
}

bool rp__ledger_cut(struct rp__ledger *ledger, struct rp__range *range, uint64_t most, bool least) {
    const uint64_t over = ledger->map.edge > 1 ? ledger->map.edge - 1 : 0; /* that an edge may add */
    uint64_t size = least || most <= over ? 1 : most - over;
    struct rp__range rest = *range;
    if (!least && range->end - range->begin <= most) return true;
    if (size < ledger->map.chunk_min) size = ledger->map.chunk_min;
    rest.begin = first_cut(ledger, range, size);
    if (!least && rest.begin - range->begin > most) return false;
    if (rp__ledger_again(ledger, &rest)) return false;
    range->end = rest.begin;
    return true;
}

int rp__ledger_done(struct rp__ledger *ledger, uint64_t begin, uint64_t end) {
    const struct rp__interval done = rp__skip_join(&ledger->skip, begin, end);
    int rc = rp__intervals_add(&ledger->done, done.begin, done.end);
    if (rc == 0) ledger->done_tasks += end - begin;
    return rc;
}

int rp__ledger_again(struct rp__ledger *ledger, const struct rp__range *range) {
    if (range->begin == range->end) return 0;
    if (ledger->again_count == ledger->again_capacity) {
        size_t capacity = ledger->again_capacity ? 2 * ledger->again_capacity : 32;
        struct rp__range *again = realloc(ledger->again, capacity * sizeof *again);
        if (!again) return RP_ENOMEM;
        ledger->again = again;
        ledger->again_capacity = capacity;
    }
    ledger->again[ledger->again_count] = *range;
    sift_up(ledger->again, ledger->again_count++);
    ledger->again_tasks += range->end - range->begin;
    return 0;
}

bool rp__ledger_splits(const struct rp__ledger *ledger, const struct rp__range *range) {
    return first_cut(ledger, range, 1) < range->end;
}

int rp__ledger_again_in_parts(struct rp__ledger *ledger, const struct rp__range *range) {
    uint64_t tasks = range->end - range->begin;
    uint64_t size = tasks / PARTS + (tasks % PARTS != 0);
    /* The only edge may lie before the first part's end: then the range is cut there. What can be cut must be, or a
     * task that kills its worker would do so for ever. */
    if (first_cut(ledger, range, size) == range->end) size = 1;
    struct rp__range part = *range;
    int rc = 0;
    while (rc == 0 && part.begin < range->end) {
        struct rp__range rest = {.begin = part.begin, .end = range->end};
        part.end = first_cut(ledger, &rest, size);
        rc = rp__ledger_again(ledger, &part);
        part.begin = part.end;
    }
    return rc;
}
