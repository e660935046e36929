/* The MPI transport: messages as MPI messages, nothing ever blocks.
 *
 * Receiving: a fixed set of any-source receives is always posted. MPI matches the messages of one sender with them in
 * order, but a large message may be complete after the small one behind it. So each message carries its number among
 * those of its pair as its tag, and a poll hands out only what is next of its sender. A sender that stalls in the
 * middle of a message holds up nobody else.
 * Sending: MPI_Isend from the message's own buffer, which is freed when MPI has let go of it. What is not away at
 * once is looked at again by every poll, a few at a time, so a poll costs the same however many wait. Larger ones are
 * sent by MPI_Issend: over TCP, MPI else takes up to 64 KiB at once, and a busy receiver's memory fills with them unseen.
 * A rank's messages to itself never see MPI.
 * Deaths: where MPI goes on without a rank (net_ulfm.c), what was to be sent to it is dropped, and so is what has come of
 * it since it was known to be dead; its owner is told once. */
#include "net/net_mpi.h"
#include "core/error.h"
#include "core/now.h"
#include "net/inbox.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    RECEIVES = 8,
    SENDS_LOOKED_AT = 16,   /* by one poll */
    SYNC_LEAST = 16 * 1024, /* bytes of a message that MPI is not to take before its receiver does */
    NUMBERS = 32768         /* of tags that every MPI has; far more than messages can be out of order */
};

enum slot_state { SLOT_IDLE, SLOT_POSTED, SLOT_FULL };

struct slot {
    uint8_t *data;
    enum slot_state state;
    int source;
    uint16_t number;
    size_t size;
};

struct sending {
    struct rp__buffer buffer;
    int rank;
};

struct net_mpi {
    struct rp__net net; /* first: the handle is its net */
    MPI_Comm comm, host;
    bool attached; /* MPI was started by the program, and is ended by it */
    bool in_step;  /* with the other ranks: MPI has not failed, and none was given up */

    bool *died, *told; /* [rank]; died, and the owner knows of it. MPI with ULFM only */
    bool deaths;       /* MPI has spoken of some: it is to be asked of whom */

    struct slot slot[RECEIVES];
    MPI_Request receive[RECEIVES]; /* MPI_REQUEST_NULL unless posted, or spoilt by a death */
    struct slot *lent;             /* the one whose message was handed out last */
    int full;
    uint16_t *next_in, *next_out; /* [rank]: numbers of the next messages */

    MPI_Request *send; /* [sends], beside sending[] */
    struct sending *sending;
    size_t sends, send_capacity, send_cursor;
    size_t *unsent; /* [rank] bytes of these messages */

    struct rp__inbox own; /* from this rank to itself */
    bool own_first;       /* taken in turn with the others' */
    struct rp__net_wake wake;
};

int rp__net_mpi_fail(rp_error *error, const char *call, int status) {
    char text[MPI_MAX_ERROR_STRING];
    int length;
    if (MPI_Error_string(status, text, &length) != MPI_SUCCESS) snprintf(text, sizeof text, "MPI error %d", status);
    return rp__fail(error, RP_EMPI, "%s failed: %s", call, text);
}

static int fail_out_of_step(struct net_mpi *m, rp_error *error, const char *call, int status) {
    m->in_step = false;
    return rp__net_mpi_fail(error, call, status);
}

/* What an MPI call returned, but for the death of a rank, which is none of its failures where that is survived. */
static int but_for_deaths(struct net_mpi *m, int status) {
    if (status == MPI_SUCCESS || !m->net.survives || !rp__net_ulfm_is_death(status)) return status;
    m->deaths = true;
    return MPI_SUCCESS;
}

/* What MPI_Testsome returned, or the error of the request that it points to. */
static int what_failed(struct net_mpi *m, int status, int done, const MPI_Status result[]) {
    if (status != MPI_ERR_IN_STATUS) return but_for_deaths(m, status);
    status = MPI_SUCCESS;
    for (int i = 0; status == MPI_SUCCESS && i < done; i++) status = but_for_deaths(m, result[i].MPI_ERROR);
    return status;
}

