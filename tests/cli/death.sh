#!/usr/bin/env bash
# A worker that is killed in mid-run changes nothing on stdout and leaves exit code 0: what it had in hand is dealt
# again, and the summary says so.
source "$(dirname "$0")/lib.sh"

# The workers of what was started, once there are N: of the program itself, or of the ranks under mpirun.
agents() { if [[ $launch == bare ]]; then echo "$child"; else children "$child"; fi; }
# shellcheck disable=SC2046
workers() { workers_of $(agents); }
has_workers() { (($(workers | wc -w) >= $1)); }

# shellcheck disable=SC2046
kill_all() { kill -KILL $(workers); }
kill_one() { kill -KILL "$(workers | head -n 1)"; }

launch_and() { # KILL ARGUMENT...
    local kill=$1
    shift
    if [[ $launch == bare ]]; then start rankpool --crew 2 "$@"; else start ranks 2 "$@"; fi
    claim "$launch $1: two workers are there" wait_for 10 has_workers 2
    sleep 0.7 # until they surely compute; together they have seconds to go
    claim "$launch $1: $kill" "$kill"
    claim "$launch $1: it goes on to the end" finished 60
}

for launch in bare mpirun; do
    for kill in kill_one kill_all; do
        launch_and "$kill" sleep 1.5 1.5 1.5 1.5
        claim "$launch sleep: $kill leaves exit code 0" test "$code" = 0
        claim "$launch sleep: $kill leaves stdout as it was" diff <(printf 'Done 1.5\n%.0s' {1..4}) "$out"
        claim "$launch sleep: $kill is in the summary" says "$err" 'again'
    done
    launch_and kill_one primes 2e10
    claim "$launch primes: exit code 0" test "$code" = 0
    claim "$launch primes: the number is right" diff <(echo 882206716) "$out"
    claim "$launch primes: the summary says that a chunk was dealt again" says "$err" 'again'
done
