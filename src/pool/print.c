/* The writer of printed lines. The service adds to `queue`; the thread takes all of it at once and writes it, so a
 * slow standard output holds up nobody but the thread. What is queued and what the thread has in hand are at most
 * HELD_MAX bytes together; lines beyond are counted, and a line behind the ones before them says how many. A text that
 * takes several frames waits for its last in its rank's own buffer, so that no other text breaks into it. */
#include "pool/print.h"

#include "pool/world_state.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    HELD_MAX = 64 * 1024 * 1024,
    KEEP = 1024 * 1024,  /* larger buffers are given back after use */
    AT_ONCE = 64 * 1024, /* bytes a write, so that progress can be seen */
    RETRY_MS = 100
};

struct rp__printer {
    int fd;
    pthread_t thread;
    bool running;
    uint32_t ranks;
    struct rp__buffer *begun; /* [ranks] texts of which more is to come; of whoever adds */
    _Atomic uint64_t written; /* bytes */

    pthread_mutex_t lock; /* guards from here on */
    pthread_cond_t changed;
    struct rp__buffer queue;
    size_t in_hand;
    uint64_t dropped; /* lines behind the queue */
    bool finishing, ended;
};

/* false: nobody reads any more, or the disk is full. */
static bool write_all(struct rp__printer *printer, const uint8_t *at, size_t size) {
    while (size) {
        const ssize_t n = write(printer->fd, at, size < AT_ONCE ? size : AT_ONCE);
        if (n > 0) {
            at += n;
            size -= (size_t)n;
            atomic_fetch_add(&printer->written, (uint64_t)n);
        } else if (n < 0 && errno == EAGAIN) { /* a descriptor that does not block, by whoever shares it */
            poll(&(struct pollfd){.fd = printer->fd, .events = POLLOUT}, 1, RETRY_MS);
        } else if (n == 0 || errno != EINTR) {
            return false;
        }
    }
    return true;
}

static bool write_dropped(struct rp__printer *printer, uint64_t lines) {
    char text[128];
    const int size = snprintf(text, sizeof text, "rankpool: %llu printed lines were dropped: nobody reads so fast\n",
                              (unsigned long long)lines);
    return lines == 0 || write_all(printer, (const uint8_t *)text, (size_t)size);
}

static void *write_lines(void *self) {
    struct rp__printer *printer = self;
    struct rp__buffer lines = {0};
    bool good = true;
    pthread_mutex_lock(&printer->lock);
    for (;;) {
        while (!printer->queue.size && !printer->dropped && !printer->finishing)
            pthread_cond_wait(&printer->changed, &printer->lock);
        if (!printer->queue.size && !printer->dropped) break;
        const struct rp__buffer taken = printer->queue;
        const uint64_t dropped = printer->dropped;
        printer->queue = lines;
        lines = taken;
        printer->in_hand = lines.size;
        printer->dropped = 0;
        pthread_mutex_unlock(&printer->lock);
        good = good && write_all(printer, lines.data, lines.size) && write_dropped(printer, dropped);
        lines.size = 0;
        if (lines.capacity > KEEP) rp__buffer_free(&lines);
        pthread_mutex_lock(&printer->lock);
        printer->in_hand = 0;
    }
    printer->ended = true;
    pthread_cond_broadcast(&printer->changed);
    pthread_mutex_unlock(&printer->lock);
    rp__buffer_free(&lines);
    return NULL;
}

/* Signals are the program's other threads' business; that of a pipe which nobody reads must not end the program here. */
static bool start(struct rp__printer *printer) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    printer->running = pthread_create(&printer->thread, NULL, write_lines, printer) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return printer->running;
}

struct rp__printer *rp__printer_new(int fd, uint32_t ranks) {
    struct rp__printer *printer = calloc(1, sizeof *printer);
    if (!printer) return NULL;
    printer->fd = fd;
    printer->ranks = ranks;
    printer->begun = calloc(ranks, sizeof *printer->begun);
    pthread_mutex_init(&printer->lock, NULL);
    rp__condition_init(&printer->changed);
    if (printer->begun && start(printer)) return printer;
    rp__printer_free(printer);
    return NULL;
}

static uint64_t lines_in(const uint8_t *at, size_t size) {
    const uint8_t *end = at + size;
    uint64_t lines = 0;
    while ((at = at == end ? NULL : memchr(at, '\n', (size_t)(end - at)))) {
        lines++;
        at++;
    }
    return lines;
}

static void add_lines(struct rp__printer *printer, const uint8_t *data, size_t size) {
    pthread_mutex_lock(&printer->lock);
    /* Behind lines that were dropped, others wait for the line that says so. */
    const bool fits = !printer->dropped && printer->queue.size + printer->in_hand + size <= HELD_MAX;
    if (!fits || rp__buffer_append(&printer->queue, data, size)) printer->dropped += lines_in(data, size);
    pthread_cond_broadcast(&printer->changed);
    pthread_mutex_unlock(&printer->lock);
}

void rp__printer_add(struct rp__printer *printer, uint32_t rank, const struct rp__frame *frame) {
    struct rp__buffer *begun = &printer->begun[rank];
    const bool more = frame->flags & RP__MORE;
    if (!more && !begun->size) {
        add_lines(printer, frame->data, frame->size);
        return;
    }
    /* Out of memory, or by a rank that runs wild, a part of the text is lost. */
    if (begun->size + frame->size <= HELD_MAX) (void)rp__buffer_append(begun, frame->data, frame->size);
    if (more) return;
    add_lines(printer, begun->data, begun->size);
    rp__buffer_free(begun);
}

/* Wait for the end of the thread, and on as long as it gets anything written. Lock held. */
static bool wait_for_end(struct rp__printer *printer, int stuck_ms) {
    uint64_t before;
    do {
        before = atomic_load(&printer->written);
        const struct timespec until = rp__time_after(stuck_ms * 1e-3);
        while (!printer->ended && pthread_cond_timedwait(&printer->changed, &printer->lock, &until) != ETIMEDOUT) {
        }
    } while (!printer->ended && atomic_load(&printer->written) != before);
    return printer->ended;
}

bool rp__printer_finish(struct rp__printer *printer, int stuck_ms) {
    if (!printer || !printer->running) return true;
    pthread_mutex_lock(&printer->lock);
    printer->finishing = true;
    pthread_cond_broadcast(&printer->changed);
    const bool ended = wait_for_end(printer, stuck_ms);
    pthread_mutex_unlock(&printer->lock);
    if (ended)
        pthread_join(printer->thread, NULL);
    else
        pthread_detach(printer->thread);
    printer->running = !ended;
    return ended;
}

void rp__printer_free(struct rp__printer *printer) {
    if (!printer || printer->running) return;
    for (uint32_t i = 0; printer->begun && i < printer->ranks; i++) rp__buffer_free(&printer->begun[i]);
    free(printer->begun);
    rp__buffer_free(&printer->queue);
    pthread_cond_destroy(&printer->changed);
    pthread_mutex_destroy(&printer->lock);
    free(printer);
}