static uint16_t after(uint16_t number) { return (uint16_t)((number + 1) % NUMBERS); }

/* ---- Sending ------------------------------------------------------------------------------------------- */

/* MPI has let go of the message: the last one takes its place. */
static void let_go(struct net_mpi *m, size_t at) {
    m->unsent[m->sending[at].rank] -= m->sending[at].buffer.size;
    rp__buffer_free(&m->sending[at].buffer);
    m->sends--;
    m->send[at] = m->send[m->sends];
    m->sending[at] = m->sending[m->sends];
}

static bool room_to_send(struct net_mpi *m) {
    if (m->sends < m->send_capacity) return true;
    size_t capacity = m->send_capacity ? 2 * m->send_capacity : 64;
    MPI_Request *send = realloc(m->send, capacity * sizeof *send);
    if (send) m->send = send;
    struct sending *sending = realloc(m->sending, capacity * sizeof *sending);
    if (sending) m->sending = sending;
    if (!send || !sending) return false;
    m->send_capacity = capacity;
    return true;
}

static int send_away(struct net_mpi *m, int rank, struct rp__buffer *buffer, rp_error *error) {
    if (!room_to_send(m)) return rp__fail(error, RP_ENOMEM, "out of memory for a message to another rank");
    MPI_Request request;
    int (*const isend)(const void *, int, MPI_Datatype, int, int, MPI_Comm, MPI_Request *) =
        buffer->size < SYNC_LEAST ? MPI_Isend : MPI_Issend;
    int status = isend(buffer->data, (int)buffer->size, MPI_BYTE, rank, m->next_out[rank], m->comm, &request);
    if (status != MPI_SUCCESS && but_for_deaths(m, status) == MPI_SUCCESS) return 0;
    if (status != MPI_SUCCESS) return fail_out_of_step(m, error, "MPI_Isend", status);
    m->next_out[rank] = after(m->next_out[rank]);
    m->send[m->sends] = request;
    m->sending[m->sends++] = (struct sending){.buffer = *buffer, .rank = rank};
    m->unsent[rank] += buffer->size;
    *buffer = (struct rp__buffer){0};
    if (!m->net.hush) rp__net_wake_ring(&m->wake, rank);

    /* A small message is away already. */
    int done;
    status = but_for_deaths(m, MPI_Test(&m->send[m->sends - 1], &done, MPI_STATUS_IGNORE));
    if (status != MPI_SUCCESS) return fail_out_of_step(m, error, "MPI_Test", status);
    if (done) let_go(m, m->sends - 1);
    return 0;
}

static int mpi_send(struct rp__net *net, int rank, struct rp__buffer *buffer, rp_error *error) {
    struct net_mpi *m = (struct net_mpi *)net;
    int code = 0;
    if (rank < 0 || rank >= net->size)
        code = rp__fail(error, RP_EINVAL, "a message was sent to a rank that is not there");
    else if (buffer->size > RP__MESSAGE_MAX)
        code = rp__fail(error, RP_EINVAL, "a message is longer than 256 KiB");
    else if (m->died && m->died[rank])
        code = 0;
    else if (rank != net->rank)
        code = send_away(m, rank, buffer, error);
    else if (rp__inbox_put(&m->own, rank, buffer) != 0)
        code = rp__fail(error, RP_ENOMEM, "out of memory for a message to this rank itself");
    rp__buffer_free(buffer); /* whatever happened; empty by now if it was taken */
    return code;
}

/* Frees what has left among the next few sends. */
static int look_at_sends(struct net_mpi *m, rp_error *error) {
    if (m->send_cursor >= m->sends) m->send_cursor = 0;
    size_t first = m->send_cursor;
    size_t end = m->sends - first < SENDS_LOOKED_AT ? m->sends : first + SENDS_LOOKED_AT;
    int done, index[SENDS_LOOKED_AT];
    MPI_Status result[SENDS_LOOKED_AT];
    int status = MPI_Testsome((int)(end - first), m->send + first, &done, index, result);
    status = what_failed(m, status, done, result);
    if (status != MPI_SUCCESS) return fail_out_of_step(m, error, "MPI_Testsome", status);
    for (size_t i = end; i-- > first && done > 0;) {
        if (m->send[i] != MPI_REQUEST_NULL) continue;
        /* A large message goes in several steps, the last of them perhaps just now, to a neighbour asleep. */
        rp__net_wake_ring(&m->wake, m->sending[i].rank);
        let_go(m, i);
    }
    m->send_cursor = end;
    return 0;
}

