#!/usr/bin/env bash
# Stdout is byte for byte the same, however the work is dealt out: bare and on any number of ranks, under every
# schedule, by every kind of worker.
source "$(dirname "$0")/lib.sh"

seq 1000000007 2 1000010007 >"$tmp/numbers"
seq -f '%.0f00000000000000000000000000000000000000007' 1 200 >>"$tmp/numbers"

schedules=(static "static,3" dynamic "dynamic,7" guided factoring auto)

# same JOB ARGUMENT...: whatever way the job is run. The reference is a single worker's.
same() {
    same_on_all_ranks "$@"
    local schedule workers
    for schedule in "${schedules[@]}"; do
        claim "$*: the same with --schedule $schedule" \
            same_as "$tmp/reference" with rankpool --crew 3 --schedule "$schedule" -- "$@"
        claim "$*: the same with --schedule $schedule on 2 ranks" \
            same_as "$tmp/reference" with ranks 2 --schedule "$schedule" -- "$@"
    done
    for workers in process thread inline; do
        claim "$*: the same with --workers $workers" \
            same_as "$tmp/reference" with rankpool --workers "$workers" -- "$@"
        claim "$*: the same with --workers $workers on 2 ranks" \
            same_as "$tmp/reference" with ranks 2 --workers "$workers" -- "$@"
    done
}
same_on_all_ranks() {
    local np
    run with rankpool --crew 1 -- "$@"
    cp "$out" "$tmp/reference"
    claim "$*: one worker computes it" test "$code" == 0 -a -s "$tmp/reference"
    claim "$*: the same on all cores" same_as "$tmp/reference" with rankpool -- "$@"
    for np in 1 2 3 4 8; do
        claim "$*: the same on $np ranks" same_as "$tmp/reference" with ranks "$np" -- "$@"
    done
}

# with LAUNCH... -- JOB...: the launch with the job at its end, and its numbers on stdin if it reads "-"
with() {
    local launch=()
    while [[ $1 != -- ]]; do
        launch+=("$1")
        shift
    done
    shift
    case ${*: -1} in
    -) "${launch[@]}" --quiet "$@" <"$tmp/numbers" ;;
    *) "${launch[@]}" --quiet "$@" ;;
    esac
}

# A schedule that is told its chunks gets them, be they as small as one task: these ranges are short enough for that.
same_on_all_ranks primes 1e9
same primes 1e6 1.2e6
same primes --twins 1e6 1.2e6
same primes --print 1e6 1.2e6
same cubes -3000 3000
same cubes --sum 1 1e5
same isprime -
