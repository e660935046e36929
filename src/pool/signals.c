/* Signals that stop a run, for worlds that were asked to take them. They are blocked in every thread but wait on one of
 * their own, so that they are heard at once whatever the others do, even where the service computes in line.
 * The first one ends the world in good order (pool/world_end.c says how much of it is waited for), an INT or TERM after it
 * ends it at once, and of one more the process dies: the nursery sees that and takes the workers along. Where there was
 * nothing to wait for, the first one ended it at once.
 * When ranks end with an exit code that is not 0, a launcher sends TERM to those that are not gone yet (srun -K1 does, the
 * moment the first one has left), and the code of the run would be that of the slowest. So TERM means nothing to a rank
 * that ends anyway: until its world is closed, and after it on all ranks but 0, which have nothing else to do. */
#include "core/error.h"
#include "pool/world_state.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static void stop_signals(sigset_t *set) {
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGUSR1);
}

static void die_of(int number) {
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, number);
    signal(number, SIG_DFL);
    kill(getpid(), number);
    pthread_sigmask(SIG_UNBLOCK, &one, NULL);
}

static void *watch(void *self) {
    rp_world *world = self;
    enum { RUNS, DRAINS, STOPS } state = RUNS;
    sigset_t set;
    int before;
    stop_signals(&set);
    for (;;) {
        int number = sigwaitinfo(&set, NULL); /* where rp__signals_release ends this thread */
        if (number < 0) continue;
        if (number == SIGTERM && world->launch.launched && atomic_load(&world->ending)) continue;
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
        if (state == STOPS && number != SIGUSR1) die_of(number);
        atomic_store(&world->signalled, number);
        if (number != SIGUSR1 || state == RUNS)
            state = rp__service_signal(world, number, state == DRAINS) && state == RUNS ? DRAINS : STOPS;
        pthread_setcancelstate(before, NULL);
    }
    return NULL;
}

int rp__signals_take(rp_world *world, rp_error *error) {
    sigset_t set;
    stop_signals(&set);
    pthread_sigmask(SIG_BLOCK, &set, &world->mask_before);
    int why = pthread_create(&world->watcher, NULL, watch, world);
    if (why) return rp__fail(error, RP_ESYSTEM, "cannot start the thread that waits for signals: %s", strerror(why));
    world->watching = true;
    return 0;
}

void rp__signals_release(rp_world *world) {
    if (!world->watching) return;
    pthread_cancel(world->watcher);
    pthread_join(world->watcher, NULL);
    if (world->launch.rank_hint > 0) sigaddset(&world->mask_before, SIGTERM);
    pthread_sigmask(SIG_SETMASK, &world->mask_before, NULL);
    world->watching = false;
}
