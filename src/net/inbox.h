/* Messages of this process that wait for a poll: first in, first out. All zero is an empty one. */
#ifndef RP_NET_INBOX_H
#define RP_NET_INBOX_H

#include "net/net.h"

struct rp__inbox_entry {
    int source;
    struct rp__buffer buffer;
};

struct rp__inbox {
    struct rp__inbox_entry *at; /* a circle of `capacity`, a power of two */
    size_t first, count, capacity;
    size_t bytes;           /* of those that wait */
    struct rp__buffer lent; /* what the last take handed out */
};

/* Takes the bytes of `buffer`, which is empty afterwards, whatever happens. 0 or RP_ENOMEM. */
int rp__inbox_put(struct rp__inbox *inbox, int source, struct rp__buffer *buffer);
/* The oldest message, lent until the next rp__inbox_release; false: none. */
bool rp__inbox_take(struct rp__inbox *inbox, struct rp__net_message *message);
void rp__inbox_release(struct rp__inbox *inbox);
/* Drops everything; the inbox is empty and can be used again. */
void rp__inbox_free(struct rp__inbox *inbox);

#endif
