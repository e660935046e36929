#!/usr/bin/env bash
# A run with a store is killed again and again, goes on each time on other ranks and workers, and its output is byte for
# byte that of a run that nobody disturbed. What it cannot go on from is refused, in a line that names the reason.
source "$(dirname "$0")/lib.sh"

mark=RANKPOOL_TEST_MARK=$$-$RANDOM
store=$tmp/run.store
mounted=()
cleanup() {
    local place
    for place in "${mounted[@]}"; do umount "$place"; done
}

fresh() { rm -f "$tmp"/run.store* "$tmp/text"; }
# on RANKS ARGUMENT...: on so many ranks, or by mpirun not at all (0); the input for "-" is $tmp/input
on() {
    local ranks=$1
    shift
    if [[ ${*: -1} == - ]]; then exec <"$tmp/input"; fi
    if ((ranks)); then exec env "$mark" ASAN_OPTIONS=detect_leaks=0 "$MPIRUN" -np "$ranks" "$RANKPOOL" --quiet "$@"; fi
    exec env "$mark" "$RANKPOOL" --quiet --crew 2 "$@"
}
# The first of this run's processes that is a rank: the program itself, or what mpirun started as rank 0.
rank_zero() {
    local pid
    for pid in "$child" $(children "$child"); do
        if [[ $(readlink "/proc/$pid/exe") == "$(readlink -f "$RANKPOOL")" ]]; then
            { ! grep -qzx 'OMPI_COMM_WORLD_RANK=[^0].*' "/proc/$pid/environ"; } && echo "$pid" && return
        fi
    done
    return 1
}
# With "mpirun" its launcher is killed, else rank 0.
kill_run() {
    local victim=$child
    [[ $1 == mpirun ]] || victim=$(rank_zero) || return 0 # it has ended
    kill -KILL "$victim"
}

# disturb RANKS MOMENT VICTIM ARGUMENT...: a run that is killed after so many seconds
disturb() {
    local ranks=$1 moment=$2 victim=$3
    shift 3
    start on "$ranks" --store "$store" "$@"
    sleep "$moment"
    kill_run "$victim" 2>/dev/null
    finished 20 || return 1
    wait_for 10 nobody_left "$mark" || { echo "processes are left: $(family "$mark")"; return 1; }
    ((code != 2 && code != 3)) || { echo "exit code $code"; return 1; }
}
# Times differ in every run.
same_text() { diff <(sed 's/ [0-9.]* s$//' "$1") <(sed 's/ [0-9.]* s$//' "$2") >/dev/null || cmp "$1" "$2"; }

# survives ARGUMENT...: on its way to standard output
survives() {
    fresh
    run on 0 "$@"
    mv "$out" "$tmp/expected"
    claim "$*: a run without a store" test "$code" = 0 -a -s "$tmp/expected"
    claim "$*: killed after a commit" disturb 0 1.4 rank "$@"
    claim "$*: mpirun killed" disturb 2 1.6 mpirun "$@"
    run on 0 --crew 3 --store "$store" "$@"
    claim "$*: the run that ends it prints what an undisturbed one does" same_text "$tmp/expected" "$out"
    claim "$*: and ends with 0" test "$code" = 0
    run on 2 --store "$store" "$@"
    claim "$*: when done, it prints the same again" same_text "$tmp/expected" "$out"
    claim "$*: report --status says done" "$RANKPOOL" report --status "$store"
}
# survives_in_file ARGUMENT...: the last of those, on its way to a file
survives_in_file() {
    fresh
    claim "$*: killed on its way to a file" disturb 0 1.3 rank --output "$tmp/text" "$@"
    claim "$*: and again" disturb 2 1.7 rank --output "$tmp/text" "$@"
    run on 2 --store "$store" --output "$tmp/text" "$@"
    claim "$*: the file is what an undisturbed run writes" same_text "$tmp/expected" "$tmp/text"
    claim "$*: and nothing else is printed" empty "$out"
}

seq -f '%.0f00000000000000000000000000000000000000007' 1 40000 >"$tmp/input"
if "$RANKPOOL" --help | grep -q 'primes .*not built'; then
    echo "left out: primes, which is not built"
else
    survives primes 5e9
    survives primes --largest-gap 3e9
    survives primes --print 1e16 10000000050000000
    survives_in_file primes --print 1e16 10000000050000000
