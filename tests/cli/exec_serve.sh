#!/usr/bin/env bash
# `rankpool exec --serve`: one process a worker answers a line for a line, whatever becomes of it.
# shellcheck disable=SC2016 # what is in single quotes is for the commands to expand
source "$(dirname "$0")/lib.sh"
mkdir "$tmp/here" && cd "$tmp/here" || exit 1

export MARK=none
lines() { printf '%s\n' "$@"; }
pool_exec() { rankpool --quiet --crew 2 exec "$@"; }
ranks_exec() { ranks 2 --quiet exec "$@"; }
# xs COUNT: so many letters x
xs() { head -c "$1" /dev/zero | tr '\0' x; }

# A server: what it does with a line is the line's own.
cat >server <<'END'
#!/bin/bash
echo started >>starts
while IFS= read -r line; do
    case $line in
    die*) [[ -e ${line}d ]] || { touch "${line}d"; kill -9 $$; } ;;
    leave) exit 0 ;;
    kill) kill -9 $$ ;;
    hang) touch up; sleep 60 & wait ;;
    late) echo "<late>" && sleep 0.1 && echo too late && continue ;;
    two) env printf 'one\n<two>\n' && continue ;;
    silent) echo "to stderr" >&2 ;;
    esac
    echo "<$line>"
done
sleep 0.2
echo ended >>ends
END
chmod +x server
seq 200 >numbers
xs 100000 >long

declare -A started=()
cleanup() { ((${#started[@]} == 0)) || kill -TERM "${started[@]}" 2>/dev/null; }
for way in pool_exec ranks_exec; do
    where=${way%_exec}
    rm -f starts ends die*d log
    claim "$where: each line gets its answer, in order with -k" gives "$(seq 200 | sed 's/.*/<&>/')" $way -k --serve ./server :::: numbers
    claim "$where: by one process a worker" test "$(wc -l <starts)" -le 2
    claim "$where: which may do something at the end of its input" cmp <(sed s/started/ended/ starts) ends
    claim "$where: lines are tagged" gives "$(printf 'x\t<x>')" $way --tag --serve ./server ::: x
    claim "$where: inputs of several sources have tabs between them" gives "$(printf '<a\tb c>')" $way --serve ./server ::: a ::: 'b c'
    claim "$where: a server that dies is started anew, and its task tried again" \
        gives "$(lines '<1>' '<die1>' '<2>' '<die2>')" $way -k --serve ./server ::: 1 die1 2 die2
    run $way -k --joblog log --serve ./server ::: 1 kill 2
    claim "$where: one that dies each time fails its task" says "$err" 'command 2 was killed by signal 9' 1
    claim "$where: and no other" cmp <(lines '<1>' '<2>') "$out"
    claim "$where: the job log says so" cmp <(lines '4 0 0 ./server 1' '0 0 9 ./server kill' '4 0 0 ./server 2') \
        <(sort log | head -n 3 | cut -f 6-9 | tr '\t' ' ')
    rm -f starts
    run $way --retries 5 --serve ./server ::: kill
    claim "$where: --retries says how often" test "$(wc -l <starts)" = 5
    run $way --serve ./server ::: leave
    claim "$where: one that leaves instead of answering is a failure" says "$err" 'left before it had answered' 1
    run $way -k --timeout 0.5 --serve ./server ::: 1 hang 2
    claim "$where: --timeout ends one that does not answer" says "$err" 'command 2 took longer than --timeout' 1
    claim "$where: and the others are answered" cmp <(lines '<1>' '<2>') "$out"
    run $way -k --serve ./server ::: two
    claim "$where: two lines for one are nobody's answers" says "$err" 'more than one line.*--serve-end' 1
    run $way --serve ./server ::: late
    claim "$where: a line too many that comes late is told of at the end" says "$err" 'server on .* wrote more than it was asked for' 1
    claim "$where: and the exit code is 1" test "$code" = 1
    run $way --serve 'head -c 10 >got; echo; exec sleep 5' :::: long
    claim "$where: what comes before a line was read is no answer" says "$err" 'before it was asked' 1
    claim "$where: --serve-end takes lines up to that one" gives "$(lines 0 1 0 1 2)" \
        $way -k --serve --serve-end . 'while read n; do seq 0 $n; echo .; done' ::: 1 2
    run $way --serve ./server ::: silent
    claim "$where: what it writes to stderr is shown" says "$err" 'to stderr' 1
    claim "$where: an answer may be long, and so may a line" same_as <(xs 3000000; xs 100000; echo) \
        $way --serve 'while read -r x; do head -c 3000000 /dev/zero | tr "\0" x; echo "$x"; done' :::: long
    rm -f up
    MARK=serve-$way-$$
    out=$tmp/late err=$tmp/late start $way --serve ./server ::: hang # what it says must not come between the others
    started[$way]=$child
    claim "$where: a server works when TERM comes" wait_for 20 test -e up
    kill -TERM "$child" # commands get ten seconds to end, in which the rest is run
    MARK=none
done

run pool_exec --serve no-such-program ::: 1 2
claim "a program that is not there is refused" test "$code" = 2
run pool_exec -0 --serve ./server < <(printf 'a\nb')
claim "an input that is no line is refused" says "$err" 'has a newline' 1

for way in pool_exec ranks_exec; do
    child=${started[$way]}
    claim "${way%_exec}: TERM ends the run" finished 15
    unset "started[$way]"
    claim "${way%_exec}: and its servers, with what they have started" wait_for 5 nobody_left "MARK=serve-$way-$$"
done
