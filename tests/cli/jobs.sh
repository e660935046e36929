#!/usr/bin/env bash
# Every job does what its line in the README says, to the byte: results made for pipes, one a line.
source "$(dirname "$0")/lib.sh"

lines() { printf '%s\n' "$@"; }

# ---- count: each repetition's number and seconds, then the total
run rankpool count 1e7 --times 3
claim "count succeeds" test "$code" = 0
claim "count prints a line for each repetition and the total" says "$out" . 4
claim "each repetition of count ends at the limit" says "$out" '\b10000000\b' 3
claim "the total of count is the sum" says "$out" '\b30000000\b' 1
claim "count gives seconds" says "$out" '[0-9]\.[0-9]+'

# ---- primes
claim "primes counts to a stop" gives 78498 rankpool primes 1e6
claim "primes counts on two ranks" gives 5761455 ranks 2 primes 1e8
claim "primes counts from a start, both ends included" gives 2 rankpool primes 29 31
claim "primes reads numbers as people write them" gives 78498 rankpool primes 1_000_000
claim "primes finds none where there is none" gives 0 rankpool primes 24 28
claim "primes goes up to 2^64-1" gives 1 rankpool primes 18446744073709551557 18446744073709551615
claim "primes counts twins" gives 8169 rankpool primes --twins 1e6
claim "primes counts triplets" gives 2837 rankpool primes --triplets 1e6
claim "primes counts quadruplets" gives 166 rankpool primes --quadruplets 1e6
claim "primes counts quintuplets" gives 65 rankpool primes --quintuplets 1e6
claim "primes counts sextuplets" gives 5 rankpool primes --sextuplets 1e6
run rankpool primes --largest-gap 1e6
claim "primes finds the largest gap" says "$out" '\b114\b' 1
claim "primes prints primes" gives "$(lines 101 103 107 109 113 127)" rankpool primes --print 100 130

# ---- isprime
claim "isprime proves its arguments" gives "$(lines '222377 composite' '454577 prime')" ranks 4 isprime 222377 454577
claim "isprime knows that 0 and 1 are neither" gives "$(lines '0 neither' '1 neither' '2 prime')" \
    rankpool isprime 0 1 2
claim "isprime proves numbers of any size" \
    gives "$(lines '170141183460469231731687303715884105727 prime' '170141183460469231731687303715884105729 composite')" \
    rankpool isprime 170141183460469231731687303715884105727 170141183460469231731687303715884105729
lines 3 4 5 >"$tmp/list"
verdicts=$(lines '3 prime' '4 composite' '5 prime')
claim "isprime reads a file" gives "$verdicts" rankpool isprime --file "$tmp/list"
from_list() { "$@" <"$tmp/list"; }
claim "isprime reads stdin" gives "$verdicts" from_list rankpool isprime -
claim "isprime reads stdin on two ranks" gives "$verdicts" from_list ranks 2 isprime -
claim "isprime reads an empty stdin" same_as /dev/null rankpool isprime -
lines 3 three >"$tmp/misspelt"
from_misspelt() { "$@" <"$tmp/misspelt"; }
run from_misspelt rankpool isprime -
claim "a task that fails has a line of its own" says "$err" 'task 1 failed: "three" is not a whole number.*[^)]$' 1
run from_misspelt ranks 2 isprime -
claim "of several ranks, the line has the place" \
    says "$err" "task 1 failed: .* \(rank [01], worker [01] on host $(uname -n)\)$" 1
run rankpool isprime --where 454577
claim "isprime --where names the host" says "$out" "^454577 prime.*\b$(uname -n)\b" 1

