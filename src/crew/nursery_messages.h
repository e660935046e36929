/* What agent and nursery say to each other over their socket: one struct a packet. */
#ifndef RP_CREW_NURSERY_MESSAGES_H
#define RP_CREW_NURSERY_MESSAGES_H

#include "crew/arena.h"

enum rp__order_type { RP__ORDER_SPAWN = 1, RP__ORDER_KILL };
struct rp__order {
    uint32_t type;
    uint32_t slot;
};

enum rp__report_type { RP__REPORT_SPAWNED = 1, RP__REPORT_REFUSED, RP__REPORT_ENDED };
struct rp__report {
    uint32_t type;
    uint32_t slot;
    int32_t pid;
    int32_t status; /* ENDED: of waitpid. REFUSED: errno of the fork */
    uint32_t oom;
};

/* The nursery's life, in the process forked for it. `family` is in the environment of all that it starts. */
_Noreturn void rp__nursery_main(const struct rp__arena *arena, int agent, uint64_t lease_ns, const char *family);

#endif
