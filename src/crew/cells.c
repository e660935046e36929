/* Arrays of up to a page share files, so that a million values need a few dozen descriptors: a file is cut into slots
 * of one size, a power of two from a cache line on, so that two values never share a line and none crosses a page.
 * Larger ones have a file each, which goes with them.
 *
 * A slot is used again only when KEPT_FREE of its size were freed after it. So one that still uses a freed array finds
 * its mark gone, unless it sleeps between the look and the use for as long as that takes. */
#include "crew/cells.h"

#include "core/home_object.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WORD = sizeof(uint64_t), SLOT_MIN = 64, SLOT_MAX = 4096, SIZES = 7, FILE_SIZE = 1024 * 1024, KEPT_FREE = 1024 };

/* A file, mapped as a whole. */
struct file {
    struct file *next; /* one shared by slots */
    uint8_t *at;
    size_t size;
    int fd;
};

/* One array, or a slot that was one and is free. */
struct words {
    struct rp__node node; /* first; the key is the object's id */
    struct words *next;
    struct file *file; /* its own, if `slot` is 0 */
    size_t offset, slot, words;
};

struct size {
    struct file *file; /* the newest first; what is used of it */
    size_t used;
    struct words *first, *last; /* free, the longest first */
    size_t free;
};

struct rp__cells {
    struct rp__table table;
    struct size size[SIZES];
};

struct rp__cells *rp__cells_new(void) {
    struct rp__cells *cells = calloc(1, sizeof *cells);
    if (cells && rp__table_open(&cells->table)) return cells;
    free(cells);
    return NULL;
}

static void close_file(struct file *file) {
    munmap(file->at, file->size);
    close(file->fd);
    free(file);
}

static struct file *open_file(size_t size) {
    struct file *file = malloc(sizeof *file);
    if (!file) return NULL;
    *file = (struct file){.size = size, .fd = memfd_create("rankpool-cells", MFD_CLOEXEC)};
    void *at = MAP_FAILED;
    if (file->fd >= 0 && ftruncate(file->fd, (off_t)size) == 0)
        at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file->fd, 0);
    file->at = at;
    if (at != MAP_FAILED) return file;
    if (file->fd >= 0) close(file->fd);
    free(file);
    return NULL;
}

/* ---- Slots --------------------------------------------------------------------------------------------- */

static struct size *size_of(struct rp__cells *cells, size_t slot) {
    size_t i = 0;
    while ((size_t)SLOT_MIN << i < slot) i++;
    return &cells->size[i];
}

static struct words *reuse(struct size *size) {
    if (size->free <= KEPT_FREE) return NULL;
    struct words *words = size->first;
    size->first = words->next;
    size->free--;
    memset(words->file->at + words->offset, 0, words->slot);
    return words;
}

static struct words *cut(struct size *size, size_t slot) {
    if (!size->file || size->used + slot > FILE_SIZE) {
        struct file *file = open_file(FILE_SIZE);
        if (!file) return NULL;
        file->next = size->file;
        size->file = file;
        size->used = 0;
    }
    struct words *words = malloc(sizeof *words);
    if (!words) return NULL;
    *words = (struct words){.file = size->file, .offset = size->used, .slot = slot};
    size->used += slot;
    return words;
}

static struct words *make_slot(struct rp__cells *cells, size_t bytes) {
    size_t slot = SLOT_MIN;
    while (slot < bytes) slot *= 2;
    struct size *size = size_of(cells, slot);
    struct words *words = reuse(size);
    return words ? words : cut(size, slot);
}

static void free_slot(struct rp__cells *cells, struct words *words) {
    struct size *size = size_of(cells, words->slot);
    words->next = NULL;
    *(size->free ? &size->last->next : &size->first) = words;
    size->last = words;
    size->free++;
}

static void let_go(struct rp__cells *cells, struct words *words) {
    rp__table_remove(&cells->table, &words->node);
    if (words->slot) {
        free_slot(cells, words);
    } else {
        close_file(words->file);
        free(words);
    }
}

void rp__cells_free(struct rp__cells *cells) {
    if (!cells) return;
    for (size_t i = 0; i < cells->table.buckets; i++)
        while (cells->table.bucket[i]) let_go(cells, (struct words *)cells->table.bucket[i]);
    for (size_t i = 0; i < SIZES; i++) {
        for (struct file *file = cells->size[i].file, *next; file; file = next) {
            next = file->next;
            close_file(file);
        }
        for (struct words *words = cells->size[i].first, *next; words; words = next) {
            next = words->next;
            free(words);
        }
    }
    free(cells->table.bucket);
    free(cells);
}

