/* The MPI transport, under mpirun with any number of ranks. Every rank runs every claim; the failures of all ranks are
 * summed, so all exit alike. MPI_Barrier stands beside the transport where a claim needs the ranks at the same place. */
#include "crew/bell.h"
#include "net/net_mpi.h"
#include "unit.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct rp__net *net;
static struct rp__bell *own_bell;
static bool mtl_was_set;

static const size_t sizes[] = {1, RP__MESSAGE_MAX, 0, 64, 4096, 4097, 65536, 8, 200000, 1000};
enum { SIZES = sizeof sizes / sizeof *sizes, MESSAGES = 6 * SIZES, RANKS_MAX = 64 };

static uint8_t pattern(int from, int to, int number, size_t i) {
    return (uint8_t)((size_t)(37 * from + 11 * to + 3 * number) + i + (i >> 8));
}

static int send_quietly(int to, int number, struct rp__buffer *buffer) {
    rp_error error = {0};
    size_t size = sizes[number % SIZES];
    uint8_t *data = rp__buffer_reserve(buffer, size);
    if (!data) return RP_ENOMEM;
    for (size_t i = 0; i < size; i++) data[i] = pattern(net->rank, to, number, i);
    buffer->size = size;
    return net->ops->send(net, to, buffer, &error);
}

static void send_message(int to, int number) {
    struct rp__buffer buffer = {0};
    CU_ASSERT_EQUAL(send_quietly(to, number, &buffer), 0);
    CU_ASSERT(buffer.data == NULL && buffer.size == 0 && buffer.capacity == 0);
}

static bool is_message(const struct rp__net_message *message, int number) {
    if (message->size != sizes[number % SIZES]) return false;
    size_t i = 0;
    while (i < message->size && message->data[i] == pattern(message->source, net->rank, number, i)) i++;
    return i == message->size;
}

/* Polls once and checks what comes against the numbers heard so far of each rank. */
static bool hear(int heard[RANKS_MAX]) {
    struct rp__net_message message;
    bool got = false;
    rp_error error = {0};
    CU_ASSERT_EQUAL(net->ops->poll(net, &message, &got, &error), 0);
    if (got) CU_ASSERT(is_message(&message, heard[message.source]++));
    if (!got) sched_yield();
    return got;
}

static void all_messages_arrive_whole_and_in_order(void) {
    int heard[RANKS_MAX] = {0}, count = 0, expected = MESSAGES * net->size;
    for (int number = 0; number < MESSAGES; number++) {
        for (int to = 0; to < net->size; to++) send_message(to, number);
        count += hear(heard);
    }
    while (count < expected || net->ops->pending(net) > 0) count += hear(heard);
    MPI_Barrier(MPI_COMM_WORLD);
    CU_ASSERT_FALSE(hear(heard));
    MPI_Barrier(MPI_COMM_WORLD); /* before anybody sends for the next claim */
    for (int rank = 0; rank < net->size; rank++) CU_ASSERT_EQUAL(heard[rank], MESSAGES);
}

static void small_messages_stream_in_order(void) {
    enum { COUNT = 20000 };
    uint32_t next[RANKS_MAX] = {0};
    int heard = 0, to = (net->rank + 1) % net->size;
    for (uint32_t sent = 0; heard < COUNT || sent < COUNT || net->ops->pending(net) > 0;) {
        rp_error error = {0};
        if (sent < COUNT) {
            struct rp__buffer buffer = {0};
            CU_ASSERT_EQUAL(rp__buffer_append(&buffer, &sent, sizeof sent), 0);
            CU_ASSERT_EQUAL(net->ops->send(net, to, &buffer, &error), 0);
            sent++;
        }
        struct rp__net_message message;
        bool got;
        CU_ASSERT_EQUAL(net->ops->poll(net, &message, &got, &error), 0);
        if (!got) sched_yield();
        if (!got) continue;
        uint32_t value;
        CU_ASSERT_EQUAL(message.size, sizeof value);
        memcpy(&value, message.data, sizeof value);
        CU_ASSERT_EQUAL(value, next[message.source]++);
        heard++;
    }
    MPI_Barrier(MPI_COMM_WORLD);
}

