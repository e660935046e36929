#!/usr/bin/env bash
# `rankpool exec` on three hosts, two ranks a host with a worker each, and one rank a host with a crew of two: output as of
# a bare run, places and environment right on each host, one host that lacks something, and no process left on any,
# however the run ends.
# shellcheck disable=SC2016 # what is in single quotes is for the commands to expand
source "$(dirname "$0")/hosts-lib.sh"
mkdir "$tmp/here" && cd "$tmp/here" || exit 1

mark=RANKPOOL_TEST_MARK=$$-$RANDOM
export "${mark?}"
layouts=(on_two_ranks on_crews_of_two)
on_two_ranks() { on_hosts 2 --quiet exec "$@"; }
on_crews_of_two() { on_hosts 1 --crew 2 --quiet exec "$@"; }
on_one_host() { exec timeout 60 "$here/hosts-mpirun" --host host2:2 -np 2 -x TMPDIR="$tmp" "$RANKPOOL" --quiet exec "$@"; }
lines() { printf '%s\n' "$@"; }
# column N FILE: of a job log, without its header
column() { tail -n +2 "$2" | cut -f "$1"; }
# of a job log: the hosts and exit codes of what failed
ended_badly() { awk -F '\t' 'NR > 1 && $7 != 0 { print $2, $7 }' "$1" | sort -u | xargs; }
seconds_since() { echo $(((${EPOCHREALTIME/./} - $1) / 1000000)); }

# ---- Output ---------------------------------------------------------------------------------------------

list='seq {}; echo e{} >&2; [ {} != 7 ]'
run bare exec -k "$list" ::: {1..60}
cp "$out" in-order
sort "$out" >sorted
claim "a bare run gives what to compare with" test "$(wc -l <sorted)" = 1830
for layout in "${layouts[@]}"; do
    run "$layout" -k "$list" ::: {1..60}
    claim "$layout a host: with -k output is that of a bare run" cmp in-order "$out"
    claim "$layout a host: a command that failed is named once" says "$err" 'command 7 ended with exit code 1 on host[123]: ' 1
    claim "$layout a host: the exit code is 1" test "$code" = 1
done
run on_two_ranks "$list" ::: {1..60}
claim "without -k it has the same lines" cmp sorted <(sort "$out")

# ---- Places and environment -----------------------------------------------------------------------------

# Each command holds the lock of its slot on its host for as long as it runs.
place='mkdir slot.$RANKPOOL_HOST.$RANKPOOL_SLOT || echo taken
    sleep 0.1; echo $RANKPOOL_TASK $RANKPOOL_RANK $RANKPOOL_WORKER $RANKPOOL_HOST $RANKPOOL_SLOT $(uname -n)
    rmdir slot.$RANKPOOL_HOST.$RANKPOOL_SLOT; :'
# places RANKS SLOTS: on a host; all commands ran in their places, and every slot of every host was used
places() {
    awk -v ranks="$1" -v slots="$2" '
        NF != 6 || $4 != $6 || $4 != "host" int($2 / ranks) + 1 || int($3 / slots) != int($2 / ranks) || $5 >= slots ||
            $1 != NR { print; wrong++ }
        !seen[$4, $5]++ { used++ }
        END { print used " slots, " NR " commands"; exit wrong || used != 3 * slots || NR != 48 }' <(sort -n "$out")
}
run on_two_ranks "$place" ::: {1..48}
claim "two ranks a host: every command knows its place, and has its slot alone" places 2 2
run on_crews_of_two "$place" ::: {1..48}
claim "a crew of two a host: the same" places 1 2
run on_two_ranks --jobs-per-worker 2 "$place" ::: {1..48}
claim "--jobs-per-worker 2: four slots a host" places 2 4

run_with_here() { HERE=there run on_two_ranks --env HERE --env 'A=b c' "$@"; }
run_with_here 'sleep 0.3; echo $RANKPOOL_HOST $HERE $A; env; :' ::: {1..6}
claim "--env reaches the commands of all hosts" cmp <(lines host{1,2,3}\ there\ b\ c) <(grep ' there b c$' "$out" | sort -u)
claim "no command has anything of the launcher's" says "$out" '^(OMPI|PMIX?|PRTE|ORTE|OPAL|HYDI|MPI_LOCAL)_' 0
claim "though six have said what they have" says "$out" '^RANKPOOL_RANK=[0-5]$' 6

