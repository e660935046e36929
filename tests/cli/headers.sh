#!/usr/bin/env bash
# Every public header compiles alone, as strict C11 and as C++17, by every compiler that is here. ctest gives the list:
# it is the library's PUBLIC_HEADER, so a header that is installed is tested.
source "$(dirname "$0")/lib.sh"
: "${HEADERS:?is not set to the public headers: run this by ctest}"
read -ra includes <<<"${INCLUDES:-}"

# alone HEADER COMPILER OPTION...: a file that includes nothing else, twice, compiles without a warning
alone() {
    printf '#include "%s"\n#include "%s"\nint main(void) { return 0; }\n' "$1" "$1" |
        "${@:2}" -pedantic-errors -Wall -Wextra -Werror -DOMPI_SKIP_MPICXX "${includes[@]}" -fsyntax-only -
}

mapfile -t c_compilers < <(printf '%s\n' "${CC:-cc}" gcc clang | sort -u)
for header in $HEADERS; do
    for compiler in "${c_compilers[@]}"; do
        command -v "$compiler" >/dev/null || continue
        claim "${header##*/} compiles alone as C11, by $compiler" alone "$header" "$compiler" -x c -std=c11
    done
    for compiler in g++ clang++; do
        command -v "$compiler" >/dev/null || continue
        claim "${header##*/} compiles alone as C++17, by $compiler" alone "$header" "$compiler" -x c++ -std=c++17
    done
done

printf 'size_t left_out;\n' >"$tmp/needy.h"
refused() { ! alone "$tmp/needy.h" "${CC:-cc}" -x c -std=c11; }
claim "a header that needs another one first is refused" refused
