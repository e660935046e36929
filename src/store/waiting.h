/* Results that were put and are not taken yet: a heap, lowest task first. */
#ifndef RP_STORE_WAITING_H
#define RP_STORE_WAITING_H

#include "rankpool.h"

/* How and when a result failed. */
struct rp__mishap {
    rp_failure how;
    double time; /* seconds since 1970 */
    void *input; /* how.input, if that is known */
    char *words; /* what there is to say of a good result that counts as a failure; NULL: the bytes are the message */
};

/* A result on its way. Its main thread owns it; what a batch writes of it does not change meanwhile. */
struct rp__item {
    uint64_t begin, end;
    int status;
    bool in_batch;             /* the writer has it in hand: freed only when it is back */
    bool row;                  /* of a batch: its bytes go to the file; else only its failure does */
    bool in_file;              /* its bytes are there */
    bool taken;                /* was handed out */
    struct rp__mishap *mishap; /* NULL: a good one */
    size_t size;
    uint8_t data[];
};

struct rp__waiting {
    struct rp__item **at;
    size_t count, capacity;
};

/* A copy; NULL: out of memory. */
struct rp__item *rp__item_new(uint64_t begin, uint64_t end, int status, const void *data, size_t size);
void rp__item_free(struct rp__item *item);
/* A failed one gets a copy of its task's input; NULL: it has none. 0 or RP_ENOMEM. */
int rp__item_input(struct rp__item *item, const void *input, size_t size);
/* Bytes of memory that it takes, about. */
size_t rp__item_cost(const struct rp__item *item);

/* 0 or RP_ENOMEM. */
int rp__waiting_add(struct rp__waiting *waiting, struct rp__item *item);
/* The lowest; NULL: none. */
struct rp__item *rp__waiting_first(const struct rp__waiting *waiting);
void rp__waiting_remove_first(struct rp__waiting *waiting);
/* Puts all in order; a heap it is all the same. */
void rp__waiting_sort(struct rp__waiting *waiting);
/* A list in any order: adds at its end. 0 or RP_ENOMEM. */
int rp__waiting_append(struct rp__waiting *list, struct rp__item *item);
/* Frees the list, and what is in it. */
void rp__waiting_free(struct rp__waiting *waiting);

#endif
