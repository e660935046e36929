/* What `rankpool scale` measures on: growing parts of what one launch has. A layout is a list of ranks and a number of
 * workers; the lists are the beginnings of three orders of the ranks, so that larger layouts contain the smaller. */
#include "scale.h"

#include <stdlib.h>

uint32_t scale_next_size(uint32_t size, uint32_t last) {
    const uint32_t next = size < 4 ? size + 1 : 2 * size;
    return next < last || size >= last ? next : last;
}

void scale_site_close(struct scale_site *site) {
    free(site->cores);
    free(site->limit);
    free(site->begin);
    free(site->first);
    free(site->by_node);
    free(site->by_turn);
    *site = (struct scale_site){0};
}

static void put_by_turn(struct scale_site *site) {
    uint32_t count = 0;
    for (uint32_t turn = 0; count < site->ranks; turn++)
        for (uint32_t node = 0; node < site->nodes; node++)
            if (turn < site->begin[node + 1] - site->begin[node])
                site->by_turn[count++] = site->by_node[site->begin[node] + turn];
}

bool scale_site_open(struct scale_site *site, uint32_t nodes, const int *host_of, uint32_t ranks) {
    *site = (struct scale_site){.nodes = nodes,
                                .ranks = ranks,
                                .cores = calloc(nodes, sizeof *site->cores),
                                .limit = calloc(nodes, sizeof *site->limit),
                                .begin = calloc((size_t)nodes + 1, sizeof *site->begin),
                                .first = calloc(nodes, sizeof *site->first),
                                .by_node = calloc(ranks, sizeof *site->by_node),
                                .by_turn = calloc(ranks, sizeof *site->by_turn)};
    if (!site->cores || !site->limit || !site->begin || !site->first || !site->by_node || !site->by_turn) {
        scale_site_close(site);
        return false;
    }
    uint32_t count = 0;
    for (uint32_t node = 0; node < nodes; node++) {
        for (uint32_t rank = 0; rank < ranks; rank++)
            if ((uint32_t)host_of[rank] == node) site->by_node[count++] = (int)rank;
        site->begin[node + 1] = count;
        site->first[node] = site->by_node[site->begin[node]];
    }
    put_by_turn(site);
    return true;
}

struct list {
    struct scale_layout *layout;
    size_t count, capacity;
    bool failed;
};

static void add(struct list *list, const struct scale_layout *layout) {
    if (list->count == list->capacity) {
        const size_t capacity = list->capacity ? 2 * list->capacity : 32;
        struct scale_layout *more = realloc(list->layout, capacity * sizeof *more);
        list->failed |= !more;
        if (!more) return;
        list->layout = more;
        list->capacity = capacity;
    }
    list->layout[list->count++] = *layout;
}

static void add_one_node(struct list *list, const struct scale_site *site) {
    add(list,
        &(struct scale_layout){
            .series = SCALE_SEQUENTIAL, .nodes = 1, .workers = 1, .ranks = site->first, .rank_count = 1, .fits = true});
    for (enum scale_series series = SCALE_THREADS; series <= SCALE_PROCESSES; series++)
        for (uint32_t workers = 1; workers <= site->limit[0]; workers = scale_next_size(workers, site->limit[0]))
            add(list, &(struct scale_layout){.series = series,
                                             .nodes = 1,
                                             .workers = workers,
                                             .ranks = site->first,
                                             .rank_count = 1,
                                             .fits = workers <= site->cores[0]});
}

/* One rank a node. Crews of all cores where that is the limit: nodes may differ. */
static void add_packed(struct list *list, const struct scale_site *site) {
    uint32_t workers = 0, done = 0;
    bool fits = true, all_cores = true;
    for (uint32_t nodes = 1; nodes <= site->nodes; nodes = scale_next_size(nodes, site->nodes)) {
        for (; done < nodes; done++) {
            workers += site->limit[done];
            fits &= site->limit[done] <= site->cores[done];
            all_cores &= site->limit[done] == site->cores[done];
        }
        if (nodes > 1)
            add(list, &(struct scale_layout){.series = SCALE_PACKED,
                                             .nodes = nodes,
                                             .workers = workers,
                                             .ranks = site->first,
                                             .rank_count = nodes,
                                             .crew = all_cores ? RP_CREW_CORES : site->limit[0],
                                             .fits = fits});
    }
}

/* Does every one of the first `nodes` nodes have a core for its share? */
static bool spread_fits(const struct scale_site *site, uint32_t nodes, uint32_t workers, const uint32_t *most) {
    for (uint32_t node = 0; node < nodes; node++)
        if (workers / nodes + (node < workers % nodes) > most[node]) return false;
    return true;
}

/* The sizes of one node, so that there is something to compare, and those of all nodes. */
static void add_spread(struct list *list, const struct scale_site *site) {
    uint32_t total = 0, one = 2, all = 2;
    for (uint32_t node = 0; node < site->nodes; node++) total += site->limit[node];
    while (site->nodes > 1 && (one <= site->limit[0] || all <= total)) {
        const uint32_t workers = one <= site->limit[0] && one < all ? one : all;
        const uint32_t nodes = workers < site->nodes ? workers : site->nodes;
        if (spread_fits(site, nodes, workers, site->limit))
            add(list, &(struct scale_layout){.series = SCALE_SPREAD,
                                             .nodes = nodes,
                                             .workers = workers,
                                             .ranks = site->first,
                                             .rank_count = nodes,
                                             .fits = spread_fits(site, nodes, workers, site->cores)});
        if (one == workers) one = scale_next_size(one, site->limit[0]);
        if (all == workers) all = scale_next_size(all, total);
    }
}

/* A rank a core, where the launch has several ranks a node. */
static void add_ranks(struct list *list, const struct scale_site *site) {
    if (site->ranks == site->nodes) return;
    for (uint32_t nodes = 1; nodes <= site->nodes; nodes = scale_next_size(nodes, site->nodes)) {
        bool fits = true;
        for (uint32_t node = 0; node < nodes; node++)
            fits &= site->begin[node + 1] - site->begin[node] <= site->cores[node];
        add(list, &(struct scale_layout){.series = SCALE_PACKED_RANKS,
                                         .nodes = nodes,
                                         .workers = site->begin[nodes],
                                         .ranks = site->by_node,
                                         .rank_count = site->begin[nodes],
                                         .crew = 1,
                                         .fits = fits});
    }
    for (uint32_t workers = 2; site->nodes > 1 && workers <= site->ranks;
         workers = scale_next_size(workers, site->ranks)) {
        const uint32_t nodes = workers < site->nodes ? workers : site->nodes;
        add(list, &(struct scale_layout){.series = SCALE_SPREAD_RANKS,
                                         .nodes = nodes,
                                         .workers = workers,
                                         .ranks = site->by_turn,
                                         .rank_count = workers,
                                         .crew = 1,
                                         .fits = spread_fits(site, nodes, workers, site->cores)});
    }
}

struct scale_layout *scale_layouts(const struct scale_site *site, size_t *count) {
    struct list list = {0};
    add_one_node(&list, site);
    add_packed(&list, site);
    add_spread(&list, site);
    add_ranks(&list, site);
    if (list.failed) {
        free(list.layout);
        return NULL;
    }
    *count = list.count;
    return list.layout;
}
