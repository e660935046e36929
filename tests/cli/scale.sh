#!/usr/bin/env bash
# rankpool scale on one host: what it prints, what it draws, and what it refuses. The job sleeps, which scales on any
# number of cores.
source "$(dirname "$0")/lib.sh"

naps=(0.02 0.02 0.02 0.02 0.02 0.02 0.02 0.02 0.02 0.02 0.02 0.02)
once=(--node-workers 4 --repeat 1:1 --min-time 0)
# column NAME: of the CSV on $out, with the layout and its workers before it
column() {
    awk -F, -v name="$1" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) at = i } NR > 1 { print $1, $4, $at }' "$out"
}

run rankpool scale sleep "${naps[@]}" "${once[@]}"
claim "it ends with 0" test "$code" = 0
claim "the table has a row for every layout" says "$out" '^(sequential|threads|processes) +1 +[1-4] ' 9
claim "Amdahl's law is fitted" says "$out" "Amdahl's law: serial part"
claim "the Universal Scalability Law is fitted" says "$out" "Universal Scalability Law: contention"
claim "rounds are told on stderr" says "$err" "round 1"
claim "what the job prints is thrown away" says "$out" Done 0

run rankpool --quiet scale --csv sleep "${naps[@]}" "${once[@]}"
claim "csv: stderr is empty when quiet" empty "$err"
claim "csv: its columns" test "$(head -n 1 "$out")" = \
    layout,nodes,ranks,workers,seconds,spread,speedup,efficiency,serial,computing,waiting,dealing,rounds
claim "csv: every row has them" test "$(awk -F, '{ print NF }' "$out" | sort -u)" = 13
slept_as_fast() { column speedup | awk -v layout="$1" '$1 == layout && $2 == 4 { good = $3 > 2 && $3 < 6 } END { exit !good }'; }
claim "four threads sleep about four times as fast" slept_as_fast threads
claim "four processes sleep about four times as fast" slept_as_fast processes
parts_are_whole() { awk -F, 'NR > 1 && ($10 + $11 + $12 < 0.999 || $10 + $11 + $12 > 1.001 || $10 < 0.3) { exit 1 }' "$out"; }
claim "csv: the parts of the workers' time are a whole, and most of it is slept" parts_are_whole

