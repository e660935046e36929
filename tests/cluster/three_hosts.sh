#!/usr/bin/env bash
# The pool over TCP on three real hosts: two ranks a host with a worker each, and one rank a host with a crew of two.
# Results are the bytes of a bare run. ctest sets TESTS and EXAMPLES to the folders of the programs besides.
source "$(dirname "$0")/hosts-lib.sh"

seq 1000000007 2 1000020007 >"$tmp/numbers"
from_numbers() { "$@" <"$tmp/numbers"; }

layouts=(on_two_ranks on_crews_of_two)
on_two_ranks() { on_hosts 2 --quiet "$@"; }
on_crews_of_two() { on_hosts 1 --crew 2 --quiet "$@"; }

# Another range, for a run by hand: STOP=1e11 PRIMES=4118054813
stop=${STOP:-1e8} primes=${PRIMES:-5761455}

run bare primes "$stop"
cp "$out" "$tmp/primes"
run bare cubes 1 1000
cp "$out" "$tmp/cubes"
run from_numbers bare isprime -
cp "$out" "$tmp/verdicts"
claim "a bare run gives what to compare with" diff <(echo "$primes") "$tmp/primes"

for layout in "${layouts[@]}"; do
    claim "$layout a host: primes" same_as "$tmp/primes" "$layout" primes "$stop"
    claim "$layout a host: cubes" same_as "$tmp/cubes" "$layout" cubes 1 1000
    claim "$layout a host: isprime from stdin" same_as "$tmp/verdicts" from_numbers "$layout" isprime -
    for job in hello "topo --list"; do
        read -ra words <<<"$job"
        run "$layout" "${words[@]}"
        claim "$layout a host: $job" test "$code" = 0
        for host in host1 host2 host3; do
            claim "$layout a host: $job shows two workers on $host" says "$out" "\b$host\b" 2
        done
    done
done

# The hosts are this box thrice, so one of them is drawn and the other two are the same.
run on_hosts 2 --quiet topo
claim "the map ends well" test "$code" = 0
claim "the map draws the first host" says "$out" '^host1: [0-9]+ packages?, ' 1
claim "with its workers" says "$out" '^  workers 0-1 of ranks 0-1$' 1
claim "and names those that are like it" says "$out" '^host2-host3: the same$' 1
claim "with theirs" says "$out" '^  workers 2-5 of ranks 2-5$' 1
for worker in 0 1; do
    claim "worker $worker is on one core of it, or pinned nowhere" says "$out" "^ .*:.* $worker( |\$)|not pinned.* workers 0-1 " 1
done

run on_hosts 2 primes 1e8
claim "the summary counts workers" says "$err" '\b6 workers'
claim "the summary counts hosts" says "$err" '\b3 hosts'

# Sleeping scales on any number of cores: packed, and spread over as many nodes as there are.
mapfile -t naps < <(yes 0.03 | head -n 96)
run on_hosts 2 --quiet scale --csv sleep "${naps[@]}" --node-workers 8 --repeat 1:1 --min-time 0
rows() { awk -F, -v row="$1" '($1 "," $2 "," $4) == row { rows++ } END { exit rows != 1 }' "$out"; }
for row in sequential,1,1 threads,1,8 processes,1,8 packed,2,16 packed,3,24 spread,3,16 packed-ranks,3,6 spread-ranks,3,4; do
    claim "scale measures $row" rows "$row"
done
efficient() { awk -F, '$1 == "spread" && $4 == 16 { good = $8 > 0.8 && $8 < 1.2 } END { exit !good }' "$out"; }
claim "scale: the efficiency of sleeping on 16 workers of three hosts is more than 0.8" efficient

# What a program uses of the library, between workers of different hosts: the same tests and examples as on one.
# (lock_count goes over the network 200,000 times: it takes minutes, and test_shared makes its claim with fewer.)
tests=(shared waiting process pure_pool future cancel reduce)
examples=(pipe_cube queue_cubes queue_is_prime ten_processes)
# told COMMAND...: its lines, in no order, but for what differs from run to run
told() { "$@" 2>/dev/null | sed -E 's/process id [0-9]+/process id/; s/^(without a lock): .*/\1/' | sort; }
prints_the_same() { # RANKS-A-HOST EXAMPLE ARGUMENT...
    diff <(told "$EXAMPLES/$2" "${@:3}") <(told on_hosts_run "$1" "$EXAMPLES/$2" "${@:3}")
}
test_passes() { (on_hosts_run "$1" "$TESTS/test_$2"); }
answers_as_the_table_says() {
    (on_hosts_run "$1" "$TESTS/python_cases") >"$tmp/answers" &&
        python3 "$here/../python/compare.py" rankpool "$here/../python/table.txt" "$tmp/answers"
}

for ranks in 2 1; do
    for name in "${tests[@]}"; do
        claim "test_$name passes with $ranks ranks a host" test_passes "$ranks" "$name"
    done
    claim "what Python can do is answered as on one host, with $ranks ranks a host" answers_as_the_table_says "$ranks"
    for example in "${examples[@]}"; do
        read -ra words <<<"$example"
        claim "$example prints the same with $ranks ranks a host" prints_the_same "$ranks" "${words[@]}"
    done
done
