/* One value of a whole map: its records, folded in task order as they come. What was folded when the time was up stays
 * with the map, and a record that cannot be folded is left to be read. */
#include "pool/world_state.h"

#include <math.h>
#include <stdalign.h>
#include <string.h>

/* What is left of `timeout_s` (negative: for ever) of a call that began at `since_ns`. */
static double time_left(double timeout_s, uint64_t since_ns) {
    if (timeout_s < 0) return timeout_s;
    const double left = timeout_s - (double)(rp__now_ns() - since_ns) * 1e-9;
    return left > 0 ? left : 0;
}

/* Records lie anywhere in their part, and `combine` may want them aligned: it is given a copy, behind the result. */
static int fold(rp_map *map, const rp_result *result) {
    struct rp__buffer *buffer = &map->reduced;
    if (!map->reducing) {
        buffer->size = 0;
        if (rp__buffer_append(buffer, result->data, result->size)) return RP_ENOMEM;
        map->reducing = true;
        return 0;
    }
    const size_t over = buffer->size % alignof(max_align_t), gap = over ? alignof(max_align_t) - over : 0;
    uint8_t *from = rp__buffer_reserve(buffer, gap + result->size);
    if (!from) return RP_ENOMEM;
    if (result->size) memcpy(from + gap, result->data, result->size);
    map->combine(buffer->data, from + gap, result->size);
    return 0;
}

int rp_map_reduce(rp_map *map, double timeout_s, void *into, size_t size) {
    if (!map || (size && !into) || !map->combine || isnan(timeout_s)) return RP_EINVAL;
    if (map->reducing && map->reduced.size != size) return RP_EINVAL;
    const uint64_t since_ns = rp__now_ns();
    rp_result result;
    int rc;
    while ((rc = rp_map_next(map, time_left(timeout_s, since_ns), &result)) == 0) {
        rc = result.status ? result.status : result.size != size ? RP_EINVAL : fold(map, &result);
        if (rc == 0) continue;
        rp__map_unread(map, &result);
        return rc;
    }
    if (rc != RP_END || !map->reducing) return rc;
    if (size) memcpy(into, map->reduced.data, size);
    map->reducing = false;
    return 0;
}
