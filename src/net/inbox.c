/* A queue of messages, see inbox.h. */
#include "net/inbox.h"

#include <stdlib.h>

static bool grow(struct rp__inbox *inbox) {
    size_t capacity = inbox->capacity ? 2 * inbox->capacity : 16;
    struct rp__inbox_entry *at = malloc(capacity * sizeof *at);
    if (!at) return false;
    for (size_t i = 0; i < inbox->count; i++) at[i] = inbox->at[(inbox->first + i) & (inbox->capacity - 1)];
    free(inbox->at);
    inbox->at = at;
    inbox->first = 0;
    inbox->capacity = capacity;
    return true;
}

int rp__inbox_put(struct rp__inbox *inbox, int source, struct rp__buffer *buffer) {
    if (inbox->count == inbox->capacity && !grow(inbox)) {
        rp__buffer_free(buffer);
        return RP_ENOMEM;
    }
    size_t last = (inbox->first + inbox->count++) & (inbox->capacity - 1);
    inbox->bytes += buffer->size;
    inbox->at[last] = (struct rp__inbox_entry){.source = source, .buffer = *buffer};
    *buffer = (struct rp__buffer){0};
    return 0;
}

bool rp__inbox_take(struct rp__inbox *inbox, struct rp__net_message *message) {
    if (inbox->count == 0) return false;
    rp__inbox_release(inbox);
    struct rp__inbox_entry *entry = &inbox->at[inbox->first];
    inbox->first = (inbox->first + 1) & (inbox->capacity - 1);
    inbox->count--;
    inbox->lent = entry->buffer;
    inbox->bytes -= inbox->lent.size;
    *message = (struct rp__net_message){.source = entry->source, .data = inbox->lent.data, .size = inbox->lent.size};
    return true;
}

void rp__inbox_release(struct rp__inbox *inbox) { rp__buffer_free(&inbox->lent); }

void rp__inbox_free(struct rp__inbox *inbox) {
    rp__inbox_release(inbox);
    for (size_t i = 0; i < inbox->count; i++)
        rp__buffer_free(&inbox->at[(inbox->first + i) & (inbox->capacity - 1)].buffer);
    free(inbox->at);
    *inbox = (struct rp__inbox){0};
}