run rankpool --quiet scale --json sleep "${naps[@]}" --node-workers 2 --repeat 2:2 --min-time 0
rounds_of() { python3 -c 'import json, sys
scale = json.load(sys.stdin)
rows = scale["layouts"]
assert [r["workers"] for r in rows] == [1, 1, 2, 1, 2], rows
assert all(len(r["rounds"]) == 2 for r in rows), rows
assert all(f["usl"] is None for f in scale["fits"]), "two points make no fit"' <"$out"; }
if command -v python3 >/dev/null; then claim "json: it parses, and has all rounds" rounds_of; fi
run rankpool --quiet scale --json count 1e6 --times 2 "${once[@]}" --plot "$tmp/count.svg"
claim "json: the job is there with its own options" says "$out" '"job": ."count", "--times", "2", "1e6"'
claim "plot: so it is in the title" says "$tmp/count.gp" 'rankpool count --times 2 1e6, strong scaling'

run rankpool --quiet scale --weak --csv sleep 0.1 "${once[@]}" # in turn it were 0.4 s
as_long() { awk -F, 'NR > 1 && ($5 < 0.09 || $5 > 0.3) { exit 1 }' "$out"; }
claim "weak: four workers sleep four times as much, in as much time" as_long
if ! rankpool multiply 1 1 2>&1 | grep -q 'not built'; then
    for job in "squares 1 1000" "cubes --sum 1 1000" "powers --exponent 4 1 1000" "multiply 2^521-1 2^127-1 2^89-1"; do
        read -ra words <<<"$job"
        run rankpool --quiet scale --weak "${words[@]}" "${once[@]}"
        claim "weak: $job grows" test "$code" = 0
    done
fi

run rankpool --quiet scale count 1e6 --times 2 "${once[@]}"
claim "a job with options of its own, which prints times, gives the same everywhere" test "$code" = 0

# ---- The picture
mkdir "$tmp/it's here"
picture="$tmp/it's here/naps"
run rankpool --quiet scale sleep "${naps[@]}" "${once[@]}" --plot "$picture.svg"
claim "plot: it ends with 0" test "$code" = 0
claim "plot: the data has a row for each layout of a curve" test "$(grep -c '^[0-9]' "$picture.dat")" = 8
claim "plot: the script names the data" says "$picture.gp" naps.dat
begins_with() { head -c 4 "$2" | grep -aq "$1"; } # after at most one other byte
if command -v gnuplot >/dev/null; then
    claim "plot: gnuplot draws it" says "$picture.svg" '</svg>'
    claim "plot: nothing is said" empty "$err"
    for kind in png pdf; do
        run rankpool --quiet scale sleep 0 "${once[@]}" --plot "$picture.$kind"
        claim "plot: gnuplot draws a $kind, and it is one" begins_with "${kind^^}" "$picture.$kind"
        claim "plot: nothing is said of the $kind" empty "$err"
    done
else
    echo "skipped: pictures: there is no gnuplot (package gnuplot-nox)"
fi
mkdir "$tmp/no-gnuplot"
run env PATH="$tmp/no-gnuplot" "$RANKPOOL" --quiet scale sleep "${naps[@]}" "${once[@]}" --plot "$tmp/none.pdf"
claim "plot: without gnuplot it ends with 0" test "$code" = 0
claim "plot: without gnuplot it says so" says "$err" gnuplot-nox 1
claim "plot: without gnuplot the script is there" test -s "$tmp/none.gp"
run rankpool --quiet scale sleep 0 "${once[@]}" --plot "$tmp/no-such-folder/x.svg"
claim "plot: a folder that is not there ends with 3" test "$code" = 3
claim "plot: and is named" says "$err" no-such-folder

# ---- What it refuses
# refused TEXT ARGUMENT...: exit code 2, nothing on stdout, one line on stderr that names it
refused() {
    run rankpool "${@:2}"
    [[ $code == 2 ]] && empty "$out" && [[ $(wc -l <"$err") == 1 ]] && says "$err" "$1"
}
claim "no job is refused" refused "needs the job" scale
claim "an unknown job is refused" refused no-such-job scale no-such-job
claim "scale inside scale is refused" refused "cannot measure scale" scale scale sleep 1
claim "a job for each worker is refused" refused "nothing to scale" scale topo
claim "standard input is refused" refused "standard input" scale sleep -
claim "what the job refuses is refused" refused soon scale sleep soon
claim "an option of another job is refused" refused times scale sleep 1 --times 2
claim "a picture of another kind is refused" refused bmp scale sleep 1 --plot x.bmp
claim "weak scaling of no range is refused" refused "empty range" scale --weak primes 7 7
claim "weak scaling of words in a file is refused" refused "in a file" scale --weak isprime --file "$0"
claim "weak scaling beyond 2^64 is refused" refused 2.64 --quiet scale --weak --node-workers 4 count 2^63
claim "csv and json together are refused" refused json scale --csv --json sleep 1
claim "no rounds are refused" refused repeat scale --repeat 0 sleep 1
claim "fewer rounds than the least are refused" refused repeat scale --repeat 4:2 sleep 1
claim "a time that is none is refused" refused min-time scale --min-time soon sleep 1
claim "a store is refused" refused "no store" scale --store "$tmp/store" sleep 1
claim "a time for tasks is refused, for not every layout can keep to it" refused "--timeout" scale --timeout 5 sleep 1
claim "and so is a limit of memory" refused "--memory" scale --memory 1G sleep 1
claim "a tool without tasks is refused" refused "no tasks" scale report store
claim "no workers are refused" refused node-workers scale --node-workers 0 sleep 1


run rankpool scale --help
claim "its help names the laws" says "$out" Amdahl

run ranks 4 --quiet scale --csv sleep "${naps[@]}" --repeat 1:1 --min-time 0 --node-workers 3
claim "on four ranks it ends with 0" test "$code" = 0
claim "on four ranks, ranks with a worker each are measured, too" says "$out" '^packed-ranks,1,4,4,'
