/* Maps as the program sees them: opened, fed, read, canceled and closed; and the answers that become due in them. */
#include "core/master_state.h"

#include "core/record.h"

#include <stdlib.h>
#include <string.h>

enum { DEFAULT_RETRIES = 2 };

uint32_t rp__map_workers(const struct rp__master *master, const struct rp__master_map *map, uint32_t rank) {
    const struct rp__master_rank *at = &master->rank[rank];
    if (map->active <= at->first) return 0;
    return map->active - at->first < at->workers ? map->active - at->first : at->workers;
}

int rp__master_map_open(struct rp__master *master, const struct rp__map_spec *spec, struct rp__master_map **out) {
    struct rp__master_map *map = calloc(1, sizeof *map);
    if (!map) return RP_ENOMEM;
    const rp_map_options *options = &spec->options;
    map->number = ++master->next_map;
    map->idle_from_ns = master->idle_ns;
    map->kernel = spec->kernel;
    map->range = spec->range;
    map->keep_all = spec->keep_all;
    map->pure = spec->pure;
    map->active = options->active && options->active < master->workers ? options->active : master->workers;
    map->limit_ns = options->timeout > 0 ? (uint64_t)(options->timeout * 1e9) + 1 : 0;
    map->retries = options->retries == UINT32_MAX ? 0 : options->retries ? options->retries : DEFAULT_RETRIES;
    map->window = (struct rp__window){.unordered = options->unordered, .aside = spec->aside};
    map->window.limit = options->window ? options->window : RP__UNREAD_MAX;
    map->once = spec->once;
    map->may_repeat = options->retries && options->retries != UINT32_MAX;
    map->ready_tail = &map->ready;
    map->rank = calloc(master->ranks, sizeof *map->rank);
    map->args = malloc(options->args_size ? options->args_size : 1);
    if (!map->rank || !map->args || rp__ledger_init(&map->ledger, options, map->active)) {
        free(map->rank);
        free(map->args);
        free(map);
        return RP_ENOMEM;
    }
    if (options->args_size) memcpy(map->args, options->args, options->args_size);
    map->args_size = options->args_size;
    map->ledger.single = map->once && !map->range; /* what was done in a chunk before its worker died must count */
    map->window.due = rp__skip_gap(&map->ledger.skip, 0).begin;
    for (uint32_t i = 0; i < master->ranks; i++) map->rank[i].grown = 1;
    struct rp__master_map **last = &master->maps;
    while (*last) last = &(*last)->next;
    *last = map;
    master->restless = true;
    *out = map;
    return 0;
}

int rp__master_map_feed(struct rp__master *master, struct rp__master_map *map, uint64_t tasks,
                        struct rp__buffer *records) {
    int rc = rp__items_add(&map->items, map->ledger.known, tasks, records);
    if (rc) return rc;
    const uint64_t begin = map->ledger.known, end = begin + tasks;
    rp__ledger_feed(&map->ledger, tasks);
    for (struct rp__interval skip = rp__skip_next(&map->ledger.skip, begin); skip.begin < skip.end && skip.begin < end;
         skip = rp__skip_next(&map->ledger.skip, skip.end))
        rp__items_done(&map->items, skip.begin > begin ? skip.begin : begin, skip.end < end ? skip.end : end);
    master->restless = true;
    return 0;
}

const struct rp__skip *rp__master_map_skip(const struct rp__master_map *map) { return &map->ledger.skip; }

void rp__master_map_final(struct rp__master *master, struct rp__master_map *map) {
    map->ledger.final = true;
    master->restless = true;
}

struct rp__part *rp__master_map_take(struct rp__master_map *map) {
    struct rp__part *part = map->ready;
    if (!part) return NULL;
    map->ready = part->next;
    if (!map->ready) map->ready_tail = &map->ready;
    part->next = NULL;
    return part;
}

void rp__master_map_consumed(struct rp__master *master, struct rp__master_map *map, size_t parts, size_t bytes) {
    if (map->unread > RP__UNREAD_MAX) master->restless = true;
    map->unread -= bytes + parts * sizeof(struct rp__part);
}

uint32_t rp__master_map_number(const struct rp__master_map *map) { return map->number; }

bool rp__master_map_complete(const struct rp__master_map *map) {
    return rp__ledger_complete(&map->ledger) && !map->ready && !map->window.count;
}

void rp__master_map_close(struct rp__master *master, struct rp__master_map *map) {
    if (map->closing) return;
    map->closing = true;
    for (uint32_t rank = 0; rank < master->ranks; rank++)
        if (map->rank[rank].told)
            rp__master_control(master, rank, &(struct rp__frame){.type = RP__FRAME_MAP_END, .map = map->number});
}

bool rp__master_map_idle(const struct rp__master_map *map) { return map->out == 0; }

bool rp__master_map_at_rest(const struct rp__master_map *map) {
    return map->out == 0 && (map->closing || rp__ledger_complete(&map->ledger));
}