/* More large messages than receives are posted cannot leave while the other side does not poll. */
static void pending_counts_what_waits_and_drains(void) {
    enum { LARGE = 1, COUNT = 20 };
    struct rp__net_message message;
    rp_error error = {0};
    bool got;
    MPI_Barrier(MPI_COMM_WORLD);
    if (net->rank == 0 && net->size > 1) {
        for (int i = 0; i < COUNT; i++) send_message(1, LARGE);
        CU_ASSERT(net->ops->pending(net) > 0);
        CU_ASSERT_EQUAL(net->ops->unsent(net, 1), net->ops->pending(net) * RP__MESSAGE_MAX);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    for (int heard = 0; net->rank == 1 && heard < COUNT; heard += got) {
        CU_ASSERT_EQUAL(net->ops->poll(net, &message, &got, &error), 0);
        if (got) CU_ASSERT(is_message(&message, LARGE));
    }
    while (net->ops->pending(net) > 0) CU_ASSERT_EQUAL(net->ops->poll(net, &message, &got, &error), 0);
    CU_ASSERT_EQUAL(net->ops->pending(net), 0);
    for (int rank = 0; rank < net->size; rank++) CU_ASSERT_EQUAL(net->ops->unsent(net, rank), 0);
    MPI_Barrier(MPI_COMM_WORLD);
}

/* Local ranks 1, 3, ... sleep for as long as it takes; the one before each sends to it. */
static void a_message_wakes_a_sleeping_neighbour(void) {
    enum { SECOND_NS = 1000000000 };
    int heard[RANKS_MAX] = {0};
    uint32_t seen = rp__bell_read(own_bell);
    MPI_Barrier(MPI_COMM_WORLD);
    bool sender = net->local_rank % 2 == 0 && net->local_rank + 1 < net->local_size;
    int *ranks = calloc((size_t)net->local_size, sizeof *ranks);
    rp_error error = {0};
    CU_ASSERT_EQUAL(rp__net_mpi_gather(net, &net->rank, sizeof net->rank, ranks, &error), 0);
    if (sender) send_message(ranks[net->local_rank + 1], 0);
    if (net->local_rank % 2 == 1) {
        for (int second = 0; second < 10 && rp__bell_read(own_bell) == seen; second++)
            rp__bell_wait(own_bell, seen, SECOND_NS);
        CU_ASSERT_NOT_EQUAL(rp__bell_read(own_bell), seen);
        while (!hear(heard)) {
        }
        CU_ASSERT_EQUAL(heard[ranks[net->local_rank - 1]], 1);
    }
    free(ranks);
    MPI_Barrier(MPI_COMM_WORLD);
}

static void a_host_shares_what_its_first_rank_has(void) {
    size_t size = 0;
    char *data = NULL;
    if (net->local_rank == 0) {
        size = 300000;
        data = malloc(size);
        for (size_t i = 0; data && i < size; i++) data[i] = (char)(i % 251);
    }
    rp_error error = {0};
    CU_ASSERT_EQUAL(rp__net_mpi_share(net, &data, &size, &error), 0);
    CU_ASSERT_EQUAL(size, 300000);
    size_t right = 0;
    while (data && right < size && data[right] == (char)(right % 251)) right++;
    CU_ASSERT_EQUAL(right, 300000);
    free(data);
}

static void a_host_gathers_in_local_order(void) {
    struct {
        int local_rank, rank;
    } own = {net->local_rank, net->rank}, all[RANKS_MAX] = {{-1, -1}};
    rp_error error = {0};
    CU_ASSERT_EQUAL(rp__net_mpi_gather(net, &own, sizeof own, all, &error), 0);
    for (int i = 0; i < net->local_size; i++) {
        CU_ASSERT_EQUAL(all[i].local_rank, i);
        CU_ASSERT(i == 0 || all[i].rank > all[i - 1].rank);
    }
    CU_ASSERT_EQUAL(all[net->local_rank].rank, net->rank);
}

static void hosts_are_counted(void) {
    int first = net->local_rank == 0, hosts = 0, highest = -1;
    MPI_Allreduce(&first, &hosts, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    MPI_Allreduce(&net->host, &highest, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
    CU_ASSERT_EQUAL(net->hosts, hosts);
    CU_ASSERT_EQUAL(highest, hosts - 1);
    CU_ASSERT(net->rank > 0 || net->host == 0);
}

static void a_wrong_rank_or_size_is_refused(void) {
    rp_error error = {0};
    struct rp__buffer buffer = {0};
    CU_ASSERT_EQUAL(net->ops->send(net, net->size, &buffer, &error), RP_EINVAL);
    CU_ASSERT_PTR_NOT_NULL(rp__buffer_reserve(&buffer, RP__MESSAGE_MAX + 1));
    buffer.size = RP__MESSAGE_MAX + 1;
    CU_ASSERT_EQUAL(net->ops->send(net, 0, &buffer, &error), RP_EINVAL);
    CU_ASSERT_PTR_NULL(buffer.data);
}

static void mpi_is_started_once(void) {
    struct rp__net *second = NULL;
    rp_error error = {0};
    CU_ASSERT_EQUAL(rp__net_mpi_open(&second, NULL, &error), RP_EMPI);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "already started"));
    CU_ASSERT_PTR_NULL(second);
}

static void mpi_failures_are_put_in_words(void) {
    rp_error error = {0};
    CU_ASSERT_EQUAL(rp__net_mpi_fail(&error, "MPI_Isend", MPI_ERR_RANK), RP_EMPI);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "MPI_Isend failed: MPI_ERR_RANK"));
}

