/* The agent against a played crew, in any run: maps open and close, chunks come and are taken back, workers compute,
 * stall, wait for each other and die at random, through rings of every size. Every chunk is answered exactly once, by a worker that may
 * compute it and knew its map; and when all is over, workers are idle and have forgotten every map. */
#include "agent_stage.h"

enum { CHUNKS_MAX = 400 };

struct sent {
    uint32_t map, worker;
    uint8_t bytes[8]; /* of its result so far */
    size_t size;
    bool answered, blocked;
};

struct run {
    uint64_t random;
    struct stage *stage;
    bool waiting;      /* tasks wait for each other */
    uint64_t patience; /* how long */
    uint32_t workers;
    uint64_t now_ns;
    uint32_t maps, active[PLAYED_MAPS];
    bool open[PLAYED_MAPS];
    uint64_t chunks;
    struct sent sent[CHUNKS_MAX]; /* from 1 on */
    uint64_t outstanding;
};

static bool answered_once(struct run *run, const struct heard *heard) {
    const struct rp__frame *frame = &heard->frame;
    struct sent *sent = &run->sent[frame->chunk];
    REQUIRE(frame->chunk >= 1 && frame->chunk <= run->chunks && !sent->answered);
    if (frame->type == RP__FRAME_RESULT) {
        REQUIRE(sent->size + frame->size <= sizeof sent->bytes);
        memcpy(sent->bytes + sent->size, heard->bytes, frame->size);
        sent->size += frame->size;
        if (frame->flags & RP__MORE) return true;
        REQUIRE(sent->size == 8 && memcmp(sent->bytes, &frame->chunk, 8) == 0);
    } else if (frame->type == RP__FRAME_DIED) {
        REQUIRE(frame->begin >= 10 * frame->chunk && frame->end <= 10 * frame->chunk + 10 && frame->begin < frame->end);
    } else {
        REQUIRE(sent->size == 0); /* what comes back had not started */
    }
    sent->answered = true;
    run->outstanding--;
    return true;
}

static bool take_frames(struct run *run, int lasts) {
    struct stage *stage = run->stage;
    listen_to(stage);
    REQUIRE(stage->count < HEARD_MAX && stage->crew.fault[0] == 0);
    for (size_t i = 0; i < stage->count; i++) {
        const struct rp__frame *frame = &stage->heard[i].frame;
        switch (frame->type) {
        case RP__FRAME_RESULT:
            REQUIRE(answered_once(run, &stage->heard[i]));
            break;
        case RP__FRAME_DIED:
            REQUIRE(!(frame->flags & RP__IN_HAND) || answered_once(run, &stage->heard[i]));
            break;
        case RP__FRAME_RETURNED:
            lasts -= (frame->flags & RP__LAST) != 0;
            REQUIRE(frame->flags & RP__LAST || answered_once(run, &stage->heard[i]));
            break;
        case RP__FRAME_CUT:
            REQUIRE(frame->begin == 10 * frame->chunk && frame->end > frame->begin &&
                    !run->sent[frame->chunk].answered);
            break;
        case RP__FRAME_BLOCKED:
            REQUIRE(!run->sent[frame->chunk].answered && !run->sent[frame->chunk].blocked);
            run->sent[frame->chunk].blocked = true;
            break;
        default:
            REQUIRE(frame->type == RP__FRAME_WORKER && frame->worker < run->workers);
        }
    }
    return lasts == 0;
}

/* No worker holds what is another's, or what only others may compute. */
static bool holds_its_own(const struct run *run, uint32_t at) {
    const struct played_worker *worker = &run->stage->crew.worker[at];
    for (const struct played_work *work = worker->first; work; work = work->next) {
        if (work->head.type != RP__WORK_CHUNK) continue;
        const struct sent *sent = &run->sent[work->head.chunk];
        REQUIRE(sent->worker == RP__ANY_WORKER ? worker->like < run->active[sent->map] : worker->like == sent->worker);
    }
    return true;
}

