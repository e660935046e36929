/* The master and real agents over the in-process transport, with crews that are played: tasks take random simulated
 * time, messages of different ranks overtake each other, workers die of poisoned tasks or of nothing, or get
 * stuck for ever in chunks of pure maps, ranks get lost, tasks are canceled, or skipped from the start.
 * Whatever happens, every task must be answered exactly once, with its own result, in order where order was asked
 * for; and the run must end. A failing run prints its seed; `test_master SEED [QUEENS]` plays that run alone. */
#include "played_model.h"
#include "unit.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { EVENTS_WANTED = 1000000, PAUSES_MAX = 10000 };

static void send_out(struct model *model, uint32_t from, uint32_t to, struct rp__outbox *outbox) {
    struct rp__net *net = rp__net_local_end(model->hub, (int)from);
    for (size_t i = 0; i < outbox->count; i++) net->ops->send(net, (int)to, &outbox->message[i], NULL);
    model->sent |= outbox->count > 0;
    outbox->count = 0;
}

static void agent_hears(struct model *model, uint32_t rank, const struct rp__frame *frame) {
    struct rp__crew *crew = &model->crew[rank];
    if (frame->type == RP__FRAME_POOL) {
        struct rp__frame answer = {.type = RP__FRAME_CREW, .worker = crew->workers};
        rp__outbox_put(&model->out[rank], &answer);
    } else if (frame->type == RP__FRAME_START) {
        for (uint32_t i = 0; i < crew->workers; i++) crew->worker[i].started = true;
    } else if (rp__agent_receive(model->agent[rank], frame)) {
        blame(model, "the agent could not follow a frame");
    }
}

static void hear(struct model *model, uint32_t rank) {
    struct rp__net *net = rp__net_local_end(model->hub, (int)rank);
    struct rp__net_message message;
    bool got;
    while (net->ops->poll(net, &message, &got, NULL) == 0 && got) {
        const uint8_t *at = message.data, *end = at + message.size;
        struct rp__frame frame;
        int more;
        while ((more = rp__frame_read(&at, end, &frame)) == 1) {
            model->events++;
            if (frame.type < RP__FRAME_HELLO)
                agent_hears(model, rank, &frame);
            else if (rp__master_receive(model->master, (uint32_t)message.source, &frame))
                blame(model, "the master could not take a frame");
        }
        if (more < 0) blame(model, "bytes on the wire that make no sense");
    }
}

static void check_result(struct model *model, struct played_map *map, uint64_t first, uint64_t end, const uint8_t *data,
                         size_t size, int failure, bool failed) {
    uint64_t range[2], answer = record_of(map->number, first, end);
    bool poisoned = false;
    for (uint64_t task = first; task < end; task++) poisoned |= is_poison(map, task);
    for (uint64_t task = first; task < end; task++) {
        if (map->seen[task]++) blame(model, "a task was answered twice");
        if (is_skipped(map, task)) blame(model, "a task was answered that is to be skipped");
        if (failure == RP_ECANCELED && !map->canceled[task]) blame(model, "a task that nobody canceled was");
        if (failure != RP_ECANCELED && failed != poisoned)
            blame(model, failed ? "an innocent task failed" : "a poisoned task lives");
    }
    map->answered += end - first;
    map->failed += failed ? end - first : 0;
    if (failed) return;
    if (map->queens) {
        if (size != sizeof answer) blame(model, "no answer for a board");
        memcpy(&answer, data, sizeof answer);
        map->found += answer;
    } else if (map->range) {
        if (size == sizeof range) memcpy(range, data, size);
        if (size != sizeof range || range[0] != first || range[1] != end) blame(model, "the result of other tasks");
    } else if (size != sizeof answer || memcmp(data, &answer, size)) {
        blame(model, "the result of another task");
    }
}

static void read_parts(struct model *model, struct played_map *map) {
    for (struct rp__part *part; (part = rp__master_map_take(map->map));) {
        while (is_skipped(map, map->next)) map->next++;
        if (!map->unordered && part->begin != map->next) blame(model, "out of order");
        uint64_t task = part->begin;
        for (size_t at = 0; at < part->size && !model->wrong;) {
            const uint8_t *data;
            size_t size;
            bool failed;
            size_t length = rp__record_read(part->data + at, part->size - at, &data, &size, &failed);
            uint64_t end = map->range || part->failure ? part->end : task + map->reduce;
            if (end > part->end) end = part->end; /* the last block may be short */
            if (!length || end > map->count) {
                blame(model, "records that make no sense");
                break;
            }
            check_result(model, map, task, end, data, size, part->failure, failed);
            task = end;
            at += length;
        }
        if (task != part->end) blame(model, "a part without all of its tasks");
        map->next = part->end;
        rp__master_map_consumed(model->master, map->map, 1, part->size);
        rp__part_free(part);
    }
}

