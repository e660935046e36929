#!/usr/bin/env bash
# INT, TERM and a closed stdout end the pool soon, leave no process behind, and stderr says how far it came; and
# a long stdin goes through whole.
#
# "Within a second" is the promise (mpirun itself adds up to two); the waits here are longer, because the box may be
# busy, but far shorter than the job, so that only the signal can have ended it.
source "$(dirname "$0")/lib.sh"

mark=RANKPOOL_TEST_MARK=$$-$RANDOM
patience=6

running() { (($(family "$mark" | wc -l) >= processes)); }

# stopped_by HOW SIGNAL TARGET: the run of just now
stopped_by() {
    local how="$1: $2"
    claim "$how: it runs" wait_for 10 running
    sleep 0.5
    kill "-$2" -- "$3"
    claim "$how ends it" finished "$patience"
    claim "$how leaves no process behind" wait_for 2 nobody_left "$mark"
    claim "$how is told, and how far it came" says "$err" 'stopped.*[0-9]'
    claim "$how leaves no half result on stdout" empty "$out"
}

for signal in INT TERM; do
    processes=4 # agent, nursery, two workers
    start env "$mark" "$RANKPOOL" --crew 2 primes 1e14
    stopped_by "the program alone" "$signal" "$child"
    claim "a stopped run has exit code 75" test "$code" = 75
    start env "$mark" "$RANKPOOL" --crew 2 primes 1e14
    stopped_by "the process group, as by a terminal" "$signal" "-$child"

    processes=7 # mpirun, and twice agent, nursery, worker
    start env "$mark" "$MPIRUN" -np 2 "$RANKPOOL" primes 1e14
    stopped_by "mpirun" "$signal" "$child"
done

# A task that does not end by itself either.
processes=4
start env "$mark" "$RANKPOOL" --crew 2 sleep 1000 1000
stopped_by "long tasks" TERM "$child"
for kind in thread inline; do # which cannot be killed
    processes=2               # agent, nursery
    start env "$mark" "$RANKPOOL" --crew 2 --workers "$kind" sleep 1000 1000
    stopped_by "long tasks of $kind workers" INT "$child"
    claim "they are stopped with exit code 75" test "$code" = 75
done

# shellcheck disable=SC2016
run timeout 30 bash -c '{ "$0" squares 1 1e7 2>"$1/stderr"; echo $? >"$1/code"; } | head -n 1' "$RANKPOOL" "$tmp"
claim "a reader that has enough gets what it wanted" diff <(echo 1) "$out"
claim "and then the pool ends by itself" test -e "$tmp/code"
claim "and it ends quietly" empty "$tmp/stderr"
claim "and not by crashing" test "$(cat "$tmp/code")" -lt 126

# 50 MB of numbers, through mpirun's own stdin.
seq 1000000000000000000 1000000000002621440 >"$tmp/numbers"
from_numbers() { "$@" <"$tmp/numbers"; }
run from_numbers rankpool --quiet isprime -
claim "50 MB on stdin are taken" test "$code" = 0
claim "each line of 50 MB is answered, in order" cmp <(cut -d ' ' -f 1 "$out") "$tmp/numbers"
mv "$out" "$tmp/verdicts"
claim "50 MB on stdin give the same under mpirun" same_as "$tmp/verdicts" from_numbers ranks 2 --quiet isprime -