/* ---- What the home calls ------------------------------------------------------------------------------- */

/* More than the machine has would be a signal when it is touched, here or in a worker. */
static bool fits(size_t words) {
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    return pages <= 0 || page <= 0 || words / ((size_t)page / WORD) < (size_t)pages;
}

static struct words *make_own(size_t bytes) {
    struct words *words = malloc(sizeof *words);
    if (!words) return NULL;
    *words = (struct words){.file = open_file(bytes)};
    if (words->file) return words;
    free(words);
    return NULL;
}

static _Atomic uint64_t *mark_of(const struct words *words) {
    return (_Atomic uint64_t *)(void *)(words->file->at + words->offset);
}

static void *make_words(void *context, uint64_t object, size_t count) {
    struct rp__cells *cells = context;
    if (!fits(count)) return NULL;
    const size_t bytes = (count + 1) * WORD;
    struct words *words = bytes <= SLOT_MAX ? make_slot(cells, bytes) : make_own(bytes);
    if (!words) return NULL;
    words->words = count;
    words->node.key = object;
    rp__table_add(&cells->table, &words->node);
    _Atomic uint64_t *mark = mark_of(words);
    atomic_store(mark, rp__cells_mark(object));
    return (void *)(mark + 1);
}

static void drop_words(void *context, void *at, size_t count) {
    struct rp__cells *cells = context;
    _Atomic uint64_t *mark = (_Atomic uint64_t *)at - 1;
    const uint64_t object = rp__cells_mark(atomic_exchange(mark, 0)); /* its own inverse */
    struct words *words = (struct words *)rp__table_find(&cells->table, object);
    if (!words || mark_of(words) != mark) return; /* a stray write hit the mark: better lost than another's */
    let_go(cells, words);
}

struct rp__cell_memory rp__cells_memory(struct rp__cells *cells) {
    return (struct rp__cell_memory){.make = make_words, .drop = drop_words, .context = cells};
}

/* ---- What the others call ------------------------------------------------------------------------------ */

bool rp__cells_find(const struct rp__cells *cells, uint64_t object, struct rp__cells_at *at) {
    const struct words *words = (const struct words *)rp__table_find(&cells->table, object);
    if (!words) return false;
    *at = (struct rp__cells_at){.pid = (int32_t)getpid(), .fd = words->file->fd, .object = object};
    at->offset = words->offset + WORD;
    at->words = words->words;
    return true;
}

/* A mapping begins with a page: where the mark lies in it, and how long it is. */
static size_t mark_in_page(const struct rp__cells_at *at) {
    return (size_t)((at->offset - WORD) % (uint64_t)sysconf(_SC_PAGESIZE));
}

static size_t mapped_size(const struct rp__cells_at *at) { return mark_in_page(at) + ((size_t)at->words + 1) * WORD; }

/* The descriptor may be another file's by now, and shorter: what is not there must not be touched. */
static bool is_long_enough(int fd, const struct rp__cells_at *at) {
    struct stat is;
    if (fstat(fd, &is) || !S_ISREG(is.st_mode) || at->offset < WORD || at->offset % WORD) return false;
    return at->offset <= (uint64_t)is.st_size && at->words <= ((uint64_t)is.st_size - at->offset) / WORD;
}

_Atomic uint64_t *rp__cells_map(const struct rp__cells_at *at) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)at->pid, (int)at->fd);
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return NULL;
    void *page = MAP_FAILED;
    if (is_long_enough(fd, at))
        page = mmap(NULL, mapped_size(at), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                    (off_t)(at->offset - WORD - mark_in_page(at)));
    close(fd);
    if (page == MAP_FAILED) return NULL;
    _Atomic uint64_t *words = (_Atomic uint64_t *)(void *)((uint8_t *)page + mark_in_page(at)) + 1;
    if (atomic_load(words - 1) == rp__cells_mark(at->object)) return words;
    rp__cells_unmap(words, at);
    return NULL;
}

void rp__cells_unmap(_Atomic uint64_t *words, const struct rp__cells_at *at) {
    munmap((uint8_t *)(words - 1) - mark_in_page(at), mapped_size(at));
}
