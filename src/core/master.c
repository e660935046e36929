/* The master's bookkeeping: the pool, the chunks that are out, and what ranks report of them. What the program asks of
 * maps is in master_map.c, what becomes of chunks that are not answered in master_lost.c. See master.h. */
#include "core/master_state.h"

#include "core/record.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { SLOT_BITS = 24 };
static const double HOLD_NS = 20e6, LONG_NS = 500e6;

struct rp__master *rp__master_new(uint32_t ranks) {
    struct rp__master *master = calloc(1, sizeof *master);
    if (!master) return NULL;
    bool complete = (master->rank = calloc(ranks, sizeof *master->rank)) != NULL;
    for (int i = 0; i < RP__RANK_SETS && complete; i++)
        complete = (master->set[i] = calloc(ranks / 64 + 1, sizeof *master->set[i])) != NULL;
    if (!complete) {
        rp__master_free(master);
        return NULL;
    }
    master->ranks = ranks;
    return master;
}

void rp__master_free(struct rp__master *master) {
    if (!master) return;
    while (master->maps) rp__master_map_free(master, master->maps);
    for (uint32_t i = 0; i < master->chunks; i++) {
        rp__gathered_free(&master->chunk[i].bytes);
        rp__buffer_free(&master->chunk[i].children);
    }
    rp__buffer_free(&master->pool_options);
    rp__buffer_free(&master->scratch);
    free(master->control);
    free(master->chunk);
    for (int i = 0; i < RP__RANK_SETS; i++) free(master->set[i]);
    free(master->held);
    free(master->core);
    free(master->rank);
    free(master);
}

int rp__master_control(struct rp__master *master, uint32_t rank, const struct rp__frame *frame) {
    if (master->control_from == master->control_to) master->control_from = master->control_to = 0;
    if (master->control_to == master->control_capacity) {
        size_t capacity = master->control_capacity ? 2 * master->control_capacity : 16;
        struct rp__control *control = realloc(master->control, capacity * sizeof *control);
        if (!control) return RP_ENOMEM;
        master->control = control;
        master->control_capacity = capacity;
    }
    master->control[master->control_to++] = (struct rp__control){.rank = rank, .frame = *frame};
    return 0;
}

static int tell_all(struct rp__master *master, const struct rp__frame *frame) {
    int rc = 0;
    for (uint32_t rank = 0; rank < master->ranks && rc == 0; rank++)
        if (!master->rank[rank].lost) rc = rp__master_control(master, rank, frame);
    return rc;
}

bool rp__master_action(struct rp__master *master, uint32_t *rank, struct rp__frame *frame) {
    while (master->control_from < master->control_to) {
        const struct rp__control *control = &master->control[master->control_from++];
        if (master->rank[control->rank].lost) continue;
        *rank = control->rank;
        *frame = control->frame;
        return true;
    }
    return !master->stopped && !master->draining && master->restless && rp__deal(master, rank, frame);
}

void rp__master_stop(struct rp__master *master) { master->stopped = true; }

void rp__master_pass(struct rp__master *master, uint64_t now_ns) {
    if (master->passed_ns && now_ns > master->passed_ns) master->idle_ns += master->idle * (now_ns - master->passed_ns);
    master->passed_ns = now_ns;
}

/* ---- The pool ---- */

int rp__master_pool_open(struct rp__master *master, const void *options, size_t size) {
    master->pool_options.size = 0;
    if (rp__buffer_append(&master->pool_options, options, size)) return RP_ENOMEM;
    return tell_all(master,
                    &(struct rp__frame){.type = RP__FRAME_POOL, .data = master->pool_options.data, .size = size});
}

bool rp__master_pool_ready(const struct rp__master *master) {
    for (uint32_t i = 0; i < master->ranks; i++) {
        const struct rp__master_rank *rank = &master->rank[i];
        if (!rank->lost && (!rank->up || rank->started < rank->workers)) return false;
    }
    return true;
}

int rp__master_pool_close(struct rp__master *master) {
    for (uint32_t i = 0; i < master->ranks; i++)
        master->rank[i] = (struct rp__master_rank){.lost = master->rank[i].lost};
    for (uint32_t i = 0; i < master->ranks; i++) rp__rank_changed(master, i);
    master->workers = master->ranks_up = master->idle = 0;
    free(master->held);
    free(master->core);
    master->held = NULL;
    master->core = NULL;
    return tell_all(master, &(struct rp__frame){.type = RP__FRAME_POOL_END});
}

uint32_t rp__master_workers(const struct rp__master *master) { return master->workers; }