/* A parameter file with these lines, and what becomes of mtl; "": nothing is set. */
static const char *mtl_for(const char *user, const char *site) {
    static char value[300];
    const char *const lines[] = {user, site};
    char path[2][32];
    for (int i = 0; i < 2; i++) {
        strcpy(path[i], "/tmp/rp-mtl-XXXXXX");
        int fd = mkstemp(path[i]);
        CU_ASSERT(fd >= 0 && write(fd, lines[i], strlen(lines[i])) == (ssize_t)strlen(lines[i]));
        close(fd);
    }
    bool set = rp__net_start_mtl(path[0], path[1], value, sizeof value);
    for (int i = 0; i < 2; i++) unlink(path[i]);
    return set ? value : "";
}

static void what_user_and_site_configured_is_kept(void) {
    CU_ASSERT_STRING_EQUAL(mtl_for("", ""), "^psm,psm2");
    CU_ASSERT_STRING_EQUAL(mtl_for("# mtl = ofi\n", "btl = ^ofi\nmtl = ^ofi\npml=^ucx\n"), "^ofi,psm,psm2");
    CU_ASSERT_STRING_EQUAL(mtl_for("", "  mtl=^ofi,x # why\n"), "^ofi,x,psm,psm2");
    CU_ASSERT_STRING_EQUAL(mtl_for("", "mtl = ^ofi,psm\n"), "");
    CU_ASSERT_STRING_EQUAL(mtl_for("", "mtl = psm2\n"), "");
    CU_ASSERT_STRING_EQUAL(mtl_for("", "mtl_base_verbose = 1\n"), "^psm,psm2");
    CU_ASSERT_STRING_EQUAL(mtl_for("mtl = ofi\n", "mtl = ^ofi\n"), "");
    char value[300];
    CU_ASSERT_TRUE(rp__net_start_mtl("/nonexistent/user", "/nonexistent/site", value, sizeof value));
    CU_ASSERT(mtl_was_set || !getenv("OMPI_MCA_mtl")); /* taken away again */
}

static void *map_bell(int fd) { return rp__bell_map(fd); }
static void ring_bell(void *page) { rp__bell_ring(page); }
static void unmap_bell(void *page) { rp__bell_free(page); }

int main(void) {
    static const struct unit_test tests[] = {UNIT(all_messages_arrive_whole_and_in_order),
                                             UNIT(small_messages_stream_in_order),
                                             UNIT(pending_counts_what_waits_and_drains),
                                             UNIT(a_message_wakes_a_sleeping_neighbour),
                                             UNIT(a_host_shares_what_its_first_rank_has),
                                             UNIT(a_host_gathers_in_local_order),
                                             UNIT(hosts_are_counted),
                                             UNIT(a_wrong_rank_or_size_is_refused),
                                             UNIT(mpi_is_started_once),
                                             UNIT(mpi_failures_are_put_in_words),
                                             UNIT(what_user_and_site_configured_is_kept),
                                             {NULL, NULL}};
    int fd = -1;
    own_bell = rp__bell_new(&fd);
    rp_error error = {0};
    mtl_was_set = getenv("OMPI_MCA_mtl") != NULL;
    struct rp__net_bell bell = {.fd = fd, .map = map_bell, .ring = ring_bell, .unmap = unmap_bell};
    if (!own_bell || rp__net_mpi_open(&net, &bell, &error) != 0 || net->size > RANKS_MAX) {
        fprintf(stderr, "net_mpi: no transport: %s\n", error.text);
        return 1;
    }
    int failed = unit_run("net_mpi", tests), failures = 1;
    MPI_Allreduce(&failed, &failures, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    /* The close must come through though nobody has taken these. */
    for (int number = 0; number < 2 * SIZES; number++)
        failures += send_quietly((net->rank + 1) % net->size, number, &(struct rp__buffer){0}) != 0;
    net->ops->close(net);
    rp__bell_free(own_bell);
    return failures != 0;
}