static size_t mpi_pending(const struct rp__net *net) { return ((const struct net_mpi *)net)->sends; }

static size_t mpi_unsent(const struct rp__net *net, int rank) {
    const struct net_mpi *m = (const struct net_mpi *)net;
    return rank == net->rank ? m->own.bytes : m->unsent[rank];
}

/* ---- Receiving ----------------------------------------------------------------------------------------- */

static int post(struct net_mpi *m, struct slot *slot, rp_error *error) {
    int status = MPI_Irecv(slot->data, RP__MESSAGE_MAX, MPI_BYTE, MPI_ANY_SOURCE, MPI_ANY_TAG, m->comm,
                           &m->receive[slot - m->slot]);
    if (status != MPI_SUCCESS && but_for_deaths(m, status) == MPI_SUCCESS)
        m->receive[slot - m->slot] = MPI_REQUEST_NULL; /* until who died is known */
    else if (status != MPI_SUCCESS)
        return fail_out_of_step(m, error, "MPI_Irecv", status);
    slot->state = SLOT_POSTED;
    return 0;
}

/* The caller is done with the message that it got last. */
static int take_back(struct net_mpi *m, rp_error *error) {
    rp__inbox_release(&m->own);
    struct slot *slot = m->lent;
    m->lent = NULL;
    return slot ? post(m, slot, error) : 0;
}

/* Hands out a message that is here and is the next of its sender. */
static bool take_full(struct net_mpi *m, struct rp__net_message *message) {
    for (int i = 0; m->full > 0 && i < RECEIVES; i++) {
        struct slot *slot = &m->slot[i];
        if (slot->state != SLOT_FULL || slot->number != m->next_in[slot->source]) continue;
        m->next_in[slot->source] = after(slot->number);
        slot->state = SLOT_IDLE;
        m->full--;
        m->lent = slot;
        *message = (struct rp__net_message){.source = slot->source, .data = slot->data, .size = slot->size};
        return true;
    }
    return false;
}

/* Who has died? What has come of it out of order would never be its turn. Receives that it has spoilt begin anew. */
static int learn_of_deaths(struct net_mpi *m, rp_error *error) {
    m->deaths = false;
    int status = rp__net_ulfm_learn(m->comm, m->died), code = 0;
    if (status != MPI_SUCCESS) return fail_out_of_step(m, error, "MPIX_Comm_ack_failed", status);
    for (int i = 0; i < RECEIVES && code == 0; i++) {
        struct slot *slot = &m->slot[i];
        const bool of_dead = slot->state == SLOT_FULL && m->died[slot->source];
        if (of_dead) m->full--;
        if (of_dead || (slot->state == SLOT_POSTED && m->receive[i] == MPI_REQUEST_NULL)) code = post(m, slot, error);
    }
    return code;
}

static int mpi_lost(struct rp__net *net, int *rank) {
    struct net_mpi *m = (struct net_mpi *)net;
    for (int i = 0; m->died && i < net->size; i++) {
        if (!m->died[i] || m->told[i]) continue;
        m->told[i] = true;
        *rank = i;
        return 1;
    }
    return 0;
}

