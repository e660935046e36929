#!/usr/bin/env bash
# What `rankpool exec` runs: output, exit codes, the job log and its resumption, limits, and that nothing is left behind.
# shellcheck disable=SC2016 # what is in single quotes is for the commands to expand
source "$(dirname "$0")/lib.sh"
mkdir "$tmp/here" && cd "$tmp/here" || exit 1

lines() { printf '%s\n' "$@"; }
pool_exec() { rankpool --quiet --crew 2 exec "$@"; }
ranks_exec() { ranks 2 --quiet exec "$@"; }
# columns FILE N...: these columns of a job log, without its header
columns() { tail -n +2 "$1" | cut -f "$2" | sort; }

for way in pool_exec ranks_exec; do
    where=${way%_exec}
    # ---- Output and ends
    claim "$where: commands run, in order with -k" gives "$(lines 3 1 2)" $way -k 'sleep 0.{}; echo {}' ::: 3 1 2
    claim "$where: output comes as commands end" gives "$(lines 0.1 1)" $way 'sleep {}; echo {}' ::: 1 0.1
    claim "$where: a last line without newline stays so" same_as <(printf 'a1a2') $way -k printf a{} ::: 1 2
    claim "$where: standard input is empty" gives "$(lines 0 0)" $way -k 'wc -c; :' ::: 1 2
    run $way -k 'echo {}; echo e{} >&2; exit {}' ::: 0 3
    claim "$where: a command that fails makes the exit code 1" test "$code" = 1
    claim "$where: what it wrote is there" cmp <(lines 0 3) "$out"
    claim "$where: stderr goes to stderr" says "$err" '^e[03]$' 2
    claim "$where: a failure is named with its exit code, host and command" \
        says "$err" "command 2 ended with exit code 3 on $(uname -n): echo 3" 1
    claim "$where: failures are counted" says "$err" '1 of 2 commands failed' 1
    run $way 'kill -9 $$; :' ::: 1
    claim "$where: a signal is named" says "$err" 'was killed by signal 9'
    run $way {} ::: no-such-program / /etc/passwd
    claim "$where: a program that is not there fails with 127" says "$err" 'command 1 ended with exit code 127' 1
    claim "$where: a folder and a file that is not executable fail with 126" says "$err" 'ended with exit code 126' 2
    claim "$where: lines are tagged" gives "$(printf 'x\t1\nx\t2')" $way --tag 'echo 1; echo 2; :' ::: x
    rm -f go
    start $way --line-buffer --tag 'echo 1; while ! [ -e go ]; do sleep 0.02; done; printf {}' ::: x
    claim "$where: --line-buffer shows a line before the command ends" wait_for 20 grep -q 1 "$out"
    touch go
    finished 20
    claim "$where: and all of them at last" cmp <(printf 'x\t1\nx\tx\n') "$out"
    claim "$where: 10 MB of output come whole" same_as <(head -c 10000000 /dev/zero) $way 'head -c {} /dev/zero' ::: 10000000

    # ---- What a command sees
    run $way -k 'echo $RANKPOOL_TASK $RANKPOOL_HOST' ::: a b
    claim "$where: a command knows its number and host" cmp <(lines "1 $(uname -n) a" "2 $(uname -n) b") "$out"
    run $way 'sleep 0.5; echo $RANKPOOL_SLOT $RANKPOOL_WORKER {%}; :' ::: a b
    claim "$where: slots are numbered from 0 on a host" cmp <(lines 0 1) <(cut -d ' ' -f 1 "$out" | sort)
    claim "$where: {%} is the slot from 1" cmp <(lines 1 2) <(cut -d ' ' -f 3 "$out" | sort)
    run $way 'env; :' ::: a
    claim "$where: the launcher's variables are gone" says "$out" '^(OMPI|PMIX|PMI|PRTE)_|^(IPATH|HFI)_NO_BACKTRACE=' 0
    claim "$where: a command has one thread" says "$out" '^OMP_NUM_THREADS=1$' 1
    HERE=there run $way --env HERE --env 'A=b c' 'echo $HERE $A; :' ::: 1
    claim "$where: --env hands on and sets variables" gave 'there b c'
    claim "$where: --workdir is where commands run" gives /usr $way --workdir /usr 'pwd; :' ::: 1
    run $way --workdir /no/such 'pwd; :' ::: 1
    claim "$where: a folder that is missing is named with its host" says "$err" "folder /no/such on $(uname -n)" 1

    # ---- Limits
    run $way --timeout 0.3 'trap "" TERM; (trap "" TERM; sleep 60); :' ::: 1
    claim "$where: a time-out ends what ignores TERM" says "$err" 'took longer than --timeout' 1
    run $way -k --timeout 300% 'sleep {}' ::: 0.1 0.1 0.1 0.1 0.1 0.1 0.1 0.1 60
    claim "$where: a time-out in per cent of the median" says "$err" 'command 9 took longer' 1
    rm -f tried.*
    claim "$where: --retries runs what failed again" gives "$(lines 3 3)" \
        $way --retries 3 'echo >>tried.{}; [ $(wc -l <tried.{}) = 3 ] && wc -l <tried.{}' ::: 1 2
    run $way --halt now,fail=1 'sleep {}; exit 3' ::: 0.1 60
    claim "$where: --halt now,fail=1 kills the rest" test "$code" = 1
    claim "$where: --halt now,success=1 is a success" gives 0.1 $way --halt now,success=1 'sleep {}; echo {}' ::: 0.1 60
    run $way --halt soon,done=1 'sleep {}; echo {}' ::: 0.1 0.6 0.1 0.1 0.1
    claim "$where: --halt soon lets what runs end" cmp <(lines 0.1 0.6) "$out"
    begin=${EPOCHREALTIME/./}
    claim "$where: --delay loses nothing" gives "$(lines 1 2 3)" $way -k --delay 0.2 echo ::: 1 2 3
    claim "$where: and keeps starts apart" test $((${EPOCHREALTIME/./} - begin)) -ge 400000

    # ---- The job log
    rm -f log
    run $way --joblog log 'exit {}' ::: 0 5 0
    claim "$where: a job log has GNU parallel's columns" \
        test "$(head -n 1 log)" = "$(printf 'Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand')"
    claim "$where: and a line for each command" cmp <(printf '1\t0\t0\texit 0\n2\t5\t0\texit 5\n3\t0\t0\texit 0\n') <(columns log 1,7-9)
    run $way --joblog log --resume 'exit {}' ::: 0 5 0 0
    claim "$where: --resume runs what the log does not have" test "$(columns log 1 | tr -d '\n')" = 1234
    run $way --joblog log --resume-failed 'exit {}' ::: 0 5 0 0
    claim "$where: --resume-failed runs what failed" test "$(columns log 1 | tr -d '\n')" = 12234
    run $way --joblog log --retry-failed 'exit {}' ::: 0 5 0 0 9
    claim "$where: --retry-failed runs nothing that is new" test "$(columns log 1 | tr -d '\n')" = 122234
    printf '9\tthe crash came' >>log
    run $way --joblog log --resume 'exit {}' ::: 0 5 0 0
    claim "$where: half a line at the end of a log does not count" test "$(columns log 1 | tr -d '\n')" = 122234
    cp log before
    run $way --joblog log --resume 'exit {}' ::: 0 0 5
    claim "$where: another command at a number is refused" test "$code" = 2
    claim "$where: by its number and the log's line" says "$err" 'command 2 is "exit 0", but line 7 of the job log log' 1
    claim "$where: and leaves the log as it was" cmp log before
    echo nonsense >log
    run $way --joblog log --resume echo ::: 1
    claim "$where: what is no job log is refused" says "$err" 'line 1 of log is not the first of a job log' 1
    claim "$where: and is left as it was" test "$(cat log)" = nonsense
    run $way --joblog no/such/log echo ::: 1
    claim "$where: a log that cannot be written is refused" says "$err" 'cannot open the job log no/such/log' 1

    # ---- Files
    rm -rf results
    run $way --results results 'echo {}; echo e >&2; exit {}' ::: 0 4
    claim "$where: --results keeps what each command wrote" test "$(cat results/{1,2}/{stdout,stderr,exit} | tr '\n' ' ')" = '0 e 0 4 e 4 '
    claim "$where: and no other file" test "$(find results -type f | wc -l)" = 6
    run $way --results log/sub echo ::: 1
    claim "$where: a folder that cannot be made is refused" test "$code" = 2
    [[ -w /dev/full ]] && {
        run $way --joblog /dev/full echo ::: 1
        claim "$where: a full disk under the job log is an error" says "$err" 'cannot write the job log.*no space' 1
        claim "$where: of the environment" test "$code" = 3
    }
