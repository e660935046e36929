/* A master that ends anywhere, and the one that goes on. One life of a master is played by a test that is all of its
 * ranks: chunks are answered, die, come back, run twice and get lost in any order. At every event of it a second life
 * begins from what the program had then, as its skip, and runs to the end, or to a moment at which a third one takes
 * over. Answers of an earlier life are no frames of a later one: they end with their launch. Within a life, old answers
 * come again and again, and must be ignored.
 * Whatever happens, the lives together hand out every task exactly once, with its own result.
 * A failing case prints its seed; `test_restart EVENTS` plays so many events. */
#include "core/master.h"
#include "core/record.h"
#include "played_map.h"
#include "random.h"

#include <stdlib.h>
#include <string.h>

enum { TASKS_MAX = 120, RANKS_MAX = 4, OUT_MAX = 1024, STEPS_MAX = 20000, LIVES_MAX = 4, POISONED = 3 };
static const uint64_t EVENTS = 2000000;

/* A chunk at its rank, or one that is answered and whose answer comes again. */
struct dealt {
    uint32_t rank;
    uint64_t chunk, begin, end;
    bool targeted; /* at one of its workers */
};

struct life {
    uint64_t random, events, now_ns, put, due;
    uint32_t number;
    struct rp__master *master;
    struct rp__master_map *map;
    struct rp__map_spec spec;
    bool fed, lost[RANKS_MAX];
    uint64_t count, record; /* tasks; of them in a record, 0: a run has one */
    uint64_t poison[POISONED];
    uint32_t ranks, losses;
    uint64_t asked[RANKS_MAX]; /* back, and not answered yet */
    struct dealt out[OUT_MAX], old[OUT_MAX];
    size_t outs, olds;
    rp_span skip[TASKS_MAX];
    uint8_t done[TASKS_MAX]; /* times handed out, in this life or one before it */
    const char *wrong;
};

static uint64_t chance(struct life *life, uint64_t n) { return random_below(&life->random, n); }

static void blame(struct life *life, const char *what) {
    if (!life->wrong) life->wrong = what;
}

/* The first of its tasks that kills a worker, or its end. */
static uint64_t poison_in(const struct life *life, const struct dealt *dealt) {
    for (uint64_t task = dealt->begin; task < dealt->end; task++)
        for (int i = 0; i < POISONED; i++)
            if (life->poison[i] == task) return task;
    return dealt->end;
}

/* ---- What the master says ------------------------------------------------------------------------------ */

static void tell(struct life *life, uint32_t rank, struct rp__frame frame) {
    if (rp__master_receive(life->master, rank, &frame)) blame(life, "the master could not take a frame");
    life->events++;
}

static void forget(struct life *life, size_t at) {
    life->old[life->olds++ % OUT_MAX] = life->out[at];
    life->out[at] = life->out[--life->outs];
}

static void give_back(struct life *life, size_t at) {
    tell(life, life->out[at].rank, (struct rp__frame){.type = RP__FRAME_RETURNED, .chunk = life->out[at].chunk});
    forget(life, at);
}

/* The youngest come back, but for one that has been started, and for those that no other worker may have. */
static void give_some_back(struct life *life, uint32_t rank, uint64_t count) {
    size_t held = 0;
    for (size_t i = 0; i < life->outs; i++) held += life->out[i].rank == rank;
    for (size_t i = life->outs; i-- > 0 && count && held > 1;) {
        if (life->out[i].rank != rank || life->out[i].targeted) continue;
        give_back(life, i);
        count--;
        held--;
    }
    life->asked[rank] = 0;
    tell(life, rank, (struct rp__frame){.type = RP__FRAME_RETURNED, .flags = RP__LAST});
}

static void check_inputs(struct life *life, const struct rp__frame *work) {
    size_t at = 0, size;
    for (uint64_t task = work->begin; life->fed && task < work->end; task++) {
        const uint8_t *data;
        bool failed;
        const uint64_t input = answer_of(1, task);
        const size_t length = rp__record_read(work->data + at, work->size - at, &data, &size, &failed);
        if (!length || size != sizeof input || memcmp(data, &input, size)) blame(life, "a wrong input");
        at += length;
    }
    if (at != work->size) blame(life, "inputs of other tasks");
}