static int look_at_receives(struct net_mpi *m, rp_error *error) {
    int done, index[RECEIVES];
    MPI_Status result[RECEIVES];
    int status = MPI_Testsome(RECEIVES, m->receive, &done, index, result);
    /* Open MPI looks at the requests, makes progress if none is done, and does not look again: a rank that was rung
     * would go back to sleep with its message at hand. */
    if (status == MPI_SUCCESS && done == 0) status = MPI_Testsome(RECEIVES, m->receive, &done, index, result);
    const bool some_failed = status == MPI_ERR_IN_STATUS;
    status = what_failed(m, status, done, result);
    if (status != MPI_SUCCESS) return fail_out_of_step(m, error, "MPI_Testsome", status);
    for (int i = 0; done != MPI_UNDEFINED && i < done; i++) {
        if (some_failed && result[i].MPI_ERROR != MPI_SUCCESS) continue;
        struct slot *slot = &m->slot[index[i]];
        int size = 0;
        MPI_Get_count(&result[i], MPI_BYTE, &size);
        slot->state = SLOT_FULL;
        slot->source = result[i].MPI_SOURCE;
        slot->number = (uint16_t)result[i].MPI_TAG;
        slot->size = (size_t)size;
        m->full++;
    }
    return 0;
}

/* MPI's own progress happens in here. */
static int make_progress(struct net_mpi *m, rp_error *error) {
    int code = 0;
    if (m->sends) code = look_at_sends(m, error);
    if (code == 0 && m->net.size > 1) code = look_at_receives(m, error);
    if (code == 0 && m->deaths) code = learn_of_deaths(m, error);
    return code;
}

static int mpi_poll(struct rp__net *net, struct rp__net_message *message, bool *got, rp_error *error) {
    struct net_mpi *m = (struct net_mpi *)net;
    *got = false;
    int code = take_back(m, error);
    if (code != 0) return code;
    m->own_first = !m->own_first;
    if (m->own_first && rp__inbox_take(&m->own, message)) {
        *got = true;
        return 0;
    }
    *got = take_full(m, message);
    if (!*got) {
        code = make_progress(m, error);
        if (code != 0) return code;
        *got = take_full(m, message) || rp__inbox_take(&m->own, message);
    }
    return 0;
}

/* ---- Opening ------------------------------------------------------------------------------------------- */

static bool allocate(struct net_mpi *m) {
    size_t size = (size_t)m->net.size;
    m->next_in = calloc(size, sizeof *m->next_in);
    m->next_out = calloc(size, sizeof *m->next_out);
    m->unsent = calloc(size, sizeof *m->unsent);
    m->wake.page = calloc(size, sizeof *m->wake.page);
    m->wake.ranks = m->net.size;
    if (m->net.survives) m->died = calloc(size, sizeof *m->died);
    if (m->net.survives) m->told = calloc(size, sizeof *m->told);
    bool good = m->next_in && m->next_out && m->unsent && m->wake.page && room_to_send(m);
    good = good && (!m->net.survives || (m->died && m->told));
    for (int i = 0; i < RECEIVES; i++) {
        m->receive[i] = MPI_REQUEST_NULL;
        if (m->net.size > 1) good = (m->slot[i].data = malloc(RP__MESSAGE_MAX)) && good;
    }
    return good;
}

static void release(struct net_mpi *m) {
    rp__net_wake_close(&m->wake);
    for (int i = 0; i < RECEIVES; i++) free(m->slot[i].data);
    for (size_t i = 0; i < m->sends; i++) rp__buffer_free(&m->sending[i].buffer);
    rp__inbox_free(&m->own);
    free(m->send);
    free(m->sending);
    free(m->next_in);
    free(m->next_out);
    free(m->unsent);
    free(m->died);
    free(m->told);
    free(m->net.host_of);
    free(m);
}

/* Which host this rank is on and how many there are: a host is known by its lowest rank. */
static int find_hosts(struct net_mpi *m, rp_error *error) {
    MPI_Comm_rank(m->host, &m->net.local_rank);
    MPI_Comm_size(m->host, &m->net.local_size);
    int lowest = m->net.rank;
    int status = MPI_Bcast(&lowest, 1, MPI_INT, 0, m->host);
    if (status != MPI_SUCCESS) return rp__net_mpi_fail(error, "MPI_Bcast", status);
    int *lowest_of = malloc((size_t)m->net.size * sizeof *lowest_of);
    if (!lowest_of) return rp__fail(error, RP_ENOMEM, "out of memory while the ranks found their hosts");
    status = MPI_Allgather(&lowest, 1, MPI_INT, lowest_of, 1, MPI_INT, m->comm);
    for (int rank = 0; status == MPI_SUCCESS && rank < m->net.size; rank++) {
        if (lowest_of[rank] != rank) continue;
        m->net.hosts++;
        if (rank < lowest) m->net.host++;
    }
    m->net.host_of = lowest_of;
    return status == MPI_SUCCESS ? 0 : rp__net_mpi_fail(error, "MPI_Allgather", status);
}

