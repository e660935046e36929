#!/usr/bin/env bash
# What `rankpool exec` refuses, it refuses in one line that shows what was given; options end where the command begins; and
# a list of any length is read in the same memory.
source "$(dirname "$0")/lib.sh"
cd "$tmp" || exit 1

# refused WORD COMMAND...: exit code 2, nothing on stdout, and one line that shows WORD
refused() {
    run "${@:2}"
    [[ $code == 2 ]] && empty "$out" && says "$err" . 1 && says "$err" "${1//./\\.}" 1
}
exec_dry() { rankpool exec --dry-run "$@"; }
exec_stdin() { rankpool --quiet exec "${@:2}" < <(printf '%b' "$1"); }

claim "an unknown option is refused" refused bogus rankpool exec --bogus echo ::: 1
claim "GNU parallel's hosts are refused with where they come from" refused 'mpirun or srun' rankpool exec --sshlogin a,b echo ::: 1
claim "so is a letter, with its value" refused 'mpirun or srun' rankpool exec -Sa,b echo ::: 1
claim "and an option with a value" refused 'fixed number of workers' rankpool exec --load=80% echo ::: 1
claim "--progress of no kind says how it is written" refused 'in --progress bar' rankpool exec --progress echo ::: 1
claim "another header than the first value is refused" refused '"2"' rankpool exec --header 2 echo ::: 1
claim "a side to trim that is none is refused" refused '"x"' rankpool exec --trim x echo ::: 1
claim "an empty replacement string is refused" refused 'I is empty' rankpool exec -I '' echo ::: 1
claim "a word for a shell and for none is refused" refused 'give one' rankpool exec -q --shell echo ::: 1
claim "a header alone is an empty list" refused 'no input' rankpool exec --dry-run --header : echo ::: 1
claim "a header that cannot be read is refused" refused 'no/such' rankpool exec --header : echo :::: no/such
claim "an unknown letter is refused" refused -z rankpool exec -z echo ::: 1
claim "-j of no command at all is refused" refused '"0"' rankpool exec -j0 echo ::: 1
claim "-j in per cent is refused" refused '"50%"' rankpool exec -j 50% echo ::: 1
claim "no command for each worker is refused" refused '"0"' rankpool exec --jobs-per-worker 0 echo ::: 1
claim "two ways to say how many at once are refused" refused 'give one' rankpool exec -j2 --jobs-per-worker 2 echo ::: 1
claim "more workers than a rank can have are refused" refused 'ask for fewer' rankpool --crew 2 exec --jobs-per-worker 1000 echo ::: 1
claim "workers without a core are refused" refused '"0"' rankpool --cores 0 exec echo ::: 1
claim "more cores for a worker than there are are refused" refused 'workers of 1024 cores' rankpool --cores 1024 exec echo ::: 1
claim "several cores pinned to a hardware thread are refused" refused 'bind pu' rankpool --cores 2 --bind pu exec echo ::: 1
claim "a letter without its value is refused" refused 'N needs a value' rankpool exec -N
claim "a value for a switch is refused" refused 'k takes no value' rankpool exec -k0 echo ::: 1
claim "a time-out that is no time is refused" refused '"x"' rankpool exec --timeout x echo ::: 1
claim "a time-out of 0 is refused" refused '"0"' rankpool exec --timeout 0 echo ::: 1
claim "a delay that is no time is refused" refused '"-1"' rankpool exec --delay -1 echo ::: 1
claim "--halt without a number is refused" refused '"now,fail"' rankpool exec --halt now,fail echo ::: 1
claim "--halt at 200 per cent is refused" refused '200%' rankpool exec --halt now,fail=200% echo ::: 1
claim "--halt at another moment is refused" refused later rankpool exec --halt later,fail=1 echo ::: 1
claim "no retry at all is refused" refused '"0"' rankpool exec --retries 0 echo ::: 1
claim "--env without a name is refused" refused '"=x"' rankpool exec --env =x echo ::: 1
claim "--resume without a job log is refused" refused 'needs --joblog' rankpool exec --resume echo ::: 1
claim "two ways to resume are refused" refused 'both given' rankpool exec --resume --resume-failed --joblog x echo ::: 1
claim "--serve-end without --serve is refused" refused 'needs --serve' rankpool exec --serve-end . cat ::: 1
claim "--serve with a replacement string is refused" refused 'so it has no' rankpool exec --serve cat {} ::: 1
claim "--serve without a command is refused" refused 'needs a command' rankpool exec --serve ::: 1
claim "--serve line by line is refused" refused 'line-buffer' rankpool exec --serve --line-buffer cat ::: 1
claim "no values a command are refused" refused '"0"' rankpool exec -N0 echo ::: 1
claim "-N of two sources is refused" refused 'one source' rankpool exec -N2 echo ::: 1 ::: 2
claim "an empty separator is refused" refused colsep rankpool exec --colsep '' echo ::: 1
claim "Perl is refused" refused Perl rankpool exec echo '{= 1 =}' ::: 1
claim "an empty command is refused" refused 'empty word' rankpool exec '' ::: 1
claim "a command beside --commands is refused" refused 'give one' rankpool exec --commands x echo ::: 1
claim "inputs beside --commands are refused" refused 'give one' rankpool exec --commands x ::: 1
claim ":::: without a file is refused" refused 'needs a file' rankpool exec echo ::::
claim "standard input as two sources is refused" refused 'given twice' rankpool exec echo :::: - -

