/* What the master's files share: master.c takes events, master_map.c has the maps, master_lost.c what comes back,
 * deal.c decides who gets work, master_pure.c who gets it twice, master_end.c what is still worth dealing when the end
 * is near. */
#ifndef RP_CORE_MASTER_STATE_H
#define RP_CORE_MASTER_STATE_H

#include "core/gather.h"
#include "core/master.h"

enum {
    RP__UNREAD_MAX = 64 * 1024 * 1024, /* results that the program has not read yet: past it, dealing waits */
    RP__DEPTH_MAX = 512,               /* chunks that a worker may hold */
    RP__DEPTH_AUTO = 4                 /* the same where the chunks' size adapts */
};

struct rp__chunk {
    uint64_t id; /* 0: this slot is free */
    struct rp__master_map *map;
    struct rp__range range;
    uint32_t rank;
    uint32_t next_free;
    uint32_t cancels;          /* asked and not answered: if it comes back, it is canceled */
    bool synced;               /* its last task has had effects: it must not be computed again */
    bool counted;              /* as credit: until its worker waits */
    struct rp__gathered bytes; /* of its result so far */
    struct rp__buffer children;
    uint64_t dealt_ns;
    uint32_t twin;       /* slot + 1 of the chunk of the same tasks, of which the first answer counts; 0: none */
    uint32_t twins_lost; /* so often a twin of it died */
    bool copy;           /* the later one of the two */
    bool surplus;        /* its twin has answered: whatever becomes of it is of no interest */
    double expected_ns;  /* as it was dealt; 0: nothing was known */
    double progress;     /* tasks of it that are done, as its worker shows them; 0 where its twin's count */
};

struct rp__master_rank {
    bool up, lost;
    uint32_t workers, first; /* how many; the pool's number of the first */
    uint32_t started;
    uint64_t held;      /* chunks out here */
    uint32_t depth;     /* chunks that each worker may hold: credit, grown while chunks prove short */
    double chunk_ns;    /* how long a chunk takes here, a moving mean; 0: not known */
    double expected_ns; /* of the chunks out here, summed; what was unknown is not in it */
    bool asked_back;    /* a TAKE_BACK is not answered yet */
};

/* What one map has seen of one rank. */
struct rp__map_rank {
    bool told;
    uint64_t grown;     /* auto: the size that chunks have grown to */
    double ns_per_task; /* a moving mean; 0: not known */
};

struct rp__master_map {
    struct rp__master_map *next; /* in the order of opening */
    uint32_t number, kernel;
    bool range, closing, keep_all, pure;
    bool once;         /* nothing of it may be computed again */
    bool may_repeat;   /* retries were asked for: even what has had effects */
    uint32_t active;   /* workers that compute it: the first so many of the pool */
    uint64_t limit_ns; /* that a task may compute; 0: any time */
    uint32_t retries;
    uint8_t *args;
    size_t args_size;
    struct rp__ledger ledger;
    struct rp__items items;
    struct rp__window window;
    struct rp__map_rank *rank;            /* [ranks] */
    struct rp__part *ready, **ready_tail; /* due, not taken */
    size_t unread;                        /* bytes ready or taken, not consumed */
    double bytes_per_task;
    uint64_t out;              /* chunks */
    uint64_t cancels, refused; /* of chunks: asked and not answered; answered that they run */
    rp_map_stats stats;
    uint64_t busy_ns;
    uint64_t idle_from_ns; /* what the master's idle_ns was when it opened; once it is complete, its own idle time */
    bool idle_final;       /* it is */
    double partial;        /* the sum of its chunks' progress */
};

/* Sets of ranks, so that to deal one chunk costs the same with ten ranks and with ten thousand. */
enum rp__rank_set {
    RP__UP,    /* its crew is there */
    RP__IDLE,  /* and a place in it has nothing */
    RP__ROOMY, /* and it holds less than its credit */
    RP__RANK_SETS
};

struct rp__control {
    uint32_t rank;
    struct rp__frame frame;
};

struct rp__master {
    uint32_t ranks, ranks_up, workers, next_map;
    struct rp__master_rank *rank; /* [ranks] */
    int *core;                    /* [workers] as in rp_where */
    uint32_t *held;               /* [workers] chunks out that belong to one worker (fixed maps) */
    struct rp__master_map *maps;
    struct rp__chunk *chunk;
    uint32_t chunks, free_chunk; /* free_chunk == chunks: none */
    uint64_t generation;
    struct rp__control *control; /* [control_from, control_to) are to be sent, before any work */
    size_t control_from, control_to, control_capacity;
    struct rp__buffer pool_options, scratch;
    bool stopped, restless;       /* restless: something happened since dealing came to rest */
    uint32_t cursor;              /* the rank whose turn it is */
    uint64_t *set[RP__RANK_SETS]; /* [ranks / 64, rounded up] a bit a rank: see enum rp__rank_set */
    uint32_t idle;                /* workers of all ranks that no chunk is out to */
    uint64_t idle_ns;             /* summed over workers, up to passed_ns */
    uint64_t passed_ns;           /* 0: no time has passed that anyone told of */
    uint64_t now_ns;              /* as of the last tick; 0: there was none */
    uint64_t looked_ns;           /* when a late chunk was looked for in vain */
    uint64_t late_ns;             /* when it is worth while again; UINT64_MAX: not before something happens */
    uint64_t end_ns;              /* nothing is dealt that would not be over by then; 0: whatever comes */
    bool draining;                /* and nothing at all any more */
    bool refused;                 /* since dealing began last, something did not fit before the end */
};

