/* Records that wait for their turn, with -k: put in as they come, taken out by their places, which count from 0. */
#ifndef RP_EXEC_ORDER_H
#define RP_EXEC_ORDER_H

#include "rankpool.h"

enum { EXEC_ORDER_MEMORY = 4 << 20 /* bytes of records that wait in memory; the others do in a file */ };

struct exec_order;
/* NULL: out of memory. */
struct exec_order *exec_order_new(void);
void exec_order_free(struct exec_order *order); /* NULL is no error */

/* `data` is copied; size 0 stands for a place from which nothing will come. 0, RP_ENOMEM, or RP_ESYSTEM: there is no room
 * in the file, and errno says why. After an error it does not wait here. */
int exec_order_put(struct exec_order *order, uint64_t place, const void *data, size_t size);
/* The next place's record, lent until the next call; its size may be 0. RP_EEMPTY: it is not there yet. `gaps`: places
 * without a record are passed over, so that everything comes. RP_ENOMEM, RP_ESYSTEM: it stays where it is. */
int exec_order_take(struct exec_order *order, bool gaps, const void **data, size_t *size);
/* Is this place the next one? Then its record need not wait at all: exec_order_pass goes on behind it. */
bool exec_order_due(const struct exec_order *order, uint64_t place);
void exec_order_pass(struct exec_order *order);

#endif
