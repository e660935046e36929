#!/usr/bin/env bash
# Plug-ins: what `rankpool new` writes compiles by the line that it prints, and runs; files that are no plug-in for this
# program are refused in a line, on one rank or on all; what kernels do wrong costs no other task its result.
source "$(dirname "$0")/lib.sh"
plugins=$(dirname "$0")/../plugins
plugins=$(cd "$plugins" && pwd)
cc=${CC:-cc}
command -v "$cc" >/dev/null || skip "no C compiler"
cd "$tmp" || exit 1
include=-I$(dirname "$RANKPOOL")/include

compiled() { "$cc" -std=gnu11 -O1 -Wall -Wextra -Wno-unused-parameter -Werror -fPIC -shared "$include" "$@"; }
lines() { printf '%s\n' "$@"; }
# refused CODE REGEX COMMAND...: with this exit code, one line of ours that matches, and no result
refused() {
    run "${@:3}"
    [[ $code == "$1" ]] && empty "$out" && says "$err" '^rankpool: ' 1 && says "$err" "$2" 1
}
strict_line() { sed 's/^cc /cc -std=c11 -pedantic -Wshadow -Werror /' "$out"; }
host=$(hostname)

# ---- rankpool new ----

run rankpool new mine
claim "new succeeds" test "$code" = 0
claim "and says what it wrote" says "$err" '^rankpool: wrote mine\.c,.* rankpool \./mine\.so 1e6$' 1
claim "standard output has one line" test "$(wc -l <"$out")" = 1
claim "the line compiles it without a warning" test -z "$(bash "$out" 2>&1)"
claim "so do strict options" bash -c "$(strict_line)"
claim "nothing but source and object is left" test "$(find . -name 'mine*' | sort | xargs)" = './mine.c ./mine.so'
claim "what it made runs" gives '837799 takes 524 steps' rankpool ./mine.so 1e6
claim "and on two ranks" gives '837799 takes 524 steps' ranks 2 ./mine.so 1e6
claim "also in threads" gives '837799 takes 524 steps' rankpool --workers thread ./mine.so 1e6
claim "also by a name without a folder" gives '97 takes 118 steps' rankpool mine.so 1 100
claim "also with its options before and after" gives '97 takes 118 steps' rankpool --crew 2 mine.so --quiet 100
claim "wrong arguments are its own to refuse" refused 2 'expected \[FIRST\] LAST' rankpool ./mine.so
claim "an option that it does not have is refused with its file" refused 2 'rankpool ./mine.so --help' \
    rankpool ./mine.so --frobnicate 1
run rankpool ./mine.so --help
claim "it has a help" says "$out" '^Usage: rankpool \[POOL OPTIONS\] \./mine\.so \[FIRST\] LAST$'
run rankpool scale ./mine.so 1e4 --min-time 0.001 --repeat 1 --node-workers 1
claim "scale measures it" says "$out" '^processes +1 +1 '
run rankpool --help
claim "the help of all mentions plug-ins" says "$out" 'rankpool \./x\.so'
claim "a second new does not overwrite" refused 2 'mine\.c is there already' rankpool new mine
claim "a name that a job has is refused" refused 2 'sleep is one of' rankpool new sleep
claim "a name that a tool has is refused" refused 2 'topo is one of' rankpool new topo
for name in '' 1st a-b 'a b' x.c "$(printf 'x%.0s' {1..41})"; do
    claim "the name '$name' is refused" refused 2 'is not a name' rankpool new "$name"
done
claim "no name is refused" refused 2 'expected one NAME' rankpool new
claim "a folder that is not there is an error of the environment" refused 3 'no/mine\.c' rankpool new no/mine
mkdir "it's here"
run rankpool new "it's here/mine"
claim "a folder may have any name" test "$code" = 0
claim "and the line still compiles" bash "$out"
claim "what is to be run is shown as a shell reads it" says "$err" "then run rankpool 'it'.''s here/mine\.so' 1e6$" 1
if command -v "${CXX:-c++}" >/dev/null; then
    # C has no need to say what a void * is to point to.
    sed -E 's/= (calloc|run->state)/= (struct state *)\1/' mine.c >plus.cc
    sed -i 's/"mine"/"plus"/' plus.cc
    claim "a plug-in may be in C++" "${CXX:-c++}" -std=c++20 -Wall -Werror -fPIC -shared "$include" -o plus.so plus.cc
    claim "and runs as one in C does" gives '837799 takes 524 steps' ranks 2 ./plus.so 1e6