inner=("$MPIRUN" -np 2 "$RANKPOOL" --quiet primes {})
as_root=(--env OMPI_ALLOW_RUN_AS_ROOT=1 --env OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 --env OMPI_MCA_rmaps_base_oversubscribe=1
    --env PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe)
run on_hosts 1 --quiet exec --joblog log "${as_root[@]}" "${inner[@]}" ::: 1e6 1e6 1e6 1e6 1e6 1e6
claim "a command may be an MPI program on every host" test "$(sort "$out" | uniq -c | xargs)" = '6 78498'
claim "and on each they ran" test "$(column 2 log | sort -u | xargs)" = 'host1 host2 host3'

# ---- The job log ----------------------------------------------------------------------------------------

rm log
run on_two_ranks --joblog log --halt soon,done=12 'sleep 0.2; echo {}' ::: {1..40}
claim "the job log has every host" test "$(column 2 log | sort -u | xargs)" = 'host1 host2 host3'
cp log before
cp "$out" first
run on_one_host --joblog log --resume 'sleep 0.2; echo {}' ::: {1..40}
claim "--resume on one host runs the rest" cmp <(seq 40) <(sort -n first "$out")
claim "and no command twice" cmp <(seq 40) <(column 1 log | sort -n)
claim "there" test "$(tail -n +$(($(wc -l <before) + 1)) log | cut -f 2 | sort -u)" = host2

# ---- What is not the same on every host -----------------------------------------------------------------

# host2 has neither the program nor the folder, which lie in a /tmp of each host's own.
for host in host1 host3; do
    "$here/hosts" exec "$host" sh -c 'mkdir -p /tmp/there && printf "#!/bin/sh\nsleep 0.1; pwd\n" >/tmp/there/program &&
        chmod +x /tmp/there/program && cp "$0" /tmp/there/kernel.so' "$EXAMPLES/queens.so"
done
run on_hosts 1 --quiet exec --joblog missing /tmp/there/program ::: {1..30}
claim "a program that one host has not: the host is named" says "$err" 'cannot run /tmp/there/program on host2: there is no such program'
claim "the exit code there is 127" test "$(ended_badly missing)" = 'host2 127'
claim "and all that was put elsewhere ran" test "$(wc -l <"$out")" = "$(column 2 missing | grep -vc host2)" -a -s "$out"
run on_hosts 1 --quiet exec --joblog folder --workdir /tmp/there 'sleep 0.1; pwd; :' ::: {1..30}
claim "a folder that one host has not: the host is named" says "$err" 'cannot run in the folder /tmp/there on host2: no such file'
claim "the exit code there is 126" test "$(ended_badly folder)" = 'host2 126'
run on_hosts 2 --quiet exec -k --retries 2 --joblog retried '[ $RANKPOOL_HOST != host2 ] && sleep 0.5 && echo {}' ::: {1..12}
claim "with --retries 2 the other hosts run all of it, though they are busy" cmp <(seq 12) "$out"
claim "and nothing has failed" test "$code" = 0 -a -z "$(ended_badly retried)"
run on_hosts 1 --quiet /tmp/there/kernel.so 8
claim "a plug-in that one host has not: the host is named" says "$err" 'kernel\.so on host2: there is no such file' 1
claim "nothing else is blamed" says "$err" 'different programs' 0
claim "but that not all ranks have it" says "$err" 'ranks do not all have the same /tmp/there/kernel\.so' 1
claim "and the exit code is 3" test "$code" = 3
narrow() {
    exec timeout 60 "$here/hosts-mpirun" --host host1:1 -np 1 "$RANKPOOL" --cores 2 exec echo ::: 1 : \
        --host host2:1 -np 1 taskset -c "$(taskset -cp $$ | grep -o '[0-9]*$')" "$RANKPOOL" --cores 2 exec echo ::: 1
}
(($(nproc) < 2)) || {
    run narrow
    claim "--cores of more than a rank has: its host is named" says "$err" 'workers of 2 cores were asked for and a rank on host host2 may use 1'
    claim "and the exit code is 2" test "$code" = 2
}

# ---- Limits ---------------------------------------------------------------------------------------------

# Commands, and all that they have started, carry a mark of their own.
commands=RANKPOOL_TEST_COMMAND=$$-$RANDOM
no_command() { nobody_left "$commands"; }
nothing_left() { no_command && nobody_of_ours; }

