#!/usr/bin/env bash
# How a run with a store ends when it is told to, or when nobody reads on: committed at once, never with 0 without the
# result, and right when it goes on. And how a store is looked at where nothing can be written.
source "$(dirname "$0")/lib.sh"

store=$tmp/run.store
mounted=()
cleanup() {
    local place
    for place in "${mounted[@]}"; do umount "$place"; done
}
fresh() { rm -f "$tmp"/run.store*; }
# on RANKS ARGUMENT...: on so many ranks, or by mpirun not at all (0)
on() {
    local ranks=$1
    shift
    if ((ranks)); then ASAN_OPTIONS=detect_leaks=0 exec "$MPIRUN" -np "$ranks" "$RANKPOOL" --quiet "$@"; fi
    exec "$RANKPOOL" --quiet --crew 2 "$@"
}
done_tasks() { "$RANKPOOL" report "$store" | sed -n 's/^\([0-9]*\) of .*/\1/p'; }
done_at_least() { (($(done_tasks) >= $1)); }
# committed_within SECONDS MOMENT: the store was written last no later than so long after the moment, and after it
committed_within() {
    local at
    at=$(stat -c %.6Y "$store")
    awk -v at="$at" -v from="$2" -v most="$1" 'BEGIN {
        printf "committed after %.3f s\n", at - from
        exit !(at >= from && at - from <= most) }' | tee -a "$tmp/figures"
    return "${PIPESTATUS[0]}"
}

# ---- Nobody reads on ------------------------------------------------------------------------------------

# headed ARGUMENT...: the first line of what the program prints; its own exit code
headed() {
    "$RANKPOOL" --quiet --crew 2 "$@" <"$tmp/input" | head -n 1
    return "${PIPESTATUS[0]}"
}
seq -f '0.000000%06.0f' 1 20000 >"$tmp/input"
sed 's/^/Done /' "$tmp/input" >"$tmp/expected"
run headed sleep -
claim "without a store, a closed standard output ends it with 0" test "$code" = 0
claim "without a word" empty "$err"
run headed --store "$store" sleep -
claim "with a store it ends with 75, for nobody has the result" test "$code" = 75
claim "in one line, with the command that goes on" \
    says "$err" "^rankpool: standard output was closed: .* tasks are done; to go on: .* --store $store sleep -$" 1
claim "the line was printed" diff <(head -n 1 "$tmp/expected") "$out"
whole() { on 0 --store "$store" sleep - <"$tmp/input"; }
claim "it goes on, and prints what an undisturbed run does" same_as "$tmp/expected" whole
run headed --store "$store" sleep -
claim "a run that is done is not 0 either where nobody reads it" test "$code" = 75
claim "and says so" says "$err" '^rankpool: standard output was closed: 20000 of 20000 ' 1
claim "it is printed again" same_as "$tmp/expected" whole
fresh
full() { "$RANKPOOL" --quiet --store "$store" sleep - <"$tmp/input" >/dev/full; }
run full
claim "a full standard output is an error" test "$code" = 3
claim "in one line" says "$err" '^rankpool: cannot write the results: No space left on device: ' 1
claim "of which the store loses nothing" same_as "$tmp/expected" whole

# A disk that is full of the output: what was committed stays, and with room again the file is continued.
fresh
mkdir "$tmp/small"
if mount -t tmpfs -o size=200k none "$tmp/small" 2>/dev/null && mounted+=("$tmp/small"); then
    to_file() { on 0 --store "$store" --output "$tmp/small/text" sleep - <"$tmp/input"; }
    run to_file
    claim "an output that does not fit is an error" test "$code" = 3
    claim "in one line, which names the file" says "$err" '^rankpool: .*small/text: No space left' 1
    mount -o remount,size=10m "$tmp/small"
    run to_file
    claim "with room again it ends with 0" test "$code" = 0
    claim "and the file is what an undisturbed run writes" cmp "$tmp/expected" "$tmp/small/text"