fi
claim "two ranks write it once" gives "$(rankpool new other 2>/dev/null | sed 's/other/once/g')" ranks 2 new once

# ---- What is no plug-in for this program ----

compiled -o good.so "$plugins/refused.c"
claim "the plug-in without a fault runs" gives fine rankpool ./good.so
claim "a file that is not there is refused, with its host" refused 2 "no\.so on $host: there is no such file" \
    rankpool ./no.so
claim "a directory is refused" refused 2 'is a directory' rankpool ./
claim "a name of two lines is shown on one" refused 2 'no\?such\.so' rankpool $'no\nsuch.so'
mkfifo pipe.so
claim "a FIFO is refused" refused 2 'is no regular file' rankpool pipe.so
: >empty.so
claim "an empty file is refused" refused 2 'is not a shared object' rankpool empty.so
claim "a source is refused" refused 2 'is not a shared object' rankpool ./mine.c
head -c 3000 good.so >half.so
claim "half of one is refused" refused 2 'half\.so on .*: ends too early' rankpool half.so
"$cc" -c -fPIC "$include" -o object.so "$plugins/refused.c"
claim "an object that is not linked is refused" refused 2 'compile it with -shared' rankpool object.so
cp good.so machine.so
printf '\0\0' | dd of=machine.so bs=1 seek=18 conv=notrunc status=none
claim "one for another machine is refused" refused 2 'another kind of machine' rankpool machine.so
while read -r fault words; do
    claim "$fault: it compiles" compiled "-DFAULT=$fault" -o "$fault.so" "$plugins/refused.c"
    claim "$fault: it is refused" refused 2 "$fault\.so on $host: .*$words" rankpool "$fault.so"
done <<'FAULTS'
NO_TABLE has no RP_PLUGIN
MAGIC is not what RP_PLUGIN writes
VERSION was built for version 8 of the contract and this is 1: compile it again
SIZES another rankpool_job\.h of the same version: compile it again
NO_JOB has no job
NO_NAME has no name
NO_PLAN has no plan
NO_KERNEL has no kernel
TWO_KINDS has no kernel with one of item and range
CLASH kernel is called sleep, as one of rankpool's own is
UNDEFINED undefined symbol: not_in_any_library
NO_LOAD has no load beside its save
EXITS ended the program while it was loaded, with exit code 0
FAULTS
claim "NO_FEED: it compiles" compiled -DFAULT=NO_FEED -o NO_FEED.so "$plugins/refused.c"
claim "tasks that nobody would feed are not waited for" refused 2 'NO_FEED\.so wants tasks to be fed' rankpool NO_FEED.so
claim "nor by scale" refused 2 'wants tasks to be fed' rankpool scale NO_FEED.so
claim "NO_REASON: it compiles" compiled -DFAULT=NO_REASON -o NO_REASON.so "$plugins/refused.c"
claim "a plan that fails without a word is told of" refused 3 'NO_REASON\.so returned -2 \(out of memory\)' \
    rankpool NO_REASON.so
claim "a program is no plug-in" refused 2 'compile it with -shared -fPIC' rankpool "$RANKPOOL"
echo 'int not_in_any_library(void) { return 0; }' >needed.c
claim "a library compiles" "$cc" -fPIC -shared -o libneeded.so needed.c
claim "and a plug-in that needs it" compiled -DFAULT=UNDEFINED -o needs.so "$plugins/refused.c" -L. -lneeded
claim "a library that is not found is named" refused 2 'libneeded\.so: .*in LD_LIBRARY_PATH' rankpool needs.so
run env LD_LIBRARY_PATH="$tmp" "$RANKPOOL" needs.so
claim "where it is found the plug-in runs" test "$code" = 0
claim "scale refuses it just so" refused 2 'has no RP_PLUGIN' rankpool scale NO_TABLE.so
# shellcheck disable=SC2016
claim "no variable leads to one" refused 2 'there is no such file' env LD_LIBRARY_PATH="$tmp" bash -c \
    'mkdir -p sub && cd sub && exec "$RANKPOOL" good.so'