static int join(struct net_mpi *m, MPI_Comm comm, const struct rp__net_bell *bell, bool allocated, rp_error *error) {
    int status = MPI_Comm_dup(comm, &m->comm);
    if (status != MPI_SUCCESS) return rp__net_mpi_fail(error, "MPI_Comm_dup", status);
    MPI_Comm_set_errhandler(m->comm, MPI_ERRORS_RETURN); /* the communicator made of it inherits it */
    status = MPI_Comm_split_type(m->comm, MPI_COMM_TYPE_SHARED, m->net.rank, MPI_INFO_NULL, &m->host);
    if (status != MPI_SUCCESS) return rp__net_mpi_fail(error, "MPI_Comm_split_type", status);
    int own = allocated, all = 0; /* one rank without memory fails all, rather than leave them waiting */
    status = MPI_Allreduce(&own, &all, 1, MPI_INT, MPI_MIN, m->comm);
    if (status != MPI_SUCCESS) return rp__net_mpi_fail(error, "MPI_Allreduce", status);
    if (!all) return rp__fail(error, RP_ENOMEM, "a rank has no memory for its messages: 2 MiB a rank are needed");
    int code = find_hosts(m, error);
    if (code == 0) code = rp__net_wake_open(&m->wake, bell, m->net.rank, m->host, error);
    for (int i = 0; code == 0 && m->net.size > 1 && i < RECEIVES; i++) code = post(m, &m->slot[i], error);
    return code;
}

/* ---- Closing ------------------------------------------------------------------------------------------- */

static int begin_barrier(struct net_mpi *m, int *agreed, MPI_Request *barrier) {
    if (m->net.survives) return rp__net_ulfm_barrier(m->comm, agreed, barrier);
    return MPI_Ibarrier(m->comm, barrier);
}

/* Polls, dropping what comes, until no rank has anything left to send: so nobody waits for a message to leave
 * whose receiver has gone. The barrier tells; a rank enters it when its own sends are away. One that died would be
 * waited for in vain. */
static void drain(struct net_mpi *m) {
    const uint64_t begun_ns = rp__now_ns();
    MPI_Request barrier = MPI_REQUEST_NULL;
    bool entered = false;
    int agreed;
    for (int done = 0; m->in_step && !done;) {
        if (m->net.close_ns && rp__now_ns() - begun_ns >= m->net.close_ns) m->in_step = false;
        struct rp__net_message dropped;
        bool got;
        if (mpi_poll(&m->net, &dropped, &got, NULL) != 0) return;
        if (!entered && m->sends == 0) {
            m->in_step = begin_barrier(m, &agreed, &barrier) == MPI_SUCCESS;
            entered = true;
        }
        if (entered && m->in_step) {
            const int status = MPI_Test(&barrier, &done, MPI_STATUS_IGNORE);
            m->in_step = but_for_deaths(m, status) == MPI_SUCCESS;
            done |= status != MPI_SUCCESS;
        }
        if (!got && !done) nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
    }
}

/* When MPI has failed, or a rank was given up, MPI_Finalize could wait for ever and MPI may still write into our buffers:
 * they are left, the process ends without it, and the launcher ends the rest. Where deaths are survived, Open MPI 5.0.7
 * has been seen to wait in MPI_Finalize for ever after one, while its launcher takes the process's exit code as well
 * without; all living ranks have come this far, so it is never called there. */
static void mpi_close(struct rp__net *net) {
    struct net_mpi *m = (struct net_mpi *)net;
    drain(m);
    if (!m->in_step || m->net.survives) return;
    for (int i = 0; i < RECEIVES; i++) {
        if (m->receive[i] == MPI_REQUEST_NULL) continue;
        MPI_Cancel(&m->receive[i]);
        MPI_Wait(&m->receive[i], MPI_STATUS_IGNORE);
    }
    MPI_Comm_free(&m->host);
    MPI_Comm_free(&m->comm);
    if (!m->attached) MPI_Finalize();
    release(m);
}

