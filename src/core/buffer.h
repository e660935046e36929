/* A growing run of bytes. All zero is an empty one. */
#ifndef RP_CORE_BUFFER_H
#define RP_CORE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

struct rp__buffer {
    uint8_t *data;
    size_t size, capacity;
};

/* Make room for `more` bytes after size, growing by halves; NULL when out of memory (the buffer is unchanged).
 * Returns where they go; the caller adds to size what it used. */
uint8_t *rp__buffer_reserve(struct rp__buffer *buffer, size_t more);
/* 0 or RP_ENOMEM. */
int rp__buffer_append(struct rp__buffer *buffer, const void *data, size_t size);
void rp__buffer_free(struct rp__buffer *buffer);

#endif