# Rank $1 cannot load it, as if it were on another host. Ours are lines that begin so; mpirun adds its own.
cat >one_without <<'SCRIPT'
#!/usr/bin/env bash
if [[ $OMPI_COMM_WORLD_RANK == "$1" ]]; then
    export OMPI_COMM_WORLD_LOCAL_RANK=0
    exec "$RANKPOOL" ./no.so
fi
exec "$RANKPOOL" ./good.so
SCRIPT
chmod +x one_without
one_of_two() { ASAN_OPTIONS=detect_leaks=0 exec "$MPIRUN" -np 2 ./one_without "$1"; }
for rank in 0 1; do
    run one_of_two "$rank"
    claim "where rank $rank alone cannot load it, both end with 3" test "$code" = 3
    claim "where rank $rank alone cannot load it, no task is computed" empty "$out"
    claim "where rank $rank alone cannot load it, it says so with its host" says "$err" \
        "^rankpool: \./no\.so on $host: there is no such file" 1
done
run ranks 2 ./no.so
claim "where no rank can load it, they end with 2" test "$code" = 2
claim "and one of a host says so" says "$err" '^rankpool: ' 1

# ---- Kernels that do wrong ----

compiled -o hostile.so "$plugins/hostile.c"
all=$(lines 'task '{0..7})
others=$(lines 'task '{0..2} 'task '{4..7})
# others_come COMMAND...: exit code 1, task 3 failed, and the results of the others are there
others_come() {
    run "$@"
    [[ $code == 1 ]] && diff <(echo "$others") "$out" && says "$err" '^rankpool: task 3 failed' 1
}
for deed in crash leave scribble recurse answer-seven; do
    claim "bare: a kernel that does $deed fails alone" others_come rankpool --retries 0 ./hostile.so "$deed"
    claim "on two ranks: a kernel that does $deed fails alone" others_come ranks 2 --retries 0 ./hostile.so "$deed"
done
says_seven() { run rankpool ./hostile.so answer-seven; says "$err" 'task 3 failed: its kernel returned 7' 1; }
claim "what a kernel returned is told where it is no error" says_seven
claim "a kernel that says it wrote more than it had room for gets what it wrote" gives "$all" \
    rankpool ./hostile.so commit-more
start rankpool --crew 2 ./hostile.so spin
worker_spins() { [[ -n $(workers_of "$child") ]]; }
claim "a kernel that loops for ever runs" wait_for 20 worker_spins
workers=$(workers_of "$child")
signals_end_it() { kill -TERM "$child"; gone "$child"; } # at once: the first leaves what runs 10 s
claim "and signals end it" wait_for 20 signals_end_it
claim "and it is over" finished 20
claim "with the exit code of a stopped run" test "$code" = 75
# shellcheck disable=SC2086
none_left() { for pid in $workers; do gone "$pid" || return 1; done; }
claim "and leaves no worker" wait_for 5 none_left

# ---- OpenMP and BLAS ----

# shellcheck disable=SC2016
claim "BLAS is left to follow the OMP_NUM_THREADS of a user" gives 'none 3' \
    env -u OPENBLAS_NUM_THREADS OMP_NUM_THREADS=3 "$RANKPOOL" exec 'echo ${OPENBLAS_NUM_THREADS-none} $OMP_NUM_THREADS #' ::: 1

if compiled -fopenmp -o openmp.so "$plugins/openmp.c" 2>/dev/null; then
    one=$(lines '500500 by 1'{,,,}) three=$(lines '500500 by 3'{,,,})
    claim "OpenMP has one thread a worker" gives "$one" env -u OMP_NUM_THREADS "$RANKPOOL" ./openmp.so
    claim "also on two ranks" gives "$one" ranks 2 ./openmp.so
    claim "also where plan used it before the fork" gives "$one" rankpool ./openmp.so planned
    claim "or as many as the user says" gives "$three" env OMP_NUM_THREADS=3 "$RANKPOOL" ./openmp.so
    two=$(lines '500500 by 2'{,,,})
    (($(nproc) < 2)) || claim "or as each worker has cores" gives "$two" env OMP_NUM_THREADS=3 "$RANKPOOL" ./openmp.so --cores 2
    claim "also in threads" gives "$three" env OMP_NUM_THREADS=3 "$RANKPOOL" --workers thread ./openmp.so
fi