/* When the last crew has said how many it is, workers are numbered through the ranks, and all start. */
static int number_workers(struct rp__master *master) {
    uint32_t first = 0;
    int rc = 0;
    for (uint32_t i = 0; i < master->ranks; i++) {
        master->rank[i].first = first;
        first += master->rank[i].workers;
    }
    master->workers = master->idle = first;
    master->held = calloc(first ? first : 1, sizeof *master->held);
    master->core = malloc((first ? first : 1) * sizeof *master->core);
    if (!master->held || !master->core) return RP_ENOMEM;
    for (uint32_t i = 0; i < first; i++) master->core[i] = -1;
    for (uint32_t i = 0; i < master->ranks && rc == 0; i++)
        rc = rp__master_control(master, i,
                                &(struct rp__frame){.type = RP__FRAME_START, .worker = master->rank[i].first});
    return rc;
}

static int crew_came(struct rp__master *master, uint32_t from, uint32_t workers) {
    struct rp__master_rank *rank = &master->rank[from];
    if (rank->up) return RP_EPROTOCOL;
    rank->up = true;
    rank->workers = workers;
    rank->depth = 1;
    rp__rank_changed(master, from);
    return rp__crew_counted(master);
}

int rp__crew_counted(struct rp__master *master) {
    master->ranks_up++;
    return master->ranks_up == master->ranks ? number_workers(master) : 0;
}

/* ---- Chunks ---- */

struct rp__chunk *rp__chunk_new(struct rp__master *master, struct rp__master_map *map, const struct rp__range *range,
                                uint32_t rank) {
    if (master->free_chunk == master->chunks) {
        uint32_t chunks = master->chunks ? 2 * master->chunks : 64;
        struct rp__chunk *chunk = realloc(master->chunk, chunks * sizeof *chunk);
        if (!chunk || chunks > 1u << SLOT_BITS) return NULL;
        for (uint32_t i = master->chunks; i < chunks; i++) chunk[i] = (struct rp__chunk){.next_free = i + 1};
        master->chunk = chunk;
        master->chunks = chunks;
    }
    uint32_t slot = master->free_chunk;
    struct rp__chunk *chunk = &master->chunk[slot];
    master->free_chunk = chunk->next_free;
    *chunk = (struct rp__chunk){.id = ++master->generation << SLOT_BITS | slot,
                                .map = map,
                                .range = *range,
                                .rank = rank,
                                .counted = true,
                                .dealt_ns = master->now_ns,
                                .expected_ns = map->rank[rank].ns_per_task * (double)(range->end - range->begin)};
    map->out++;
    master->rank[rank].expected_ns += chunk->expected_ns;
    if (master->rank[rank].held++ < master->rank[rank].workers) master->idle--;
    rp__rank_changed(master, rank);
    if (range->worker != RP__ANY_WORKER) master->held[range->worker]++;
    return chunk;
}

static struct rp__chunk *find_chunk(struct rp__master *master, uint32_t rank, uint64_t id) {
    uint32_t slot = (uint32_t)(id & ((1u << SLOT_BITS) - 1));
    if (!id || slot >= master->chunks) return NULL;
    struct rp__chunk *chunk = &master->chunk[slot];
    return chunk->id == id && chunk->rank == rank ? chunk : NULL;
}

void rp__chunk_uncount(struct rp__master *master, struct rp__chunk *chunk) {
    struct rp__master_rank *rank = &master->rank[chunk->rank];
    if (!chunk->counted) return;
    chunk->counted = false;
    if (--rank->held < rank->workers) master->idle++;
    rank->expected_ns = rank->held ? rank->expected_ns - chunk->expected_ns : 0; /* nothing adds up by rounding */
    rp__rank_changed(master, chunk->rank);
    if (chunk->range.worker != RP__ANY_WORKER && master->held[chunk->range.worker]) master->held[chunk->range.worker]--;
}

void rp__chunk_free(struct rp__master *master, struct rp__chunk *chunk) {
    chunk->map->out--;
    chunk->map->cancels -= chunk->cancels;
    chunk->map->partial = chunk->map->out ? chunk->map->partial - chunk->progress : 0; /* nothing adds up by rounding */
    if (chunk->twin) master->chunk[chunk->twin - 1].twin = 0;
    rp__chunk_uncount(master, chunk);
    rp__gathered_free(&chunk->bytes);
    rp__buffer_free(&chunk->children);
    chunk->id = 0;
    chunk->next_free = master->free_chunk;
    master->free_chunk = (uint32_t)(chunk - master->chunk);
    master->restless = true;
}

/* ---- Results ---- */

/* Are these the records of `tasks` tasks, each of `per` of them but for the last, which has the rest? Counts the tasks
 * that failed. */