static void mpi_abort(struct rp__net *net, int exit_code) { MPI_Abort(((struct net_mpi *)net)->comm, exit_code); }

static const struct rp__net_ops mpi_ops = {.send = mpi_send,
                                           .poll = mpi_poll,
                                           .pending = mpi_pending,
                                           .unsent = mpi_unsent,
                                           .close = mpi_close,
                                           .abort = mpi_abort,
                                           .lost = mpi_lost};

static int open_on(struct rp__net **net, MPI_Comm comm, bool attached, const struct rp__net_bell *bell,
                   rp_error *error) {
    struct net_mpi *m = calloc(1, sizeof *m);
    if (!m) return rp__fail(error, RP_ENOMEM, "out of memory while MPI was set up");
    m->net.ops = &mpi_ops;
    m->in_step = true;
    m->attached = attached;
    m->net.survives = !attached && rp__net_ulfm_is_on();
    MPI_Comm_rank(comm, &m->net.rank);
    MPI_Comm_size(comm, &m->net.size);
    bool allocated = allocate(m);
    int code = join(m, comm, bell, allocated, error);
    if (code == 0)
        *net = &m->net;
    else if (code != RP_EMPI)
        release(m); /* see mpi_close */
    return code;
}

int rp__net_mpi_open(struct rp__net **net, const struct rp__net_bell *bell, rp_error *error) {
    int code = rp__net_start(error);
    if (code != 0) return code;
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    return open_on(net, MPI_COMM_WORLD, false, bell, error);
}

int rp__net_mpi_attach(struct rp__net **net, int fortran_comm, const struct rp__net_bell *bell, rp_error *error) {
    int initialized = 0, finalized = 0;
    MPI_Initialized(&initialized);
    MPI_Finalized(&finalized);
    if (!initialized || finalized)
        return rp__fail(error, RP_EMPI, "a world can be attached between MPI_Init and MPI_Finalize only");
    MPI_Comm comm = MPI_Comm_f2c((MPI_Fint)fortran_comm);
    if (comm == MPI_COMM_NULL) return rp__fail(error, RP_EINVAL, "a world cannot be attached to MPI_COMM_NULL");
    return open_on(net, comm, true, bell, error);
}

/* ---- Within a host, right after the open --------------------------------------------------------------- */

int rp__net_mpi_share(struct rp__net *net, char **data, size_t *size, rp_error *error) {
    struct net_mpi *m = (struct net_mpi *)net;
    uint64_t total = *size;
    int status = MPI_Bcast(&total, 1, MPI_UINT64_T, 0, m->host);
    if (status != MPI_SUCCESS) return fail_out_of_step(m, error, "MPI_Bcast", status);
    if (total > INT_MAX) return rp__fail(error, RP_EINVAL, "more than 2 GiB cannot be shared with the ranks of a host");
    char *bytes = net->local_rank == 0 ? *data : malloc(total ? total : 1);
    if (!bytes && total) {
        m->in_step = false;
        return rp__fail(error, RP_ENOMEM, "out of memory for what the first rank of this host shares");
    }
    status = MPI_Bcast(bytes, (int)total, MPI_BYTE, 0, m->host);
    if (status != MPI_SUCCESS) {
        if (net->local_rank != 0) free(bytes);
        return fail_out_of_step(m, error, "MPI_Bcast", status);
    }
    *data = bytes;
    *size = total;
    return 0;
}

int rp__net_mpi_gather(struct rp__net *net, const void *own, size_t size, void *all, rp_error *error) {
    struct net_mpi *m = (struct net_mpi *)net;
    if (size > INT_MAX) return rp__fail(error, RP_EINVAL, "more than 2 GiB a rank cannot be gathered");
    int status = MPI_Allgather(own, (int)size, MPI_BYTE, all, (int)size, MPI_BYTE, m->host);
    return status == MPI_SUCCESS ? 0 : fail_out_of_step(m, error, "MPI_Allgather", status);
}
