#!/usr/bin/env bash
# INT, TERM, USR1, a time limit and a closed stdout end the pool soon, leave no process behind, and stderr says how far it
# came; and a long stdin goes through whole.
#
# Under mpirun "within a second" is the promise (mpirun itself adds up to two), else ten and a bit where nobody knows how long
# tasks take; the waits here are longer, because the box may be
# busy, but far shorter than the job, so that only the signal can have ended it.
source "$(dirname "$0")/lib.sh"

mark=RANKPOOL_TEST_MARK=$$-$RANDOM
patience=16 # what runs may take ten seconds more

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

# Tasks of which nobody knows how long they take get ten seconds, unless a second signal comes.
processes=4
start env "$mark" "$RANKPOOL" --crew 2 sleep 1000 1000
stopped_by "long tasks" TERM "$child"
twice() { # HOW
    claim "$1: they run" wait_for 10 running
    kill -INT "$child"
    sleep 0.5
    claim "$1 are waited for" running
    kill -INT "$child"
    claim "$1 end at once by a second INT" finished 3
    claim "$1 end with exit code 75" test "$code" = 75
    claim "$1 leave no process behind" wait_for 2 nobody_left "$mark"
}
start env "$mark" "$RANKPOOL" --crew 2 sleep 1000 1000
twice "long tasks"
processes=2 # agent, nursery
start env "$mark" "$RANKPOOL" --crew 2 --workers thread sleep 1000 1000
twice "long tasks of threads, which cannot be killed,"
start env "$mark" "$RANKPOOL" --crew 2 --workers inline sleep 1000 1000
stopped_by "long tasks of inline workers, which hear of nothing," INT "$child"
claim "they are stopped with exit code 75" test "$code" = 75

# What runs is let end, and printed; what waits is not begun.
mapfile -t naps < <(yes 0.2 | head -n 200)
drains() { # SIGNAL COMMAND...
    start env "$mark" "${@:2}" sleep 2 2 "${naps[@]}"
    claim "$1: it runs" wait_for 10 running
    sleep 0.5
    kill "-$1" "$child"
    claim "$1 ends a run whose tasks are short" finished "$patience"
    claim "$1: those that ran have printed" diff <(printf '%s\n' 'Done 2' 'Done 2') "$out"
    claim "$1 is told, and how far it came" says "$err" 'stopped by a signal after .*: 2 of 202 tasks were done'
    claim "$1 leaves no process behind after short tasks" wait_for 2 nobody_left "$mark"
}
processes=4
drains USR1 "$RANKPOOL" --crew 2
claim "USR1 gives exit code 75" test "$code" = 75
drains INT "$RANKPOOL" --crew 2
processes=7 # USR1 goes through mpirun to its ranks
drains USR1 "$MPIRUN" -np 2 "$RANKPOOL"

# A time limit ends it without any signal, with what fits: of 0.2 s tasks on two workers not more than 30 in 3 s.
between() { # LEAST MOST
    local lines
    lines=$(wc -l <"$out")
    echo "$lines lines"
    ((lines >= $1 && lines <= $2))
}
for way in rankpool "ranks 2"; do
    # shellcheck disable=SC2086
    run $way --crew "$([[ $way == rankpool ]] && echo 2 || echo 1)" --time-limit 3 sleep "${naps[@]}"
    claim "$way: a time limit ends the run with 75" test "$code" = 75
    claim "$way: what fits into the time limit is printed" between 5 30
    claim "$way: the time limit is told" says "$err" "stopped by the time limit after .*: $(wc -l <"$out") of 200 tasks"
done
run rankpool --crew 2 --time-limit 1000 sleep 0.1 0.1
claim "a time limit that is far is not noticed" gave $'Done 0.1\nDone 0.1'
soon() { env SLURM_JOB_ID=1 SLURM_JOB_END_TIME=$(($(date +%s) + 4)) "$@"; }
run soon "$RANKPOOL" --crew 2 sleep "${naps[@]}"
claim "Slurm's end is a time limit" test "$code" = 75
claim "and is told" says "$err" 'Slurm ends this job in [0-9.]+ s' 1
claim "and what fits is printed" between 5 40
export SLURM_JOB_ID=1 PATH=$tmp:$PATH
printf '#!/bin/sh\n[ "$*" = "-h -j 1 -o %%e" ] && date -d "+4 seconds" +%%Y-%%m-%%dT%%H:%%M:%%S\n' >"$tmp/squeue"
chmod +x "$tmp/squeue"
run rankpool --crew 2 sleep "${naps[@]}"
claim "Slurm is asked where the environment does not say" test "$code" = 75
claim "and its answer is told" says "$err" 'Slurm ends this job in [0-9.]+ s' 1
for answer in 'echo N/A' 'echo NONE' 'exit 1' 'exec sleep 1000'; do
    printf '#!/bin/sh\n%s\n' "$answer" >"$tmp/squeue"
    run rankpool --crew 2 sleep 0.1
    claim "where squeue says \"$answer\" there is no limit" gave 'Done 0.1'
    claim "nor a word of it" says "$err" 'ends this job' 0
done
export SLURM_JOB_END_TIME=$(($(date +%s) + 365 * 86400))
run rankpool --crew 2 sleep 0.1
claim "what ends in a year is what Slurm does not limit" says "$err" 'ends this job' 0
unset SLURM_JOB_ID SLURM_JOB_END_TIME

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
# Open MPI's mpirun crashes at times on a busy box while it reads its stdin (open-mpi/ompi issue 7483). Such a run says
# nothing about the pool and is done again.
for _ in 1 2 3; do
    run from_numbers ranks 2 --quiet isprime -
    grep -q 'mca_iof_hnp.*read_local_handler' "$err" || break
    echo "mpirun crashed while it read its stdin: again"
done
claim "50 MB on stdin give the same under mpirun" cmp "$tmp/verdicts" "$out"
claim "with exit code 0" test "$code" = 0
