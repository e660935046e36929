#!/usr/bin/env bash
# What rank 0 makes of commands that have ended: the log and --halt go by their ends, only output waits for its turn, what
# failed is tried elsewhere, a store resumes what a kill cut off, and a full disk leaves nothing half written.
# shellcheck disable=SC2016 # what is in single quotes is for the commands to expand
source "$(dirname "$0")/lib.sh"
mkdir "$tmp/here" && cd "$tmp/here" || exit 1

mounted=
cleanup() { [[ -z $mounted ]] || umount "$mounted"; }
lines() { printf '%s\n' "$@"; }
pool_exec() { rankpool --quiet --crew 2 exec "$@"; }
ranks_exec() { ranks 2 --quiet exec "$@"; }
pool_stored() { rankpool --quiet --crew 2 --store store exec "$@"; }
ranks_stored() { ranks 2 --quiet --store store exec "$@"; }
pool_retried() { rankpool --quiet --crew 2 --store store --retry-failed exec "$@"; }
ranks_retried() { ranks 2 --quiet --store store --retry-failed exec "$@"; }
# column FILE N: of a job log, without its header
column() { tail -n +2 "$1" | cut -f "$2"; }
committed() { "$RANKPOOL" report store | grep -Eq '^([4-9]|1.) of'; } # four of them, or more
zeros() { head -c 3000000 /dev/zero | tr '\0' "$1"; }

export MARK SHOWN=$out
for where in pool ranks; do
    way=${where}_exec stored=${where}_stored
    # ---- Order
    rm -f log go
    start $way -k --joblog log '[ {} = 2 ] || while ! grep -q ^2 log; do sleep 0.02; done; echo {}' ::: 1 2 3
    claim "$where: with -k the log has a command before its turn has come" finished 30
    claim "$where: and output is in order" gave "$(lines 1 2 3)"
    rm -f log
    run $way -k --joblog log --halt now,done=2 'sleep {}; echo {}' ::: 60 0.1 0.2 0.3
    claim "$where: --halt goes by the ends, with -k too" test "$(column log 1 | tr '\n' ' ')" = '2 3 '
    claim "$where: and what has ended is shown" gave "$(lines 0.1 0.2)"
    rm -f go
    claim "$where: megabytes wait for their turn, and come whole" same_as <(for i in 1 2 3 4 5; do zeros $i; done) $way -k \
        'if [ {} = 5 ]; then touch go; fi; while [ {} = 1 ] && ! [ -e go ]; do sleep 0.02; done
        head -c 3000000 /dev/zero | tr "\0" {}' ::: 1 2 3 4 5
    for retries in 1 2; do
        rm -f log saved
        deadly='[ {} != 2 ] || [ -e saved ] || { kill -9 $PPID; sleep 9; }; while [ {} = 4 ] && ! grep -q 3 "$SHOWN"; do sleep 0.02; done; echo {}'
        start $way -k --retries $retries --joblog log "$deadly" ::: 1 2 3 4
        claim "$where: with --retries $retries a worker that dies holds up no output" finished 30
        claim "$where: of the others" cmp <(lines 1 3 4) "$out"
        claim "$where: its command has failed" test "$code" = 1
        claim "$where: and is named" says "$err" 'command 2 was lost with its worker on .*: .*! *= 2' 1
        claim "$where: in the log, too" test "$(column log 1,7,8 | sort -n | xargs)" = '1 0 0 2 -1 9 3 0 0 4 0 0'
        touch saved
        run $way --joblog log --resume-failed "$deadly" ::: 1 2 3 4
        claim "$where: from where --resume-failed takes it up again" gave 2
    done

    # ---- Retries
    rm -f log tried
    run $way --retries 20 --joblog log 'echo $RANKPOOL_WORKER >>tried; echo {}; exit 3' ::: 1
    claim "$where: a command is tried so many times" test "$(wc -l <tried)" = 20
    claim "$where: on both workers" test "$(sort -u tried | wc -l)" = 2
    claim "$where: only the last attempt is shown" cmp <(lines 1) "$out"
    claim "$where: and logged" test "$(column log 1,7 | tr '\t' ' ')" = '1 3'
    claim "$where: what succeeds at last has succeeded" gives "$(lines 1 2 3)" \
        $way -k --retries 3 'echo >>at.{}; [ $(wc -l <at.{}) = {} ] && echo {}' ::: 1 2 3
    seq 400 >list
    rm -f log
    start $way --retries 2 --joblog log '! :; #' :::: list
    claim "$where: what fails everywhere keeps no worker waiting" finished 30
    claim "$where: and has failed" test "$code" = 1 -a "$(column log 1 | sort -nu | wc -l)" = 400
    rm -f died at.*
    claim "$where: the death of a worker is an attempt" gives 1 \
        $way --retries 2 '[ -e died ] || { touch died; kill -9 $PPID; sleep 9; }; echo {}' ::: 1

    # ---- A kill
    rm -f log began
    MARK=exec-kill-$where-$$
    start $way --joblog log 'echo >>began; sleep 0.1; : {}' ::: {1..60}
    wait_for 20 eval '[[ $(wc -l <began) -ge 20 ]]'
    # shellcheck disable=SC2046
    kill -KILL "$child" $(family "MARK=$MARK") 2>/dev/null
    finished 20
    wait_for 10 nobody_left "MARK=$MARK"
    claim "$where: no more commands had begun than the log has and slots" \
        test "$(wc -l <began)" -le "$(($(column log 1 | wc -l) + 2))"
    run $way --joblog log --resume 'echo >>began; sleep 0.1; : {}' ::: {1..60}
    claim "$where: --resume runs the others" cmp <(seq 60) <(column log 1 | sort -n)
    claim "$where: and again only what was cut off" test "$(wc -l <began)" -le 62

    # ---- A store
    rm -f store* ran.* log
    command='echo >>ran.{}; sleep 0.2; echo {}; [ {} != 7 ]'
    MARK=exec-ends-$where-$$
    start $stored -k --joblog log "$command" ::: {1..16}
    wait_for 20 committed
    kill -KILL "$child"
    finished 20
    wait_for 10 nobody_left "MARK=$MARK"
    run $stored -k --joblog log "$command" ::: {1..16}
    claim "$where: a store goes on after a kill, and all output is there in order" cmp <(seq 16) "$out"
    claim "$where: a command that failed has failed, whenever that was" test "$code" = 1
    claim "$where: a command has one line in the log" cmp <(seq 16) <(column log 1 | sort -n)
    claim "$where: but for two a slot, no command has run again" test "$(cat ran.* | wc -l)" -le 20
    run rankpool report --status store
    claim "$where: the report says that it is done, with a failure" test "$code" = 1
    run rankpool report store
    claim "$where: and which" says "$out" 'failed: command 7 ended with exit code 1 on .*echo >>ran.7' 1
    cat ran.* >before
    run $stored -k --joblog log "$command" ::: {1..16}
    claim "$where: then nothing runs again" cmp before <(cat ran.*)
    claim "$where: and the output is the same" cmp <(seq 16) "$out"
    run ${where}_retried -k --joblog log "$command" ::: {1..16}
    claim "$where: --retry-failed runs the command that failed" cmp <(cat before <(echo)) <(cat ran.*)
    claim "$where: and no other" cmp <(seq 16) "$out"
    run $stored --retries 2 true ::: 1
    claim "$where: a store is refused with --retries" test "$code" = 2
    run $stored --timeout 200% true ::: 1
    claim "$where: and with a time-out that depends on the run" says "$err" 'no store can keep: give a time' 1
