#!/usr/bin/env bash
# The manual pages are made of the public headers' comments (docs/reference.awk): no public name is without one, and no
# function without who may call it. Where doxygen is, it agrees, and there is a page for each name.
source "$(dirname "$0")/lib.sh"
: "${HEADERS:?is not set to the public headers: run this by ctest}"
awk=$(dirname "$0")/../../docs/reference.awk

reads() { awk -v check=1 -f "$awk" "$1"; }
for header in $HEADERS; do
    claim "every name in ${header##*/} is documented" reads "$header"
done

# complains WHAT LINE...: a header of these lines is refused, for that
complains() {
    { printf '/* A header. */\n\n'; printf '%s\n' "${@:2}"; } >"$tmp/header.h"
    ! reads "$tmp/header.h" >"$tmp/said" || { echo "nothing was found"; return 1; }
    sed -i 's/^[^ ]* //; s/ has no comment.*//; s/ does not say.*/ has no caller/' "$tmp/said"
    diff <(printf '%s\n' "$1") "$tmp/said"
}
accepts() { printf '%s\n' '/* A header. */' '' "$@" >"$tmp/header.h" && reads "$tmp/header.h"; }
claim "a function without a comment is found" complains rp_x 'RP_API int rp_x(void);'
claim "so is one that does not say who may call it" complains 'rp_x has no caller' \
    '/* It does. */' 'RP_API int rp_x(void);'
claim "and one after an empty line" complains rp_y '/* Any. */' 'RP_API int rp_x(void);' '' 'RP_API int rp_y(void);'
claim "a struct without a comment is found" complains rp_x 'typedef struct rp_x {' '    int a; /* one */' '} rp_x;'
claim "so is a member" complains b '/* X. */' 'struct rp_x {' '    int a; /* one */' '    int b;' '};'
claim "an opaque type without a comment is found" complains rp_x 'typedef struct rp_x rp_x;'
claim "so are an enumerator" complains RP_B '/* X. */' 'enum rp_x {' '    RP_A, /* one */' '    RP_B' '};'
claim "and one on the line of its enum" complains RP_A '/* X. */' 'enum rp_x { RP_A };'
claim "and a macro" complains RP_X '#define RP_X 1'
claim "one comment documents the calls that follow it" accepts '/* Any. */' 'RP_API int rp_x(int a,' '    int b);' \
    'RP_API int rp_y(void);'
claim "and ends with them, whatever they take and whatever stands behind" complains rp_y '/* Any. */' \
    'RP_API int rp_x(int (*f)(void)); /* Any. */' '' 'RP_API int rp_y(int (*f)(void));'
claim "who may call is said once for a section" accepts '/* Rank 0, all of these. */' '/* It does. */' \
    'RP_API int rp_x(void);' '' '/* It does not. */' 'RP_API int rp_y(void);'
# shellcheck disable=SC2016
claim "a member is documented in its struct's comment" accepts \
    '/* X.' ' * `a` is one. */' 'struct rp_x {' '    int a;' '};'

if [[ -z ${DOXYGEN:-} ]]; then
    echo "without doxygen there are no pages to look at"
    exit
fi
doxygen_agrees() {
    { cat "$DOCS/Doxyfile"; echo "WARN_AS_ERROR = FAIL_ON_WARNINGS"; echo "OUTPUT_DIRECTORY = $tmp"; } | "$DOXYGEN" -
}
every_call_has_a_page() {
    local call calls
    # shellcheck disable=SC2086
    calls=$(grep -hoE '^RP_API .*' $HEADERS | sed 's/(.*//; s/.*[ *]//')
    [[ -n $calls ]] || return 1
    for call in $calls; do [[ -s $DOCS/man3/$call.3 ]] || echo "$call has no page"; done | { ! grep .; }
}
only_ours() { ! find "$DOCS/man3" -type f -printf '%f\n' | grep -vE '^(rp_|RP_|rankpool)'; }
claim "doxygen has no warning about the headers" doxygen_agrees
claim "every call has a page of its own or a link to one" every_call_has_a_page
claim "no page has a name that is not the library's" only_ours