static bool send_something(struct run *run) {
    struct stage *stage = run->stage;
    uint32_t workers = run->workers, map;
    if (run->maps + 1 < PLAYED_MAPS && one_in(&run->random, 8)) {
        map = ++run->maps;
        uint32_t active = (uint32_t)random_below(&run->random, workers + 1);
        run->active[map] = active ? active : workers;
        run->open[map] = true;
        REQUIRE(send_map(stage, map, active) == 0);
    }
    map = 1 + (uint32_t)random_below(&run->random, run->maps ? run->maps : 1);
    if (!run->open[map] || run->chunks + 1 == CHUNKS_MAX) return true;
    struct sent *sent = &run->sent[++run->chunks];
    *sent = (struct sent){.map = map, .worker = RP__ANY_WORKER};
    if (one_in(&run->random, 5)) sent->worker = (uint32_t)random_below(&run->random, run->active[map]);
    run->outstanding++;
    return send_chunk(stage, map, run->chunks, sent->worker) == 0;
}

static bool close_map(struct run *run, uint32_t map) {
    if (!run->open[map]) return true;
    run->open[map] = false;
    return rp__agent_receive(run->stage->agent, &(struct rp__frame){.type = RP__FRAME_MAP_END, .map = map}) == 0 &&
           take_frames(run, 0);
}

/* ---- Waiting ---- */

static int its_call_waits(void *context, uint32_t worker, const struct rp__crew_event *event) {
    struct run *run = context;
    run->stage->crew.worker[worker].waits = true;
    rp__agent_blocked(run->stage->agent, worker, one_in(&run->random, 3));
    return 0;
}

static int its_call_ends(void *context, uint32_t worker) {
    struct run *run = context;
    run->stage->crew.worker[worker].waits = false;
    rp__agent_unblocked(run->stage->agent, worker);
    return 0;
}

static int worker_is_gone(void *context, uint32_t worker, uint64_t stream) { return 0; }

static void call_something(struct run *run, uint32_t at) {
    struct rp__crew *crew = &run->stage->crew;
    const struct played_work *hand = crew->worker[at].hand;
    if (!hand || crew->worker[at].waits || crew->worker[at].dying) return;
    crew->worker[at].waits = true; /* from when it calls, which the agent hears of later */
    const uint64_t task = hand->head.begin + 1 + random_below(&run->random, 10);
    if (!crew->worker[at].synced && !one_in(&run->random, 4)) /* one that runs wild may not say so */
        post(crew,
             &(struct rp__crew_event){.type = RP__CREW_CUT, .worker = at, .chunk = hand->head.chunk, .task = task});
    crew->worker[at].synced = true;
    post(crew, &(struct rp__crew_event){.type = RP__CREW_CALL, .worker = at, .last = true});
}

static bool some_time_passes(struct run *run) {
    int64_t next;
    run->now_ns += random_size(&run->random, 100000000);
    return rp__agent_tick(run->stage->agent, run->now_ns, &next, &run->stage->error) == 0;
}

static bool wait_step(struct run *run, uint32_t at) {
    struct rp__crew *crew = &run->stage->crew;
    switch (random_below(&run->random, 4)) {
    case 0:
        call_something(run, at);
        return true;
    case 1:
        if (crew->worker[at].waits && crew->from == crew->to && one_in(&run->random, run->patience))
            its_call_ends(run, at);
        return true;
    default:
        return some_time_passes(run);
    }
}

