/* The ledger of one map: every task is undealt, out with somebody, or done; never two of these, never none.
 *
 * Undealt are: what the cursor has not reached (or, when static, the workers' parts), and what came back: taken
 * back unstarted, or out with a worker that died. What came back is dealt first, lowest first, since results may
 * be waiting behind it. What is skipped was done from the start: the cursor passes over it, and no range holds any. */
#ifndef RP_CORE_LEDGER_H
#define RP_CORE_LEDGER_H

#include "core/interval.h"
#include "core/schedule.h"
#include "core/skip.h"

/* Tasks dealt together, or to be. */
struct rp__range {
    uint64_t begin, end;
    uint32_t attempts; /* workers that died of it, when it is a single one */
    uint32_t worker;   /* whose it is, or RP__ANY_WORKER */
    uint32_t runs;     /* how often they were begun, as far as is known */
};

struct rp__ledger {
    rp_map_options map;              /* pointers in it are not used */
    uint32_t workers;                /* how many may compute this map */
    bool fixed;                      /* every task belongs to one worker: static, each_worker */
    uint64_t known;                  /* tasks counted or fed so far */
    bool final;                      /* no more will be fed */
    bool single;                     /* deal as little at a time as edges let: what is behind a task must not wait */
    uint64_t next;                   /* the cursor; when fixed, tasks dealt of the parts */
    uint64_t batch_left, batch_size; /* factoring */
    struct rp__part_cursor {
        uint64_t index, at, end;
        bool orphan;         /* its worker is gone */
    } * part;                /* fixed: [workers] */
    bool orphans;            /* there are some */
    struct rp__range *again; /* a heap, lowest begin first; fixed: of any worker */
    size_t again_count, again_capacity;
    uint64_t again_tasks;
    uint64_t dropped; /* tasks that the cursor has not reached and that are out or done all the same */
    struct rp__skip skip;
    struct rp__intervals done; /* each joined with the skipped spans that it touches, or there would be as many */
    uint64_t done_tasks;       /* those that are skipped included, as far as they are known */
};

/* `map` is checked by the caller. 0 or RP_ENOMEM. */
int rp__ledger_init(struct rp__ledger *ledger, const rp_map_options *map, uint32_t workers);
void rp__ledger_free(struct rp__ledger *ledger);

/* So many tasks more are known, of a fed map. */
void rp__ledger_feed(struct rp__ledger *ledger, uint64_t tasks);

/* Tasks that can be dealt now, the ones that came back included. */
uint64_t rp__ledger_undealt(const struct rp__ledger *ledger);
bool rp__ledger_complete(const struct rp__ledger *ledger);
/* Deal the next chunk to worker `worker` (fixed) or to anybody; the schedule's view of the asker is in `ask`, of which
 * remaining, workers and batch are filled in here. false: nothing for it now. */
bool rp__ledger_take(struct rp__ledger *ledger, uint32_t worker, struct rp__schedule_ask *ask, struct rp__range *range);
/* Cut what was just taken to at most `most` tasks, or to the least there can be; what is cut off comes back. false: no
 * part of it, as edges and the job's least chunk have it, is so short; it is as it was. */
bool rp__ledger_cut(struct rp__ledger *ledger, struct rp__range *range, uint64_t most, bool least);
/* Take a run of undealt tasks of [begin, end) out of their turn, to answer them at once: the caller must say done of it
 * before anything else. false: none is undealt (of a fixed map: none has come back), or no memory, which *code tells. */
bool rp__ledger_drop(struct rp__ledger *ledger, uint64_t begin, uint64_t end, struct rp__range *range, int *code);
/* What was out is done; what was out comes back. 0 or RP_ENOMEM. */
int rp__ledger_done(struct rp__ledger *ledger, uint64_t begin, uint64_t end);
int rp__ledger_again(struct rp__ledger *ledger, const struct rp__range *range);
/* The same in up to 16 parts cut at edges, to close in on a task that its worker died of, or that failed. */
int rp__ledger_again_in_parts(struct rp__ledger *ledger, const struct rp__range *range);
/* A fixed map's worker is gone: what was its own may go to anybody. */
void rp__ledger_release(struct rp__ledger *ledger, uint32_t worker);
/* Can the range be cut at all? */
bool rp__ledger_splits(const struct rp__ledger *ledger, const struct rp__range *range);

#endif
