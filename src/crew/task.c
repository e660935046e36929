/* The calls that a kernel may make, all on memory of its own worker.
 *
 * The head of a record comes before its bytes and is as long as their number needs, which nobody knows until the
 * kernel is done. Most records are small, so the bytes are collected behind room for the shortest head and moved
 * only if they need a longer one. Room for that move is kept behind them at all times: ending a record cannot
 * fail. A record whose size was announced has its head from then on, and its bytes may have left already. */
#include "crew/task.h"

#include "core/error.h"
#include "core/record.h"
#include "crew/crew.h"
#include "rankpool_sync.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SHORTEST_HEAD = 1 };

/* Room for `size` bytes of the record, and for its head to grow. */
static uint8_t *reserve(rp_task *task, size_t size) {
    if (size > PTRDIFF_MAX) return NULL;
    return rp__buffer_reserve(&task->out, size + RP__RECORD_HEAD_MAX);
}

bool rp__task_begin(rp_task *task, uint64_t index) {
    if (!reserve(task, SHORTEST_HEAD + RP__FAILURE_MAX)) return false;
    task->record = task->out.size;
    task->out.size += SHORTEST_HEAD;
    task->promised = 0;
    task->announced = false;
    task->children_before = task->children.size;
    task->index = index;
    task->failed = false;
    return true;
}

const char *rp__task_message(rp_task *task, int code) {
    if (task->failed) return task->message;
    if (rp__is_error(code)) return rp_strerror(code);
    snprintf(task->message, sizeof task->message, "its kernel returned %d, which is no error of rankpool.h", code);
    return task->message;
}

/* The head, once the record's `size` bytes behind it are to be that many; `there` of them are. */
static void put_head(rp_task *task, size_t size, size_t there, bool failed) {
    uint8_t *at = task->out.data + task->record, head[RP__RECORD_HEAD_MAX];
    const size_t length = rp__record_head(head, size, failed);
    if (length != SHORTEST_HEAD) memmove(at + length, at + SHORTEST_HEAD, there);
    for (size_t i = 0; i < length; i++) at[i] = head[i];
    task->out.size = task->record + length + there;
}

bool rp__task_is_short(const rp_task *task) { return task->announced && task->left; }

void rp__task_end(rp_task *task, int code) {
    if (task->announced) return;
    uint8_t *at = task->out.data + task->record, *bytes = at + SHORTEST_HEAD;
    size_t size = task->out.size - task->record - SHORTEST_HEAD;
    const bool failed = task->failed || code != 0;
    if (failed) { /* what it wrote so far is dropped */
        const char *message = rp__task_message(task, code);
        size = strnlen(message, RP__FAILURE_MAX);
        memcpy(bytes, message, size);
        task->children.size = task->children_before;
    }
    put_head(task, size, size, failed);
}

const void *rp__task_bytes(const rp_task *task, size_t *size) {
    *size = task->out.size - task->record - SHORTEST_HEAD;
    return task->out.data + task->record + SHORTEST_HEAD;
}

void rp__task_drop(rp_task *task) { task->out.size = task->record; }

/* So many bytes more stand behind the record. */
static int add(rp_task *task, size_t size) {
    if (task->announced && size > task->left) return RP_ERANGE;
    task->out.size += size;
    if (!task->announced) return 0;
    task->left -= size;
    task->leave(task->worker);
    return 0;
}

int rp_task_announce(rp_task *task, size_t size) {
    if (!task || !task->may_announce || task->announced) return RP_EINVAL;
    const size_t there = task->out.size - task->record - SHORTEST_HEAD;
    if (size < there || size > PTRDIFF_MAX) return RP_EINVAL;
    task->promised = 0;
    put_head(task, size, there, false);
    task->announced = true;
    task->left = size - there;
    return 0;
}

int rp_task_write(rp_task *task, const void *data, size_t size) {
    if (!task || (size && !data)) return RP_EINVAL;
    task->promised = 0;
    uint8_t *at = reserve(task, size);
    if (!at) return RP_ENOMEM;
    if (size) memcpy(at, data, size);
    return add(task, size);
}

int rp_task_printf(rp_task *task, const char *format, ...) {
    if (!task || !format) return RP_EINVAL;
    task->promised = 0;
    /* Most texts fit in what is there already. */
    size_t room = task->out.capacity - task->out.size - RP__RECORD_HEAD_MAX;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf((char *)task->out.data + task->out.size, room, format, arguments);
    va_end(arguments);
    if (length < 0) return RP_EINVAL;
    if ((size_t)length >= room) {
        room = (size_t)length + 1;
        char *at = (char *)reserve(task, room);
        if (!at) return RP_ENOMEM;
        va_start(arguments, format);
        vsnprintf(at, room, format, arguments);
        va_end(arguments);
    }
    return add(task, (size_t)length);
}