static bool check_records(const uint8_t *bytes, size_t bytes_size, uint64_t tasks, uint64_t per,
                          uint64_t *failed_count) {
    *failed_count = 0;
    for (size_t at = 0; at < bytes_size;) {
        const uint8_t *data;
        size_t size;
        bool failed;
        size_t length = rp__record_read(bytes + at, bytes_size - at, &data, &size, &failed);
        if (!length || !tasks) return false;
        uint64_t of_record = tasks < per ? tasks : per;
        if (failed) *failed_count += of_record;
        tasks -= of_record;
        at += length;
    }
    return tasks == 0;
}

static uint64_t tasks_a_record(const struct rp__master_map *map) {
    return map->range ? UINT64_MAX : map->ledger.map.reduce ? map->ledger.map.reduce : 1;
}

/* Are these whole records, and how many? */
static bool count_records(const struct rp__buffer *records, uint64_t *count) {
    *count = 0;
    for (size_t at = 0; at < records->size; ++*count) {
        const uint8_t *data;
        size_t size;
        bool failed;
        size_t length = rp__record_read(records->data + at, records->size - at, &data, &size, &failed);
        if (!length) return false;
        at += length;
    }
    return true;
}

/* Tasks that a chunk's tasks have added, once it is answered. */
static int grow(struct rp__master *master, struct rp__master_map *map, uint64_t tasks, struct rp__buffer *records) {
    if (!tasks) return 0;
    int rc = rp__master_map_feed(master, map, tasks, records);
    if (rc == 0) rp__items_mark_grown(&map->items);
    return rc;
}

static void learn(struct rp__master *master, const struct rp__chunk *chunk, size_t size, uint64_t busy_ns) {
    struct rp__master_map *map = chunk->map;
    struct rp__master_rank *rank = &master->rank[chunk->rank];
    struct rp__map_rank *seen = &map->rank[chunk->rank];
    uint64_t tasks = chunk->range.end - chunk->range.begin;
    double ns = busy_ns ? (double)busy_ns : 1, per_task = ns / (double)tasks;
    double bytes = (double)size / (double)tasks;
    seen->ns_per_task += seen->ns_per_task > 0 ? 0.3 * (per_task - seen->ns_per_task) : per_task;
    map->bytes_per_task += map->bytes_per_task > 0 ? 0.3 * (bytes - map->bytes_per_task) : bytes;
    rank->chunk_ns += rank->chunk_ns > 0 ? 0.3 * (ns - rank->chunk_ns) : ns;
    if (tasks >= seen->grown && seen->grown < UINT64_MAX / 2) seen->grown = 2 * tasks;
    /* A worker holds about 20 ms of work besides the chunk in hand, so that its agent need not wake for each chunk; of
     * long chunks one, of very long ones none. An auto chunk grows to a length at which a few are enough, and would
     * grow late if many small ones were out already. */
    double extra = HOLD_NS / rank->chunk_ns;
    uint32_t most = map->ledger.map.schedule.kind == RP_AUTO ? RP__DEPTH_AUTO : RP__DEPTH_MAX;
    uint32_t wanted = rank->chunk_ns > LONG_NS ? 1 : extra > most - 2 ? most : 2 + (uint32_t)extra;
    rank->depth = wanted < 2 * rank->depth ? wanted : 2 * rank->depth;
    rp__rank_changed(master, chunk->rank);
}

/* A whole answer: in this one frame, or gathered in the chunk, whose bytes are taken then. NULL: out of memory. */
static struct rp__part *make_part(const struct rp__master *master, struct rp__chunk *chunk,
                                  const struct rp__frame *frame, bool whole, bool failed) {
    const struct rp__range *range = &chunk->range;
    struct rp__part *part = whole ? rp__part_copy(range->begin, range->end, frame->data, frame->size)
                                  : rp__gathered_part(&chunk->bytes, range->begin, range->end);
    if (!part || !failed) return part;
    const rp_failure how = rp__failure(master, chunk, frame->worker, RP_CAUSE_ERROR);
    if (rp__part_failed(chunk->map, part, &how) == 0) return part;
    rp__part_free(part);
    return NULL;
}