done

# ---- With a store, what an earlier run has computed comes again, also before the job log can be opened
mkfifo late
stored_exec() { # the job log, whose reader comes late
    { sleep 0.5 && cat late >stored.log; } &
    local reader=$!
    run rankpool --quiet --crew 2 --store store exec --joblog late 'exit {}' ::: 0 5 0
    wait "$reader"
    columns stored.log 1,7-9
}
stored_exec >first
stored_exec >again
claim "a run with a store that is done ends as the first did" test "$code" = 1
claim "and its job log is whole again" cmp first again

mkfifo short
head -n 1 short >/dev/null &
run pool_exec --joblog short 'sleep 0.5; exit' ::: 1
claim "a job log that takes no more lines ends the run with 3" test "$code" = 3
claim "and is named" says "$err" 'cannot write the job log short' 1

# ---- A program that is the same for all
run pool_exec no-such-program ::: 1 2
claim "a program that is not there is refused before anything runs" test "$code" = 2
claim "and named once" says "$err" 'no-such-program: there is no such program' 1
run pool_exec "$tmp" ::: 1 2
claim "so is a folder" says "$err" 'it is a folder' 1
closed() { pool_exec 'sleep 0.1; echo {}' ::: 1 2 3 4 5 6 7 8 9 2>"$err" | head -1 >"$out"; code=${PIPESTATUS[0]}; }
closed
claim "where nobody reads on, commands that did not run are no success" test "$code" = 1
claim "and a line says so" says "$err" 'standard output was closed' 1
# So many inputs are ahead that there is no room for more.
full() { yes "$(printf %01000d 0)" | timeout 20 "$RANKPOOL" --quiet --crew 2 exec 'sleep 0.5; echo'; }
closed_full() { full 2>"$err" | head -1 >"$out"; code=${PIPESTATUS[0]}; }
closed_full
claim "also with a list that has no end" test "$code" = 1
cat >script <<<'echo "$1"'
chmod +x script
claim "a script without an interpreter's name runs in a shell" gives x pool_exec ./script ::: x

