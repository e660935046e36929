"""The faults of the campaign: what each does to a run, where it can be done, and how it is undone.

A fault is a function of an Attempt (see campaign) and its random numbers. It gives False where the run has not, or no
longer, what it is to hit: that is no fault then. What has to be undone when the attempt is over it leaves in
attempt.repairs, and what can be undone meanwhile it leaves in attempt.later, after so many seconds. All it does, it
does from outside, with signals, links, files and limits: the program is the one that users have."""

import contextlib
import glob
import os
import resource
import shutil
import signal
import subprocess

LEASE = 3  # seconds
TIMEOUT = 10  # seconds that a task may take, in runs where a worker is stopped for good
FAKETIME = next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), None)  # Debian's package faketime

BARE, MPIRUN, HOSTS = "bare", "mpirun", "hosts"
RANKS, ANY = (MPIRUN, HOSTS), (BARE, MPIRUN, HOSTS)


def send(process, number):
    """Whether it was still there."""
    if process is None:
        return False
    try:
        os.kill(process.pid, number)
    except ProcessLookupError:
        return False
    return True


def pick(random, processes):
    return random.choice(processes) if processes else None


def kill(victims):
    return lambda attempt, random: send(pick(random, victims(attempt)), signal.SIGKILL)


def tell(number, victims):
    return lambda attempt, random: send(pick(random, victims(attempt)), number)


def stop(victims, seconds=None):
    """For so long, or for good."""

    def fault(attempt, random):
        victim = pick(random, victims(attempt))

        def go_on():
            for process in [victim, *attempt.processes("nsenter")]:  # which stops itself when its child is stopped
                send(process, signal.SIGCONT)

        if not send(victim, signal.SIGSTOP):
            return False
        if seconds:
            attempt.later.append((random.uniform(*seconds), go_on))
        else:
            attempt.stopped.append(victim)
        return True

    return fault


def workers(attempt):
    return attempt.processes("rp-worker")


def nurseries(attempt):
    return attempt.processes("rp-nursery")


def agents(attempt):
    return [agent for agent in attempt.agents() if agent.rank > 0]


def rank_zero(attempt):
    return [agent for agent in attempt.agents() if agent.rank == 0]


def launcher(attempt):
    return attempt.processes("mpirun", "orterun", "prterun", "prte")


def daemons(attempt):
    return attempt.processes("orted", "prted")


def crash(attempt, random):
    host = random.choice(attempt.where)
    attempt.hosts.kill(host)
    attempt.repairs.append(lambda: attempt.hosts.boot(host))
    return True


def cut(seconds):
    def fault(attempt, random):
        host = random.choice(attempt.where)

        def plug():
            attempt.hosts.run(host, "ip", "link", "set", "eth0", "up")

        attempt.hosts.run(host, "ip", "link", "set", "eth0", "down")
        if seconds:
            attempt.later.append((random.uniform(*seconds), plug))
        else:
            attempt.repairs.append(plug)
        return True

    return fault


def slow(attempt, random):
    host = random.choice(attempt.where)
    wrong = ["delay", f"{random.randint(50, 400)}ms", "50ms", "loss", f"{random.randint(0, 3)}%"]
    if attempt.hosts.run(host, "tc", "qdisc", "add", "dev", "eth0", "root", "netem", *wrong):
        return False
    attempt.repairs.append(lambda: attempt.hosts.run(host, "tc", "qdisc", "del", "dev", "eth0", "root"))
    return True


def fill(attempt, random):
    """The disk of the store and the output."""
    if not attempt.disk.is_mount():
        return False
    filler = attempt.disk / "filler"
    with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
        while file.write(b"\0" * 65536):
            pass

    def free():
        filler.unlink(missing_ok=True)

    attempt.repairs.append(free)
    if random.random() < 0.5:
        attempt.later.append((random.uniform(0.5, 2), free))
    return True


def move_away(attempt, _):
    if not attempt.folder.exists():
        return False
    away = attempt.folder.with_name("away")
    attempt.folder.rename(away)

    def back():
        if attempt.folder.exists():  # the run has made it anew, which it has not to
            attempt.wrong("the folder of the store was made anew")
            shutil.rmtree(attempt.folder)
        away.rename(attempt.folder)

    attempt.repairs.append(back)
    return True


