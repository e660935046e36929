/* The in-process transport, see net_local.h.
 *
 * Messages under way ("flights") are a heap by arrival, then by number, so equal arrivals keep the order sent.
 * The order of a pair is kept by never letting a message arrive before the pair's last one. */
#include "net/net_local.h"
#include "core/error.h"
#include "net/inbox.h"

#include <stdlib.h>

struct flight {
    uint64_t arrival, number;
    int source, target;
    struct rp__buffer buffer;
};

struct end {
    struct rp__net net; /* first: an end is its net */
    struct rp__net_local *hub;
    struct rp__inbox inbox;
    size_t under_way; /* sent and not arrived */
    bool deaf, lost;  /* closed or lost; lost */
};

struct rp__net_local {
    struct rp__net_local_script script;
    int size;
    uint64_t now, random, sent;
    struct flight *flight; /* a binary heap, the next arrival first */
    size_t flights, capacity;
    struct end *end;        /* [size] */
    int *host_of;           /* [size] */
    uint64_t *last_arrival; /* [source * size + target] */
    bool aborted;
    int exit_code;
};

/* splitmix64: small, and good enough to shuffle with. */
static uint64_t draw(struct rp__net_local *hub) {
    uint64_t x = hub->random += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

/* Between low and high, both included. */
static uint64_t draw_between(struct rp__net_local *hub, uint64_t low, uint64_t high) {
    uint64_t span = high - low + 1;
    return span ? low + draw(hub) % span : draw(hub);
}

static bool before(const struct flight *a, const struct flight *b) {
    return a->arrival != b->arrival ? a->arrival < b->arrival : a->number < b->number;
}

static void sink(struct rp__net_local *hub, size_t at, struct flight moving) {
    for (size_t child = 2 * at + 1; child < hub->flights; child = 2 * at + 1) {
        if (child + 1 < hub->flights && before(&hub->flight[child + 1], &hub->flight[child])) child++;
        if (!before(&hub->flight[child], &moving)) break;
        hub->flight[at] = hub->flight[child];
        at = child;
    }
    hub->flight[at] = moving;
}

static bool take_off(struct rp__net_local *hub, const struct flight *flight) {
    if (hub->flights == hub->capacity) {
        size_t capacity = hub->capacity ? 2 * hub->capacity : 64;
        struct flight *grown = realloc(hub->flight, capacity * sizeof *grown);
        if (!grown) return false;
        hub->flight = grown;
        hub->capacity = capacity;
    }
    size_t at = hub->flights++;
    for (; at > 0 && before(flight, &hub->flight[(at - 1) / 2]); at = (at - 1) / 2)
        hub->flight[at] = hub->flight[(at - 1) / 2];
    hub->flight[at] = *flight;
    return true;
}

/* The first flight leaves the heap. */
static struct flight land(struct rp__net_local *hub) {
    struct flight landed = hub->flight[0];
    struct flight last = hub->flight[--hub->flights];
    if (hub->flights) sink(hub, 0, last);
    hub->end[landed.source].under_way--;
    return landed;
}

static int local_send(struct rp__net *net, int rank, struct rp__buffer *buffer, rp_error *error) {
    struct end *end = (struct end *)net;
    struct rp__net_local *hub = end->hub;
    if (rank < 0 || rank >= hub->size || buffer->size > RP__MESSAGE_MAX) {
        rp__buffer_free(buffer);
        return rp__fail(error, RP_EINVAL, "a message was sent to no rank, or is longer than 256 KiB");
    }
    if (hub->aborted || end->deaf || hub->end[rank].deaf) {
        rp__buffer_free(buffer);
        return 0;
    }
    if (rank == net->rank) {
        int code = rp__inbox_put(&end->inbox, rank, buffer);
        return code ? rp__fail(error, code, "out of memory for a message") : 0;
    }
    uint64_t *last = &hub->last_arrival[(size_t)net->rank * (size_t)hub->size + (size_t)rank];
    uint64_t arrival = hub->now + draw_between(hub, hub->script.delay_min_ns, hub->script.delay_max_ns);
    if (arrival < *last) arrival = *last;
    struct flight flight = {
        .arrival = arrival, .number = hub->sent, .source = net->rank, .target = rank, .buffer = *buffer};
    if (!take_off(hub, &flight)) {
        rp__buffer_free(buffer);
        return rp__fail(error, RP_ENOMEM, "out of memory for a message");
    }
    *buffer = (struct rp__buffer){0};
    *last = arrival;
    hub->sent++;
    end->under_way++;
    return rp__net_local_advance(hub, hub->now) ? rp__fail(error, RP_ENOMEM, "out of memory for a message") : 0;
}

static int local_poll(struct rp__net *net, struct rp__net_message *message, bool *got, rp_error *error) {
    struct end *end = (struct end *)net;
    rp__inbox_release(&end->inbox);
    *got = !end->hub->aborted && rp__inbox_take(&end->inbox, message);
    return 0;
}

static size_t local_pending(const struct rp__net *net) { return ((const struct end *)net)->under_way; }

static size_t local_unsent(const struct rp__net *net, int rank) {
    const struct end *end = (const struct end *)net;
    if (rank == net->rank) return end->inbox.bytes; /* others' among them, which makes no difference to who waits */
    size_t bytes = 0;
    for (size_t i = 0; i < end->hub->flights; i++)
        if (end->hub->flight[i].source == net->rank && end->hub->flight[i].target == rank)
            bytes += end->hub->flight[i].buffer.size;
    return bytes;
}

static void local_close(struct rp__net *net) {
    struct end *end = (struct end *)net;
    end->deaf = true;
    rp__inbox_free(&end->inbox);
}

static void local_abort(struct rp__net *net, int exit_code) {
    struct rp__net_local *hub = ((struct end *)net)->hub;
    if (hub->aborted) return;
    hub->aborted = true;
    hub->exit_code = exit_code;
}

static const struct rp__net_ops local_ops = {.send = local_send,
                                             .poll = local_poll,
                                             .pending = local_pending,
                                             .unsent = local_unsent,
                                             .close = local_close,
                                             .abort = local_abort};

struct rp__net_local *rp__net_local_new(int size, const struct rp__net_local_script *script) {
    struct rp__net_local *hub = calloc(1, sizeof *hub);
    if (!hub) return NULL;
    size_t count = (size_t)size;
    hub->script = *script;
    hub->size = size;
    hub->random = script->seed;
    hub->end = calloc(count, sizeof *hub->end);
    hub->host_of = calloc(count, sizeof *hub->host_of);
    hub->last_arrival = calloc(count * count, sizeof *hub->last_arrival);
    if (!hub->end || !hub->host_of || !hub->last_arrival) {
        free(hub->end);
        free(hub->host_of);
        free(hub->last_arrival);
        free(hub);
        return NULL;
    }
    int per_host = script->ranks_per_host ? script->ranks_per_host : size;
    for (int rank = 0; rank < size; rank++) {
        int host = rank / per_host, first = host * per_host;
        hub->end[rank].hub = hub;
        hub->host_of[rank] = first;
        hub->end[rank].net = (struct rp__net){.ops = &local_ops,
                                              .rank = rank,
                                              .size = size,
                                              .local_rank = rank - first,
                                              .local_size = size - first < per_host ? size - first : per_host,
                                              .hosts = (size + per_host - 1) / per_host,
                                              .host = host,
                                              .host_of = hub->host_of};
    }
    return hub;
}

void rp__net_local_free(struct rp__net_local *hub) {
    if (!hub) return;
    for (size_t i = 0; i < hub->flights; i++) rp__buffer_free(&hub->flight[i].buffer);
    for (int rank = 0; rank < hub->size; rank++) rp__inbox_free(&hub->end[rank].inbox);
    free(hub->flight);
    free(hub->end);
    free(hub->host_of);
    free(hub->last_arrival);
    free(hub);
}

struct rp__net *rp__net_local_end(struct rp__net_local *hub, int rank) {
    return &hub->end[rank].net;
}

int rp__net_local_advance(struct rp__net_local *hub, uint64_t now_ns) {
    if (now_ns > hub->now) hub->now = now_ns;
    while (!hub->aborted && rp__net_local_next(hub) <= hub->now) {
        struct flight flight = land(hub);
        struct end *target = &hub->end[flight.target];
        if (target->deaf)
            rp__buffer_free(&flight.buffer);
        else if (rp__inbox_put(&target->inbox, flight.source, &flight.buffer) != 0)
            return RP_ENOMEM;
    }
    return 0;
}

uint64_t rp__net_local_next(const struct rp__net_local *hub) {
    return hub->flights && !hub->aborted ? hub->flight[0].arrival : UINT64_MAX;
}

/* Up to which arrival the messages from the lost rank to `target` get through. */
static uint64_t last_heard(struct rp__net_local *hub, int lost, int target) {
    uint64_t last = hub->last_arrival[(size_t)lost * (size_t)hub->size + (size_t)target];
    switch (hub->script.loss) {
    case RP__NET_LOSS_DELIVER:
        return last;
    case RP__NET_LOSS_DROP:
        break;
    case RP__NET_LOSS_RANDOM:
        return last > hub->now ? draw_between(hub, hub->now, last) : hub->now;
    }
    return hub->now; /* every flight arrives later than now */
}

void rp__net_local_lose(struct rp__net_local *hub, int rank) {
    struct end *lost = &hub->end[rank];
    if (lost->lost) return;
    lost->lost = lost->deaf = true;
    rp__inbox_free(&lost->inbox);
    for (int target = 0; target < hub->size; target++) {
        uint64_t heard = last_heard(hub, rank, target);
        size_t kept = 0;
        for (size_t i = 0; i < hub->flights; i++) {
            struct flight *flight = &hub->flight[i];
            if (flight->source == rank && flight->target == target && flight->arrival > heard) {
                rp__buffer_free(&flight->buffer);
                lost->under_way--;
            } else {
                hub->flight[kept++] = *flight;
            }
        }
        hub->flights = kept;
    }
    for (size_t i = hub->flights / 2; i-- > 0;) sink(hub, i, hub->flight[i]);
}

bool rp__net_local_aborted(const struct rp__net_local *hub, int *exit_code) {
    if (hub->aborted) *exit_code = hub->exit_code;
    return hub->aborted;
}