claim "a file that is not there is refused" refused 'no/such' exec_dry echo :::: no/such
claim "a folder as a file is refused" refused directory exec_dry echo :::: /
mkdir folder && cp /bin/true damaged && truncate -s 100 damaged
printf '#!/no/such/interpreter\n' >lost && chmod +x lost
claim "a folder as a job log is refused" refused 'job log folder: is no regular file' \
    rankpool exec --joblog folder --resume echo ::: 1
no_folder() { run env TMPDIR=/no/such "$RANKPOOL" exec echo ::: 1; [[ $code == 1 ]] && says "$err" 'commands in /no/such on ' 1; }
claim "a TMPDIR that is not there is named" no_folder
not_run() { run rankpool --quiet exec "$1" ::: 1; [[ $code == 1 ]] && says "$err" "cannot run $1 on .*$2" 1; }
claim "a program for another machine is not read as a script" not_run ./damaged 'another kind of machine'
claim "where an interpreter is missing that is said" not_run ./lost 'the interpreter that it asks for is not there'
no_value() { run rankpool --quiet exec '{2}' ::: 1; [[ $code == 1 ]] && says "$err" 'the command is empty' 1; }
claim "a command for which there is no value is empty" no_value
claim "an empty list is refused" refused 'no input' exec_dry echo ::: 1 :::
claim "an empty standard input is refused" refused 'no input' exec_dry echo
claim "a list is empty for the pool, too" refused 'no input' exec_stdin '' echo
claim "Windows line ends are refused by their number" refused 'line 1 ' exec_stdin 'a\r\n' echo
claim "a NUL byte is refused by its line's number" refused 'line 1 ' exec_stdin 'a\0b\n' echo
head -c 1000000 /dev/zero | tr '\0' x >long
claim "a line of a megabyte is refused by its number" refused 'line 1 is longer than 131071' exec_dry echo :::: long
exec_before_bad() { run exec_stdin 'a\nb\r\n' -k echo; [[ $code == 2 ]] && grep -qx a "$out" && says "$err" 'line 2 ' 1; }
claim "what comes before a bad line is not lost" exec_before_bad

claim "-r: an empty list is fine" same_as /dev/null rankpool --quiet exec -r echo ::: ''
claim "-v: a command is shown line by line, too" gives $'a\techo a\na\ta' rankpool --quiet exec --tag -v --lb echo ::: a
claim "options end at the command" gives '-k --seed 1 -n --help' rankpool --quiet exec -k echo -k --seed {} -n --help ::: 1
claim "options end at --" gives 'a -n -- 1' rankpool --quiet exec -- echo a -n -- ::: 1
claim "a letter's value may follow at once" gives $'1 2\n3' rankpool --quiet exec -k -N2 echo ::: 1 2 3
claim "pool options may stand among its own" gives 1 rankpool exec --quiet -k --crew 1 echo ::: 1
printf '# one\n\necho a # b\n   # c\nexit 0; echo no\n' >commands
claim "a file of commands is run line by line" gives a rankpool --quiet exec -k --commands commands
exec_two_lines() { run rankpool --quiet exec $'true\nfalse #' ::: 1; [[ $code == 1 && $(wc -l <"$err") == 2 ]]; }
claim "a command of two lines that fails is shown on one" exec_two_lines
exec_to_file() { run rankpool --output dry exec --dry-run echo ::: 'a b' && empty "$out" && grep -qx "echo 'a b'" dry; }
claim "a dry run writes where it is told to" exec_to_file

# The first answer is there while the list goes on.
exec_at_once() {
    mkfifo fifo && start rankpool --quiet exec -k echo :::: fifo
    exec 3>fifo && echo first >&3
    wait_for 20 grep -qx first "$out" || return 1
    echo second >&3
    exec 3>&-
    finished 20 && [[ $code == 0 ]] && grep -qx second "$out"
}
claim "the first input is run before the second is known" exec_at_once
# The address space of a list of 400000 lines, 2.7 MB, is kept to what a short one needs and 1 MiB.
seq 1000 >few && seq 400000 >many
within() { (ulimit -v "$1" && exec "$RANKPOOL" exec --dry-run echo :::: "$2") >"$out" 2>"$err"; }
least() { # the first limit, in steps of 1 MiB, within which a short list is printed
    local limit
    for ((limit = 8 << 10; limit < 1 << 20; limit += 1 << 10)); do within "$limit" few && break; done
    echo "$limit"
}
long_list() { within $(($1 + (1 << 10))) many && [[ $(wc -l <"$out") == 400000 ]]; }
limit=$(least)
((limit >= 1 << 20)) || claim "a long list needs no more memory than a short one" long_list "$limit"
