/* An answer of pieces, see gather.h. Only whole pieces count as written, so what a full disk cut off is not read. */
#include "core/gather.h"

#include <string.h>

static void close_file(struct rp__gathered *gathered) {
    if (gathered->mapped) gathered->files->unmap((uint8_t *)gathered->mapped, gathered->size);
    if (gathered->file) gathered->files->close(gathered->file);
    gathered->mapped = NULL;
    gathered->file = NULL;
}

static void go_to_file(struct rp__gathered *gathered) {
    gathered->file = gathered->files->open();
    if (gathered->file && gathered->files->add(gathered->file, gathered->memory.data, gathered->size) == 0) {
        rp__buffer_free(&gathered->memory);
        return;
    }
    close_file(gathered);
    gathered->refused = true;
}

static int come_back(struct rp__gathered *gathered) {
    gathered->refused = true;
    const uint8_t *data = rp__gathered_bytes(gathered);
    if (!data || rp__buffer_append(&gathered->memory, data, gathered->size)) return RP_ENOMEM;
    close_file(gathered);
    return 0;
}

int rp__gather(struct rp__gathered *gathered, const struct rp__answer_files *files, const uint8_t *data, size_t size) {
    gathered->files = files;
    if (files && !gathered->file && !gathered->refused && gathered->size + size > RP__GATHER_MEMORY)
        go_to_file(gathered);
    int rc = 0;
    if (!gathered->file)
        rc = rp__buffer_append(&gathered->memory, data, size);
    else if (gathered->files->add(gathered->file, data, size)) {
        rc = come_back(gathered);
        if (rc == 0) rc = rp__buffer_append(&gathered->memory, data, size);
    }
    if (rc == 0) gathered->size += size;
    return rc;
}

const uint8_t *rp__gathered_bytes(struct rp__gathered *gathered) {
    if (!gathered->file) return gathered->memory.data;
    if (!gathered->mapped) gathered->mapped = gathered->files->map(gathered->file, gathered->size);
    return gathered->mapped;
}

struct rp__part *rp__gathered_part(struct rp__gathered *gathered, uint64_t begin, uint64_t end) {
    const bool mapped = gathered->mapped != NULL;
    struct rp__part *part =
        rp__part_new(begin, end, mapped ? (uint8_t *)gathered->mapped : gathered->memory.data, gathered->size);
    if (!part) return NULL;
    if (mapped) {
        part->unmap = gathered->files->unmap;
        gathered->files->close(gathered->file);
    }
    *gathered = (struct rp__gathered){0};
    return part;
}

void rp__gathered_free(struct rp__gathered *gathered) {
    close_file(gathered);
    rp__buffer_free(&gathered->memory);
    *gathered = (struct rp__gathered){0};
}