static void take_work(struct life *life, uint32_t rank, const struct rp__frame *work) {
    for (uint64_t task = work->begin; task < work->end; task++)
        if (work->end > life->count || life->done[task]) blame(life, "a task was dealt that is done");
    check_inputs(life, work);
    if (life->outs == OUT_MAX)
        blame(life, "too much is out");
    else
        life->out[life->outs++] = (struct dealt){rank, work->chunk, work->begin, work->end, work->worker != UINT32_MAX};
}

/* Killed for its twin's sake; or it has answered already, which is late. */
static void cancel(struct life *life, uint32_t rank, uint64_t chunk) {
    for (size_t i = 0; i < life->outs; i++) {
        if (life->out[i].chunk != chunk || life->out[i].rank != rank || chance(life, 2)) continue;
        const struct rp__frame killed = {
            .type = RP__FRAME_DIED, .flags = RP__IN_HAND | RP__KILLED, .chunk = chunk, .count = 256 + 9};
        tell(life, rank, killed);
        forget(life, i);
        return;
    }
}

static void read_part(struct life *life, const struct rp__part *part) {
    uint64_t task = part->begin;
    while (life->due < life->count && life->done[life->due]) life->due++;
    if (!life->spec.options.unordered && part->begin != life->due) blame(life, "out of order");
    for (size_t at = 0; at < part->size && !life->wrong;) {
        const uint8_t *data;
        size_t size;
        bool failed;
        at += rp__record_read(part->data + at, part->size - at, &data, &size, &failed);
        const bool whole = !life->record || part->failure || part->end - task < life->record;
        const struct dealt record = {.begin = task, .end = whole ? part->end : task + life->record};
        const uint64_t answer = record_of(1, record.begin, record.end);
        if (failed != (poison_in(life, &record) < record.end))
            blame(life, "an innocent task failed, or a guilty did not");
        if (failed != (rp__part_failure(part, record.begin) != NULL))
            blame(life, "a failure without its how, or a how without it");
        if (!failed && (size != sizeof answer || memcmp(data, &answer, size))) blame(life, "another task's result");
        for (; task < record.end; task++) life->done[task]++;
    }
    if (task != part->end) blame(life, "a part without all of its tasks");
}

/* Everything that the master has to say now, and hands out. */
static void act(struct life *life) {
    uint32_t rank;
    struct rp__frame frame;
    rp__master_tick(life->master, life->now_ns);
    while (!life->wrong && rp__master_action(life->master, &rank, &frame)) {
        life->events++;
        if (frame.type == RP__FRAME_WORK) take_work(life, rank, &frame);
        if (frame.type == RP__FRAME_TAKE_BACK) life->asked[rank] = frame.count;
        if (frame.type == RP__FRAME_CANCEL) cancel(life, rank, frame.chunk);
    }
    for (struct rp__part *part; (part = rp__master_map_take(life->map));) {
        read_part(life, part);
        rp__master_map_consumed(life->master, life->map, 1, part->size);
        rp__part_free(part);
    }
}

/* ---- What happens -------------------------------------------------------------------------------------- */

static void answer(struct life *life, const struct dealt *dealt) {
    uint8_t bytes[TASKS_MAX * 10];
    size_t size = 0;
    const uint64_t step = life->record ? life->record : dealt->end - dealt->begin;
    for (uint64_t task = dealt->begin; task < dealt->end; task += step) {
        const uint64_t end = dealt->end - task < step ? dealt->end : task + step, record = record_of(1, task, end);
        size += rp__record_head(bytes + size, sizeof record, false);
        memcpy(bytes + size, &record, sizeof record);
        size += sizeof record;
    }
    tell(life, dealt->rank,
         (struct rp__frame){.type = RP__FRAME_RESULT,
                            .chunk = dealt->chunk,
                            .count = 1000000 * (dealt->end - dealt->begin),
                            .data = bytes,
                            .size = size});
}

