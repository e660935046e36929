/* queens N, a plug-in: in how many ways N queens stand on a board of N x N so that none attacks another.
 *
 * Tasks add tasks. The first is the empty board; a task of one of the upper rows adds a task for each free place in its
 * row, and one further down counts what is below it by itself. Nobody needs to know beforehand how many tasks there
 * are, and branches that die early leave their workers to the others. */
#include <inttypes.h>
#include <rankpool_job.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_MOST = 20, ROWS_DEALT = 3 /* rows of which every board is a task of its own */ };

/* A task: what the queens so far forbid in the next row, a bit a column. */
struct board {
    uint32_t rows, row; /* all of them; those that have a queen */
    uint32_t columns, left, right;
};

static uint32_t free_places(const struct board *board) {
    return ~(board->columns | board->left | board->right) & ((1u << board->rows) - 1);
}

/* With a queen in the lowest of these places of the next row. */
static struct board with_queen(const struct board *board, uint32_t places) {
    const uint32_t queen = places & -places;
    return (struct board){board->rows, board->row + 1, board->columns | queen, (board->left | queen) << 1,
                          (board->right | queen) >> 1};
}

static uint64_t count_below(const struct board *board) {
    uint64_t count = 0;
    if (board->row == board->rows) return 1;
    for (uint32_t places = free_places(board); places; places &= places - 1) {
        const struct board next = with_queen(board, places);
        count += count_below(&next);
    }
    return count;
}

static int place_queens(rp_task *task, const void *input, size_t size) {
    struct board board;
    if (size != sizeof board) return rp_task_fail(task, "a board has %zu bytes, not %zu", sizeof board, size);
    memcpy(&board, input, sizeof board);
    if (board.row >= ROWS_DEALT || board.row == board.rows) {
        const uint64_t count = count_below(&board);
        return rp_task_write(task, &count, sizeof count);
    }
    int code = 0;
    for (uint32_t places = free_places(&board); places && !code; places &= places - 1) {
        const struct board next = with_queen(&board, places);
        code = rp_task_add(task, &next, sizeof next);
    }
    return code; /* its record is empty */
}

static const rp_kernel kernel = {.name = "queens", .item = place_queens};

struct queens {
    uint32_t rows;
    uint64_t count;
};

static int plan(rp_job_run *run, int argc, const char *const argv[]) {
    uint64_t rows;
    rp_error error;
    if (argc != 1) return rp_job_fail(run, "%d words were given: expected one number, N", argc);
    if (rp_read_uint64(argv[0], &rows, &error)) return rp_job_fail(run, "%s", error.text);
    if (rows < 1 || rows > ROWS_MOST)
        return rp_job_fail(run, "a board of %s rows was asked for: expected from 1 to %d", argv[0], ROWS_MOST);
    struct queens *queens = calloc(1, sizeof *queens);
    if (!queens) return rp_job_fail(run, "out of memory");
    queens->rows = (uint32_t)rows;
    run->state = queens;
    run->map.count = RP_FED;
    run->map.grows = true;
    return 0;
}

static int feed(rp_job_run *run, rp_map *map) {
    const struct queens *queens = run->state;
    const struct board empty = {.rows = queens->rows};
    const int code = rp_map_put(map, &empty, sizeof empty);
    return code == RP_ECLOSED ? 0 : code; /* it was stopped: that is for others to report */
}

static int collect(rp_job_run *run, const rp_result *result) {
    struct queens *queens = run->state;
    uint64_t count = 0;
    if (result->size && result->size != sizeof count) return RP_EPROTOCOL;
    memcpy(&count, result->data, result->size);
    queens->count += count;
    return 0;
}

static int finish(rp_job_run *run) {
    const struct queens *queens = run->state;
    return fprintf(run->out, "%" PRIu64 "\n", queens->count) < 0 ? RP_EOUTPUT : 0;
}

static void release(rp_job_run *run) { free(run->state); }

static const rp_job job = {
    .name = "queens",
    .arguments = "N",
    .summary = "in how many ways N queens stand on a board of N x N",
    .kernel = &kernel,
    .plan = plan,
    .feed = feed,
    .collect = collect,
    .finish = finish,
    .release = release,
};

RP_PLUGIN(job);
