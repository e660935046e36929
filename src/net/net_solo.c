/* The net of a world of one rank without MPI: what it sends comes back to it. */
#include "net/inbox.h"

#include <stdlib.h>
#include <unistd.h>

struct solo {
    struct rp__net net;
    struct rp__inbox inbox;
};

static int solo_send(struct rp__net *net, int rank, struct rp__buffer *buffer, rp_error *error) {
    struct solo *solo = (struct solo *)net;
    (void)rank;
    int rc = rp__inbox_put(&solo->inbox, 0, buffer);
    if (rc && error) *error = (rp_error){.code = rc, .text = "out of memory for a message"};
    return rc;
}

static int solo_poll(struct rp__net *net, struct rp__net_message *message, bool *got, rp_error *error) {
    struct solo *solo = (struct solo *)net;
    (void)error;
    rp__inbox_release(&solo->inbox);
    *got = rp__inbox_take(&solo->inbox, message);
    return 0;
}

static size_t solo_pending(const struct rp__net *net) {
    (void)net;
    return 0;
}

static size_t solo_unsent(const struct rp__net *net, int rank) {
    (void)rank;
    return ((const struct solo *)net)->inbox.bytes;
}

static void solo_close(struct rp__net *net) {
    rp__inbox_free(&((struct solo *)net)->inbox);
    free(net);
}

static void solo_abort(struct rp__net *net, int exit_code) {
    (void)net;
    _exit(exit_code);
}

static const struct rp__net_ops solo_ops = {.send = solo_send,
                                            .poll = solo_poll,
                                            .pending = solo_pending,
                                            .unsent = solo_unsent,
                                            .close = solo_close,
                                            .abort = solo_abort};

struct rp__net *rp__net_solo(void) {
    struct solo *solo = calloc(1, sizeof *solo);
    if (solo) solo->net = (struct rp__net){.ops = &solo_ops, .size = 1, .local_size = 1, .hosts = 1};
    return solo ? &solo->net : NULL;
}