fi
if "$RANKPOOL" --help | grep -q 'isprime .*not built'; then
    echo "left out: isprime and powers, which are not built"
else
    survives isprime -
    survives_in_file isprime -
    survives powers --exponent 60 --sum 1 3e6
fi
survives count 5e8 --times 3

# ---- What is refused ------------------------------------------------------------------------------------

# refused CODE WORD COMMAND...: and the program's one line on stderr shows WORD
refused() {
    run "${@:3}"
    [[ $code == "$1" ]] && says "$err" '^rankpool: ' 1 && says "$err" "^rankpool: .*$2" 1
}
fresh
run on 0 --store "$store" count 1e6
claim "another argument is named, as it was and is" refused 2 'arg1 is 1e6 there and 1e7 here' on 0 --store "$store" count 1e7
claim "another option is named" refused 2 '--times is not given there and 3 here' on 0 --store "$store" count 1e6 --times 3
claim "another job is named" refused 2 'count.*sleep' on 0 --store "$store" sleep 0
run on 0 --store "$store" count 1e6
claim "the same store is done with the same words" test "$code" = 0
echo "my letters" >"$tmp/letters"
claim "and printed again" says "$out" '^1000000 ' 1
claim "a file that is no store is refused" refused 2 letters on 0 --store "$tmp/letters" count 1e6
claim "and it is as it was" test "$(cat "$tmp/letters")" = "my letters"
claim "hello has no store" refused 2 hello on 0 --store "$tmp/hello" hello
claim "nor has topo on two ranks" refused 2 topo on 2 --store "$tmp/hello" topo
claim "no store is made by a refusal" test ! -e "$tmp/hello"
claim "a place that is not there is an error" refused 3 nowhere on 0 --store "$tmp/nowhere/run.store" count 1e6

# ---- Stops, failures, report ----------------------------------------------------------------------------

status_is() { run rankpool report --status "$store" && [[ $code == "$1" ]] && empty "$out"; }
reported() { "$RANKPOOL" report "$store" | grep -Eq -- "$1"; }

fresh
claim "report needs a store" refused 2 run.store rankpool report "$store"
claim "report --status says that there is none" status_is 2
# A run that others come across: its output is in files of its own.
out=$tmp/first.out err=$tmp/first.err
start on 0 --store "$store" sleep 0.1 0.1 1000 0
first=$child child='' out=$tmp/out err=$tmp/err
claim "report tells how far a run is that is on" wait_for 10 reported '^3 of 4 tasks'
claim "and who it is" reported "runs on .*$first"
claim "a second run on the same store is told who has it" refused 3 "$first" on 0 --store "$store" sleep 0.1 0.1 1000 0
claim "report --status says that it is not done" status_is 75
child=$first
kill -TERM "$child"
claim "a stopped run ends soon" finished 20
claim "it has exit code 75" test "$code" = 75
claim "it says how far it came, and the command that goes on" \
    says "$tmp/first.err" "^rankpool: stopped.* 3 of 4 tasks .* --store $store sleep 0.1 0.1 1000 0$" 1
claim "report says that it does not run" reported 'does not run'

fresh
run on 0 --store "$store" sleep 'it'"'"'s' 2>/dev/null
claim "a word that is no time is refused before a store is made" test "$code" = 2 -a ! -e "$store"

# A worker that is killed with its task, more often than it may be tried.
out=$tmp/first.out err=$tmp/first.err
start on 0 --retries 0 --store "$store" sleep 0 1000 0.1
first=$child child='' out=$tmp/out err=$tmp/err
claim "the long task is all that is left" wait_for 10 reported '^2 of 3 tasks'
for worker in $(workers_of "$first"); do kill -KILL "$worker"; done
child=$first
claim "a run whose task has failed ends" finished 10
claim "it has exit code 1" test "$code" = 1
claim "the others are printed" diff <(printf 'Done 0\nDone 0.1\n') "$tmp/first.out"
claim "report names the cause" reported 'killed by signal 9'
claim "and where it was" reported "rank 0 on .*, worker [0-9]+"
claim "report --status says that some of it failed" status_is 1
run on 0 --store "$store" sleep 0 1000 0.1
claim "the same command prints the same, and fails again" test "$code" = 1
claim "at once, from the store" diff <(printf 'Done 0\nDone 0.1\n') "$out"
claim "and names the task" says "$err" '^rankpool: task 1 failed: ' 1

