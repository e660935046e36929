/* The bytes of one answer that comes in pieces: in memory while they are few, in a file of its own from then on, so that
 * many large answers need no more memory than small ones. Where there is no room for the file, they stay in memory. */
#ifndef RP_CORE_GATHER_H
#define RP_CORE_GATHER_H

#include "core/buffer.h"
#include "core/window.h"

enum { RP__GATHER_MEMORY = 1024 * 1024 };

/* All zero is an empty one. */
struct rp__gathered {
    size_t size;
    struct rp__buffer memory;
    const struct rp__answer_files *files;
    struct rp__answer_file *file; /* NULL: all of it is in memory */
    const uint8_t *mapped;        /* the file's bytes, once they were asked for */
    bool refused;                 /* by the file, once: it is not asked again */
};

/* Add a piece. `files` NULL: there are none. 0 or RP_ENOMEM. */
int rp__gather(struct rp__gathered *gathered, const struct rp__answer_files *files, const uint8_t *data, size_t size);
/* All of it, lent; NULL: out of memory. */
const uint8_t *rp__gathered_bytes(struct rp__gathered *gathered);
/* After rp__gathered_bytes: all of it as a part; nothing is left. NULL: out of memory, and it is as it was. */
struct rp__part *rp__gathered_part(struct rp__gathered *gathered, uint64_t begin, uint64_t end);
void rp__gathered_free(struct rp__gathered *gathered);

#endif
