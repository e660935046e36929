/* Who calls, and what goes in and out: the lines of this rank's callers, frames of other ranks, the workers' reply
 * rings, and the news for agents. What it all means is in router_calls.c.
 *
 * Every way in takes the lock, does its part, and brings the home's answers out before it lets go, so between two of
 * them the home has nothing to say. */
#include "pool/router_state.h"

#include "crew/arena.h"
#include "pool/clock.h"

#include <stdlib.h>
#include <string.h>

enum {
    KEPT_CAPACITY = 64 * 1024,
    UNSENT_NS = 100 * 1000,              /* a ring is full: its reader does not ring when it has read */
    SYNC_NS = 150 * 1000,                /* another host calls or is called, and cannot ring us */
    HEARD_REMOTE_NS = 100 * 1000 * 1000, /* for so long after it has called */
    ASKED_REMOTE_NS = 1000 * 1000 * 1000
};

static void lock(struct rp__router *router) { pthread_mutex_lock(&router->lock); }

static int leave(struct rp__router *router, int rc) {
    if (rc == 0) rc = rp__router_answer(router);
    pthread_mutex_unlock(&router->lock);
    return rc;
}

/* ---- Lines ---- */

struct rp__line *rp__router_find(const struct rp__router *router, uint64_t local) {
    struct rp__line *line = router->bucket[local % RP__LINE_BUCKETS];
    while (line && line->local != local) line = line->chain;
    return line;
}

static struct rp__line *new_line(struct rp__router *router, uint64_t local) {
    struct rp__line *line = calloc(1, sizeof *line);
    if (!line) return NULL;
    struct rp__line **bucket = &router->bucket[local % RP__LINE_BUCKETS];
    line->local = local;
    line->chain = *bucket;
    return *bucket = line;
}

static void free_line(struct rp__line *line) {
    if (line->main) {
        pthread_cond_destroy(&line->main->answered);
        rp__buffer_free(&line->main->data);
        free(line->main);
    }
    rp__buffer_free(&line->call);
    rp__buffer_free(&line->rest);
    free(line->called);
    free(line);
}

/* A worker that is gone has neither a ring to be written nor an agent to be told of it. */
static void forget_news(struct rp__router *router, const struct rp__line *line) {
    for (struct rp__line **at = &router->unsent; *at; at = &(*at)->next_unsent)
        if (*at == line) {
            *at = line->next_unsent;
            break;
        }
    for (struct rp__line **at = &router->changed; *at; at = &(*at)->next_changed)
        if (*at == line) {
            *at = line->next_changed;
            break;
        }
}

void rp__router_drop(struct rp__router *router, struct rp__line *line) {
    struct rp__line **at = &router->bucket[line->local % RP__LINE_BUCKETS];
    while (*at != line) at = &(*at)->chain;
    *at = line->chain;
    free_line(line);
}

/* ---- Crews ---- */

static bool room_for_line(struct rp__router_crew *of, uint32_t worker) {
    if (worker < of->lines) return true;
    const uint32_t lines = 2 * worker + 4;
    struct rp__line **line = realloc(of->line, lines * sizeof *line);
    if (!line) return false;
    memset(line + of->lines, 0, (lines - of->lines) * sizeof *line);
    of->line = line;
    of->lines = lines;
    return true;
}

static struct rp__line *line_of(const struct rp__router_crew *of, uint32_t worker) {
    return worker < of->lines ? of->line[worker] : NULL;
}

/* Without memory it has no line, and its first call says so. */
static void started(void *context, uint32_t worker) {
    struct rp__router_crew *of = context;
    lock(of->router);
    struct rp__line *line = room_for_line(of, worker) ? new_line(of->router, of->router->locals + 1) : NULL;
    if (line) {
        of->router->locals++;
        line->of = of;
        line->worker = worker;
        of->line[worker] = line;
    }
    pthread_mutex_unlock(&of->router->lock);
}

/* false: these bytes are not a call's head and what it says follows. */
static bool read_call(const uint8_t *bytes, size_t size, struct rp__call_head *head) {
    if (size < sizeof *head) return false;
    memcpy(head, bytes, sizeof *head);
    return head->size == size - sizeof *head;
}

static int take_call(struct rp__router *router, struct rp__line *line, const uint8_t *bytes, size_t size) {
    struct rp__call_head head;
    if (!read_call(bytes, size, &head)) return RP_EPROTOCOL;
    return rp__router_make(router, line, &head, bytes + sizeof head);
}

