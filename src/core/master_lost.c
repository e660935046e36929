/* Chunks that come back without an answer: their tasks are dealt again, closer in on the one that its worker died of, until
 * it has had its retries.
 *
 * What has had effects on others is not computed again, unless retries were asked for: it would put into a queue twice
 * what it put there once. Of a chunk that was cut for that reason, the last task has had them, and those before it none.
 */
#include "core/error.h"
#include "core/master_state.h"

#include <inttypes.h>
#include <string.h>

bool rp__has_effects(const struct rp__chunk *chunk) {
    return !chunk->map->may_repeat && (chunk->synced || chunk->map->once);
}

rp_failure rp__failure(const struct rp__master *master, const struct rp__chunk *chunk, uint32_t worker,
                       enum rp_cause cause) {
    const struct rp__master_rank *rank = &master->rank[chunk->rank];
    const bool known = worker < rank->workers;
    return (rp_failure){.cause = cause,
                        .rank = (int)chunk->rank,
                        .worker = known ? rank->first + worker : UINT32_MAX,
                        .core = known ? master->core[rank->first + worker] : -1,
                        .attempts = chunk->range.runs + chunk->twins_lost + 1};
}

/* Answered by a failure: the last task, or where that cannot be told from the others all of them, block by block. */
static int fail_effects(const struct rp__chunk *chunk, const rp_failure *how, const char *words) {
    struct rp__master_map *map = chunk->map;
    struct rp__range before = chunk->range, part = chunk->range;
    uint64_t block = map->ledger.map.reduce;
    if (!map->range && !map->once && !block) part.begin = part.end - 1;
    before.end = part.begin;
    before.runs = how->attempts;
    int rc = rp__ledger_again(&map->ledger, &before);
    for (; rc == 0 && part.begin < chunk->range.end; part.begin = part.end) {
        uint64_t left = chunk->range.end - part.begin;
        part.end = part.begin + (block && block < left ? block : left);
        rc = rp__give_up(map, &part, how, words, strlen(words));
    }
    return rc;
}

/* Tasks that a worker may have died of: closer in on the guilty one, or once more, or no more. */
static int suspect(struct rp__master_map *map, struct rp__range range, const rp_failure *how, const char *words) {
    map->stats.chunks_again++;
    range.runs = how->attempts;
    if (rp__ledger_splits(&map->ledger, &range)) return rp__ledger_again_in_parts(&map->ledger, &range);
    if (range.attempts++ < map->retries) return rp__ledger_again(&map->ledger, &range);
    map->stats.chunks_again--;
    return rp__give_up(map, &range, how, words, strlen(words));
}

int rp__suspect(struct rp__chunk *chunk, const rp_failure *how, const char *words) {
    return rp__has_effects(chunk) ? fail_effects(chunk, how, words) : suspect(chunk->map, chunk->range, how, words);
}

/* Not begun. */
int rp__chunk_returned(struct rp__master *master, struct rp__chunk *chunk) {
    const bool over = chunk->map->closing || rp__chunk_covered(master, chunk, false);
    int rc = over             ? 0
             : chunk->cancels ? rp__cancel(chunk->map, &chunk->range)
                              : rp__ledger_again(&chunk->map->ledger, &chunk->range);
    rp__chunk_free(master, chunk);
    return rc;
}

/* Begun, as far as is known, and not for what it computed that it has no answer. */
static int chunk_lost(struct rp__master *master, struct rp__chunk *chunk, const rp_failure *how, const char *words) {
    if (chunk->map->closing || chunk->cancels || !rp__has_effects(chunk) || rp__chunk_covered(master, chunk, false))
        return rp__chunk_returned(master, chunk);
    int rc = fail_effects(chunk, how, words);
    rp__chunk_free(master, chunk);
    return rc;
}

int rp__chunk_cut(struct rp__master *master, struct rp__chunk *chunk, const struct rp__frame *frame) {
    struct rp__ledger *ledger = &chunk->map->ledger;
    struct rp__range rest = chunk->range;
    if (chunk->surplus) return 0;
    if (frame->begin != rest.begin || frame->end <= rest.begin || frame->end > rest.end) return RP_EPROTOCOL;
    int rc = rp__chunk_won(master, chunk); /* a twin would compute what goes back now */
    if (rc) return rc;
    chunk->synced = true;
    /* Tasks of this map may wait for each other, so none is to lie behind another one in its chunk. */
    ledger->single = !chunk->map->range;
    if (chunk->map->closing) return 0;
    rest.begin = frame->end;
    rc = rp__ledger_again(ledger, &rest);
    if (rc == 0) chunk->range.end = frame->end;
    master->restless = true;
    return rc;
}

