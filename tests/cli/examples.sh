#!/usr/bin/env bash
# Every example prints the same, started by itself and by mpirun, and tells a wrong argument in one line.
source "$(dirname "$0")/lib.sh"
: "${EXAMPLES:?is not set to the folder of the built examples: run this by ctest}"

lines() { printf '%s\n' "$@"; }
bare() { exec "$EXAMPLES/$1" "${@:2}"; }
two() { ASAN_OPTIONS=detect_leaks=0 exec "$MPIRUN" -np 2 "$EXAMPLES/$1" "${@:2}"; }
# sorted_gives TEXT: the last run ended with 0, and stdout has exactly these lines, in any order
sorted_gives() { [[ $code == 0 ]] && diff <(sort <<<"$1") <(sort "$out"); }
# in_order REGEX TEXT: the lines of stdout that match are these, in this order
in_order() { diff <(printf '%s\n' "$2") <(grep -E -- "$1" "$out"); }
verdicts_without_pids() { diff <(printf '%s\n' "$1") <(sed -E 's/ with process id [0-9]+//' "$out"); }
five_pids() { [[ $code == 0 && $(grep -Eo "$1 [0-9]+$" "$out" | sort -u | wc -l) == 5 ]]; }
without_pids() {
    diff <(sort <<<"$1") \
        <(sed -E 's/(is|number|process|->) [0-9]+$/\1 PID/; s/use: [0-9]+$/use: COUNT/' "$out" | sort)
}
# main's pid of each process is the one that the process tells
pids_agree() {
    [[ $(grep -Eo 'id -> [0-9]+' "$out" | grep -Eo '[0-9]+' | sort) == \
        $(grep -Eo 'as process [0-9]+' "$out" | grep -Eo '[0-9]+' | sort) ]]
}
sorted_verdicts() { diff <(sort <<<"$1") <(sed -E 's/ with process id [0-9]+//' "$out" | sort); }
# counts_to HOW AT_LEAST AT_MOST: what lock_count tells of this way to count is one number between these
counts_to() {
    local counted
    counted=$(sed -nE "s/^$1: ([0-9]+) of 4000$/\1/p" "$out")
    [[ $counted =~ ^[0-9]+$ ]] && ((counted >= $2 && counted <= $3))
}
at_least_two_pids() { (($(grep -Eo 'id [0-9]+' "$out" | sort -u | wc -l) > 1)); }

squares=$(for ((x = 0; x < 100; x++)); do echo $((x * x)); done)
products=$(for x in 1 2 3 5 8 13 21 34; do echo "$x * 7 = $((7 * x))"; done)
counts=$(lines 'in sequence: 1000'{,,} 'at once: 1000'{,,})
sums=$(lines 'in sequence: 656700' 'by threads: 656700' 'by processes: 656700')
answers=$(lines 'cube(5) answered 125' 'callback of cube: 125' 'square(5) answered 25' 'callback of square: 25' \
    'divide(0) failed: task 0: division by zero (1 of 1 failed)' 'error callback of divide: division by zero')
range=$(lines 'the squares from 0 to 999 add up to 332833500' 'Process-1 has ended with exit code 0')
cubes=$(for ((x = 1; x <= 10; x++)); do echo "$((x * x * x)) plus one is $((x * x * x + 1))"; done)
done_in_order=$(lines 'Done 0.5' 'Done 0.4' 'Done 0.3' 'Done 0.2' 'Done 0.1')
verdicts=$(lines 222377:not 3334:not 2212:not 3345:not 23441:not 454577: 341737:not 565633:not |
    sed -E 's/(.*):(.*)/Worker says \1 is \2 prime/; s/  / /'; echo 'All workers have finished working')
basics=$(lines 'CPUs that this program may use: COUNT' \
    'Process-1 is not alive before it starts' 'Process-2 is not alive before it starts' \
    'Process-1 runs print_cube as process PID' 'Process-2 runs print_square as process PID' \
    'PID::print_cube::id -> PID' 'Cube: 125' 'PID::print_square::id -> PID' 'Square: 25' \
    'Process-1 is not alive after it was joined' 'Process-2 is not alive after it was joined' DONE)
