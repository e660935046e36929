/* The words of an array as another process of this host maps them. */
#ifndef RP_CREW_CELLS_H
#define RP_CREW_CELLS_H

#include "core/call.h"

#include <stdatomic.h>

/* The words behind the word RP__CELLS_ALIVE of what is mapped; NULL: it cannot be opened here. */
_Atomic uint64_t *rp__cells_map(const struct rp__cells_at *at);

#endif
