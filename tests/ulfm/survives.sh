#!/usr/bin/env bash
# Where MPI has ULFM (mpirun --with-ft ulfm, Open MPI 5), a run survives the death of any rank but 0: the answer is the
# one of an undisturbed run, the exit code is 0, the summary names who was lost, and no process is left. After the death of
# rank 0 the same command with the same store goes on. ROUNDS says how often each job is disturbed, SEED how: tests/ulfm/run
# starts this in the root that has such an MPI.
source "$(dirname "$0")/../cli/lib.sh"

: "${ROUNDS:=4}" "${SEED:=$RANDOM}"
RANDOM=$SEED
echo "seed $SEED, $ROUNDS rounds"
mark=RANKPOOL_TEST_MARK=$$-$SEED
export "${mark?}"
mapfile -t naps < <(yes 0.05 | head -n 600)
# Of 60 digits, so that each takes its time.
for ((i = 1; i < 60000; i += 2)); do printf '1%059d\n' "$i"; done >"$tmp/numbers"

# One host: TCP is not needed, and complains where the box has unusual addresses.
on_four() { exec "$MPIRUN" --mca btl self,sm --oversubscribe -np 4 "$@"; }
ulfm() { on_four --with-ft ulfm "$RANKPOOL" "$@"; }
plain() { on_four "$RANKPOOL" "$@"; }

worker_is_there() { [[ -n $(workers_of "$(agent "$1")") ]]; }
all_compute() { for rank in 0 1 2 3; do worker_is_there "$rank" || return 1; done; }
# begin plain|ulfm JOB...: on four ranks, until each has its worker. The answer goes to a file: mpirun of Open MPI 5.0.7
# mixes the two streams up where a line of one is not complete while the other is written.
begin() {
    start "$1" --output "$tmp/answer" "${@:2}"
    claim "$what: four ranks are there" wait_for 30 all_compute
}
# begin_job JOB [OPTION...]: with ULFM
begin_job() {
    case $1 in
    sleep) begin ulfm "${@:2}" sleep "${naps[@]}" ;;
    primes) begin ulfm "${@:2}" primes 6e10 ;;
    isprime) begin ulfm "${@:2}" isprime --file "$tmp/numbers" ;;
    esac
}
pause() { sleep "0.$((RANDOM % 10))$((RANDOM % 10))"; }
# lose RANK...: kills them one after the other
lose() {
    local rank pid
    for rank; do
        pause
        pid=$(agent "$rank")
        claim "$what: rank $rank lives until it is killed" kill -KILL "${pid:-none}"
    done
}
# goes_on FILE RANK...: it ends well with this on stdout, and names these ranks
goes_on() {
    local answer=$1 rank
    shift
    claim "$what: it goes on to its end" finished 180
    claim "$what: its exit code is 0" test "$code" = 0
    claim "$what: the answer is the right one" cmp "$answer" "$tmp/answer"
    for rank; do
        claim "$what: the summary says that rank $rank was lost" says "$err" "rank $rank on .* was lost, its tasks went" 1
    done
    claim "$what: none of our processes is left" wait_for 5 nobody_of_ours
}
# ends SECONDS: what was started ends by then and leaves nothing
ends() {
    claim "$what: it ends within $1 s" finished "$1"
    claim "$what: none of our processes is left" wait_for 5 nobody_of_ours
}

# ---- Any rank but 0, and all of them ----

yes 'Done 0.05' | head -n 600 >"$tmp/sleep"
echo 2524038155 >"$tmp/primes"
"$RANKPOOL" --quiet isprime --file "$tmp/numbers" >"$tmp/isprime" || exit 1
declare -A good=([sleep]=0 [primes]=0 [isprime]=0)
for ((round = 1; round <= ROUNDS; round++)); do
    mapfile -t order < <(shuf -i 1-3 --random-source=<(yes "$RANDOM"))
    for job in sleep primes isprime; do
        what="$job, round $round, ranks ${order[*]} are killed" before=$failed
        begin_job "$job"
        lose "${order[@]}"
        goes_on "$tmp/$job" "${order[@]}"
        ((failed > before)) || good[$job]=$((good[$job] + 1))
    done
done
for job in sleep primes isprime; do
    echo "$job: $ROUNDS runs lost 3 of their 4 ranks each, ${good[$job]} ended well with the right answer"
done

what="ranks 1 and 2 are killed at once"
begin ulfm sleep "${naps[@]}"
claim "$what: they live" kill -KILL "$(agent 1)" "$(agent 2)"
goes_on "$tmp/sleep" 1 2

what="a rank is stopped for longer than the lease"
begin ulfm --lease 3s sleep "${naps[@]}"
claim "$what: it lives" kill -STOP "$(agent 2)"
goes_on "$tmp/sleep" 2

# ---- What is not survived ----

what="rank 0 is killed"
begin ulfm sleep "${naps[@]}"
lose 0
ends 20
claim "$what: the others say so" says "$err" 'rank [123] on .* ends, since the process of rank 0 died'

some_are_done() { [[ $("$RANKPOOL" report "$1") == *$'\n'[1-9]*' of '*' are done'* ]]; }
for job in sleep primes isprime; do
    what="$job with a store, ranks 2 and 0 are killed" store=$tmp/$job.store
    begin_job "$job" --store "$store"
    lose 2
    claim "$what: the store has a part" wait_for 20 some_are_done "$store"
    lose 0
    ends 20
    claim "$what: it is not done" test "$("$RANKPOOL" report --status "$store"; echo $?)" = 75
    what="$what, it is started again"
    begin_job "$job" --store "$store"
    goes_on "$tmp/$job"
    claim "$what: what was done before is not done again" says "$err" '^rankpool: [1-9][0-9]* tasks were done before$' 1
done

what="without ULFM, rank 2 is killed"
begin plain sleep "${naps[@]}"
lose 2
ends 10
claim "$what: the exit code is not 0" test "$code" != 0
