/* Shared memory for the whole crew, mapped before the nursery is forked so that it lies at the same address
 * everywhere. NORESERVE: it is address space until somebody writes, and what a worker writes first is allocated on
 * the NUMA node of the core that it is pinned to. */
#include "crew/arena.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t to_pages(size_t size) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (size + page - 1) / page * page;
}

static void free_lists(struct rp__arena *arena) {
    free(arena->taken);
    free(arena->thread);
    free(arena);
}

struct rp__arena *rp__arena_new(uint32_t slots, struct rp__bell *bell, const rp_kernel *const *kernels) {
    struct rp__arena *arena = calloc(1, sizeof *arena);
    if (!arena) return NULL;
    const size_t slot_size = to_pages(sizeof(struct rp__slot)), first = to_pages(sizeof(struct rp__family_page));
    *arena = (struct rp__arena){
        .slots = slots, .slot_size = slot_size, .size = first + slot_size * slots, .bell = bell, .kernels = kernels};
    while (kernels[arena->kernel_count]) arena->kernel_count++;
    arena->taken = calloc(slots ? slots : 1, sizeof *arena->taken);
    arena->thread = calloc(slots ? slots : 1, sizeof *arena->thread);
    if (!arena->taken || !arena->thread) {
        free_lists(arena);
        return NULL;
    }
    void *memory = mmap(NULL, arena->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        free_lists(arena);
        return NULL;
    }
    arena->memory = memory;
    rp__arena_family_page(arena)->agent = (int)getpid();
    return arena;
}

void rp__arena_free(struct rp__arena *arena) {
    if (!arena) return;
    munmap(arena->memory, arena->size);
    free_lists(arena);
}

uint32_t rp__arena_slots(const struct rp__arena *arena) { return arena->slots; }

struct rp__family_page *rp__arena_family_page(const struct rp__arena *arena) {
    return (struct rp__family_page *)arena->memory;
}

struct rp__slot *rp__arena_slot(const struct rp__arena *arena, uint32_t index) {
    const size_t first = arena->size - arena->slot_size * arena->slots;
    return (struct rp__slot *)(arena->memory + first + arena->slot_size * index);
}

uint32_t rp__arena_free_slots(const struct rp__arena *arena) {
    uint32_t free_slots = 0;
    for (uint32_t at = 0; at < arena->slots; at++) free_slots += !arena->taken[at];
    return free_slots;
}

bool rp__arena_take(struct rp__arena *arena, uint32_t *index) {
    uint32_t at = 0;
    while (at < arena->slots && arena->taken[at]) at++;
    if (at == arena->slots) return false;
    arena->taken[at] = true;
    *index = at;
    return true;
}

void rp__arena_give_back(struct rp__arena *arena, uint32_t index) { arena->taken[index] = false; }

void rp__arena_enter_thread(struct rp__arena *arena, uint32_t index) {
    uint32_t end = atomic_load(&arena->threads_end);
    atomic_store(&arena->thread[index], (uintptr_t)pthread_self());
    while (end <= index && !atomic_compare_exchange_weak(&arena->threads_end, &end, index + 1)) continue;
}

void rp__arena_leave_thread(struct rp__arena *arena, uint32_t index) { atomic_store(&arena->thread[index], 0); }

/* Only what the caller itself has stored can be its own, so nothing that others store meanwhile matters. */
bool rp__arena_is_in_worker(const struct rp__arena *arena) {
    const uintptr_t self = (uintptr_t)pthread_self();
    const uint32_t end = atomic_load(&arena->threads_end);
    for (uint32_t at = 0; at < end; at++)
        if (atomic_load_explicit(&arena->thread[at], memory_order_relaxed) == self) return true;
    return false;
}

void rp__arena_reset(const struct rp__arena *arena, uint32_t index) {
    struct rp__slot *slot = rp__arena_slot(arena, index);
    atomic_store(&slot->wake.count, 0);
    atomic_store(&slot->wake.sleeping, 0);
    atomic_store(&slot->leave, 0);
    atomic_store(&slot->offered, 0);
    for (int i = 0; i < RP__CLOSED; i++) atomic_store(&slot->closed[i], 0);
    atomic_store(&slot->hand, 0);
    atomic_store(&slot->task, RP__NO_TASK);
    atomic_store(&slot->left, RP__LEFT_NOT);
    rp__ring_reset(&slot->work);
    rp__ring_reset(&slot->result);
}

void rp__arena_reset_calls(const struct rp__arena *arena, uint32_t index) {
    struct rp__slot *slot = rp__arena_slot(arena, index);
    rp__ring_reset(&slot->reply);
    atomic_store(&slot->stream, 0);
}

void rp__arena_release(const struct rp__arena *arena, uint32_t index) {
    /* Where the system cannot do it, the memory stays where it was first used: slower, not wrong. */
    (void)madvise(rp__arena_slot(arena, index), arena->slot_size, MADV_REMOVE);
}

void rp__arena_settle(const struct rp__arena *arena, uint32_t index) {
#ifdef MADV_POPULATE_READ /* Linux 5.14; without it pages settle where the agent runs when it first gives work */
    (void)madvise(rp__arena_slot(arena, index), to_pages(offsetof(struct rp__slot, result)), MADV_POPULATE_READ);
#endif
}

void rp__arena_keep_only(const struct rp__arena *arena, uint32_t index) {
    uint8_t *begin = (uint8_t *)rp__arena_slot(arena, index), *end = begin + arena->slot_size;
    uint8_t *slots = (uint8_t *)rp__arena_slot(arena, 0);
    /* What the kernel forks has no part in the work: if it returns from the kernel, too, it dies of the missing slot. */
    (void)madvise(begin, arena->slot_size, MADV_DONTFORK);
    (void)mprotect(arena->memory, (size_t)(slots - arena->memory), PROT_READ);
    (void)mprotect(slots, (size_t)(begin - slots), PROT_NONE);
    (void)mprotect(end, (size_t)(arena->memory + arena->size - end), PROT_NONE);
}
