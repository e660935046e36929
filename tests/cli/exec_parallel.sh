#!/usr/bin/env bash
# Whoever knows GNU parallel types what they know: each command line of exec_parallel.txt gives the same output by both,
# or another one for a reason that jobs/README.md gives.
source "$(dirname "$0")/lib.sh"
here=$(cd "$(dirname "$0")" && pwd)
parallel --version 2>/dev/null | grep -q '^GNU parallel' || skip "GNU parallel is not installed"
mkdir "$tmp/in" "$tmp/home" && touch "$tmp/home/will-cite" && cd "$tmp/in" || exit 1
printf 'a\nb\nc\n' >abc
printf '1\n2\n3\n' >num
printf 'a b\n  c  d  \n%s\n; echo gone\n' "\$x" >lines
printf 'a\n\nb' >blanks
printf 'a\0b c\0' >nul
: >none
printf 'a,b\nc,d;e\n' >cols
export PARALLEL_HOME=$tmp/home PARALLEL_SHELL=/bin/sh SHELL=/bin/sh

# compare NAME VERDICT COMMAND
compare() {
    run bash -c "P=parallel; $3" && cp "$out" "$tmp/theirs"
    [[ -s $err && ! -s $tmp/theirs ]] && [[ $2 == same ]] && { echo "GNU parallel:"; cat "$err"; return 1; }
    cp "$out" "$tmp/theirs"
    run bash -c "P='$RANKPOOL --quiet exec'; $3"
    if [[ $2 == same ]]; then
        diff "$tmp/theirs" "$out"
    elif cmp -s "$tmp/theirs" "$out"; then
        echo "the table says that they differ, and both gave:" && cat "$out" && return 1
    else
        grep -qF -- "**${2#differs: }" "$here/../../jobs/README.md" || { echo "jobs/README.md has no reason"; return 1; }
    fi
}

rows=0 name='' verdict='' command=''
row() {
    [[ -z $name ]] && return
    claim "$name: $verdict" compare "$name" "$verdict" "$command"
    rows=$((rows + 1))
}
while IFS= read -r line; do
    case $line in
    '    '*) command+=${command:+$'\n'}${line#    } ;;
    '#'* | '') ;;
    *)
        row
        name=${line%% | *} verdict=${line#* | } command=''
        ;;
    esac
done <"$here/exec_parallel.txt"
row
claim "at least 60 command lines were compared" test "$rows" -ge 60