static void feed(struct model *model, struct played_map *map) {
    struct rp__buffer records = {0};
    if (map->queens) { /* one board; the others come of it */
        put_board(&records, &(struct board){0});
        if (rp__master_map_feed(model->master, map->map, 1, &records)) blame(model, "a board was refused");
        rp__master_map_final(model->master, map->map);
        map->put = map->count;
        return;
    }
    uint64_t batch = 1 + draw(&model->random, 50), tasks = 0;
    for (; tasks < batch && map->put < map->count; tasks++, map->put++) {
        uint64_t input = answer_of(map->number, map->put);
        const size_t size = is_skipped(map, map->put) ? 0 : sizeof input; /* its bytes are not kept */
        uint8_t head[RP__RECORD_HEAD_MAX];
        rp__buffer_append(&records, head, rp__record_head(head, size, false));
        rp__buffer_append(&records, &input, size);
    }
    if (tasks && rp__master_map_feed(model->master, map->map, tasks, &records)) blame(model, "inputs were refused");
    if (map->put == map->count) rp__master_map_final(model->master, map->map);
}

static void cancel_some(struct model *model, struct played_map *map) {
    uint64_t begin = draw(&model->random, map->count), tasks = 1 + draw(&model->random, map->count - begin);
    map->cancels_left--;
    memset(map->canceled + begin, 1, tasks);
    if (rp__master_map_cancel(model->master, map->map, begin, begin + tasks, draw(&model->random, 2)))
        blame(model, "tasks could not be canceled");
}

static bool map_over(struct model *model, struct played_map *map) {
    uint64_t refused;
    if (map->closed) return rp__master_map_idle(map->map);
    return rp__master_map_complete(map->map) && !rp__master_map_canceling(map->map, &refused);
}

/* One moment: everybody hears what has arrived, and acts. Returns whether all is over. */
static bool moment(struct model *model) {
    for (uint32_t rank = 0; rank < model->ranks; rank++) {
        rp_error error = {0};
        uint32_t events = 0;
        if (model->lost[rank]) continue;
        hear(model, rank);
        if (rp__agent_poll(model->agent[rank], &events, &error)) blame(model, "an agent gave up");
        model->events += events;
        send_out(model, rank, 0, &model->out[rank]);
    }
    bool over = rp__master_pool_ready(model->master);
    for (uint32_t i = 0; i < model->maps && over; i++) {
        struct played_map *map = &model->map[i];
        if (map->fed && map->put < map->count && !map->closed) feed(model, map);
        if (map->cancels_left && !map->closed && draw(&model->random, 50) == 0) cancel_some(model, map);
        if (!map->closed) read_parts(model, map);
        if (map->close_early && !map->closed && map->answered > map->count / 3) {
            map->closed = true;
            rp__master_map_close(model->master, map->map);
        }
    }
    for (uint32_t i = 0; i < model->maps && over; i++) over = map_over(model, &model->map[i]);
    uint32_t rank;
    struct rp__frame frame;
    rp__master_tick(model->master, model->now);
    while (rp__master_action(model->master, &rank, &frame)) {
        rp__outbox_put(&model->to[rank], &frame);
        if (model->to[rank].count > 1) send_out(model, 0, rank, &model->to[rank]);
    }
    for (rank = 0; rank < model->ranks; rank++) send_out(model, 0, rank, &model->to[rank]);
    return over;
}

static uint64_t next_time(struct model *model) {
    uint64_t next = model->sent ? model->now + 1 : rp__net_local_next(model->hub);
    model->sent = false;
    for (uint32_t rank = 0; rank < model->ranks; rank++)
        for (uint32_t at = 0; at < model->crew[rank].workers && !model->lost[rank]; at++) {
            const struct played_worker *worker = &model->crew[rank].worker[at];
            if (worker->computing && worker->done_ns < next) next = worker->done_ns;
            if ((worker->count && !worker->computing && !worker->dead) || (worker->started && !worker->announced))
                next = model->now + 1;
        }
    for (uint32_t i = 0; i < model->maps; i++)
        if (model->map[i].fed && model->map[i].put < model->map[i].count && !model->map[i].closed &&
            next > model->now + 500)
            next = model->now + 500;
    /* The master may be waiting for something to be late. */
    if (next == UINT64_MAX && model->pauses++ < PAUSES_MAX) next = model->now + 1000000;
    return next;
}

static void lose_a_rank(struct model *model) {
    uint32_t rank = 1 + (uint32_t)draw(&model->random, model->ranks - 1);
    if (model->lost[rank]) return;
    model->lost[rank] = true;
    model->losses_left--;
    model->sent = true; /* the master has something to do now */
    rp__net_local_lose(model->hub, (int)rank);
    if (rp__master_lose(model->master, rank)) blame(model, "the loss of a rank was not survived");
}