else
    echo "left out: a full disk, since nothing can be mounted here"
fi

# ---- Signals --------------------------------------------------------------------------------------------

# rank_zero: of the run that was started by mpirun
rank_zero() {
    local pid
    for pid in $(children "$child"); do
        grep -qzx 'OMPI_COMM_WORLD_RANK=0' "/proc/$pid/environ" && echo "$pid"
    done
}
# Open MPI's mpirun passes TERM on after a second (it wakes with CONT first) and kills a second later: the store is to be
# whole long before that.
mapfile -t tasks < <(yes 0.2 | head -n 40)
printf 'Done %s\n' "${tasks[@]}" >"$tmp/expected"
for moment in 0.9 1.3 1.6 rank; do
    fresh
    start on 2 --store "$store" sleep "${tasks[@]}"
    claim "a run under mpirun has begun" wait_for 10 test -e "$store.status"
    victim=$child within=1.9
    if [[ $moment == rank ]]; then
        moment=1.2 victim=$(rank_zero) within=0.9
    fi
    sleep "$moment"
    from=$EPOCHREALTIME
    kill -TERM "$victim"
    claim "TERM ends the run" finished 5
    claim "its exit code is not 0" test "$code" != 0
    claim "the store was committed after the signal, and in time" committed_within "$within" "$from"
    claim "with what was done" done_at_least 4
    claim "what is done is not the whole" test "$(done_tasks)" -lt 40
    claim "the same command goes on, and prints it all" same_as "$tmp/expected" on 0 --store "$store" sleep "${tasks[@]}"
done

# Bare, the first INT lets what is short end, the second ends it at once.
fresh
tasks=(0.1 0.1 0.1 0.1 0.1 0.1 4 4 0.1 0.1)
printf 'Done %s\n' "${tasks[@]}" >"$tmp/expected"
start on 0 --store "$store" sleep "${tasks[@]}"
sleep 1
kill -INT "$child"
sleep 0.5
claim "after one INT it waits for tasks that end soon" test -d "/proc/$child"
from=$EPOCHREALTIME
kill -INT "$child"
claim "the second ends it" finished 2
claim "with exit code 75" test "$code" = 75
claim "and the store is committed" committed_within 0.9 "$from"
claim "without the tasks that ran" test "$(done_tasks)" = 6
claim "the same command goes on, and prints it all" same_as "$tmp/expected" on 2 --store "$store" sleep "${tasks[@]}"

# ---- Media that cannot be written -----------------------------------------------------------------------

fresh
mkdir "$tmp/disk" "$tmp/seen"
on_disk() { on 0 --store "$tmp/disk/run.store" sleep "$@"; }
start on_disk --chunk 1 0 0 0 1000
claim "three tasks are committed" wait_for 10 grep -qx 'tasks_done 3' "$tmp/disk/run.store.status"
kill -KILL "$child"
finished 5
if mount --bind "$tmp/disk" "$tmp/seen" 2>/dev/null && mounted+=("$tmp/seen") &&
    mount -o remount,bind,ro "$tmp/seen" 2>/dev/null; then
    run rankpool report "$tmp/seen/run.store"
    claim "report shows a store on read-only media" test "$code" = 0
    claim "how far it came" says "$out" '^3 of 4 tasks' 1
    claim "and that it does not run" says "$out" 'does not run' 1
    claim "report --status answers 75" test "$("$RANKPOOL" report --status "$tmp/seen/run.store"; echo $?)" = 75
    claim "nothing was left there" test "$(cd "$tmp/disk" && echo *)" = "run.store run.store.lock run.store.status"
    rm "$tmp/disk/run.store.status"
    run rankpool report "$tmp/seen/run.store"
    claim "without its status that is an error" test "$code" = 3
    claim "in one line, which names it" says "$err" '^rankpool: .*seen/run\.store' 1
else
    echo "left out: read-only media, since nothing can be mounted here"
fi
cat "$tmp/figures"