ten=$(lines 'number '{0..9} 'all ten have ended')
five=$(lines 'I am worker number '{0..4}' and my process id is PID' \
    'I am the process of worker '{0..4}' with id number PID' 'All workers have finished working'{,})

for way in bare two; do
    claim "$way: pool_square squares in order" gives "$squares" $way pool_square
    claim "$way: pool_multiply multiplies the list" gives "$products" $way pool_multiply

    claim "$way: count_three_times counts as far both ways" gives "$counts" $way count_three_times 1000
    claim "$way: count_three_times tells both times" says "$err" '^(in sequence|at once): [0-9.]+ seconds$' 2
    claim "$way: compare gets one sum in three ways" gives "$sums" $way compare 100
    claim "$way: compare tells three times" says "$err" ' [0-9.]+ seconds$' 3

    run $way executor_sleep 0.1
    claim "$way: executor_sleep succeeds" test "$code" = 0
    claim "$way: executor_sleep answers in the order of its inputs" in_order Done "$done_in_order"
    claim "$way: what its workers print is printed" says "$out" '^Sleeping for 0\.[1-5] seconds\.$' 5

    run $way pool_is_prime
    claim "$way: pool_is_prime succeeds" test "$code" = 0
    claim "$way: pool_is_prime finds the one prime" verdicts_without_pids "$verdicts"
    claim "$way: several workers answer" at_least_two_pids

    run $way apply_async
    claim "$way: apply_async prints results, callbacks and the error" sorted_gives "$answers"

    run $way process_basics
    claim "$way: process_basics succeeds" test "$code" = 0
    claim "$way: process_basics tells of a cube, a square, and who was alive when" without_pids "$basics"
    claim "$way: a process has the pid that main has of it" pids_agree
    run $way ten_processes
    claim "$way: ten_processes prints each number once" sorted_gives "$ten"
    run $way five_workers
    claim "$way: five_workers has five processes of a function" five_pids 'process id is'
    claim "$way: five_workers has five processes of a class" five_pids 'id number'
    claim "$way: each of them has its number" without_pids "$five"

    run $way process_range
    claim "$way: process_range adds up its range, and has ended well" sorted_gives "$range"
    claim "$way: pipe_cube receives the cube of 19" gives 'Received: 6859' $way pipe_cube
    claim "$way: queue_cubes adds one to ten cubes, in the order in which they were put" gives "$cubes" $way queue_cubes
    run $way lock_count 1000
    claim "$way: lock_count succeeds" test "$code" = 0
    claim "$way: without a lock it loses counts, or is lucky" counts_to 'without a lock' 1 4000
    claim "$way: under the lock it loses none" counts_to 'under the lock' 4000 4000
    claim "$way: by rp_value_add it loses none" counts_to 'by rp_value_add' 4000 4000
    claim "$way: lock_count tells three times" says "$err" ' [0-9.]+ seconds$' 3
    run $way queue_is_prime
    claim "$way: queue_is_prime succeeds" test "$code" = 0
    claim "$way: queue_is_prime finds the one prime among eight numbers" sorted_verdicts "$verdicts"
    claim "$way: several of its processes answer" at_least_two_pids

    run $way count_three_times many
    claim "$way: a wrong argument is exit code 1" test "$code" = 1
    claim "$way: a wrong argument is named once, whatever the number of ranks" says "$err" '^"many" was given' 1
    claim "$way: nothing is counted for a wrong argument" empty "$out"