begin=${EPOCHREALTIME/./}
run on_two_ranks --env "$commands" --joblog late --timeout 1 'sleep 301 & (trap "" TERM; sleep 302); :' ::: {1..6}
claim "--timeout ends commands on every host" test "$(column 2,7,8 late | sort | uniq -c | xargs)" = "$(printf '2 host%d -1 15 ' 1 2 3 | xargs)"
claim "within some seconds" test "$(seconds_since "$begin")" -lt 15
claim "and leaves none" wait_for 2 no_command
begin=${EPOCHREALTIME/./}
run on_two_ranks --env "$commands" --halt now,fail=1 'sleep 301 & [ {} != 6 ] || { sleep 1; exit 3; }; sleep 302' ::: {1..6}
claim "--halt now,fail=1 ends commands on every host" test "$(seconds_since "$begin")" -lt 12
claim "and leaves none of theirs" wait_for 2 no_command

# ---- Ends -----------------------------------------------------------------------------------------------

# What is hard to end: in the background, deaf to signals, in a session of its own, an orphan.
stubborn='sleep 301 & (trap "" INT TERM HUP; sleep 302; :) & setsid sh -c "sleep 303 & sleep 304; :" & (setsid sleep 305 &);'
# left_within SECONDS: what was started is on its way out, and takes along all that it has started
left_within() {
    claim "$what: no command and none of our processes is left on any host after $1 s" wait_for "$1" nothing_left
    claim "$what: the launcher ends" finished 12
    claim "$what: its exit code is not 0" test "$code" != 0
    family "$commands" | xargs -r kill -9 # the last resort, for what a failed claim leaves
}
six_up() { (($(find . -name 'up.*' | wc -l) == 6)); }
mpirun() { children "$child"; }

for signals in INT TERM "INT INT"; do
    what="mpirun gets $signals"
    rm -f up.*
    start on_two_ranks --env "$commands" "$stubborn"' touch up.$RANKPOOL_TASK; trap "" INT TERM; sleep 306; :' ::: {1..6}
    claim "$what: six commands run" wait_for 20 six_up
    claim "$what: with what they have started" wait_for 5 eval '(($(family "$commands" | wc -l) >= 6 * 8))'
    for signal in $signals; do
        kill -"$signal" "$(mpirun)"
        sleep 0.2
    done
    left_within 6
done

# A log, two runs that are cut off, and one that completes it.
logged=(--env "$commands" --joblog lost --resume 'setsid sleep 301 & sleep 302 & echo {} >>ran; sleep 0.3; echo {}' ::: {1..90})
log_has() { (($(wc -l <lost) > $1)); }
: >shown
for victim in agent nursery; do
    what="the $victim of rank 2 is killed"
    : >"$out"
    start on_crews_of_two "${logged[@]}"
    claim "$what: commands run" wait_for 20 log_has "$(($(wc -l <shown) + 10))"
    pid=$(agent 2)
    [[ $victim == agent ]] || pid=$(children "$pid")
    kill -9 "$pid"
    left_within 6
    cat "$out" >>shown
done
claim "what was shown is in the log" test -z "$(comm -23 <(sort shown) <(column 1 lost | sort))"
run on_crews_of_two "${logged[@]}"
claim "--resume runs the rest" cmp <(seq 90) <(column 1 lost | sort -n)
claim "all have run" cmp <(seq 90) <(sort -nu ran)
claim "twice only what was in flight" test "$(wc -l <ran)" -le 114

# ---- Large outputs --------------------------------------------------------------------------------------

zeros='head -c 20000000 /dev/zero | tr "\0" {}; [ {} != 1 ] || while ! [ -e go ]; do sleep 0.02; done'
# The most that any of our processes has had in memory, in KiB; a file that it has mapped counts as far as it was read.
peak() { for pid in $(ours); do awk '/^VmHWM/ { print $2 }' "/proc/$pid/status"; done 2>/dev/null; }
seven_kept() { (($(find results -name exit | wc -l) == 7)); }
start on_two_ranks -k --results results "$zeros" ::: {1..8}
claim "seven outputs of 20 MB are kept, and wait for the first" wait_for 30 seven_kept
peak >peaks
touch go
while kill -0 "$child"; do peak >>peaks; sleep 0.05; done 2>/dev/null
finished 30
claim "outputs of 160 MB come whole, in order" cmp "$out" <(for i in {1..8}; do head -c 20000000 /dev/zero | tr '\0' "$i"; done)
claim "and are kept" cmp "$out" <(cat results/{1..8}/stdout)
echo "peak: $(sort -rn peaks | head -n 1) KiB"
claim "no process of ours had them all in memory" test "$(sort -rn peaks | head -n 1)" -lt 130000