static int put_aside(void *self, const uint8_t *data, size_t size, uint64_t *offset) {
    struct model *model = self;
    if (size > sizeof model->aside - model->aside_end || draw(&model->random, 4) == 0) return RP_ESYSTEM;
    memcpy(model->aside + model->aside_end, data, size);
    *offset = model->aside_end;
    model->aside_end += size;
    return 0;
}

static int bring_back(void *self, uint64_t offset, uint8_t *data, size_t size) {
    memcpy(data, ((struct model *)self)->aside + offset, size);
    return 0;
}

static void none_aside(void *self) { ((struct model *)self)->aside_end = 0; }

static void open_map(struct model *model) {
    static const enum rp_schedule_kind kinds[] = {RP_AUTO, RP_STATIC, RP_DYNAMIC, RP_GUIDED, RP_FACTORING};
    uint64_t *random = &model->random;
    struct played_map *map = &model->map[model->maps];
    uint32_t workers = rp__master_workers(model->master);
    *map = (struct played_map){.number = model->maps + 1, .count = draw(random, 3000)};
    map->range = draw(random, 3) == 0;
    map->fed = !map->range && draw(random, 3) == 0;
    map->unordered = draw(random, 3) == 0;
    map->close_early = draw(random, 8) == 0;
    if (map->count && draw(random, 2)) {
        map->poisons = (uint32_t)draw(random, POISON_MAX + 1);
        for (uint32_t i = 0; i < map->poisons; i++) map->poison[i] = draw(random, map->count);
    }
    struct rp__map_spec spec = {.range = map->range,
                                .aside = {.self = model, .write = put_aside, .read = bring_back, .reset = none_aside}};
    if (model->maps) spec.aside.write = NULL; /* the model keeps one map's parts */
    spec.options = (rp_map_options){.count = map->fed ? RP_FED : map->count,
                                    .unordered = map->unordered,
                                    .retries = 5,
                                    .window = 1 + draw(random, 4000),
                                    .active = (uint32_t)draw(random, workers + 1)};
    spec.options.schedule.kind = kinds[draw(random, 5)];
    if (draw(random, 2)) spec.options.schedule.chunk = 1 + draw(random, 40);
    if (draw(random, 4) == 0) spec.options.wall = 1 + draw(random, 500);
    if (map->range && draw(random, 2) && !map->poisons) {
        spec.options.edge = 1 + draw(random, 30);
        spec.options.edge_phase = draw(random, 30);
    }
    map->reduce = 1;
    if (!map->range && draw(random, 3) == 0) {
        map->reduce = spec.options.reduce = spec.options.edge = 1 + draw(random, 30);
        spec.options.wall = 0;
    } else if (!map->fed && !map->poisons && draw(random, 10) == 0) {
        spec.options.each_worker = true;
        spec.options.count = map->count = workers;
        spec.options.wall = spec.options.edge = 0;
        spec.options.active = 0;
    }
    if (model->queens)
        grow_from_a_board(map, &spec.options, model->queens);
    else if (map->fed && draw(random, 2))
        grow_from_a_board(map, &spec.options, 4 + (uint32_t)draw(random, 4));
    if (!map->queens && !spec.options.each_worker && draw(random, 3) == 0) skip_some(map, &spec.options, random);
    spec.range = map->range;
    map->seen = calloc(map->count + 1, 1);
    map->canceled = calloc(map->count + 1, 1);
    if (map->count && !map->range && !map->queens && map->reduce == 1 && draw(random, 3) == 0)
        map->cancels_left = 1 + (uint32_t)draw(random, 5);
    spec.pure = draw(random, 2);
    map->sticky = spec.pure && !map->queens;
    model->fixed |= !map->fed && (spec.options.each_worker || spec.options.schedule.kind == RP_STATIC);
    map->stuck = calloc(map->count + 1, 1);
    if (rp__master_map_open(model->master, &spec, &map->map)) blame(model, "a map did not open");
    model->maps++;
}

static void free_model(struct model *model) {
    rp__master_free(model->master);
    for (uint32_t rank = 0; rank < model->ranks; rank++) {
        rp__agent_free(model->agent[rank]);
        for (uint32_t at = 0; at < WORKERS_MAX; at++) drop_ring(&model->crew[rank].worker[at]);
        rp__buffer_free(&model->crew[rank].children);
        rp__outbox_free(&model->out[rank]);
        rp__outbox_free(&model->to[rank]);
    }
    for (uint32_t i = 0; i < model->maps; i++) {
        free(model->map[i].seen);
        free(model->map[i].canceled);
        free(model->map[i].stuck);
    }
    rp__net_local_free(model->hub);
    free(model);
}

