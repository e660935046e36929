"""Compares the table's rows with what Python and rankpool answer.

    compare.py python TABLE             the rows whose Python answers otherwise than they say
    compare.py rankpool TABLE ANSWERS   the rows for which ANSWERS, a file that python_cases printed, has another answer
                                        than they say, or none; and answers without a row
    compare.py verdict TABLE            the rows that say `same` of answers that mean different things, or the reverse
    compare.py evaluate LINE...         what these lines of Python answer
Prints them, and ends with 1 if there is one."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

AT_ONCE, PATIENCE_S = 4, 20


def read(path):
    """The rows, with their code, and what the codes stand for."""
    rows, means = [], set()
    for line in open(path):
        line = line.rstrip()
        if line.startswith("    "):
            rows[-1]["code"].append(line[4:])
        elif line.startswith("means "):
            word, codes = line[6:].split(" = ")
            means |= {(word, code) for code in codes.split()}
        elif line and not line.startswith("#"):
            name, python, ours, verdict = [part.strip() for part in line.split(" | ")]
            rows.append({"name": name, "python": python, "ours": ours, "verdict": verdict, "code": []})
    return rows, means


def evaluate(*code):
    """Prints the value of the last line, or the name of the exception, and ends its process group: what was begun goes."""
    import concurrent.futures
    import multiprocessing
    import targets

    names = {name: getattr(multiprocessing, name) for name in multiprocessing.__all__}
    names |= {name: getattr(concurrent.futures, name) for name in concurrent.futures.__all__}
    names |= {name: value for name, value in vars(targets).items() if not name.startswith("_")}
    try:
        exec("\n".join(code[:-1]), names)
        found = str(eval(code[-1], names))
    except Exception as error:
        found = type(error).__name__
    print(found, flush=True)
    os.killpg(0, signal.SIGKILL)


def ask(row):
    """What Python answers to the row, in a process group of its own."""
    command = [sys.executable, "-B", __file__, "evaluate", *row["code"]]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    ) as process:
        try:
            return process.communicate(timeout=PATIENCE_S)[0].strip() or "nothing"
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return f"nothing for {PATIENCE_S} seconds"


def main(mode, table, *given):
    rows, means = read(table)
    expected, found = {row["name"]: row["ours"] for row in rows}, {}
    if mode == "python":
        expected = {row["name"]: row["python"] for row in rows}
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = dict(zip(expected, pool.map(ask, rows)))
    elif mode == "rankpool":
        found = dict(line.rstrip("\n").split(" ", 1) for line in open(given[0]))
    else:
        expected = {row["name"]: row["verdict"].split(":")[0] for row in rows}
        for row in rows:
            alike = row["python"] == row["ours"] or (row["python"], row["ours"]) in means
            found[row["name"]] = "same" if alike else "differs"
    wrong = [name for name in expected | found if expected.get(name) != found.get(name)]
    for name in wrong:
        print(f"{name}: the table says {expected.get(name)}, but it is {found.get(name)}")
    return bool(wrong) or not rows or len(expected) != len(rows)


if __name__ == "__main__":
    sys.exit(evaluate(*sys.argv[2:]) if sys.argv[1] == "evaluate" else main(*sys.argv[1:]))
