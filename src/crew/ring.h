/* A byte ring in shared memory between one writer and one reader, in two processes that need not trust each other.
 *
 * A record is a word with its size and a check sum, then its bytes, padded to words by zeros. It may run over the end of the ring to its
 * beginning: it is copied in two parts then. Positions count bytes for ever and never wrap. Each side keeps its own
 * position in private memory and holds whatever it reads from the ring against it, so a side that overruns the ring
 * with rubbish makes the other one say RP__RING_BROKEN, never read outside or loop for ever. */
#ifndef RP_CREW_RING_H
#define RP_CREW_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RP__RING_SIZE = 256 * 1024, /* a power of two */
    RP__RING_RECORD = 33 * 1024 /* the largest record; several fit, so both sides work at once */
};

struct rp__ring {
    _Alignas(64) _Atomic uint64_t head;   /* bytes written, by the writer */
    _Alignas(64) _Atomic uint64_t tail;   /* bytes read, by the reader */
    _Alignas(64) _Atomic uint32_t wanted; /* the writer sleeps until there is room */
    _Alignas(64) uint64_t word[RP__RING_SIZE / 8];
};

/* One side of a ring, in its owner's own memory. */
struct rp__ring_side {
    struct rp__ring *ring;
    uint64_t own;  /* this side's position */
    uint64_t peer; /* the other side's, as last seen */
};

enum rp__ring_state {
    RP__RING_DONE = 0,
    RP__RING_WAIT,  /* full for this record, or empty */
    RP__RING_BROKEN /* what stands in the ring makes no sense */
};

/* Empty the ring while nobody is attached to it. */
void rp__ring_reset(struct rp__ring *ring);
/* Attach to an empty ring, as the writer or as the reader. */
void rp__ring_attach(struct rp__ring_side *side, struct rp__ring *ring);

/* Write one record made of `head` and `data`, together at most RP__RING_RECORD bytes; seen whole or not at all. */
enum rp__ring_state rp__ring_write(struct rp__ring_side *writer, const void *head, size_t head_size, const void *data,
                                   size_t data_size);
/* Copy the next record, padded, into `record`, of `capacity` bytes, and free its place in the ring.
 * One that was written over is broken, as far as 32 bits of check sum can tell. */
enum rp__ring_state rp__ring_read(struct rp__ring_side *reader, void *record, size_t capacity, size_t *size);

/* Reader: is there something to read, or to find broken? */
bool rp__ring_waiting(const struct rp__ring_side *reader);
/* Writer: is half of the ring or more still to be read? */
bool rp__ring_half_full(struct rp__ring_side *writer);

/* The writer sleeps for room, the reader wakes it:
 *
 *     writer:  rp__ring_write says WAIT;  rp__ring_want(true);  sleep unless rp__ring_has_room;  rp__ring_want(false)
 *     reader:  rp__ring_read;  rp__ring_wakes: wake the writer
 *
 * A writer without room leaves less than half of the ring free and the reader wakes it once half is free, so the
 * reads that empty the ring cannot miss it. */
void rp__ring_want(struct rp__ring_side *writer, bool wanted);
bool rp__ring_has_room(const struct rp__ring_side *writer); /* for the largest record; true also if broken */
bool rp__ring_wakes(const struct rp__ring_side *reader);

#endif
