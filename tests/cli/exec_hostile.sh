#!/usr/bin/env bash
# Commands of `rankpool exec` that mean harm, to their worker, to themselves or to what they leave behind: each harms
# itself alone, the others run, and nothing is left of it.
# shellcheck disable=SC2016 # what is in single quotes is for the commands to expand
source "$(dirname "$0")/lib.sh"
mkdir "$tmp/here" && cd "$tmp/here" || exit 1

export MARK=none
mounted=
cleanup() { [[ -z $mounted ]] || umount "$mounted"; }
lines() { printf '%s\n' "$@"; }
pool_exec() { rankpool --quiet --crew 2 exec "$@"; }
one_exec() { rankpool --quiet --crew 1 exec "$@"; }
ranks_exec() { ranks 2 --quiet exec "$@"; }
# harms_itself ARGUMENT...: of three commands the one with the 2 fails, and the others print their number
harms_itself() { run "$way" -k "$@" ::: 1 2 3 && [[ $code == 1 ]] && cmp <(lines 1 3) "$out"; }
for way in pool_exec ranks_exec; do
    where=${way%_exec}
    # ---- To others
    claim "$where: a command that kills its worker fails alone" harms_itself '[ {} != 2 ] || { kill -9 $PPID; sleep 60; }; echo {}'
    claim "$where: so does one that kills its own group" harms_itself '[ {} != 2 ] || kill -9 0; echo {}'
    claim "$where: the run's signals do nothing to a worker, nor to its group" gives "$(lines 1 2)" $way -k \
        'for s in INT TERM QUIT HUP USR1 USR2 ALRM PIPE TSTP; do kill -$s $PPID; env kill -$s -- -$PPID; done; echo {}' ::: 1 2
    claim "$where: one that stops itself is ended by --timeout" harms_itself --timeout 0.5 '[ {} != 2 ] || kill -STOP $$; echo {}'
    claim "$where: which says so" says "$err" 'command 2 took longer than --timeout' 1

    # ---- What is left behind
    MARK=hostile-$where-$$
    claim "$where: children that hold its output open are not waited for" gives "$(lines 1 2)" $way -k 'sleep 600 & echo {}' ::: 1 2
    claim "$where: nor those of --line-buffer" gives 1 $way --line-buffer 'sleep 600 & echo {}' ::: 1
    claim "$where: nor those in sessions of their own" gives 1 $way 'setsid sh -c "sleep 600 & sleep 600 &"; echo {}' ::: 1
    claim "$where: and they are gone when the run is" wait_for 5 nobody_left "MARK=$MARK"
    rm -f far
    start $way --retries 1 '[ {} = 1 ] || exec sleep 600
        (setsid sh -c "echo \$\$ >far; sleep 600; true" &); while ! [ -s far ]; do sleep 0.02; done; kill -9 $PPID; sleep 600' ::: 1 2
    claim "$where: what has left a command's session ..." wait_for 20 test -s far
    claim "$where: ... does not outlive its worker, while the run goes on" wait_for 10 gone "$(cat far)"
    claim "$where: which it does" eval '! gone "$child"'
    kill -KILL "$child"
    finished 10 2>/dev/null # bash would tell of the kill
    claim "$where: a run that is killed leaves nothing" wait_for 10 nobody_left "MARK=$MARK"
    MARK=none
done

# ---- To itself
way=pool_exec
claim "one that does not hear TERM gets KILL" harms_itself --timeout 0.5 \
    'if [ {} = 2 ]; then trap "" TERM; while :; do sleep 0.1; done; fi; echo {}'
claim "one may close all that it has" gives "$(lines 1 2)" pool_exec -k 'echo {}; exec 0<&- 1>&- 2>&- 3>&- 4>&-' ::: 1 2
claim "exit code 255 is one of many" harms_itself 'test {} = 2 && exit 255; echo {}'
claim "one may die by SEGV" harms_itself '[ {} != 2 ] || kill -SEGV $$; echo {}'
claim "limits that it sets are its own" gives "$(lines 1 2 3)" one_exec -k 'echo {}; ulimit -t 1; ulimit -f 0; ulimit -n 3' ::: 1 2 3
mkdir folder
claim "it may remove its folder" gives "$(lines 1)" one_exec --workdir folder 'rmdir "$PWD"; echo {}' ::: 1
run one_exec --workdir folder 'echo {}' ::: 2
claim "and the next one is told that it is not there" says "$err" 'cannot run in the folder folder .*no such file' 1
claim "its input is empty" gives "$(lines 1 2)" pool_exec -k 'cat; echo {}' ::: 1 2
claim "any bytes go through, with no newline" same_as <(printf 'a\0b\377\3761\na\0b\377\3762') pool_exec -k \
    '[ {} = 1 ] || echo; printf "a\0b\377\376%s" {}' ::: 1 2

terminal() { script -qec "'$RANKPOOL' --quiet exec 'read x </dev/tty; echo {}' ::: 1" /dev/null; }
if type script >/dev/null 2>&1; then
    start terminal
    claim "one that asks for the terminal has none, and is not stopped for that" finished 20
    claim "so that the run goes on" says "$out" '^1.?$' 1
fi

# The largest process of a run, in kB, behind what it writes.
cat >largest <<'END'
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
END
# A build with the address sanitizer is not to hold back what was freed.
run env ASAN_OPTIONS=quarantine_size_mb=8 python3 largest "$RANKPOOL" --quiet --crew 1 exec 'head -c 400M /dev/zero; : {}' ::: 1
claim "400 MB of output take little memory" test "$code" = 0 -a "$(cat "$out")" -lt 100000

# ---- Nobody reads, or nothing has room
closed() { "$RANKPOOL" --quiet --crew 1 exec 'echo {}; [ {} = 1 ] || sleep 0.1' ::: {1..100} | head -n 1; return "${PIPESTATUS[0]}"; }
run closed
claim "a reader that leaves ends the run" says "$err" 'standard output was closed' 1
claim "with 1" test "$code" = 1
claim "it has what it wanted" cmp <(lines 1) "$out"
if mkdir small && mount -t tmpfs -o size=1m none small 2>/dev/null; then
    mounted=$tmp/here/small
    run one_exec 'if [ {} = 2 ]; then head -c 2M /dev/zero; else echo {}; fi' ::: 1 2 3
    claim "where there is room 2 MB are nothing" test "$code" = 0
    export TMPDIR=$mounted
    run one_exec 'if [ {} = 2 ]; then head -c 2M /dev/zero; else echo {}; fi' ::: 1 3 2
    claim "output that finds no room in TMPDIR fails its command, which says so" \
        says "$err" "$mounted on .* is full.* set TMPDIR" 1
    claim "and no other" cmp <(lines 1 3) <(tr -d '\0' <"$out")
    unset TMPDIR
    run rankpool --quiet --crew 1 --output small/out exec 'head -c 700000 /dev/zero; : {}' ::: {1..9}
    claim "a full disk under --output ends the run with 3" test "$code" = 3
    claim "in one line" says "$err" 'cannot write the results: no space' 1
else
    echo "left out: full disks, since nothing can be mounted here"
fi
