/* What is measured on what: a launch is a list that says on which node each rank is. */
#include "scale.h"
#include "unit.h"

static struct scale_layout *layouts_of(struct scale_site *site, uint32_t nodes, const int *host_of, uint32_t ranks,
                                       uint32_t cores, size_t *count) {
    CU_ASSERT_TRUE_FATAL(scale_site_open(site, nodes, host_of, ranks));
    for (uint32_t node = 0; node < nodes; node++) site->cores[node] = site->limit[node] = cores;
    struct scale_layout *layout = scale_layouts(site, count);
    CU_ASSERT_PTR_NOT_NULL_FATAL(layout);
    return layout;
}

static size_t count_of(const struct scale_layout *layout, size_t count, enum scale_series series) {
    size_t of = 0;
    for (size_t i = 0; i < count; i++) of += layout[i].series == series;
    return of;
}

static const struct scale_layout *find(const struct scale_layout *layout, size_t count, enum scale_series series,
                                       uint32_t workers) {
    for (size_t i = 0; i < count; i++)
        if (layout[i].series == series && layout[i].workers == workers) return &layout[i];
    return NULL;
}

static void sizes_are_each_up_to_4_then_powers_of_two_and_the_last(void) {
    static const uint32_t expected[] = {1, 2, 3, 4, 8, 16, 24};
    uint32_t size = 1;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++, size = scale_next_size(size, 24))
        CU_ASSERT_EQUAL(size, expected[i]);
    CU_ASSERT_TRUE(size > 24);
    CU_ASSERT_TRUE(scale_next_size(1, 1) > 1);
}

static void one_rank_has_a_sequential_layout_threads_and_processes(void) {
    struct scale_site site;
    size_t count;
    struct scale_layout *layout = layouts_of(&site, 1, &(int){0}, 1, 4, &count);
    CU_ASSERT_EQUAL(count, 9);
    CU_ASSERT_EQUAL(layout[0].series, SCALE_SEQUENTIAL);
    CU_ASSERT_EQUAL(count_of(layout, count, SCALE_THREADS), 4);
    CU_ASSERT_EQUAL(count_of(layout, count, SCALE_PROCESSES), 4);
    free(layout);
    scale_site_close(&site);
}

static void a_rank_a_node_has_crews_packed_and_spread(void) {
    static const int host_of[] = {0, 1, 2};
    struct scale_site site;
    size_t count;
    struct scale_layout *layout = layouts_of(&site, 3, host_of, 3, 8, &count);
    CU_ASSERT_EQUAL(count_of(layout, count, SCALE_PACKED), 2); /* one node is among the processes */
    CU_ASSERT_EQUAL(count_of(layout, count, SCALE_PACKED_RANKS) + count_of(layout, count, SCALE_SPREAD_RANKS), 0);
    const struct scale_layout *packed = find(layout, count, SCALE_PACKED, 16);
    const struct scale_layout *spread = find(layout, count, SCALE_SPREAD, 16);
    CU_ASSERT_PTR_NOT_NULL_FATAL(packed);
    CU_ASSERT_PTR_NOT_NULL_FATAL(spread);
    CU_ASSERT_TRUE(packed->nodes == 2 && packed->rank_count == 2 && packed->crew == RP_CREW_CORES);
    CU_ASSERT_TRUE(spread->nodes == 3 && spread->rank_count == 3 && spread->crew == 0 && spread->fits);
    CU_ASSERT_PTR_NOT_NULL(find(layout, count, SCALE_SPREAD, 24));
    for (size_t i = 0; i < count; i++) /* for every number of one node there is one to compare */
        if (layout[i].series == SCALE_PROCESSES && layout[i].workers > 1)
            CU_ASSERT_PTR_NOT_NULL(find(layout, count, SCALE_SPREAD, layout[i].workers));
    free(layout);
    scale_site_close(&site);
}

static void several_ranks_a_node_are_packed_and_spread_themselves(void) {
    static const int host_of[] = {0, 1, 0, 1, 0}, by_node[] = {0, 2, 4, 1, 3}, by_turn[] = {0, 1, 2, 3, 4};
    struct scale_site site;
    size_t count;
    struct scale_layout *layout = layouts_of(&site, 2, host_of, 5, 2, &count);
    const struct scale_layout *packed = find(layout, count, SCALE_PACKED_RANKS, 3);
    const struct scale_layout *spread = find(layout, count, SCALE_SPREAD_RANKS, 5);
    CU_ASSERT_PTR_NOT_NULL_FATAL(packed);
    CU_ASSERT_PTR_NOT_NULL_FATAL(spread);
    CU_ASSERT_TRUE(packed->nodes == 1 && packed->rank_count == 3 && packed->crew == 1);
    CU_ASSERT_FALSE(packed->fits); /* three on two cores */
    CU_ASSERT_EQUAL(spread->nodes, 2);
    for (int i = 0; i < 5; i++) {
        CU_ASSERT_EQUAL(packed->ranks[i], by_node[i]);
        CU_ASSERT_EQUAL(spread->ranks[i], by_turn[i]);
    }
    CU_ASSERT_EQUAL(find(layout, count, SCALE_PACKED, 4)->rank_count, 2);
    free(layout);
    scale_site_close(&site);
}

static void nodes_that_differ_are_packed_whole_and_spread_as_far_as_the_smallest_goes(void) {
    static const int host_of[] = {0, 1};
    struct scale_site site;
    size_t count;
    CU_ASSERT_TRUE_FATAL(scale_site_open(&site, 2, host_of, 2));
    site.cores[0] = site.limit[0] = 4;
    site.cores[1] = site.limit[1] = 2;
    struct scale_layout *layout = scale_layouts(&site, &count);
    CU_ASSERT_PTR_NOT_NULL_FATAL(layout);
    const struct scale_layout *packed = find(layout, count, SCALE_PACKED, 6);
    CU_ASSERT_TRUE(packed && packed->crew == RP_CREW_CORES && packed->fits);
    CU_ASSERT_PTR_NOT_NULL(find(layout, count, SCALE_SPREAD, 4));
    CU_ASSERT_PTR_NULL(find(layout, count, SCALE_SPREAD, 6));
    free(layout);
    scale_site_close(&site);
}

int main(void) {
    static const struct unit_test tests[] = {
        UNIT(sizes_are_each_up_to_4_then_powers_of_two_and_the_last),
        UNIT(one_rank_has_a_sequential_layout_threads_and_processes),
        UNIT(a_rank_a_node_has_crews_packed_and_spread),
        UNIT(several_ranks_a_node_are_packed_and_spread_themselves),
        UNIT(nodes_that_differ_are_packed_whole_and_spread_as_far_as_the_smallest_goes),
        {NULL, NULL}};
    return unit_run("scale_layout", tests);
}