/* deal.c. The frame that tells a rank of a map, before its first chunk. */
void rp__tell(struct rp__master *master, struct rp__master_map *map, uint32_t rank, struct rp__frame *frame);
/* What the rank holds, or may hold, has changed. */
void rp__rank_changed(struct rp__master *master, uint32_t rank);
/* A rank has said how many its crew is, or is lost and never will: when it was the last, all start. 0, RP_ENOMEM. */
int rp__crew_counted(struct rp__master *master);
int rp__master_control(struct rp__master *master, uint32_t rank, const struct rp__frame *frame);
struct rp__chunk *rp__chunk_new(struct rp__master *master, struct rp__master_map *map, const struct rp__range *range,
                                uint32_t rank);
void rp__chunk_free(struct rp__master *master, struct rp__chunk *chunk);
/* It counts no longer as one that its rank and worker hold. */
void rp__chunk_uncount(struct rp__master *master, struct rp__chunk *chunk);
/* What is known of a failure of the chunk that is out, or was until now: `worker` is its rank's, RP__ANY_WORKER: not
 * known. */
rp_failure rp__failure(const struct rp__master *master, const struct rp__chunk *chunk, uint32_t worker,
                       enum rp_cause cause);

/* master_map.c. The workers of `rank` that compute `map`. */
uint32_t rp__map_workers(const struct rp__master *master, const struct rp__master_map *map, uint32_t rank);
/* The tasks have their answer: out of the ledger, into the window, and what is due out of it. Takes the part (NULL:
 * there was no memory for it). */
int rp__answer(struct rp__master_map *map, struct rp__part *part);
/* Some of the part's records are failures, and this is how; with the inputs, which are there until it is the answer. 0 or
 * RP_ENOMEM. */
int rp__part_failed(struct rp__master_map *map, struct rp__part *part, const rp_failure *how);
/* Answer the tasks with a failure: a worker died of it, or its answer made no sense, too often; or canceled. */
int rp__give_up(struct rp__master_map *map, const struct rp__range *range, const rp_failure *how, const char *words,
                size_t size);
int rp__cancel(struct rp__master_map *map, const struct rp__range *range);

/* master_lost.c. Those of an int free the chunk, but for rp__suspect and rp__chunk_cut. */
bool rp__has_effects(const struct rp__chunk *chunk);
int rp__suspect(struct rp__chunk *chunk, const rp_failure *how, const char *words);
int rp__chunk_returned(struct rp__master *master, struct rp__chunk *chunk);
int rp__chunk_cut(struct rp__master *master, struct rp__chunk *chunk, const struct rp__frame *frame);
int rp__worker_died(struct rp__master *master, struct rp__chunk *chunk, const struct rp__frame *frame);

/* deal.c. The next chunk for whoever should have it, or a request to give unstarted ones back. */
bool rp__deal(struct rp__master *master, uint32_t *rank, struct rp__frame *frame);
/* Complete the frame, which has the inputs, to one that gives rank `at` this range as a new chunk. NULL: no memory. */
struct rp__chunk *rp__deal_work(struct rp__master *master, struct rp__master_map *map, const struct rp__range *range,
                                uint32_t at, struct rp__frame *frame);

/* master_end.c. How many tasks of the map may be dealt to the rank so that they are over by the end. */
uint64_t rp__end_room(const struct rp__master *master, const struct rp__master_map *map, uint32_t at);
/* Makes what was taken from the ledger fit before the end; false: it cannot, and went back. */
bool rp__end_fit(struct rp__master *master, struct rp__master_map *map, uint32_t at, struct rp__range *range);

/* master_pure.c. A late chunk once more, for an idle place; false: there is none, or none that may. */
bool rp__deal_twice(struct rp__master *master, uint32_t *to, struct rp__frame *frame);
/* The chunk is answered: its twin, if it has one, is not wanted any more. 0 or RP_ENOMEM. */
int rp__chunk_won(struct rp__master *master, struct rp__chunk *chunk);
/* The chunk is gone without an answer, its worker `died` or not: does another answer its tasks, or has it? */
bool rp__chunk_covered(struct rp__master *master, const struct rp__chunk *chunk, bool died);

#endif
