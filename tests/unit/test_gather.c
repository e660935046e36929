/* Answers that gather, beside a disk that is played: it has room for so many bytes, and its files count what they are
 * asked for. */
#include "core/gather.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

enum { PIECE = 200 * 1000 };

struct rp__answer_file {
    uint8_t *bytes;
    size_t size;
};

/* The table of functions has no argument for it. */
static struct disk {
    size_t room;
    int opened, closed, mapped, unmapped;
} disk;

static struct rp__answer_file *play_open(void) {
    disk.opened++;
    return calloc(1, sizeof(struct rp__answer_file));
}

static int play_add(struct rp__answer_file *file, const uint8_t *data, size_t size) {
    const size_t fits = size < disk.room ? size : disk.room;
    file->bytes = realloc(file->bytes, file->size + size + 1);
    if (fits) memcpy(file->bytes + file->size, data, fits);
    file->size += fits;
    disk.room -= fits;
    return fits == size ? 0 : RP_ESYSTEM;
}

/* A copy, since it outlives the file. */
static uint8_t *play_map(const struct rp__answer_file *file, size_t size) {
    uint8_t *data = size <= file->size ? malloc(size) : NULL;
    if (data) memcpy(data, file->bytes, size);
    disk.mapped += data != NULL;
    return data;
}

static void play_unmap(uint8_t *data, size_t size) {
    disk.unmapped++;
    free(data);
}

static void play_close(struct rp__answer_file *file) {
    disk.closed++;
    free(file->bytes);
    free(file);
}

static const struct rp__answer_files files = {play_open, play_add, play_map, play_unmap, play_close};

static uint8_t byte_at(size_t at) { return (uint8_t)(at * 31 + (at >> 12)); }

static bool gather_pieces(struct rp__gathered *gathered, const struct rp__answer_files *to, int pieces) {
    static uint8_t piece[PIECE];
    for (int i = 0; i < pieces; i++) {
        for (size_t at = 0; at < PIECE; at++) piece[at] = byte_at(gathered->size + at);
        if (rp__gather(gathered, to, piece, PIECE)) return false;
    }
    return true;
}

static bool is_whole(const uint8_t *data, size_t size) {
    bool whole = data != NULL;
    for (size_t at = 0; whole && at < size; at++) whole = data[at] == byte_at(at);
    return whole;
}

/* It becomes a part, of which nothing is left behind. */
static void check_part(struct rp__gathered *gathered, size_t size) {
    CU_ASSERT_EQUAL(gathered->size, size);
    CU_ASSERT(is_whole(rp__gathered_bytes(gathered), size));
    struct rp__part *part = rp__gathered_part(gathered, 3, 4);
    CU_ASSERT_TRUE_FATAL(part && part->begin == 3 && part->end == 4 && part->size == size);
    CU_ASSERT_EQUAL(gathered->size, 0);
    CU_ASSERT_EQUAL(disk.opened, disk.closed);
    CU_ASSERT(is_whole(part->data, size));
    rp__part_free(part);
    CU_ASSERT_EQUAL(disk.mapped, disk.unmapped);
}

static void small_answer_stays_in_memory(void) {
    struct rp__gathered gathered = {0};
    disk = (struct disk){.room = SIZE_MAX};
    CU_ASSERT(gather_pieces(&gathered, &files, 5));
    CU_ASSERT_EQUAL(disk.opened, 0);
    check_part(&gathered, 5 * PIECE);
}

static void large_answer_is_in_a_file_and_not_in_memory(void) {
    struct rp__gathered gathered = {0};
    disk = (struct disk){.room = SIZE_MAX};
    CU_ASSERT(gather_pieces(&gathered, &files, 30));
    CU_ASSERT_EQUAL(disk.opened, 1);
    CU_ASSERT_EQUAL(gathered.memory.capacity, 0);
    check_part(&gathered, 30 * PIECE);
    CU_ASSERT_EQUAL(disk.mapped, 1);
}

static void full_disk_loses_nothing(void) {
    for (size_t room = 0; room < 12 * PIECE; room += 170001) {
        struct rp__gathered gathered = {0};
        disk = (struct disk){.room = room};
        CU_ASSERT(gather_pieces(&gathered, &files, 15));
        CU_ASSERT_EQUAL(disk.opened, 1);
        check_part(&gathered, 15 * PIECE);
    }
}

static void without_files_everything_stays_in_memory(void) {
    struct rp__gathered gathered = {0};
    disk = (struct disk){0};
    CU_ASSERT(gather_pieces(&gathered, NULL, 15));
    check_part(&gathered, 15 * PIECE);
}

static void what_nobody_takes_is_given_up_whole(void) {
    struct rp__gathered gathered = {0};
    disk = (struct disk){.room = SIZE_MAX};
    CU_ASSERT(gather_pieces(&gathered, &files, 9));
    CU_ASSERT(rp__gathered_bytes(&gathered) != NULL);
    rp__gathered_free(&gathered);
    CU_ASSERT(disk.opened == 1 && disk.closed == 1 && disk.mapped == 1 && disk.unmapped == 1);
    CU_ASSERT_EQUAL(gathered.size, 0);
}

/* Its bytes are no memory, so it does not count in the window, and there is nothing to put aside. */
static void window_neither_counts_nor_copies_it(void) {
    struct rp__gathered gathered = {0};
    struct rp__window window = {.limit = 10, .aside = {.files = &files}};
    disk = (struct disk){.room = SIZE_MAX};
    CU_ASSERT(gather_pieces(&gathered, &files, 9));
    CU_ASSERT(rp__gathered_bytes(&gathered) != NULL);
    struct rp__part *part = rp__gathered_part(&gathered, 1, 2), *first = rp__part_new(0, 1, NULL, 0);
    CU_ASSERT_EQUAL(rp__window_put(&window, part), 0);
    CU_ASSERT_EQUAL(window.bytes, 0);
    CU_ASSERT_EQUAL(rp__window_put(&window, first), 0);
    CU_ASSERT(rp__window_next(&window, &part) == 0 && part == first);
    rp__part_free(part);
    CU_ASSERT_TRUE_FATAL(rp__window_next(&window, &part) == 0 && part);
    CU_ASSERT(window.bytes == 0 && is_whole(part->data, 9 * PIECE));
    rp__part_free(part);
    CU_ASSERT_EQUAL(disk.mapped, disk.unmapped);
    rp__window_free(&window);
}

int main(void) {
    static const struct unit_test tests[] = {UNIT(small_answer_stays_in_memory),
                                             UNIT(large_answer_is_in_a_file_and_not_in_memory),
                                             UNIT(full_disk_loses_nothing),
                                             UNIT(without_files_everything_stays_in_memory),
                                             UNIT(what_nobody_takes_is_given_up_whole),
                                             UNIT(window_neither_counts_nor_copies_it),
                                             {NULL, NULL}};
    return unit_run("gather", tests);
}