if ! "$RANKPOOL" --help | grep -q 'isprime .*not built'; then
    fresh
    printf '2\nx\n3\ny\n4\nz\n5\n' >"$tmp/input"
    run on 0 --max-failures 2 --chunk 1 --store "$store" isprime -
    claim "after as many failures as it may have, it stops" test "$code" = 1
    claim "and says so" says "$err" 'stopped after [23] failures' 1
    run on 0 --store "$store" isprime -
    claim "it goes on without that limit, and has failed" test "$code" = 1
    claim "all that is good is there" diff <(printf '2 prime\n3 prime\n4 composite\n5 prime\n') "$out"
fi

# A stream has to begin as it did.
fresh
yes 0.05 | head -n 200 >"$tmp/input"
claim "a run with a stream is killed" disturb 0 1.6 rank sleep -
status_is 75 || echo "it is done: what follows shows nothing"
cp "$tmp/input" "$tmp/whole"
sed 3s/5/6/ "$tmp/whole" >"$tmp/input"
claim "another input is refused" refused 2 'input is not the one' on 0 --store "$store" sleep -
head -n 100 "$tmp/whole" >"$tmp/input"
claim "and a shorter one" refused 2 'input is not the one' on 2 --store "$store" sleep -
cp "$tmp/whole" "$tmp/input"
claim "with the right one it goes on" same_as <(sed 's/^/Done /' "$tmp/whole") on 0 --store "$store" sleep -

# ---- Disks ----------------------------------------------------------------------------------------------

# mount_small PLACE SIZE: a file system of its own, where the system allows one
mount_small() {
    mkdir -p "$1" && mount -t tmpfs -o size="$2" none "$1" 2>/dev/null && mounted+=("$1")
}
fresh
mkdir "$tmp/disk"
if mount_small "$tmp/disk" 400k; then
    run on 0 count 3000 --times 200000
    mv "$out" "$tmp/expected"
    run on 0 --store "$tmp/disk/run.store" count 3000 --times 200000
    claim "a full disk is an error" test "$code" = 3
    claim "in one line, which names it" says "$err" 'run\.store.*(no space|full)' 1
    mount -o remount,size=100m "$tmp/disk"
    run on 0 --store "$tmp/disk/run.store" count 3000 --times 200000
    claim "with room again it goes on, and prints what an undisturbed run does" same_text "$tmp/expected" "$out"
    rm -f "$tmp/disk"/run*
    mount -o remount,ro "$tmp/disk"
    claim "a disk that cannot be written is an error" refused 3 'read-only' on 0 --store "$tmp/disk/run.store" count 10
else
    echo "left out: full and read-only disks, since nothing can be mounted here"
fi

mkdir "$tmp/gone"
start on 0 --store "$tmp/gone/run.store" sleep 0.5 0.5 0.5 0.5 0.5 0.5 0.5 0.5
sleep 0.7
rm -rf "$tmp/gone"
claim "a run whose store was removed ends" finished 20
claim "it is an error" test "$code" = 3
claim "in one line, which names the store" says "$err" '^rankpool: .*gone/run\.store' 1

# A limit of the size of files, which is a signal to those who do not ask for an error.
limited() {
    ulimit -f 100
    on 0 "$@"
}
run limited --store "$store" count 3000 --times 50000
claim "a file that may not grow is an error" test "$code" = 3
claim "in one line" says "$err" '^rankpool: ' 1
run on 0 count 3000 --times 50000
mv "$out" "$tmp/expected"
run on 2 --store "$store" count 3000 --times 50000
claim "without the limit it goes on, and prints what an undisturbed run does" same_text "$tmp/expected" "$out"

# Of a host that cannot be asked, nobody knows whether it still writes.
fresh
claim "a run is killed" disturb 0 1.4 rank sleep 0.1 0.1 0.1 1000
sed -i 's/^host .*/host elsewhere/' "$store.lock"
claim "a store that another host has is refused" refused 3 'elsewhere.*--steal' on 0 --store "$store" sleep 0.1 0.1 0.1 1000
out=$tmp/first.out
start on 0 --store "$store" --steal sleep 0.1 0.1 0.1 1000
out=$tmp/out
claim "with --steal it goes on" wait_for 10 reported "runs on .*$child"
claim "from where it was" reported '^3 of 4 tasks'
