/* What waits is a heap by place. Records stay in memory up to a bound and go to a file behind it, which is appended to and
 * made empty whenever nothing of it waits any more: a slow command costs disk space for as long as it runs, and of memory
 * 32 bytes for each command that has overtaken it. */
#include "exec/order.h"
#include "exec/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct waiting {
    uint64_t place, size;
    uint64_t at; /* in the file */
    char *data;  /* NULL: it is there, or has no bytes */
};

struct exec_order {
    uint64_t next; /* the place that is due */
    struct waiting *heap;
    size_t count, capacity;
    size_t in_memory; /* bytes */
    int fd;           /* -1: not needed yet */
    uint64_t end;     /* of the file */
    size_t in_file;   /* records */
    char *taken;      /* lent */
};

struct exec_order *exec_order_new(void) {
    struct exec_order *order = calloc(1, sizeof *order);
    if (order) order->fd = -1;
    return order;
}

void exec_order_free(struct exec_order *order) {
    if (!order) return;
    for (size_t i = 0; i < order->count; i++) free(order->heap[i].data);
    if (order->fd >= 0) close(order->fd);
    free(order->heap);
    free(order->taken);
    free(order);
}

/* ---- The heap ------------------------------------------------------------------------------------------ */

static void push(struct exec_order *order, struct waiting waiting) {
    size_t at = order->count++;
    for (size_t up; at > 0 && order->heap[up = (at - 1) / 2].place > waiting.place; at = up)
        order->heap[at] = order->heap[up];
    order->heap[at] = waiting;
}

static void pop(struct exec_order *order) {
    const struct waiting last = order->heap[--order->count];
    size_t at = 0;
    for (size_t down; (down = 2 * at + 1) < order->count; at = down) {
        down += down + 1 < order->count && order->heap[down + 1].place < order->heap[down].place;
        if (last.place <= order->heap[down].place) break;
        order->heap[at] = order->heap[down];
    }
    order->heap[at] = last;
}

static bool has_room(struct exec_order *order) {
    if (order->count < order->capacity) return true;
    const size_t capacity = order->capacity ? 2 * order->capacity : 64;
    struct waiting *grown = realloc(order->heap, capacity * sizeof *grown);
    if (!grown) return false;
    order->heap = grown;
    order->capacity = capacity;
    return true;
}

/* ---- The file ------------------------------------------------------------------------------------------ */

/* What a write leaves half done is cut off again. */
static int append(struct exec_order *order, const void *data, size_t size, uint64_t *at) {
    if (order->fd < 0) order->fd = exec_file_unnamed();
    if (order->fd < 0) return RP_ESYSTEM;
    if (!exec_file_write(order->fd, data, size)) {
        const int error = errno;
        if (ftruncate(order->fd, (off_t)order->end)) order->end = (uint64_t)lseek(order->fd, 0, SEEK_END);
        errno = error;
        return RP_ESYSTEM;
    }
    *at = order->end;
    order->end += size;
    order->in_file++;
    return 0;
}

static void let_go(struct exec_order *order) {
    if (--order->in_file || ftruncate(order->fd, 0)) return; /* where that fails it only grows on */
    order->end = 0;
}

/* ---- Records ------------------------------------------------------------------------------------------- */

int exec_order_put(struct exec_order *order, uint64_t place, const void *data, size_t size) {
    struct waiting waiting = {.place = place, .size = size};
    if (!has_room(order)) return RP_ENOMEM;
    if (size && size <= EXEC_ORDER_MEMORY - order->in_memory) {
        waiting.data = malloc(size);
        if (!waiting.data) return RP_ENOMEM;
        memcpy(waiting.data, data, size);
        order->in_memory += size;
    } else if (size) {
        int rc = append(order, data, size, &waiting.at);
        if (rc) return rc;
    }
    push(order, waiting);
    return 0;
}

int exec_order_take(struct exec_order *order, bool gaps, const void **data, size_t *size) {
    if (!order->count || (!gaps && order->heap[0].place != order->next)) return RP_EEMPTY;
    const struct waiting first = order->heap[0];
    char *bytes = first.data;
    if (first.size && !bytes) {
        bytes = malloc(first.size);
        if (!bytes) return RP_ENOMEM;
        if (!exec_file_read(order->fd, bytes, first.size, first.at)) {
            free(bytes);
            return RP_ESYSTEM;
        }
        let_go(order);
    }
    if (first.data) order->in_memory -= first.size;
    pop(order);
    order->next = first.place + 1;
    free(order->taken);
    *data = order->taken = bytes;
    *size = first.size;
    return 0;
}

bool exec_order_due(const struct exec_order *order, uint64_t place) { return place == order->next; }

void exec_order_pass(struct exec_order *order) { order->next++; }