def limit(what):
    def fault(attempt, random):
        zero = pick(random, rank_zero(attempt))
        if zero is None:
            return False
        most = random.randint(0, 200_000) if what == resource.RLIMIT_FSIZE else random.randint(3, 30)
        try:
            resource.prlimit(zero.pid, what, (most, most))
        except ProcessLookupError:
            return False
        return True

    return fault


def set_clock_back(attempt, random):
    """For all ranks: they look the time up in this file. The monotonic clock goes on."""
    attempt.clock.write_text(f"-{random.randint(60, 100_000)}\n")
    return True


def leave_old_files(attempt, random):
    """The lock and the status of now are there again after the end, whatever the run left of them: a file system
    that went back. Also what a killed run's pid is now another one's."""
    kept = {}
    for end in (".lock", ".status"):
        file = attempt.store.with_name(attempt.store.name + end)
        with contextlib.suppress(FileNotFoundError):
            kept[file] = file.read_bytes()
    if not kept or not send(pick(random, rank_zero(attempt)), signal.SIGTERM):
        return False

    def put_back():
        for file, text in kept.items():
            file.write_bytes(text)

    attempt.repairs.append(put_back)
    return True


def can_slow():
    return shutil.which("tc") and not subprocess.run(
        ["unshare", "--net", "tc", "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms"],
        stderr=subprocess.DEVNULL).returncode


class Kind:
    """layouts: of runs that it can be done to. words: pool options that such a run has besides. ranks: how many it
    needs at least. early: it may come before all workers are there. What silences a rank for longer than the lease may
    not: who is in MPI_Init, or in the collective calls after it, waits for that rank for ever, and the lease begins
    only after those."""

    def __init__(self, name, layouts, fault, words=(), ranks=1, early=True):
        self.name, self.layouts, self.fault, self.words, self.ranks = name, layouts, fault, words, ranks
        self.early = early


def kinds():
    yield Kind("worker killed", ANY, kill(workers))
    yield Kind("nursery killed", ANY, kill(nurseries))
    yield Kind("agent killed", RANKS, kill(agents), ranks=2)
    yield Kind("rank 0 killed", ANY, kill(rank_zero))
    yield Kind("mpirun killed", RANKS, kill(launcher))
    yield Kind("orted killed", [HOSTS], kill(daemons))
    yield Kind("host crashed", [HOSTS], crash)
    yield Kind("worker stopped, goes on", ANY, stop(workers, (0.5, 2 * LEASE)))
    yield Kind("worker stopped for good, --timeout", ANY, stop(workers), words=["--timeout", f"{TIMEOUT}s"])
    yield Kind("nursery stopped, goes on", ANY, stop(nurseries, (0.5, 2 * LEASE)))
    yield Kind("agent stopped, goes on", RANKS, stop(agents, (0.5, 2 * LEASE)), ranks=2)
    yield Kind("agent stopped for good", RANKS, stop(agents), ranks=2, early=False)
    yield Kind("rank 0 stopped, goes on", ANY, stop(rank_zero, (0.5, 2 * LEASE)))
    yield Kind("rank 0 stopped for good", RANKS, stop(rank_zero), ranks=2, early=False)
    yield Kind("mpirun stopped, goes on", RANKS, stop(launcher, (0.5, 2 * LEASE)))
    yield Kind("link down for good", [HOSTS], cut(None), early=False)
    yield Kind("link down for 1 s", [HOSTS], cut((1, 1)))
    yield Kind("link down for longer than the lease", [HOSTS], cut((LEASE + 1, 2 * LEASE)), early=False)
    if can_slow():
        yield Kind("network slow and lossy", [HOSTS], slow)
    for name in "TERM", "INT", "USR1":
        number = signal.Signals["SIG" + name]
        yield Kind(f"{name} for rank 0", ANY, tell(number, rank_zero))
        yield Kind(f"{name} for mpirun", RANKS, tell(number, launcher))
    yield Kind("disk full", ANY, fill)
    yield Kind("folder of the store moved away", ANY, move_away)
    yield Kind("files may not grow", ANY, limit(resource.RLIMIT_FSIZE))
    yield Kind("no more open files", ANY, limit(resource.RLIMIT_NOFILE))
    yield Kind("old lock and status left", ANY, leave_old_files)
    if FAKETIME:
        yield Kind("clock set back", ANY, set_clock_back)