static struct model *new_model(uint64_t seed) {
    struct model *model = calloc(1, sizeof *model);
    model->random = seed * 2654435761u + 88172645463325252u;
    uint64_t *random = &model->random;
    model->ranks = 1 + (uint32_t)draw(random, RANKS_MAX);
    model->slow_ns = 1 + draw(random, 3000);
    model->kills_left = (uint32_t)draw(random, 6);
    model->losses_left = model->ranks > 1 ? (uint32_t)draw(random, 3) : 0;
    struct rp__net_local_script script = {
        .seed = seed, .delay_min_ns = 1, .delay_max_ns = 1 + draw(random, 20000), .loss = RP__NET_LOSS_RANDOM};
    model->hub = rp__net_local_new((int)model->ranks, &script);
    model->master = rp__master_new(model->ranks);
    for (uint32_t rank = 0; rank < model->ranks; rank++) {
        model->crew[rank].model = model;
        model->crew[rank].rank = rank;
        model->crew[rank].workers = 1 + (uint32_t)draw(random, WORKERS_MAX);
        model->agent[rank] =
            rp__agent_new(&played_crew, &model->crew[rank], model->crew[rank].workers, &model->out[rank]);
    }
    return model;
}

static void advance(struct model *model) {
    uint64_t next = next_time(model);
    if (next == UINT64_MAX) {
        blame(model, "nothing happens any more, and it is not over");
        return;
    }
    model->now = next > model->now ? next : model->now + 1;
    rp__net_local_advance(model->hub, model->now);
}

/* Plays one cluster's life; what went wrong, or NULL. */
static const char *play(uint64_t seed, uint32_t queens, uint64_t *events, uint64_t *twice) {
    struct model *model = new_model(seed);
    model->queens = queens;
    if (queens) model->kills_left = 100;
    rp__master_pool_open(model->master, "", 0);
    while (!model->wrong && !rp__master_pool_ready(model->master)) {
        moment(model);
        if (!rp__master_pool_ready(model->master)) advance(model);
    }
    uint64_t maps = 1 + draw(&model->random, MAPS_MAX);
    while (!model->wrong && model->maps < maps) open_map(model);
    while (!model->wrong && !moment(model)) {
        if (model->losses_left && draw(&model->random, 200) == 0) lose_a_rank(model);
        advance(model);
    }
    for (uint32_t i = 0; i < model->maps && !model->wrong; i++) {
        const struct played_map *map = &model->map[i];
        rp_map_stats stats;
        rp__master_map_stats(model->master, map->map, &stats);
        *twice += stats.chunks_twice;
        if (!map->closed && map->answered + map->skipped != map->count) blame(model, "a task was never answered");
        if (!map->closed && map->found != map->solutions) blame(model, "a wrong number of solutions");
    }
    const char *wrong = model->wrong;
    *events += model->events;
    free_model(model);
    return wrong;
}

static void every_task_is_answered_once_whoever_is_slow_or_dies(void) {
    uint64_t events = 0, twice = 0, seed = 1;
    for (; events < EVENTS_WANTED; seed++) {
        const char *wrong = play(seed, 0, &events, &twice);
        if (!wrong) continue;
        printf("\n    seed %" PRIu64 ": %s\n", seed, wrong);
        CU_FAIL("a played cluster went wrong");
        return;
    }
    printf("\n    %" PRIu64 " events, seeds 1 to %" PRIu64 ", %" PRIu64 " chunks dealt twice\n    ", events, seed - 1,
           twice);
    CU_ASSERT(events >= EVENTS_WANTED);
    CU_ASSERT(twice > 0);
}

static void tasks_that_add_tasks_find_every_queen_once_whoever_dies(void) {
    uint64_t events = 0, twice = 0;
    for (uint32_t queens = 8; queens <= 10; queens++)
        for (uint64_t seed = 1; seed <= 10; seed++) {
            const char *wrong = play(seed, queens, &events, &twice);
            if (wrong) printf("\n    seed %" PRIu64 ", %u queens: %s\n", seed, queens, wrong);
            CU_ASSERT_PTR_NULL(wrong);
        }
    CU_ASSERT_EQUAL(twice, 0); /* maps that grow have no twins */
}

int main(int argc, char **argv) {
    if (argc > 1) {
        uint64_t events = 0, twice = 0, seed = strtoull(argv[1], NULL, 0);
        const char *wrong = play(seed, argc > 2 ? (uint32_t)atoi(argv[2]) : 0, &events, &twice);
        printf("seed %" PRIu64 ": %s, %" PRIu64 " events\n", seed, wrong ? wrong : "good", events);
        return wrong != NULL;
    }
    static const struct unit_test tests[] = {UNIT(every_task_is_answered_once_whoever_is_slow_or_dies),
                                             UNIT(tasks_that_add_tasks_find_every_queen_once_whoever_dies),
                                             {NULL, NULL}};
    return unit_run("master", tests);
}
