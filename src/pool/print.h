/* The lines that tasks print, on their way to the program's standard output. */
#ifndef RP_POOL_PRINT_H
#define RP_POOL_PRINT_H

#include "core/wire.h"

struct rp__printer;

/* A thread that writes to `fd`, for lines of so many ranks. NULL: no memory, or no thread. */
struct rp__printer *rp__printer_new(int fd, uint32_t ranks);
/* A PRINT frame came. Does not block; one thread calls it. */
void rp__printer_add(struct rp__printer *printer, uint32_t rank, const struct rp__frame *frame);
/* Nothing more is added that counts: write what is left, unless nothing can be written for `stuck_ms`, then end the
 * thread. false: it hangs in a write, and its memory must stay. NULL is no error. */
bool rp__printer_finish(struct rp__printer *printer, int stuck_ms);
/* After finish. NULL is no error, nor is a thread that hangs: it keeps its memory. */
void rp__printer_free(struct rp__printer *printer);

#endif
