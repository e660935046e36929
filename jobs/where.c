/* One form for "who computed this", so that hello and isprime --where can be read by the same script. */
#include "where.h"

#include <stdio.h>

int rp__write_where(rp_task *task) {
    const rp_where *where = rp_task_where(task);
    char core[16] = "-";
    if (where->core >= 0) snprintf(core, sizeof core, "%d", where->core);
    return rp_task_printf(task, "rank %d host %s core %s pid %d\n", where->rank, where->host[0] ? where->host : "-",
                          core, where->pid);
}
