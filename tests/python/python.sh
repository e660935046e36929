#!/usr/bin/env bash
# rankpool's calls on what tasks share against Python's multiprocessing: table.txt states both answers, case by case, and
# Python and the library are asked whether that is so.
source "$(dirname "$0")/../cli/lib.sh"
: "${CASES:?is not set to the program of our cases: run this by ctest}"
command -v python3 >/dev/null || skip "there is no python3"
here=$(dirname "$0")

claim "Python answers as the table says" python3 "$here/compare.py" python "$here/table.txt"
claim "rankpool answers as the table says" python3 "$here/compare.py" rankpool "$here/table.txt" "$CASES"
claim "what the table calls the same is the same, and what differs differs" \
    python3 "$here/compare.py" verdict "$here/table.txt"
rows() { grep -oE '^[a-z_]+ \|' "$here/table.txt" | cut -d' ' -f1 | sort; }
claim "every case has one row" diff <("$CASES" | sort) <(rows)
reasons() { sed -n 's/.*| differs: //p' "$here/table.txt"; }
told() { # whatever else it says, the page gives each reason in the table's words
    local reason
    while read -r reason; do grep -qF "$reason" "$here/../../jobs/README.md" || echo "not told: $reason"; done < <(reasons) |
        { ! grep .; }
}
claim "the differences are told in jobs/README.md" told