void rp__master_map_free(struct rp__master *master, struct rp__master_map *map) {
    struct rp__master_map **at = &master->maps;
    while (*at && *at != map) at = &(*at)->next;
    if (*at) *at = map->next;
    for (struct rp__part *part; (part = rp__master_map_take(map));) rp__part_free(part);
    rp__window_free(&map->window);
    rp__items_free(&map->items);
    rp__ledger_free(&map->ledger);
    free(map->rank);
    free(map->args);
    free(map);
}

size_t rp__master_map_held(const struct rp__master_map *map) { return map->items.bytes - map->items.grown; }

void rp__master_map_stats(const struct rp__master *master, struct rp__master_map *map, rp_map_stats *stats) {
    *stats = map->stats;
    stats->tasks_done = map->ledger.done_tasks;
    stats->tasks_known = map->ledger.known;
    stats->tasks_final = map->ledger.final && (!map->ledger.map.grows || rp__ledger_complete(&map->ledger));
    stats->busy_seconds = (double)map->busy_ns * 1e-9;
    const uint64_t idle_ns = map->idle_final ? map->idle_from_ns : master->idle_ns - map->idle_from_ns;
    stats->idle_seconds = (double)idle_ns * 1e-9;
    if (!map->idle_final && rp__master_map_complete(map)) {
        map->idle_final = true;
        map->idle_from_ns = idle_ns;
    }
    stats->workers = master->workers;
    stats->tasks_partial = map->partial > 0 ? map->partial : 0;
}

int rp__answer(struct rp__master_map *map, struct rp__part *part) {
    if (!part) return RP_ENOMEM;
    uint64_t begin = part->begin, end = part->end;
    int rc = rp__ledger_done(&map->ledger, begin, end);
    if (rc == 0) rc = rp__window_put(&map->window, part);
    if (rc) {
        rp__part_free(part);
        return rc;
    }
    if (map->items.count) rp__items_done(&map->items, begin, end);
    while ((rc = rp__window_next(&map->window, &part)) == 0 && part) {
        map->window.due = rp__skip_gap(&map->ledger.skip, map->window.due).begin;
        map->unread += part->size + part->failed_size + sizeof *part;
        *map->ready_tail = part;
        map->ready_tail = &part->next;
    }
    return rc;
}

int rp__part_failed(struct rp__master_map *map, struct rp__part *part, const rp_failure *how) {
    const bool known = map->items.count && (!part->failure || part->end - part->begin == 1);
    struct rp__buffer scratch = {0};
    const uint8_t *inputs = NULL;
    size_t size = 0;
    int rc = known ? rp__items_get(&map->items, part->begin, part->end, &scratch, &inputs, &size) : 0;
    if (rc == 0) rc = rp__part_fail(part, how, inputs, size);
    rp__buffer_free(&scratch);
    return rc;
}

int rp__give_up(struct rp__master_map *map, const struct rp__range *range, const rp_failure *how, const char *words,
                size_t size) {
    uint8_t record[RP__RECORD_HEAD_MAX + 256];
    size = size < 256 ? size : 256;
    size_t head = rp__record_head(record, size, true);
    memcpy(record + head, words, size);
    struct rp__part *part = rp__part_copy(range->begin, range->end, record, head + size);
    if (part) part->failure = how->cause == RP_CAUSE_CANCELED ? RP_ECANCELED : RP_EDIED;
    if (!part || rp__part_failed(map, part, how)) {
        rp__part_free(part);
        return RP_ENOMEM;
    }
    map->stats.tasks_failed += range->end - range->begin;
    return rp__answer(map, part);
}

int rp__cancel(struct rp__master_map *map, const struct rp__range *range) {
    const char *words = rp_strerror(RP_ECANCELED);
    const rp_failure how = {
        .cause = RP_CAUSE_CANCELED, .rank = -1, .worker = UINT32_MAX, .core = -1, .attempts = range->runs};
    return rp__give_up(map, range, &how, words, strlen(words));
}

int rp__master_map_cancel(struct rp__master *master, struct rp__master_map *map, uint64_t begin, uint64_t end,
                          bool kill) {
    struct rp__range range;
    int rc = 0;
    while (rc == 0 && rp__ledger_drop(&map->ledger, begin, end, &range, &rc)) rc = rp__cancel(map, &range);
    for (uint32_t i = 0; i < master->chunks && rc == 0; i++) {
        struct rp__chunk *chunk = &master->chunk[i];
        if (!chunk->id || chunk->surplus || chunk->map != map || chunk->range.begin < begin || chunk->range.end > end)
            continue;
        rc = rp__master_control(
            master, chunk->rank,
            &(struct rp__frame){.type = RP__FRAME_CANCEL, .chunk = chunk->id, .flags = kill ? RP__KILL : 0});
        if (rc) break;
        chunk->cancels++;
        map->cancels++;
    }
    return rc;
}

bool rp__master_map_canceling(const struct rp__master_map *map, uint64_t *refused) {
    *refused = map->refused;
    return map->cancels != 0;
}
