/* Data that every rank gets once and its workers map: into a file in memory, whose descriptor all of them find in the
 * family's page. Ranks pass it on as a binary tree (rank r to 2r+1 and 2r+2), piece by piece as it comes, so rank 0
 * sends it twice however many ranks there are. */
#include "core/error.h"
#include "pool/world_state.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int pass_on(rp_world *world, const struct rp__frame *frame) {
    for (int child = 1; child <= 2; child++) {
        int rank = 2 * world->net->rank + child;
        if (rank >= world->net->size) continue;
        struct rp__outbox outbox = {0};
        if (rp__outbox_put(&outbox, frame)) return RP_ENOMEM;
        rp__service_send(world, rank, &outbox);
        rp__outbox_free(&outbox);
    }
    return 0;
}

static int keep(int fd, const uint8_t *data, size_t size) {
    while (size) {
        ssize_t n = write(fd, data, size);
        if (n < 0 && errno != EINTR) return RP_ESYSTEM;
        if (n > 0) data += n, size -= (size_t)n;
    }
    return 0;
}

int rp__share_came(rp_world *world, const struct rp__frame *frame, rp_error *error) {
    uint32_t share = frame->worker;
    if (share > world->shares || share >= RP__SHARED_MAX)
        return rp__fail(error, RP_EPROTOCOL, "shared data %u came before others", share);
    if (share == world->shares) {
        world->shared_fd[share] = memfd_create("rankpool-shared", MFD_CLOEXEC);
        if (world->shared_fd[share] < 0)
            return rp__fail(error, RP_ESYSTEM, "no memory file for shared data: %s", strerror(errno));
        world->shares++;
    }
    if (pass_on(world, frame)) return rp__fail(error, RP_ENOMEM, "out of memory for shared data");
    if (keep(world->shared_fd[share], frame->data, frame->size))
        return rp__fail(error, RP_ESYSTEM, "no memory for %zu bytes of shared data: %s", (size_t)frame->count,
                        strerror(errno));
    world->shared_size[share] += frame->size;
    if (world->shared_size[share] < frame->count) return 0;
    struct rp__shared *shared = &rp__arena_family_page(world->arena)->shared[share];
    shared->fd = world->shared_fd[share];
    atomic_store(&shared->size, world->shared_size[share]);
    struct rp__frame done = {.type = RP__FRAME_SHARED, .worker = share};
    return rp__outbox_put(&world->out, &done) ? rp__fail(error, RP_ENOMEM, "out of memory for shared data") : 0;
}

void rp__share_free(rp_world *world) {
    for (uint32_t i = 0; i < world->shares; i++) close(world->shared_fd[i]);
}

int rp_world_share(rp_world *world, const void *data, size_t size, uint32_t *share, rp_error *error) {
    if (!world || !data || !size || !share)
        return rp__fail(error, RP_EINVAL, "rp_world_share needs a world, data of at least a byte and a result");
    if (rp__world_check_caller(world, error)) return RP_EINVAL;
    rp__world_lock(world);
    while (world->sharing && !world->error.code) rp__world_wait(world, &world->changed, &world->lock, NULL);
    uint32_t number = world->shares;
    int rc = world->error.code;
    if (rc) rp__fail(error, rc, "%s", world->error.text);
    if (rc == 0 && number == RP__SHARED_MAX)
        rc = rp__fail(error, RP_ERANGE, "a world can share %d times, and has", RP__SHARED_MAX);
    if (rc == 0 && world->ranks_lost)
        rc = rp__fail(error, RP_ELOST, "data cannot be shared any more: %u ranks were lost that would pass it on",
                      world->ranks_lost);
    if (rc == 0) {
        struct rp__frame frame = {.type = RP__FRAME_SHARE, .worker = number, .count = size, .data = data, .size = size};
        world->sharing = true;
        world->shared_ranks = 0;
        world->to_share = &frame;
        rp__service_ring(world);
        while (!world->error.code && world->shared_ranks < world->ranks)
            rp__world_wait(world, &world->changed, &world->lock, NULL);
        while (world->to_share) rp__world_wait(world, &world->changed, &world->lock, NULL);
        world->sharing = false;
        pthread_cond_broadcast(&world->changed);
        rc = world->error.code;
        if (rc)
            rp__fail(error, rc, "%s", world->error.text);
        else
            *share = number;
    }
    rp__world_unlock(world);
    return rc;
}
