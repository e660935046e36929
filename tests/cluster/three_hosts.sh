#!/usr/bin/env bash
# The pool over TCP on three real hosts: two ranks a host with a worker each, and one rank a host with a crew of two.
# Results are the bytes of a bare run.
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
    for job in hello topo; do
        run "$layout" "$job"
        claim "$layout a host: $job" test "$code" = 0
        for host in host1 host2 host3; do
            claim "$layout a host: $job shows two workers on $host" says "$out" "\b$host\b" 2
        done
    done
done

run on_hosts 2 primes 1e8
claim "the summary counts workers" says "$err" '\b6 workers'
claim "the summary counts hosts" says "$err" '\b3 hosts'