# ---- Places
run pool_exec --jobs-per-worker 3 'sleep 0.5; echo $RANKPOOL_SLOT; :' ::: 1 2 3 4 5 6
claim "--jobs-per-worker: so many times the workers, each with its slot" cmp <(seq 0 5) <(cut -d ' ' -f 1 "$out" | sort)
run rankpool --quiet exec -j 3 'sleep 0.5; echo $RANKPOOL_SLOT; :' ::: 1 2 3
claim "-j N: N at once" cmp <(seq 0 2) <(sort "$out")
(($(nproc) < 2)) || {
    run rankpool --quiet --crew 1 --cores 2 exec 'echo $OMP_NUM_THREADS; unset OMP_NUM_THREADS; nproc; :' ::: 1
    claim "--cores: a command has so many threads, and cores" gave "$(lines 2 2)"
    run rankpool --cores 2 --crew 1 topo --list
    claim "--cores: topo says that they are pinned" says "$out" ' yes +[0-9]+[-,][0-9]+$' 1
}

# ---- INT and TERM: commands get ten seconds to end, in which all that follows is run
export MARK
declare -A started=()
cleanup() { ((${#started[@]} == 0)) || kill -TERM "${started[@]}" 2>/dev/null; }
for way in pool_exec ranks_exec; do
    for signal in INT TERM; do
        MARK=exec-$way-$signal-$$
        start $way 'sleep 99 & (sleep 98 & echo >up.$MARK.{}; sleep 97); :' ::: 1 2
        started[$MARK]=$child
        claim "${way%_exec}: commands run before $signal" wait_for 20 test -e "up.$MARK.1" -a -e "up.$MARK.2"
        kill -"$signal" "$child"
    done
done
MARK=none

# ---- MPI inside
as_root=(--env OMPI_ALLOW_RUN_AS_ROOT=1 --env OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 --env PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe
    --env OMPI_MCA_rmaps_base_oversubscribe=1)
for way in pool_exec ranks_exec; do
    claim "${way%_exec}: a command may be an MPI program" gives "$(lines 1 4)" \
        $way "${as_root[@]}" "$MPIRUN" -np 2 "$RANKPOOL" --quiet squares 1 {} ::: 2
done

# ---- A long list
numbers() { seq 5000 | exec "$RANKPOOL" --quiet --crew 2 exec -k echo; }
claim "5,000 commands run, in order" same_as <(seq 5000) numbers

# ---- A list that comes slowly
mkfifo inputs
slowly() { exec "$RANKPOOL" --quiet --crew 2 exec echo <inputs; }
start slowly
exec 9>inputs
echo 1 >&9
claim "the first command runs before the second is known" wait_for 20 grep -q 1 "$out"
echo 2 >&9
exec 9>&-
finished 20
claim "and the second when it comes" cmp <(lines 1 2) "$out"

# ---- A large output
little_memory() { (ulimit -d 100000 && pool_exec "$@"); }
if little_memory true ::: 1 2>"$err"; then # not where a sanitizer needs more
    claim "200 MB of output pass through 100 MB of memory" same_as <(head -c 200000000 /dev/zero) \
        little_memory 'head -c {} /dev/zero' ::: 200000000
fi

# ---- A list without an end: inputs wait for room when the end comes
endless() { exec "$RANKPOOL" --quiet --crew 2 exec --halt "$1" true < <(yes); }
run endless soon,done=20
claim "a list without an end is left when there is enough" test "$code" = 0
full() { timeout -k 20 2 "$RANKPOOL" --quiet --crew 2 exec true < <(yes); [ $? = 124 ]; }
claim "TERM ends a run whose inputs wait for room" full

# ---- What was started above leaves nothing behind
for way in pool_exec ranks_exec; do
    for signal in INT TERM; do
        MARK=exec-$way-$signal-$$
        child=${started[$MARK]}
        claim "${way%_exec}: $signal ends the run" finished 15
        unset "started[$MARK]"
        claim "${way%_exec}: and all that its commands had started" wait_for 5 nobody_left "MARK=$MARK"
    done
    MARK=exec-$way-end-$$
    run $way 'sleep 99 & :' ::: 1 2
    claim "${way%_exec}: what a command leaves in the background ends with it" wait_for 5 nobody_left "MARK=$MARK"
done