done

# ---- Full disks
if mkdir small && mount -t tmpfs -o size=1m none small 2>/dev/null; then
    mounted=$tmp/here/small
    rm -f log
    run pool_exec -k --results small/kept --joblog log 'echo {}; head -c {} /dev/zero >&2; :' ::: 10 2000000 20
    claim "output that finds no room in --results is named" says "$err" 'output of command 2 cannot be kept in small/kept: no space' 1
    claim "its command has failed" test "$code" = 1
    claim "in the log, too" cmp <(lines 0 -1 0) <(tail -n +2 log | sort -n | cut -f 7)
    claim "and nothing of it is there" test "$(find small/kept -type f | wc -l)" = 6 -a ! -e small/kept/2
    rm -rf small/kept
    : >small/log
    head -c 1044480 /dev/zero >small/fill
    run pool_exec --joblog small/log echo ::: {1..400}
    claim "a full disk under the job log ends the run with 3" test "$code" = 3
    claim "in one line" says "$err" 'cannot write the job log small/log: no space' 1
    claim "what was shown is in the log, line by line" cmp <(sort "$out") <(column small/log 9 | cut -d ' ' -f 2 | sort)
    cp "$out" before
    rm small/fill
    run pool_exec --joblog small/log --resume echo ::: {1..400}
    claim "and --resume goes on from there" cmp <(seq 400) <(sort -n before "$out")
else
    echo "left out: full disks, since nothing can be mounted here"
fi