/* Its worker dies: of the task that is known to be the one, or of some. */
static void die(struct life *life, size_t at, uint64_t task) {
    const struct dealt dealt = life->out[at];
    const bool known = life->record && task < dealt.end && chance(life, 2);
    tell(life, dealt.rank,
         (struct rp__frame){.type = RP__FRAME_DIED,
                            .flags = RP__IN_HAND,
                            .kernel = RP_CAUSE_SIGNAL,
                            .chunk = dealt.chunk,
                            .begin = known ? task : dealt.begin,
                            .end = known ? task + 1 : dealt.end,
                            .count = 256 + 11});
    forget(life, at);
}

static void end_chunk(struct life *life, size_t at) {
    const uint64_t poison = poison_in(life, &life->out[at]);
    if (poison < life->out[at].end) {
        die(life, at, poison);
        return;
    }
    answer(life, &life->out[at]);
    forget(life, at);
}

static void feed(struct life *life) {
    struct rp__buffer records = {0};
    uint64_t tasks = 0;
    for (const uint64_t batch = 1 + chance(life, 30); tasks < batch && life->put < life->count; tasks++, life->put++) {
        const uint64_t input = answer_of(1, life->put);
        uint8_t head[RP__RECORD_HEAD_MAX];
        const size_t size = life->done[life->put] ? 0 : sizeof input;
        rp__buffer_append(&records, head, rp__record_head(head, size, false));
        rp__buffer_append(&records, &input, size);
    }
    if (tasks && rp__master_map_feed(life->master, life->map, tasks, &records)) blame(life, "inputs were refused");
    if (life->put == life->count) rp__master_map_final(life->master, life->map);
    life->events++;
}

/* Never rank 0. What it had still answers, and nobody listens. */
static void lose(struct life *life, uint32_t rank) {
    if (!life->losses || !rank || life->lost[rank]) return;
    life->losses--;
    life->lost[rank] = true;
    if (rp__master_lose(life->master, rank)) blame(life, "the loss of a rank was not survived");
    for (size_t i = life->outs; i-- > 0;)
        if (life->out[i].rank == rank) forget(life, i);
    life->events++;
}

static void step(struct life *life) {
    const uint64_t what = chance(life, 40);
    life->now_ns += chance(life, what ? 3000000 : 100000000);
    for (uint32_t rank = 0; rank < life->ranks; rank++)
        if (life->asked[rank] && chance(life, 2)) give_some_back(life, rank, life->asked[rank]);
    if (life->fed && life->put < life->count && what % 4 == 0)
        feed(life);
    else if (what == 1)
        lose(life, (uint32_t)chance(life, life->ranks));
    else if (what < 6 && life->olds)
        answer(life, &life->old[chance(life, life->olds < OUT_MAX ? life->olds : OUT_MAX)]);
    else if (what == 6 && life->outs)
        give_back(life, chance(life, life->outs));
    else if (what == 7 && life->outs && life->spec.options.retries > 100)
        die(life, chance(life, life->outs), UINT64_MAX);
    else if (life->outs)
        end_chunk(life, chance(life, life->outs));
    act(life);
}

/* ---- Lives --------------------------------------------------------------------------------------------- */

/* Begin, or begin again, with what is done as of now. */
static void begin(struct life *life) {
    rp_map_options *options = &life->spec.options;
    life->number++;
    life->put = life->due = life->now_ns = 0;
    life->outs = life->olds = 0;
    life->ranks = 1 + (uint32_t)chance(life, RANKS_MAX);
    life->losses = (uint32_t)chance(life, 3);
    memset(life->lost, 0, sizeof life->lost);
    memset(life->asked, 0, sizeof life->asked);
    options->skip = life->skip;
    options->skip_count = 0;
    for (uint64_t task = 0; task < life->count; task++) {
        if (!life->done[task]) continue;
        if (task == 0 || !life->done[task - 1]) life->skip[options->skip_count++].begin = task;
        life->skip[options->skip_count - 1].end = task + 1;
    }
    life->master = rp__master_new(life->ranks);
    rp__master_pool_open(life->master, "", 0);
    for (uint32_t rank = 0; rank < life->ranks; rank++)
        tell(life, rank, (struct rp__frame){.type = RP__FRAME_CREW, .worker = 1 + (uint32_t)chance(life, 3)});
    if (rp__master_map_open(life->master, &life->spec, &life->map)) blame(life, "a map did not open");
    if (life->fed && !life->count) rp__master_map_final(life->master, life->map);
    act(life);
}

