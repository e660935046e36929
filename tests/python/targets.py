"""What the snippets of table.txt run in Python's processes, and what makes them short. Each row has a process of its
own, which imports this first: so the gate, the counter and the numbers of processes are new in each."""

import multiprocessing
import os
import signal
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import Event, Process, Value

gate, started, counter = Event(), Event(), Value("i", 0)
pools = []


def Pool(*args, **options):
    """Python's own, and kept: one that is collected while results come may hang."""
    pools.append(multiprocessing.Pool(*args, **options))
    return pools[-1]


def square(x):
    return x * x


def inverse(x):
    return 1 // x


def pass_gate(x):
    started.set()
    gate.wait()
    return x


def count(x):
    """Counts those that do not fail."""
    1 // x
    with counter.get_lock():
        counter.value += 1


def pid(x):
    return os.getpid()


def die(x):
    if x == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return x


def exit(code):
    sys.exit(code)


abort = os.abort


def words(values):
    return " ".join(str(value) for value in values)


def runs(values):
    """How often a value is not the one before."""
    return sum(i == 0 or values[i] != values[i - 1] for i in range(len(values)))


def elsewhere(call):
    """What the call gives on a thread of its own."""
    result = []

    def run():
        try:
            result.append(call())
        except Exception as error:
            result.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if isinstance(result[0], Exception):
        raise result[0]
    return result[0]


def waits_for_ever(call):
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(0.5)
    return "waits for ever" if thread.is_alive() else "ends"


def soon(true):
    """Becomes true: what another thread does."""
    for _ in range(1000):
        if true():
            return True
        time.sleep(0.01)
    return False


def held(others):
    """A future that runs until the gate opens, and others that come after it on the only worker."""
    executor = ProcessPoolExecutor(1)
    futures = [executor.submit(pass_gate, 0)]
    started.wait()
    return futures + [executor.submit(square, i + 1) for i in range(others)]


def held_one_of_two(function, x):
    """A future that runs until the gate opens, and one on another worker."""
    executor = ProcessPoolExecutor(2)
    futures = [executor.submit(pass_gate, 0)]
    started.wait()
    return futures + [executor.submit(function, x)]


def ended(process):
    process.start() if process.pid is None else None
    process.join()
    return process


def running():
    process = Process(target=pass_gate, args=(0,))
    process.start()
    started.wait()
    return process