static int result_came(struct rp__master *master, struct rp__chunk *chunk, const struct rp__frame *frame) {
    struct rp__master_map *map = chunk->map;
    if (map->closing || chunk->surplus) {
        if (!(frame->flags & RP__MORE)) rp__chunk_free(master, chunk);
        return 0;
    }
    /* Most answers come in one frame and are copied once, into their part; others gather in the chunk first. */
    bool whole = !chunk->bytes.size && !(frame->flags & RP__MORE);
    if (!whole && rp__gather(&chunk->bytes, map->window.aside.files, frame->data, frame->size)) return RP_ENOMEM;
    if (frame->flags & RP__MORE) return 0;
    const uint8_t *bytes = whole ? frame->data : rp__gathered_bytes(&chunk->bytes);
    if (!bytes && !whole && chunk->bytes.size) return RP_ENOMEM;
    size_t size = whole ? frame->size : chunk->bytes.size;
    struct rp__range range = chunk->range;
    uint64_t failed = 0, children = 0;
    int rc;
    if (!count_records(&chunk->children, &children) ||
        !check_records(bytes, size, range.end - range.begin, tasks_a_record(map), &failed)) {
        const rp_failure how = rp__failure(master, chunk, frame->worker, RP_CAUSE_OTHER);
        static const char words[] = "its worker answered with bytes that make no sense";
        rc = rp__chunk_covered(master, chunk, true) ? 0 : rp__suspect(chunk, &how, words);
    } else if (failed && map->range && !rp__has_effects(chunk) && rp__ledger_splits(&map->ledger, &range)) {
        map->stats.chunks_again++;
        range.runs++;
        rc = rp__ledger_again_in_parts(&map->ledger, &range);
        if (rc == 0) rc = rp__chunk_won(master, chunk);
    } else {
        if (chunk->counted) learn(master, chunk, size, frame->count); /* else it has waited, too */
        map->stats.chunks++;
        if (frame->flags & RP__MIGRATED) map->stats.migrations++;
        map->stats.tasks_failed += failed;
        map->busy_ns += frame->count;
        struct rp__part *part = make_part(master, chunk, frame, whole, failed != 0);
        rc = grow(master, map, children, &chunk->children); /* first: the map may be complete without them */
        const int answered = rp__answer(map, part);
        if (rc == 0) rc = answered;
        if (rc == 0) rc = rp__chunk_won(master, chunk);
    }
    rp__chunk_free(master, chunk);
    return rc;
}

static int children_came(struct rp__chunk *chunk, const struct rp__frame *frame) {
    if (chunk->map->closing || !chunk->map->ledger.map.grows) return 0;
    return rp__buffer_append(&chunk->children, frame->data, frame->size);
}

static int chunk_runs(struct rp__chunk *chunk) {
    if (!chunk->cancels) return 0;
    chunk->cancels--;
    chunk->map->cancels--;
    chunk->map->refused++;
    return 0;
}

/* Of two chunks of the same tasks, the first counts as long as both are out. */
static int progress_came(struct rp__chunk *chunk, const struct rp__frame *frame) {
    double tasks, most = (double)(chunk->range.end - chunk->range.begin);
    memcpy(&tasks, &frame->count, sizeof tasks);
    if (!(tasks >= 0)) return RP_EPROTOCOL;
    if (tasks > most) tasks = most;
    if (chunk->surplus || (chunk->copy && chunk->twin)) return 0;
    chunk->map->partial += tasks - chunk->progress;
    chunk->progress = tasks;
    return 0;
}

int rp__master_receive(struct rp__master *master, uint32_t from, const struct rp__frame *frame) {
    if (from >= master->ranks) return RP_EPROTOCOL;
    struct rp__master_rank *rank = &master->rank[from];
    if (rank->lost) return 0;
    struct rp__chunk *chunk = find_chunk(master, from, frame->chunk);
    switch (frame->type) {
    case RP__FRAME_CREW:
        return crew_came(master, from, frame->worker);
    case RP__FRAME_WORKER:
        if (rank->started < rank->workers) rank->started++;
        if (master->core && frame->worker < rank->workers && frame->chunk <= INT_MAX)
            master->core[rank->first + frame->worker] = (int)frame->chunk - 1;
        return 0;
    case RP__FRAME_RESULT:
        return chunk ? result_came(master, chunk, frame) : 0;
    case RP__FRAME_CHILDREN:
        return chunk ? children_came(chunk, frame) : 0;
    case RP__FRAME_RETURNED:
        if (frame->flags & RP__LAST) rank->asked_back = false;
        master->restless = true;
        return chunk ? rp__chunk_returned(master, chunk) : 0;
    case RP__FRAME_RUNS:
        return chunk ? chunk_runs(chunk) : 0;
    case RP__FRAME_PROGRESS:
        return chunk ? progress_came(chunk, frame) : 0;
    case RP__FRAME_DIED:
        for (struct rp__master_map *map = master->maps; map && !(frame->flags & RP__KILLED); map = map->next)
            if (!map->closing && (!chunk || chunk->map == map)) map->stats.deaths++;
        return chunk && frame->flags & RP__IN_HAND ? rp__worker_died(master, chunk, frame) : 0;
    case RP__FRAME_CUT:
        return chunk ? rp__chunk_cut(master, chunk, frame) : 0;
    case RP__FRAME_BLOCKED:
        if (chunk) rp__chunk_uncount(master, chunk);
        master->restless = true;
        return 0;
    default:
        return RP_EPROTOCOL;
    }
}