static void draw_map(struct life *life) {
    rp_map_options *options = &life->spec.options;
    const uint64_t kind = chance(life, 4);
    life->count = chance(life, TASKS_MAX + 1);
    life->record = kind ? 1 : 0;
    life->spec.range = !kind;
    life->fed = kind == 1;
    options->count = life->fed ? RP_FED : life->count;
    options->unordered = chance(life, 2);
    options->schedule.kind = (enum rp_schedule_kind)chance(life, RP_FACTORING + 1);
    if (chance(life, 2)) options->schedule.chunk = 1 + chance(life, 20);
    if (kind == 3) life->record = options->reduce = options->edge = 1 + chance(life, 10);
    if (kind != 3 && chance(life, 3) == 0) options->wall = 1 + chance(life, 40);
    life->spec.pure = chance(life, 2);
    for (int i = 0; i < POISONED; i++) life->poison[i] = chance(life, 3) ? UINT64_MAX : chance(life, TASKS_MAX);
    bool poisoned = false;
    for (int i = 0; i < POISONED; i++) poisoned |= life->poison[i] < life->count;
    /* Where workers die of nothing, what they had is tried for as long as it takes. */
    options->retries = poisoned ? 1 + (uint32_t)chance(life, 3) : 1000;
}

static void end(struct life *life) {
    rp__master_free(life->master);
    life->master = NULL;
}

static const char *play_on(struct life *life, bool to_an_end) {
    const uint64_t until = to_an_end ? STEPS_MAX : 1 + chance(life, 50);
    for (uint64_t steps = 0; !life->wrong && !rp__master_map_complete(life->map); steps++) {
        if (steps == until && !to_an_end) break;
        if (steps == until) blame(life, "it does not end");
        step(life);
    }
    return life->wrong;
}

/* From where another life is now, that of a new master, and those after it; the events are the other's too. */
static void live_on(struct life *from) {
    struct life *life = malloc(sizeof *life);
    *life = *from;
    life->random ^= from->events * UINT64_C(0x9e3779b97f4a7c15);
    do {
        begin(life);
        play_on(life, life->number == LIVES_MAX || chance(life, 3));
        const bool over = rp__master_map_complete(life->map);
        end(life);
        if (over) break;
    } while (!life->wrong);
    for (uint64_t task = 0; task < life->count; task++)
        if (life->done[task] != 1) blame(life, "a task was not handed out exactly once");
    from->events = life->events;
    from->wrong = life->wrong;
    free(life);
}

static const char *play(uint64_t seed, uint64_t *events, uint64_t *lives) {
    struct life *life = calloc(1, sizeof *life);
    life->random = seed;
    draw_map(life);
    begin(life);
    for (uint64_t steps = 0; !life->wrong && !rp__master_map_complete(life->map); steps++) {
        step(life);
        if (steps == STEPS_MAX) blame(life, "it does not end");
        if (!life->wrong) live_on(life);
        ++*lives;
    }
    const char *wrong = life->wrong;
    *events += life->events;
    end(life);
    free(life);
    return wrong;
}

static bool play_events(uint64_t wanted) {
    uint64_t events = 0, lives = 0, seed = 1;
    for (; events < wanted; seed++) {
        const char *wrong = play(seed, &events, &lives);
        if (!wrong) continue;
        printf("\n    seed %" PRIu64 ": %s\n", seed, wrong);
        return false;
    }
    printf("\n    %" PRIu64 " events, seeds 1 to %" PRIu64 ", begun again after %" PRIu64 " of them\n    ", events,
           seed - 1, lives);
    return true;
}

static void restarted_anywhere_every_task_is_handed_out_once(void) { CU_ASSERT_TRUE(play_events(EVENTS)); }

int main(int argc, char **argv) {
    if (argc > 1) return !play_events(strtoull(argv[1], NULL, 0));
    static const struct unit_test tests[] = {UNIT(restarted_anywhere_every_task_is_handed_out_once), {NULL, NULL}};
    return unit_run("restart", tests);
}