done
# Plug-ins, by the program that loads them. The digits of pi, the points inside and the periods were computed once more
# by other means.
plugin_bare() { exec "$RANKPOOL" --quiet "$EXAMPLES/$1.so" "${@:2}"; }
plugin_two() { ranks 2 --quiet "$EXAMPLES/$1.so" "${@:2}"; }
printf '%s\r\n' length,angle 1,10 >"$tmp/pendulums.csv"
printf '%s\n' 0.5,90 2,170 1,0 >>"$tmp/pendulums.csv"
periods=$(lines length,angle,period 1,10,2.010235893 0.5,90,1.674603051 2,170,6.921670332 1,0,2.006409293)
sed '3s/.*/2,twist/' "$tmp/pendulums.csv" >"$tmp/twisted.csv"
tail -n +3 "$tmp/pendulums.csv" >"$tmp/headless.csv"
for way in plugin_bare plugin_two; do
    claim "$way: pi of one stream" gives '3.143188476562 +- 0.006410440830' $way pi 65536
    claim "$way: pi has the same digits on any ranks" gives '3.142065908395 +- 0.000518500199' $way pi 1e7
    claim "$way: another seed throws other points" gives '3.141300375945 +- 0.000518668280' $way pi --seed 2 1e7
    claim "$way: twelve queens stand in 14200 ways" gives 14200 $way queens 12
    claim "$way: one queen stands in one" gives 1 $way queens 1
    claim "$way: three queens do not stand" gives 0 $way queens 3
    claim "$way: sweep prints the table with a column more, in order" gives "$periods" $way sweep "$tmp/pendulums.csv"
    run $way sweep "$tmp/twisted.csv"
    claim "$way: a line that makes no sense fails" test "$code" = 1
    claim "$way: it is named" says "$err" 'line 3 is "2,twist"' 1
    claim "$way: and the other lines come" diff <(sed 3d <<<"$periods") "$out"
    run $way sweep "$tmp/none.csv"
    claim "$way: a table that is not there is named" says "$err" 'cannot open ".*none\.csv"' 1
    run $way sweep "$tmp/headless.csv"
    claim "$way: a table without its head is refused" says "$err" 'begins with "0.5,90": expected "length,angle"' 1
    run $way sweep /dev/null
    claim "$way: and so is an empty one" says "$err" '"/dev/null" is empty' 1
    if [[ ! -e $EXAMPLES/mandelbrot.so ]]; then continue; fi # without libpng
    picture=$tmp/$way.png
    claim "$way: mandelbrot counts the points inside" gives "$picture: 70 x 50, 602 points inside" \
        $way mandelbrot --width 70 --height 50 "$picture"
    claim "$way: it writes a PNG" test "$(head -c 8 "$picture" | od -An -tx1 | tr -d ' ')" = 89504e470d0a1a0a
    claim "$way: of that size" test "$(head -c 24 "$picture" | tail -c 8 | od -An -tx1 | tr -d ' ')" = 0000004600000032
    claim "$way: and leaves no part of one" test ! -e "$picture.part"
    run $way mandelbrot "$tmp/no/folder.png"
    claim "$way: a picture that cannot be written is an error" test "$code" = 3
done
if [[ -e $EXAMPLES/mandelbrot.so ]]; then
    mkfifo "$tmp/fifo.png"
    run rankpool "$EXAMPLES/mandelbrot.so" --width 70 --height 50 "$tmp/fifo.png"
    claim "what is no regular file is not replaced by a picture" test "$code:$(stat -c %F "$tmp/fifo.png")" = 3:fifo
    claim "and its name is told" says "$err" 'fifo\.png: it is no regular file' 1
    claim "both pictures are the same" cmp "$tmp/plugin_bare.png" "$tmp/plugin_two.png"
    start rankpool --quiet "$EXAMPLES/mandelbrot.so" --width 20000 --height 20000 "$tmp/large.png"
    claim "a large picture is begun" wait_for 20 test -e "$tmp/large.png.part"
    kill -TERM "$child"
    claim "it can be stopped" finished 20
    claim "and nothing half written is left" test -z "$(find "$tmp" -name 'large.png*')"
fi

for wrong in -1 0 nan 1x '1 2'; do
    # shellcheck disable=SC2086
    run bare executor_sleep $wrong
    claim "the argument $wrong is refused" says "$err" "^\"${wrong##* }\" was given" 1
    claim "the argument $wrong is exit code 1" test "$code" = 1
done
run bash -c '"$EXAMPLES/pool_square" >/dev/full'
claim "results that cannot be written are an error" test "$code" = 1