void *rp_task_reserve(rp_task *task, size_t size) {
    if (!task) return NULL;
    void *at = reserve(task, size);
    task->promised = at ? size : 0;
    return at;
}

void rp_task_commit(rp_task *task, size_t size) {
    if (!task) return;
    /* More than was promised cannot have been written without harm: what is there counts. */
    if (size > task->promised) size = task->promised;
    if (task->announced && size > task->left) size = task->left;
    task->promised = 0;
    add(task, size);
}

int rp_task_fail(rp_task *task, const char *format, ...) {
    if (!task || task->announced) return RP_ETASK;
    if (!format) format = "";
    va_list arguments;
    va_start(arguments, format);
    if (vsnprintf(task->message, sizeof task->message, format, arguments) < 0) task->message[0] = 0;
    va_end(arguments);
    task->failed = true;
    return RP_ETASK;
}

int rp_task_add(rp_task *task, const void *input, size_t size) {
    if (!task || !task->grows || (size && !input)) return RP_EINVAL;
    uint8_t *at = size > PTRDIFF_MAX ? NULL : rp__buffer_reserve(&task->children, RP__RECORD_HEAD_MAX + size);
    if (!at) return RP_ENOMEM;
    const size_t head = rp__record_head(at, size, false);
    if (size) memcpy(at + head, input, size);
    task->children.size += head + size;
    return 0;
}

int rp_task_print(rp_task *task, const char *format, ...) {
    if (!task || !format) return RP_EINVAL;
    va_list arguments;
    va_start(arguments, format);
    char *text = NULL;
    int size = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (size < 0) return RP_EINVAL;
    int code = size < RP__PRINT_MAX ? 0 : RP_ERANGE;
    if (code == 0 && (size == 0 || text[size - 1] != '\n')) text[size++] = '\n'; /* where the 0 was */
    if (code == 0) code = task->print(task->worker, text, (size_t)size);
    free(text);
    return code;
}

bool rp_task_canceled(const rp_task *task) { return task && task->canceled(task->worker); }

rp_self *rp_task_self(rp_task *task) { return task ? task->self : NULL; }

void rp_task_progress(rp_task *task, double fraction) {
    if (!task || !task->progress) return;
    const double shown = fraction >= 1 ? 1 : fraction > 0 ? fraction : 0;
    uint64_t bits;
    memcpy(&bits, &shown, sizeof bits);
    atomic_store_explicit(task->progress, bits, memory_order_relaxed);
}

uint64_t rp_task_index(const rp_task *task) { return task ? task->index : 0; }

const void *rp_task_args(const rp_task *task, size_t *size) {
    if (!task) return NULL;
    if (size) *size = task->args_size;
    return task->args;
}

const void *rp_task_argument(const rp_task *task, size_t index, size_t *size) {
    if (!task) return NULL;
    const uint8_t *at = task->input, *data = NULL;
    size_t left = task->input_size, found = 0;
    bool marked;
    for (size_t i = 0; i <= index; i++) {
        const size_t length = at ? rp__record_read(at, left, &data, &found, &marked) : 0;
        if (length == 0) return NULL;
        at += length;
        left -= length;
    }
    if (size) *size = found;
    return data;
}

void *rp_task_state(const rp_task *task) { return task ? task->state : NULL; }

const rp_where *rp_task_where(const rp_task *task) { return task ? task->where : NULL; }

/* The agent's file, opened where everyone finds it: the worker may be older than what is shared. */
static const void *map_shared(const struct rp__family_page *family, uint32_t share, size_t size) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd/%d", family->agent, family->shared[share].fd);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return NULL;
    void *data = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    return data == MAP_FAILED ? NULL : data;
}

size_t rp_task_machine(const rp_task *task, rp_pu *pus, size_t capacity) {
    if (!task) return 0;
    const struct rp__family_page *family = task->family;
    const size_t count = atomic_load(&family->pus);
    for (size_t at = 0; pus && at < count && at < capacity; at++) {
        const unsigned cpu = (unsigned)family->pu[at].cpu;
        pus[at] = family->pu[at];
        pus[at].agent = atomic_load(&family->agent_cpus[cpu / 64]) >> cpu % 64 & 1;
    }
    return count;
}

const void *rp_task_shared(rp_task *task, uint32_t share, size_t *size) {
    size_t bytes = task && share < RP__SHARED_MAX ? atomic_load(&task->family->shared[share].size) : 0;
    if (!bytes) return NULL;
    if (!task->shared[share]) task->shared[share] = map_shared(task->family, share, bytes);
    if (size && task->shared[share]) *size = bytes;
    return task->shared[share];
}

void rp__task_unmap(rp_task *task) {
    for (uint32_t share = 0; share < RP__SHARED_MAX; share++)
        if (task->shared[share]) munmap((void *)task->shared[share], atomic_load(&task->family->shared[share].size));
}