static int take_piece(struct rp__router *router, struct rp__line *line, const struct rp__crew_event *event) {
    struct rp__buffer *call = &line->call;
    if (event->last && !call->size) return take_call(router, line, event->data, event->size);
    int rc = rp__buffer_append(call, event->data, event->size);
    if (rc || !event->last) return rc;
    rc = take_call(router, line, call->data, call->size);
    call->size = 0;
    if (call->capacity > KEPT_CAPACITY) rp__buffer_free(call);
    return rc;
}

static int called(void *context, uint32_t worker, const struct rp__crew_event *event) {
    struct rp__router_crew *of = context;
    lock(of->router);
    struct rp__line *line = line_of(of, worker);
    return leave(of->router, line ? take_piece(of->router, line, event) : RP_ENOMEM);
}

static int lose_line(struct rp__router_crew *of, uint32_t worker, uint32_t taken) {
    struct rp__line *line = of->line[worker];
    of->line[worker] = NULL;
    forget_news(of->router, line);
    return rp__router_gone(of->router, line, taken);
}

static int gone(void *context, uint32_t worker, uint64_t stream) {
    struct rp__router_crew *of = context;
    struct rp__router *router = of->router;
    lock(router);
    const struct rp__line *line = line_of(of, worker);
    if (!line) return leave(router, 0);
    const uint32_t taken = line->lendings ? router->options.ops->taken(stream, line->lendings) : 0;
    return leave(router, lose_line(of, worker, taken));
}

static int deadlocked(void *context, uint32_t worker) {
    struct rp__router_crew *of = context;
    lock(of->router);
    const struct rp__line *line = line_of(of, worker);
    return leave(of->router, line ? rp__router_end_call(of->router, line, RP_EDEADLK) : 0);
}

int rp__router_add(struct rp__router *router, struct rp__crew *crew, struct rp__agent *agent,
                   struct rp__agent_calls *calls) {
    struct rp__router_crew *of = calloc(1, sizeof *of);
    if (!of) return RP_ENOMEM;
    *of = (struct rp__router_crew){.router = router, .crew = crew, .agent = agent};
    lock(router);
    of->next = router->crews;
    router->crews = of;
    pthread_mutex_unlock(&router->lock);
    *calls = (struct rp__agent_calls){
        .context = of, .started = started, .called = called, .gone = gone, .deadlocked = deadlocked};
    return 0;
}

/* Its workers may still run: what they have taken is settled by a recall. */
int rp__router_remove(struct rp__router *router, const struct rp__crew *crew) {
    int rc = 0;
    lock(router);
    struct rp__router_crew **at = &router->crews, *of;
    while ((of = *at) && of->crew != crew) at = &of->next;
    if (!of) return leave(router, 0);
    *at = of->next;
    for (uint32_t i = 0; i < of->lines; i++) {
        const struct rp__line *line = of->line[i];
        if (!line) continue;
        const uint32_t taken = line->lendings ? router->options.ops->recall(of->crew, i, line->lendings) : 0;
        const int lost = lose_line(of, i, taken);
        if (rc == 0) rc = lost;
    }
    free(of->line);
    free(of);
    return leave(router, rc);
}

bool rp__router_reply(struct rp__router *router, struct rp__line *line, const uint8_t *data) {
    const struct rp__router_ops *ops = router->options.ops;
    bool wrote = false, room;
    do {
        const size_t left = line->reply.size - line->sent, size = left < RP__FRAGMENT ? left : RP__FRAGMENT;
        room = ops->reply(line->of->crew, line->worker, &line->reply, size ? data + line->sent : NULL, size);
        if (room) line->sent += size;
        wrote |= room;
    } while (room && line->sent < line->reply.size);
    if (wrote) ops->wake(line->of->crew, line->worker);
    return room;
}

/* ---- Between ranks ---- */

bool rp__router_is_remote(const struct rp__router *router, uint32_t rank) {
    const int *host_of = router->options.host_of;
    return host_of && host_of[rank] != host_of[router->options.rank];
}

bool rp__router_is_lost(const struct rp__router *router, uint32_t rank) {
    return router->lost && rank < router->options.ranks && router->lost[rank];
}

static bool make_outboxes(struct rp__router *router) {
    if (!router->to) router->to = calloc(router->options.ranks, sizeof *router->to);
    if (!router->dirty) router->dirty = calloc(router->options.ranks, sizeof *router->dirty);
    return router->to && router->dirty;
}

int rp__router_put(struct rp__router *router, enum rp__frame_type type, uint32_t rank, uint64_t local, const void *head,
                   size_t head_size, const void *data, size_t size) {
    struct rp__buffer *bytes = &router->scratch;
    if (rp__router_is_lost(router, rank)) return 0;
    bytes->size = 0;
    if (!make_outboxes(router) || rp__buffer_append(bytes, head, head_size) || rp__buffer_append(bytes, data, size))
        return RP_ENOMEM;
    const struct rp__frame frame = {.type = type, .chunk = local, .data = bytes->data, .size = bytes->size};
    struct rp__outbox *outbox = &router->to[rank];
    if (!outbox->count) router->dirty[router->dirty_count++] = rank;
    const int rc = rp__outbox_put(outbox, &frame);
    if (bytes->capacity > KEPT_CAPACITY) rp__buffer_free(bytes);
    return rc;
}

