/* Waking the neighbours: who sends to a rank of the same host rings its doorbell, since MPI wakes no sleeper.
 *
 * A rank's doorbell is a page behind a descriptor of its own. The neighbours learn (pid, descriptor) and open it
 * through /proc. In containers the pid may belong to somebody else, so a page is taken only if device and inode are
 * those that its owner sees. Where any of it fails the neighbour is not rung; its sleep bounds the delay. */
#include "core/error.h"
#include "net/net_mpi.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where a rank's doorbell is found. Sent as bytes: the ranks of a host agree on their layout. */
struct card {
    int rank, pid, fd; /* fd -1: no doorbell */
    uint64_t device, inode;
};

static struct card card_of(const struct rp__net_bell *bell, int rank) {
    struct card card = {.rank = rank, .pid = (int)getpid(), .fd = -1};
    struct stat status;
    if (bell && bell->fd >= 0 && fstat(bell->fd, &status) == 0) {
        card.fd = bell->fd;
        card.device = status.st_dev;
        card.inode = status.st_ino;
    }
    return card;
}

static bool matches(const struct stat *status, const struct card *card) {
    return status->st_dev == card->device && status->st_ino == card->inode;
}

static void *map_page(const struct rp__net_bell *bell, const struct card *card) {
    char path[64];
    struct stat status;
    snprintf(path, sizeof path, "/proc/%d/fd/%d", card->pid, card->fd);
    /* Look before opening: opening somebody else's device could do things. */
    if (stat(path, &status) != 0 || !matches(&status, card)) return NULL;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return NULL;
    void *page = fstat(fd, &status) == 0 && matches(&status, card) ? bell->map(fd) : NULL;
    close(fd);
    return page;
}

int rp__net_wake_open(struct rp__net_wake *wake, const struct rp__net_bell *bell, int rank, MPI_Comm host,
                      rp_error *error) {
    int count;
    MPI_Comm_size(host, &count);
    struct card own = card_of(bell, rank);
    struct card *cards = malloc((size_t)count * sizeof *cards);
    if (!cards) return rp__fail(error, RP_ENOMEM, "out of memory while the ranks of a host exchanged their doorbells");
    int status = MPI_Allgather(&own, sizeof own, MPI_BYTE, cards, sizeof own, MPI_BYTE, host);
    if (bell) wake->bell = *bell;
    for (int i = 0; status == MPI_SUCCESS && bell && i < count; i++)
        if (cards[i].rank != rank && cards[i].fd >= 0) wake->page[cards[i].rank] = map_page(bell, &cards[i]);
    free(cards);
    return status == MPI_SUCCESS ? 0 : rp__net_mpi_fail(error, "MPI_Allgather", status);
}

void rp__net_wake_close(struct rp__net_wake *wake) {
    for (int rank = 0; wake->page && rank < wake->ranks; rank++)
        if (wake->page[rank]) wake->bell.unmap(wake->page[rank]);
    free(wake->page);
    *wake = (struct rp__net_wake){0};
}