# ---- squares, cubes, powers
claim "squares come in order" gives "$(lines 1 4 9 16 25)" rankpool squares 1 5
claim "squares of negative numbers" gives "$(lines 4 1 0 1)" rankpool squares -2 1
claim "cubes come in order" gives "$(lines 1 8 27)" rankpool cubes 1 3
claim "cubes of negative numbers" gives "$(lines -8 -1 0 1 8)" rankpool cubes -2 2
claim "cubes are summed exactly" gives 250000500000250000000000 rankpool cubes --sum 1 1e6
claim "cubes are summed exactly on two ranks" gives 250000500000250000000000 ranks 2 cubes --sum 1 1e6
claim "cubes are exact at any size" gives "1$(printf '0%.0s' {1..90})" \
    rankpool cubes 1000000000000000000000000000000 1000000000000000000000000000000
claim "powers take an exponent" gives "$(lines 1 32 243)" rankpool powers --exponent 5 1 3
claim "powers are exact at any size" gives 1267650600228229401496703205376 rankpool powers --exponent 100 2 2

# ---- multiply
claim "multiply gives products in order" gives "$(lines 7 14 -21)" rankpool multiply 7 1 2 -3
claim "multiply is exact at any size" gives 121932631137021795226185032733622923332237463801111263526900 \
    rankpool multiply 123456789012345678901234567890 987654321098765432109876543210
claim "multiply reads stdin" gives "$(lines 6 8 10)" from_list rankpool multiply 2 -

# ---- sleep
claim "sleep answers in the order of its arguments" \
    gives "$(lines 'Done 0.5' 'Done 0.4' 'Done 0.3' 'Done 0.2' 'Done 0.1')" \
    rankpool --crew 4 sleep 0.5 0.4 0.3 0.2 0.1
run rankpool --crew 4 --unordered sleep 1 0.1
claim "sleep answers as it can with --unordered" diff <(lines 'Done 0.1' 'Done 1') "$out"

# ---- hello
run rankpool --crew 3 hello
claim "every worker says hello" says "$out" . 3
claim "a worker names its host" says "$out" "\b$(uname -n)\b" 3
run ranks 3 hello
claim "every rank has a worker" says "$out" . 3

# ---- What is common to all
run rankpool cubes 1 3
claim "a summary on stderr counts the tasks" says "$err" '\b3 tasks'
claim "a summary of pinned workers has no migrations" test "$(grep -c migration "$err")" = 0
run rankpool --quiet cubes 1 3
claim "--quiet leaves stderr empty" empty "$err"
run rankpool --output "$tmp/file" cubes 1 3
claim "--output leaves stdout empty" empty "$out"
claim "--output writes the file" diff <(lines 1 8 27) "$tmp/file"
run rankpool --version
claim "--version goes to stdout" says "$out" '^rankpool [0-9]+\.[0-9]+' 1
jobs=(count primes isprime squares cubes powers multiply sleep hello)
run rankpool --help
for job in "${jobs[@]}"; do claim "--help names $job" says "$out" "^ +$job\b"; done
for job in "${jobs[@]}"; do
    run rankpool "$job" --help
    claim "$job has a help of its own" says "$out" "rankpool.* $job"
done
# One worker, moved by hand from one CPU to another.
moves_to() { taskset -pc "$1" "$(workers_of "$child" | grep .)"; }
mapfile -t cpus < <(taskset -pc $$ | sed 's/.*: //' | tr ',' '\n' | awk -F- '{ for (i = $1; i <= $NF; i++) print i }')
if ((${#cpus[@]} > 1)); then
    start rankpool --crew 1 --schedule dynamic sleep 0.2 0.2 0.2 0.2 0.2 0.2 0.2 0.2 0.2 0.2
    claim "a worker can be moved to a CPU" wait_for 5 moves_to "${cpus[0]}"
    claim "where its first task ends" wait_for 5 test -s "$out"
    claim "and to another one" moves_to "${cpus[1]}"
    finished 20
    claim "the summary counts that it migrated" says "$err" '\b[1-9] migrations?\b'
fi
run env RANKPOOL_CREW=3 "$RANKPOOL" hello
claim "an option can be given by environment" says "$out" . 3
