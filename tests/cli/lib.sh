# What every script beside this one begins with:  source "$(dirname "$0")/lib.sh"
#
# A script is a list of claims about the program. A claim is a sentence and a command; if the command fails, the claim
# is printed with what the command and the program wrote, and the script goes on. It ends with exit code 1 if a claim
# failed. ctest sets RANKPOOL and MPIRUN, and the variables that let mpirun work on any box:
#     ctest --test-dir build -R cli.jobs -V
#
# No program started by `run` or `start` is left behind, also when the script itself is stopped.
# shellcheck shell=bash
set -uo pipefail
: "${RANKPOOL:?is not set to the program under test: run this by ctest}" "${MPIRUN:=mpirun}"
[[ -x $RANKPOOL ]] || { echo "$RANKPOOL is not there: build it first"; exit 1; }
# The user's own wishes for the pool are none of ours.
for variable in $(compgen -e RANKPOOL_ | grep -v '^RANKPOOL_HOSTS'); do unset "$variable"; done
exec </dev/null
ulimit -c 0 # a crash on purpose leaves no core file in the tree

tmp=$(mktemp -d "${TMPDIR:-/tmp}/rankpool-test.XXXXXX")
out=$tmp/out err=$tmp/err code=0 child='' claims=0 failed=0
touch "$out" "$err"

# claim TEXT COMMAND...: the command succeeds
claim() {
    local text=$1
    shift
    claims=$((claims + 1))
    if "$@" >"$tmp/log" 2>&1; then
        echo "ok    $text"
        return
    fi
    failed=$((failed + 1))
    echo "FAIL  $text"
    echo "      ${*@Q}"
    { head -n 20 "$tmp/log"; echo "exit code $code, and on stderr:"; head -n 20 "$err"; } | sed 's/^/      | /'
}

# ---- Ways to start the program, for `run` and `start` ---------------------------------------------------

# They give each command a process of its own, so that it can become the program: signals then reach that.
rankpool() { exec "$RANKPOOL" "$@"; }
# ranks N ARGUMENT...: on N ranks. (Open MPI itself leaks; a build with the address sanitizer is not to mind.)
ranks() { ASAN_OPTIONS=detect_leaks=0 exec "$MPIRUN" -np "$1" "$RANKPOOL" "${@:2}"; }

# run COMMAND...: its stdout and stderr go to the files $out and $err, its exit code to $code
run() {
    "$@" >"$out" 2>"$err" <&0 & # in the background, so that a signal for this script is not kept waiting
    child=$!
    wait "$child"
    code=$?
    child=
}

# start COMMAND...: let it run; its process number, also that of its process group, is $child
start() {
    set -m # without job control, bash would have it ignore INT
    "$@" >"$out" 2>"$err" &
    child=$!
    set +m
}
# finished SECONDS: what was started ends by itself in time; its exit code is in $code
finished() {
    wait_for "$1" gone "$child" || { echo "still running after $1 s"; return 1; }
    wait "$child"
    code=$?
    child=
}

# ---- What to claim --------------------------------------------------------------------------------------

# gave TEXT: the last run ended with 0, and exactly this text and a newline were on stdout; gives TEXT COMMAND...: runs it
gave() { [[ $code == 0 ]] && diff <(printf '%s\n' "$1") "$out"; }
gives() { run "${@:2}" && gave "$1"; }
# same_as FILE COMMAND...: exit code 0, and stdout is byte for byte that file
same_as() { run "${@:2}" && [[ $code == 0 ]] && cmp "$1" "$out"; }
# says FILE REGEX [COUNT]: a line matches, without regard to case; or exactly COUNT lines do
says() {
    local count
    count=$(grep -Eic -- "$2" "$1")
    if (($# > 2)); then ((count == $3)); else ((count > 0)); fi ||
        { echo "$count lines match '$2' in:"; head -n 20 "$1"; return 1; }
}
empty() { [[ ! -s $1 ]] || { echo "not empty:"; head -n 5 "$1"; return 1; }; }

# ---- Processes ------------------------------------------------------------------------------------------

# wait_for SECONDS COMMAND...: until it succeeds
wait_for() {
    local tries=$(($1 * 50))
    while ! "${@:2}" >/dev/null 2>&1; do
        ((tries-- > 0)) || return 1
        sleep 0.02
    done
}
# gone PID: it is no more, or only a zombie
gone() { ! grep -q '^State:[[:space:]]*[^ZX[:space:]]' "/proc/$1/status" 2>/dev/null; }
# living: from paths such as /proc/123/status on stdin, the numbers of those that live
living() { while IFS=/ read -r _ _ pid _; do gone "$pid" || echo "$pid"; done; }
# children PID...: the live children of these
children() {
    local parent
    for parent; do grep -l "^PPid:[[:space:]]*$parent$" /proc/[0-9]*/status 2>/dev/null | living; done
}
# The workers of an agent are the children of its only child, the nursery.
# shellcheck disable=SC2046
workers_of() { children $(children "$@"); }
# family MARK: what lives with MARK in its environment, which is handed down to everything that a run starts
family() { grep -lzFx -- "$1" /proc/[0-9]*/environ 2>/dev/null | living; }
nobody_left() { [[ -z $(family "$1") ]]; }

# ---- The end --------------------------------------------------------------------------------------------

cleanup() { :; } # a script may define its own
finish() {
    local status=$?
    trap - EXIT
    if [[ -n $child ]]; then
        kill -TERM "$child" 2>/dev/null
        wait_for 4 gone "$child" || kill -KILL "$child" 2>/dev/null
    fi
    cleanup
    rm -rf "$tmp"
    ((status == 0)) || exit "$status"
    echo "$claims claims, $failed failed"
    ((claims > 0 && failed == 0)) || exit 1
}
skip() {
    echo "skipped: $*"
    exit 77
}
trap finish EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

# Of those that carry $mark: our processes, as opposed to the launcher's, wherever they are; and the agent of a rank, which is
# called rankpool and has a child.
# shellcheck disable=SC2154 # the script's own
ours() { for pid in $(family "$mark"); do grep -qE '^(rankpool|rp-)' "/proc/$pid/comm" 2>/dev/null && echo "$pid"; done; }
nobody_of_ours() { [[ -z $(ours) ]]; }
# shellcheck disable=SC2154
agent() {
    local pid
    for pid in $(family "$mark"); do
        grep -qx rankpool "/proc/$pid/comm" && grep -qzx "OMPI_COMM_WORLD_RANK=$1" "/proc/$pid/environ" &&
            [[ -n $(children "$pid") ]] && echo "$pid"
    done 2>/dev/null
}
