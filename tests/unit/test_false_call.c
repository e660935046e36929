/* A worker out of control that writes false calls and cuts: the crew believes none of it. */
#include "call_stage.h"

static struct gate *gate; /* its arena lies at the same address in every worker */

/* What no worker of ours would write; then it hangs. */
enum falsehood {
    CALL_WITHOUT_A_HEAD,
    CALL_LARGER_THAN_ANY,
    CALL_OF_TOO_MANY_BYTES,
    CALL_WITH_AN_EMPTY_PIECE,
    CUT_OF_ANOTHER_CHUNK,
    CUT_BEFORE_THE_CHUNK,
    CUT_BEHIND_THE_CHUNK,
    CUT_TWICE,
    REPLY_RING_READ_TOO_FAR,
    FALSEHOODS
};

static void write_false(struct rp__slot *slot, struct rp__result_head head, const void *data, size_t size) {
    struct rp__ring_side writer;
    rp__ring_attach(&writer, &slot->result);
    writer.own = atomic_load(&slot->result.head);
    writer.peer = atomic_load(&slot->result.tail);
    rp__ring_write(&writer, &head, sizeof head, data, size);
}

static void write_false_cut(struct rp__slot *slot, uint64_t number, uint64_t end) {
    write_false(slot, (struct rp__result_head){.type = RP__RESULT_CUT, .number = number, .busy_ns = end}, NULL, 0);
}

static int false_writer(rp_task *task, const void *input, size_t size) {
    const struct order *order = rp_task_args(task, &size);
    struct rp__slot *slot = rp__arena_slot(gate->arena, 0);
    const struct rp__result_head piece = {.type = RP__RESULT_CALL};
    struct {
        struct rp__call_head head;
        uint8_t bytes[8];
    } call = {.head = {.type = RP__CALL_CANCEL, .size = 4}};
    switch ((enum falsehood)order->count) {
    case CALL_WITHOUT_A_HEAD:
        write_false(slot, piece, &call, sizeof call.head - 1);
        break;
    case CALL_LARGER_THAN_ANY:
        call.head.size = (UINT64_C(1) << 40) + 1;
        write_false(slot, piece, &call, sizeof call);
        break;
    case CALL_OF_TOO_MANY_BYTES:
        write_false(slot, piece, &call, sizeof call.head + 3);
        write_false(slot, piece, call.bytes, 2);
        break;
    case CALL_WITH_AN_EMPTY_PIECE:
        write_false(slot, piece, &call, sizeof call.head + 3);
        write_false(slot, piece, NULL, 0);
        break;
    case CUT_OF_ANOTHER_CHUNK:
        write_false_cut(slot, 1, 1);
        break;
    case CUT_BEFORE_THE_CHUNK:
        write_false_cut(slot, 0, 0);
        break;
    case CUT_BEHIND_THE_CHUNK:
        write_false_cut(slot, 0, 4);
        break;
    case CUT_TWICE:
        write_false_cut(slot, 0, 3);
        write_false_cut(slot, 0, 3);
        break;
    case REPLY_RING_READ_TOO_FAR: /* and then an answer comes that is larger than the ring */
        atomic_store(&slot->reply.tail, UINT64_MAX / 2);
        call.head = (struct rp__call_head){.type = RP__CALL_REQUEST, .op = RP__OP_GET, .object = order->object};
        write_false(slot, piece, &call, sizeof call.head);
        break;
    case FALSEHOODS:
        break;
    }
    rp__bell_ring(gate->arena->bell);
    while (pause()) continue;
    return 0;
}

static const rp_kernel false_kernel = {.name = "false", .item = false_writer};
static const rp_kernel *const kernels[] = {&false_kernel, NULL};

static void false_calls_and_cuts_are_the_end_of_their_worker(void) {
    struct stage opened, *stage = &opened;
    open_stage(stage, kernels, RP_WORKERS_PROCESS, 1);
    gate->arena = stage->agent.arena;
    const uint64_t queue = make(stage, RP__QUEUE, 0);
    static const uint8_t large[2 * RP__RING_SIZE];
    const struct rp__request put = {
        .object = queue, .op = RP__OP_PUT, .silent = true, .data = large, .size = sizeof large};
    CU_ASSERT_EQUAL(rp__home_request(stage->home, &put), 0);
    for (uint64_t what = 0; what < FALSEHOODS; what++) {
        stage->patron[0].end = (struct rp__crew_event){0};
        tell_tasks(stage, 0, 0, &(struct order){.object = queue, .count = what}, 3);
        CU_ASSERT_TRUE(go_on(stage, 0, has_ended));
        CU_ASSERT_STRING_EQUAL(stage->patron[0].end.cause, "wrote over its ring");
        CU_ASSERT_EQUAL(rp__crew_restart(stage->agent.crew, 0, &stage->agent.error), 0);
        agent_wait_started(&stage->agent, 1);
    }
    close_stage(stage);
}

int main(void) {
    gate = mmap(NULL, sizeof *gate, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    static const struct unit_test tests[] = {UNIT(false_calls_and_cuts_are_the_end_of_their_worker), {NULL, NULL}};
    return unit_run("false_call", tests);
}