/* A block of a reduced map stands and falls as one. Chunks begin where a block does. */
static void widen_to_blocks(uint64_t reduce, const struct rp__range *whole, struct rp__range *guilty) {
    uint64_t over = guilty->end % reduce ? reduce - guilty->end % reduce : 0, left = whole->end - guilty->end;
    guilty->begin -= guilty->begin % reduce;
    guilty->end += over < left ? over : left;
}

static rp_failure death(const struct rp__master *master, const struct rp__chunk *chunk, const struct rp__frame *frame) {
    const bool known = frame->kernel > RP_CAUSE_ERROR && frame->kernel < RP_CAUSE_OTHER;
    rp_failure how = rp__failure(master, chunk, frame->worker, known ? (enum rp_cause)frame->kernel : RP_CAUSE_OTHER);
    if (frame->count < 256)
        how.exit_code = (int)frame->count;
    else
        how.signal = (int)(frame->count % 256);
    return how;
}

int rp__worker_died(struct rp__master *master, struct rp__chunk *chunk, const struct rp__frame *frame) {
    struct rp__master_map *map = chunk->map;
    const rp_failure how = death(master, chunk, frame);
    const uint32_t runs = chunk->range.runs;
    chunk->range.runs = how.attempts;
    struct rp__range whole = chunk->range, guilty = whole;
    struct rp_error cause;
    int length = (int)(frame->size < sizeof cause.text ? frame->size : sizeof cause.text), rc;
    rp__fail(&cause, RP_EDIED, "%.*s", length, (const char *)frame->data);
    /* Killed for a map that was closed, while it may have begun a chunk of another: nobody is to blame. */
    if (frame->flags & RP__KILLED) return chunk_lost(master, chunk, &how, cause.text);
    if (rp__chunk_covered(master, chunk, true)) {
        rp__chunk_free(master, chunk);
        return 0;
    }
    /* Only the tasks that it may have died of come under suspicion; those around them are dealt again as they are. */
    if (frame->begin >= whole.begin && frame->end <= whole.end && frame->begin < frame->end) {
        guilty.begin = frame->begin;
        guilty.end = frame->end;
    }
    if (map->ledger.map.reduce) {
        if (guilty.end - guilty.begin == 1)
            rp__fail(&cause, RP_EDIED, "task %" PRIu64 ": %.*s", guilty.begin, length, (const char *)frame->data);
        widen_to_blocks(map->ledger.map.reduce, &whole, &guilty);
    }
    if (rp__has_effects(chunk)) return chunk_lost(master, chunk, &how, cause.text);
    rp__chunk_free(master, chunk);
    if (map->closing) return 0;
    if (guilty.end - guilty.begin != whole.end - whole.begin) guilty.attempts = 0;
    struct rp__range before = whole, after = whole;
    before.end = guilty.begin;
    after.begin = guilty.end;
    after.runs = runs;
    rc = rp__ledger_again(&map->ledger, &before);
    if (rc == 0) rc = rp__ledger_again(&map->ledger, &after);
    if (rc == 0) rc = suspect(map, guilty, &how, cause.text);
    return rc;
}

int rp__master_lose(struct rp__master *master, uint32_t lost) {
    struct rp__master_rank *rank = &master->rank[lost];
    if (rank->lost) return 0;
    struct rp_error cause;
    int rc = 0;
    rp__fail(&cause, RP_EDIED, "rank %u, which computed it, was lost", lost);
    for (uint32_t i = 0; i < master->chunks && rc == 0; i++)
        if (master->chunk[i].id && master->chunk[i].rank == lost) {
            struct rp__chunk *chunk = &master->chunk[i];
            const rp_failure how = rp__failure(master, chunk, RP__ANY_WORKER, RP_CAUSE_RANK);
            chunk->range.worker = RP__ANY_WORKER;
            rc = chunk_lost(master, chunk, &how, cause.text);
        }
    for (struct rp__master_map *map = master->maps; map && rc == 0; map = map->next)
        for (uint32_t i = 0; i < rp__map_workers(master, map, lost); i++)
            rp__ledger_release(&map->ledger, rank->first + i);
    const bool numbered = master->held != NULL;
    if (!numbered)
        rank->workers = 0;
    else if (rank->held < rank->workers)
        master->idle -= rank->workers - (uint32_t)rank->held;
    if (!numbered && !rank->up && rc == 0) rc = rp__crew_counted(master);
    rank->lost = true;
    rank->up = false;
    rank->held = 0;
    rp__rank_changed(master, lost);
    master->restless = true;
    bool left = false;
    for (uint32_t i = 0; i < master->ranks; i++)
        left |= !master->rank[i].lost && (!numbered || master->rank[i].workers);
    return rc ? rc : left ? 0 : RP_ENOWORKERS;
}