static bool one_step(struct run *run, bool sending) {
    struct stage *stage = run->stage;
    uint32_t at = (uint32_t)random_below(&run->random, stage->crew.workers), events;
    uint64_t what = random_below(&run->random, 40);
    if (what < 8) return !sending || send_something(run);
    if (what == 8 && stage->crew.worker[at].starts < 30) /* more in a row would end the rank */
        die(&stage->crew, at, "killed by signal 9", random_below(&run->random, 4000));
    if (what == 9) return !sending || close_map(run, (uint32_t)random_below(&run->random, run->maps + 1));
    if (what == 10) {
        const struct rp__frame frame = {.type = RP__FRAME_TAKE_BACK, .count = random_below(&run->random, 6)};
        return rp__agent_receive(stage->agent, &frame) == 0 && take_frames(run, 1);
    }
    if (what < 20) start_next(&stage->crew, at);
    if (what >= 20 && what < 30) answer(&stage->crew, at, one_in(&run->random, 4));
    if (what >= 11 && what < 15 && run->waiting) REQUIRE(wait_step(run, at));
    if (what < 30) return true;
    rp__agent_set_room(stage->agent, one_in(&run->random, 3) ? random_below(&run->random, 20) : SIZE_MAX);
    REQUIRE(rp__agent_poll(stage->agent, &events, &stage->error) == 0);
    for (uint32_t i = 0; i < stage->crew.workers; i++) REQUIRE(holds_its_own(run, i));
    return take_frames(run, 0);
}

/* Let everybody finish: nothing is out any more, all workers are idle and have forgotten every map. */
static bool comes_to_rest(struct run *run) {
    struct stage *stage = run->stage;
    for (int i = 0; run->outstanding; i++) {
        REQUIRE(i < 200000);
        REQUIRE(one_step(run, false));
    }
    rp__agent_set_room(stage->agent, SIZE_MAX);
    for (uint32_t map = 1; map <= run->maps; map++) REQUIRE(close_map(run, map));
    for (int i = 0; i < 50; i++) {
        poll_and_listen(stage);
        for (uint32_t at = 0; at < stage->crew.workers; at++) start_next(&stage->crew, at);
    }
    REQUIRE(stage->crew.fault[0] == 0 && rp__agent_idle(stage->agent) == run->workers);
    for (uint32_t at = 0; at < stage->crew.workers; at++)
        for (int map = 0; map < PLAYED_MAPS; map++) REQUIRE(!stage->crew.worker[at].knows[map]);
    return true;
}

static bool all_answered_once_in(uint64_t seed, bool waiting) {
    struct run *run = calloc(1, sizeof *run);
    const struct rp__agent_calls calls = {
        .context = run, .called = its_call_waits, .gone = worker_is_gone, .deadlocked = its_call_ends};
    run->random = seed;
    run->waiting = waiting;
    run->workers = 1 + (uint32_t)random_below(&run->random, PLAYED_WORKERS);
    run->stage = open_stage(run->workers, 1 + random_size(&run->random, 60));
    if (waiting) {
        run->patience = 1 + random_size(&run->random, 20);
        run->stage->crew.slots = run->workers + (uint32_t)random_size(&run->random, 20);
        rp__agent_limit_tasks(run->stage->agent, one_in(&run->random, 3) ? 1 + random_below(&run->random, 50) : 0);
        rp__agent_set_calls(run->stage->agent, &calls);
    }
    run->stage->crew.cannot_kill = one_in(&run->random, 3);
    run->stage->crew.forgets_hand = one_in(&run->random, 4);
    for (uint64_t steps = 1 + random_below(&run->random, 2000); steps; steps--) REQUIRE(one_step(run, true));
    REQUIRE(comes_to_rest(run));
    close_stage(run->stage);
    free(run);
    return true;
}

static bool all_answered_once(uint64_t seed) { return all_answered_once_in(seed, false); }
static bool all_answered_once_by_tasks_that_wait(uint64_t seed) { return all_answered_once_in(seed, true); }

static void every_chunk_is_answered_exactly_once_whatever_happens(void) { run_seeds(1500, all_answered_once); }
static void and_so_it_is_where_tasks_wait_for_each_other(void) {
    run_seeds(1500, all_answered_once_by_tasks_that_wait);
}

int main(void) {
    static const struct unit_test tests[] = {UNIT(every_chunk_is_answered_exactly_once_whatever_happens),
                                             UNIT(and_so_it_is_where_tasks_wait_for_each_other),
                                             {NULL, NULL}};
    return unit_run("agent, any run", tests);
}