bool rp__router_send(struct rp__router *router, uint32_t *rank, struct rp__outbox *outbox) {
    bool any = false;
    lock(router);
    if (router->dirty_count) {
        *rank = router->dirty[--router->dirty_count];
        const struct rp__outbox empty = *outbox;
        *outbox = router->to[*rank];
        router->to[*rank] = empty;
        any = true;
    }
    pthread_mutex_unlock(&router->lock);
    return any;
}

static int take_frame(struct rp__router *router, uint32_t source, enum rp__frame_type type, uint64_t local,
                      const uint8_t *bytes, size_t size) {
    if (local >> 40) return RP_EPROTOCOL;
    if (type == RP__FRAME_CALL) {
        struct rp__call_head head;
        if (!read_call(bytes, size, &head)) return RP_EPROTOCOL;
        if (rp__router_is_remote(router, source)) router->heard_remote = true;
        return rp__router_serve(router, (struct rp__caller){source, local}, &head, bytes + sizeof head);
    }
    struct rp__answer_head head;
    if (size < sizeof head) return RP_EPROTOCOL;
    memcpy(&head, bytes, sizeof head);
    if (head.size != size - sizeof head) return RP_EPROTOCOL;
    struct rp__line *line = rp__router_find(router, local);
    return line ? rp__router_hear(router, line, &head, bytes + sizeof head) : 0; /* to one that has died meanwhile */
}

static int receive(struct rp__router *router, uint32_t source, const struct rp__frame *frame) {
    if (source >= router->options.ranks || source == router->options.rank) return RP_EPROTOCOL;
    if (frame->type != RP__FRAME_CALL && frame->type != RP__FRAME_ANSWER) return RP_EPROTOCOL;
    if (rp__router_is_lost(router, source)) return 0; /* it was under way */
    if (!router->incoming) router->incoming = calloc(router->options.ranks, sizeof *router->incoming);
    if (!router->incoming) return RP_ENOMEM;
    struct rp__incoming *in = &router->incoming[source];
    if (in->open && (in->type != frame->type || in->chunk != frame->chunk)) return RP_EPROTOCOL;
    const bool more = frame->flags & RP__MORE;
    if (!in->open && !more) return take_frame(router, source, frame->type, frame->chunk, frame->data, frame->size);
    in->open = more;
    in->type = frame->type;
    in->chunk = frame->chunk;
    int rc = rp__buffer_append(&in->bytes, frame->data, frame->size);
    if (more || rc) return rc;
    rc = take_frame(router, source, frame->type, frame->chunk, in->bytes.data, in->bytes.size);
    in->bytes.size = 0;
    if (in->bytes.capacity > KEPT_CAPACITY) rp__buffer_free(&in->bytes);
    return rc;
}

int rp__router_receive(struct rp__router *router, uint32_t source, const struct rp__frame *frame) {
    lock(router);
    return leave(router, receive(router, source, frame));
}

/* ---- A round of the service ---- */

static void write_replies(struct rp__router *router) {
    for (struct rp__line **at = &router->unsent, *line; (line = *at);) {
        if (!rp__router_reply(router, line, line->rest.data)) {
            at = &line->next_unsent;
            continue;
        }
        *at = line->next_unsent;
        line->unsent = false;
        line->rest.size = 0;
        if (line->rest.capacity > KEPT_CAPACITY) rp__buffer_free(&line->rest);
    }
}

static void tell_agents(struct rp__router *router) {
    const struct rp__router_ops *ops = router->options.ops;
    for (struct rp__line *line; (line = router->changed);) {
        router->changed = line->next_changed;
        line->changed = false;
        if (line->told == line->wait) continue;
        if (line->told) ops->unblocked(line->of->agent, line->worker);
        if (line->wait) ops->blocked(line->of->agent, line->worker, line->held);
        line->told = line->wait;
    }
}

/* Is it less than `most_ns` since it last happened? */
static bool is_recent(bool *happened, uint64_t *at_ns, uint64_t now_ns, uint64_t most_ns) {
    if (*happened) *at_ns = now_ns;
    *happened = false;
    return *at_ns && now_ns - *at_ns < most_ns;
}

