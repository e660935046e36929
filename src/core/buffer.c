/* A growing run of bytes. Sizes are checked for overflow before anything is allocated, so a length that came from
 * elsewhere can ask for too much but never for too little. */
#include "core/buffer.h"

#include "rankpool.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 256 };

uint8_t *rp__buffer_reserve(struct rp__buffer *buffer, size_t more) {
    if (more > PTRDIFF_MAX - buffer->size) return NULL; /* no object is larger */
    const size_t needed = buffer->size + more;
    if (buffer->data && needed <= buffer->capacity) return buffer->data + buffer->size;

    size_t capacity = buffer->capacity + buffer->capacity / 2;
    if (capacity < FIRST_CAPACITY) capacity = FIRST_CAPACITY;
    if (capacity < needed) capacity = needed;
    uint8_t *data = realloc(buffer->data, capacity);
    if (!data && capacity > needed) data = realloc(buffer->data, capacity = needed);
    if (!data) return NULL;
    buffer->data = data;
    buffer->capacity = capacity;
    return data + buffer->size;
}

int rp__buffer_append(struct rp__buffer *buffer, const void *data, size_t size) {
    uint8_t *at = rp__buffer_reserve(buffer, size);
    if (!at) return RP_ENOMEM;
    if (size) memcpy(at, data, size);
    buffer->size += size;
    return 0;
}

void rp__buffer_free(struct rp__buffer *buffer) {
    free(buffer->data);
    *buffer = (struct rp__buffer){0};
}
