#!/usr/bin/env bash
# rankpool's calls against Python's multiprocessing and concurrent.futures: table.txt states both answers, case by case,
# and Python and the library, bare and on ranks, are asked whether that is so.
source "$(dirname "$0")/../cli/lib.sh"
: "${CASES:?is not set to the program of our cases: run this by ctest}"
command -v python3 >/dev/null || skip "there is no python3"
here=$(dirname "$0")

claim "Python answers as the table says" python3 "$here/compare.py" python "$here/table.txt"
bare() { exec "$CASES"; }
on() { ASAN_OPTIONS=detect_leaks=0 exec "$MPIRUN" -np "$1" "$CASES"; }
as_said() { # COMMAND...: it ends with 0, and its answers are the table's
    run "$@"
    [[ $code == 0 ]] && python3 "$here/compare.py" rankpool "$here/table.txt" "$out"
}
claim "rankpool answers as the table says" as_said bare
for ranks in 1 2 4; do claim "rankpool on $ranks ranks answers as the table says" as_said on "$ranks"; done
claim "what the table calls the same is the same, and what differs differs" \
    python3 "$here/compare.py" verdict "$here/table.txt"
reasons() { sed -n 's/.*| differs: //p' "$here/table.txt"; }
told() { # whatever else it says, the page gives each reason in the table's words
    local reason page=$here/../../jobs/README.md
    while read -r reason; do grep -qF "$reason" "$page" || echo "not told: $reason"; done < <(reasons) | { ! grep .; }
}
claim "the differences are told in jobs/README.md" told