/* Also of ghosts, which go with their call. */
static int end_calls_at(struct rp__router *router, uint32_t rank) {
    const struct rp__answer_head lost = {.kind = RP__REPLY, .code = RP_ELOST};
    int rc = 0;
    for (size_t i = 0; i < RP__LINE_BUCKETS; i++)
        for (struct rp__line *line = router->bucket[i], *next; line && rc == 0; line = next) {
            next = line->chain;
            if (line->open && line->asked == rank) rc = rp__router_hear(router, line, &lost, NULL);
        }
    return rc;
}

int rp__router_lose(struct rp__router *router, uint32_t rank) {
    lock(router);
    if (!router->lost) router->lost = calloc(router->options.ranks, sizeof *router->lost);
    if (!router->lost) return leave(router, RP_ENOMEM);
    if (router->lost[rank]) return leave(router, 0);
    router->lost[rank] = true;
    if (router->incoming) rp__buffer_free(&router->incoming[rank].bytes);
    rp__home_lose(router->home, rank);
    return leave(router, end_calls_at(router, rank));
}

void rp__router_step(struct rp__router *router, uint64_t now_ns, int64_t *next_ns) {
    lock(router);
    write_replies(router);
    tell_agents(router);
    const bool heard = is_recent(&router->heard_remote, &router->heard_remote_ns, now_ns, HEARD_REMOTE_NS);
    const bool asked = is_recent(&router->asked_remote, &router->asked_remote_ns, now_ns, ASKED_REMOTE_NS);
    *next_ns = router->unsent ? UNSENT_NS : heard || (asked && router->open_remote) ? SYNC_NS : INT64_MAX;
    pthread_mutex_unlock(&router->lock);
}

/* ---- Main ---- */

pthread_mutex_t *rp__router_lock(struct rp__router *router) { return &router->lock; }

static struct rp__line *main_line(struct rp__router *router, uint64_t local) {
    struct rp__line *line = rp__router_find(router, local);
    if (line) return line;
    struct rp__main_call *call = calloc(1, sizeof *call);
    line = call ? new_line(router, local) : NULL;
    if (!line) {
        free(call);
        return NULL;
    }
    rp__condition_init(&call->answered);
    line->main = call;
    return line;
}

int rp__router_call(struct rp__router *router, uint64_t local, const struct rp__call_head *head, const void *data,
                    struct rp__main_call **call) {
    if (router->failed) return router->failed;
    struct rp__line *line = main_line(router, local);
    if (!line) return RP_ENOMEM;
    if (line->open) return RP_EBUSY;
    line->main->open = true;
    int rc = rp__router_make(router, line, head, data);
    if (rc == 0) rc = rp__router_answer(router);
    *call = line->main;
    return rc;
}

int rp__router_cancel(struct rp__router *router, uint64_t local) {
    const struct rp__line *line = rp__router_find(router, local);
    const int rc = line ? rp__router_end_call(router, line, 0) : 0;
    return rc ? rc : rp__router_answer(router);
}

bool rp__router_has_news(const struct rp__router *router) {
    return router->dirty_count || router->changed || router->unsent;
}

void rp__router_fail(struct rp__router *router, int code) {
    lock(router);
    if (!router->failed) router->failed = code;
    for (size_t i = 0; i < RP__LINE_BUCKETS; i++)
        for (struct rp__line *line = router->bucket[i]; line; line = line->chain) {
            if (!line->main || !line->main->open) continue;
            line->main->open = false;
            line->main->code = router->failed;
            pthread_cond_signal(&line->main->answered);
        }
    pthread_mutex_unlock(&router->lock);
}

/* ---- Opening and closing ---- */

struct rp__router *rp__router_new(const struct rp__router_options *options) {
    struct rp__router *router = calloc(1, sizeof *router);
    if (!router) return NULL;
    router->options = *options;
    if (options->cells) router->cells = *options->cells;
    pthread_mutex_init(&router->lock, NULL);
    router->home = rp__home_new(options->rank, options->cells ? &options->cells->memory : NULL);
    if (router->home) return router;
    rp__router_free(router);
    return NULL;
}

void rp__router_free(struct rp__router *router) {
    if (!router) return;
    for (struct rp__router_crew *of; (of = router->crews);) {
        router->crews = of->next;
        free(of->line);
        free(of);
    }
    for (size_t i = 0; i < RP__LINE_BUCKETS; i++)
        while (router->bucket[i]) rp__router_drop(router, router->bucket[i]);
    for (uint32_t i = 0; i < router->options.ranks; i++) {
        if (router->incoming) rp__buffer_free(&router->incoming[i].bytes);
        if (router->to) rp__outbox_free(&router->to[i]);
    }
    free(router->incoming);
    free(router->to);
    free(router->dirty);
    free(router->lost);
    rp__buffer_free(&router->scratch);
    rp__home_free(router->home);
    pthread_mutex_destroy(&router->lock);
    free(router);
}
