"""Compares the table's rows with what Python and rankpool answer.

    compare.py python TABLE           the rows whose Python answers otherwise than they say
    compare.py rankpool TABLE CASES   the rows that program CASES answers otherwise than they say, or does not know
    compare.py verdict TABLE          the rows that say `same` of answers that mean different things, or the reverse
Prints them, and ends with 1 if there is one."""

import multiprocessing
import subprocess
import sys
import threading


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
    thread.join(0.2)
    return "waits for ever" if thread.is_alive() else "ends"


def answer(code):
    """The value of the last line, or the name of the exception."""
    names = {name: getattr(multiprocessing, name) for name in multiprocessing.__all__}
    names |= {"elsewhere": elsewhere, "waits_for_ever": waits_for_ever}
    try:
        exec("\n".join(code[:-1]), names)
        return str(eval(code[-1], names))
    except Exception as error:
        return type(error).__name__


def main(mode, table, *cases):
    rows, means = read(table)
    wrong = 0 if rows else 1
    for row in rows:
        if mode == "python":
            should, found = row["python"], answer(row["code"])
        elif mode == "rankpool":
            run = subprocess.run([*cases, row["name"]], stdout=subprocess.PIPE, text=True)
            should, found = row["ours"], run.stdout.strip() or f"nothing, and ended with {run.returncode}"
        else:
            alike = row["python"] == row["ours"] or (row["python"], row["ours"]) in means
            should, found = row["verdict"].split(":")[0], "same" if alike else "differs"
        if should != found:
            print(f"{row['name']}: the table says {should}, but it is {found}")
            wrong += 1
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
