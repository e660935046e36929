#!/usr/bin/env bash
# The shared library exports what the public headers mark with RP_API, all of it and nothing else. An archive cannot
# hide: there, every global name begins with the library's prefix, so that it meets none of its user's.
source "$(dirname "$0")/lib.sh"
: "${HEADERS:?is not set to the public headers: run this by ctest}"

# What sanitizers add is theirs.
symbols() {
    "${NM:-nm}" "$@" | awk 'NF == 3 { print $3 }' | grep -vE '^_*(asan|odr_asan|tsan|ubsan|sancov)[_.]' | sort -u
}
declared() { # a declaration begins with RP_API and goes on to its semicolon
    # shellcheck disable=SC2086
    cat $HEADERS | awk '/^RP_API / { sub(/\(.*/, ""); match($0, /[A-Za-z_0-9]+$/); print substr($0, RSTART) }' | sort -u
}
exports_what_is_declared() { diff <(declared) <(symbols -D --defined-only "$SHARED"); }
only_ours() { ! symbols -g --defined-only "$ARCHIVE" | grep -vE '^rp_'; }

symbols -D --defined-only "$SHARED" >"$tmp/exported"
claim "there is something to look at" grep -qx rp_world_open "$tmp/exported"
claim "the shared library exports the public calls, and nothing else" exports_what_is_declared
claim "the archive's global names all begin with rp_" only_ours
