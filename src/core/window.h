/* The reorder window: parts of a map's results go in as they come and go out in task order.
 *
 * Parts that are not due yet wait in memory up to a number of bytes; what comes beyond it is put aside through
 * `aside` (a file, to the pool layer) and read back when due, so a slow first task never idles the pool. A part
 * stays in memory all the same when it cannot be put aside. */
#ifndef RP_CORE_WINDOW_H
#define RP_CORE_WINDOW_H

#include "rankpool.h"

/* A task that failed, and how; its input lies behind the list that this is in. */
struct rp__failed {
    uint64_t task;
    rp_failure how;
};

/* The records of tasks [begin, end), as the kernel wrote them. */
struct rp__part {
    struct rp__part *next; /* for whoever holds it in a list */
    uint64_t begin, end;
    bool aside;                       /* its bytes are put aside at `offset` */
    int failure;                      /* not 0: the one record is a failure of all tasks, and this is its code */
    struct rp__failed *failed;        /* [failed_count], the lowest first; one for all, where no inputs are known */
    size_t failed_count, failed_size; /* size: in bytes, with the inputs */
    uint64_t offset;
    size_t size;
    uint8_t *data;                             /* [size]; NULL while aside */
    void (*unmap)(uint8_t *data, size_t size); /* data is a file's, and this lets go of it; NULL: it is memory */
    uint8_t inside[];                          /* where data points for a part that was made of a copy */
};

/* Takes `data`; NULL when out of memory (data is not taken then). */
struct rp__part *rp__part_new(uint64_t begin, uint64_t end, uint8_t *data, size_t size);
/* The same of a copy of the bytes, in one piece of memory. */
struct rp__part *rp__part_copy(uint64_t begin, uint64_t end, const uint8_t *data, size_t size);
void rp__part_free(struct rp__part *part);
/* Some of its records are failures, and this is how; `inputs` are the records of its tasks' inputs, NULL: it has none.
 * Copied. 0 or RP_ENOMEM. */
int rp__part_fail(struct rp__part *part, const rp_failure *how, const uint8_t *inputs, size_t size);
/* How its task failed, one of those that did; lent. NULL: nobody has said. */
const rp_failure *rp__part_failure(const struct rp__part *part, uint64_t task);

/* Files that hold one large answer each, see gather.h. */
struct rp__answer_file;
struct rp__answer_files {
    struct rp__answer_file *(*open)(void); /* NULL: there is none */
    /* Append: 0, or a negative code; then how much of it was written is not known. */
    int (*add)(struct rp__answer_file *file, const uint8_t *data, size_t size);
    /* Its first `size` bytes, to read, until `unmap`, also after `close`; NULL: that is not possible. */
    uint8_t *(*map)(const struct rp__answer_file *file, size_t size);
    void (*unmap)(uint8_t *data, size_t size);
    void (*close)(struct rp__answer_file *file);
};

struct rp__window_aside {
    void *self;
    /* Each 0 or a negative code. */
    int (*write)(void *self, const uint8_t *data, size_t size, uint64_t *offset);
    int (*read)(void *self, uint64_t offset, uint8_t *data, size_t size);
    void (*reset)(void *self);            /* nothing is aside any more */
    const struct rp__answer_files *files; /* NULL: none */
};

struct rp__window {
    bool unordered; /* everything is due */
    uint64_t due;   /* the task whose part goes out next: whoever knows that one is skipped moves it on */
    size_t limit, bytes;
    size_t aside_count;
    struct rp__window_aside aside; /* write NULL: nothing can be put aside */
    struct rp__part **heap;        /* lowest begin first */
    size_t count, capacity;
};

/* Takes the part, which may move in memory. 0 or RP_ENOMEM (the part is the caller's still). */
int rp__window_put(struct rp__window *window, struct rp__part *part);
/* The part that is due, given; NULL in *part when it has not come yet. 0, RP_ENOMEM or what `aside.read` returned:
 * the part stays. */
int rp__window_next(struct rp__window *window, struct rp__part **part);
void rp__window_free(struct rp__window *window);

#endif
