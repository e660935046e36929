#!/usr/bin/env bash
# The program under valgrind, with inline workers, so that agent, master and kernels are one process: no access goes wrong,
# and no memory is left behind.
source "$(dirname "$0")/lib.sh"

command -v valgrind >/dev/null || skip "valgrind is not installed"
grep -q __asan_init "$RANKPOOL" && skip "this build has a sanitizer of its own"
store=$tmp/run.store

# under ARGUMENT...: the program's exit code, or 99 where valgrind found something. The nursery is a child, and not looked at.
under() {
    exec valgrind -q --error-exitcode=99 --leak-check=full --child-silent-after-fork=yes \
        "$RANKPOOL" --quiet --workers inline "$@"
}
# clean CODE ARGUMENT...: ends with this code, and valgrind says nothing
clean() {
    run under "${@:2}"
    [[ $code == "$1" ]] && ! grep -q '^==' "$err"
}

claim "count, to a store" clean 0 --store "$store" --output "$tmp/text" count 1e5 --times 3
claim "from that store again" clean 0 --store "$store" --output "$tmp/text" count 1e5 --times 3
claim "report" clean 0 report "$store"
claim "topo" clean 0 topo
if "$RANKPOOL" --help | grep -q 'primes .*not built'; then
    echo "left out: primes, which is not built"
else
    claim "primes --largest-gap, to a store" clean 0 --store "$tmp/gap" primes --largest-gap 1e6
fi
if "$RANKPOOL" --help | grep -q 'isprime .*not built'; then
    echo "left out: isprime, which is not built"
else
    printf '7\nx\n9\n' >"$tmp/words"
    claim "isprime, with a task that fails" clean 1 --store "$tmp/fails" isprime --file "$tmp/words"
fi
