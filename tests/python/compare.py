"""Compares the table's rows with what Python and rankpool answer.

    compare.py python TABLE             the rows whose Python answers otherwise than they say
    compare.py rankpool TABLE ANSWERS   the rows for which ANSWERS, a file that python_cases printed, has another answer
                                        than they say, or none; and answers without a row
    compare.py verdict TABLE            the rows that say `same` of answers that mean different things, or the reverse
    compare.py lane TABLE FIRST         prints what Python answers to some of the rows, in a few processes at once
Prints them, and ends with 1 if there is one."""

import concurrent.futures
import concurrent.futures.process
import multiprocessing
import multiprocessing.pool
import os
import select
import signal
import subprocess
import sys

LANES, PATIENCE_S = 4, 20


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


def evaluate(code):
    """The value of the last line, or the name of the exception."""
    import targets  # here: with a gate and a counter of its own

    names = {name: getattr(multiprocessing, name) for name in multiprocessing.__all__}
    names |= {name: getattr(concurrent.futures, name) for name in concurrent.futures.__all__}
    names |= {name: value for name, value in vars(targets).items() if not name.startswith("_")}
    try:
        exec("\n".join(code[:-1]), names)
        return str(eval(code[-1], names))
    except Exception as error:
        return type(error).__name__


def ask(code):
    """What Python answers to it, in a process group of its own: what it began ends with the answer."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os.write(into, evaluate(code).encode())
        os.killpg(0, signal.SIGKILL)
    answered = select.select([out], [], [], PATIENCE_S)[0]
    answer = os.read(out, 1000).decode() if answered else f"nothing for {PATIENCE_S} seconds"
    if not answered:
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(out)
    os.close(into)
    return answer


def lane(table, first):
    """Prints what Python answers to some of the rows."""
    for row in read(table)[0][int(first) :: LANES]:
        print(row["name"], ask(row["code"]), flush=True)


def answers(lines):
    return dict(line.rstrip("\n").split(" ", 1) for line in lines)


def main(mode, table, *given):
    rows, means = read(table)
    expected, found = {row["name"]: row["ours"] for row in rows}, {}
    if mode == "python":
        expected = {row["name"]: row["python"] for row in rows}
        command = [sys.executable, "-B", __file__, "lane", table]
        lanes = [subprocess.Popen([*command, str(i)], stdout=subprocess.PIPE, text=True) for i in range(LANES)]
        for one in lanes:
            found |= answers(one.communicate()[0].splitlines())
    elif mode == "rankpool":
        found = answers(open(given[0]))
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
    sys.exit(lane(*sys.argv[2:]) if sys.argv[1] == "lane" else main(*sys.argv[1:]))
