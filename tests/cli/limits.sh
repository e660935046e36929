#!/usr/bin/env bash
# What happens when the system has no more to give: memory, processes, files. A task that eats the memory fails alone; a
# run that cannot begin says so in one line and ends with 3, and nothing hangs.
source "$(dirname "$0")/lib.sh"

# ---- Control groups: a new one below our own, of either version, for root. -------------------------------

group=''
cleanup() {
    [[ -z $group ]] || wait_for 10 rmdir "$group"
    group=''
}
# new_group CONTROLLER: makes $group; fails where that is not possible
new_group() {
    local own path
    cleanup
    path=$(sed -n "s/^[0-9]*:$1://p" /proc/self/cgroup)
    own=/sys/fs/cgroup/$1${path%/}
    [[ -w $own/cgroup.procs ]] || own=/sys/fs/cgroup/$1 # a container sees its own at the top
    if [[ ! -w $own/cgroup.procs ]]; then
        own=/sys/fs/cgroup # version 2: only the top may have processes beside groups
        grep -qw "$1" "$own/cgroup.subtree_control" 2>/dev/null || return 1
    fi
    mkdir "$own/rankpool-test-$$" 2>/dev/null && group=$own/rankpool-test-$$
}
# limit FILE VALUE...: the first of these files of the group that is there gets its value
limit() {
    for (( ; $# > 0; )); do
        if [[ -w $group/$1 ]]; then echo "$2" >"$group/$1" && return; fi
        shift 2
    done
    return 1
}
# grouped COMMAND...: in the group
grouped() {
    echo "$BASHPID" >"$group/cgroup.procs" || exit 99
    exec "$@"
}

if new_group memory && limit memory.limit_in_bytes 300M memory.max 300M; then
    limit memory.swap.max 0 memory.memsw.limit_in_bytes 300M
    run grouped "$HOSTILE" oom
    claim 'a task that the OOM killer takes fails alone, and says that it was memory' test "$code" = 0
else
    echo 'not tested: no memory limit, since no control group for memory can be made here'
fi

# ---- Runs that cannot begin -----------------------------------------------------------------------------

ends_with_3() { # WORDS
    [[ $code == 3 ]] || return 1
    says "$err" "$1" && says "$err" '.' 1 && empty "$out"
}
few_files() { (ulimit -n "$1" && exec "$RANKPOOL" primes 1e6); }
never_began() { [[ $code == 127 ]] && says "$err" 'loading shared libraries'; } # the system's answer, not ours
is_right() { [[ $code == 0 ]] && diff <(echo 78498) "$out"; }

for files in 4 5 6 7 8 10 12 16 20 24; do
    start few_files "$files"
    claim "with $files files it comes to an end" finished 30
    claim "with $files files it is right, or ends with 3 and a line" eval 'is_right || ends_with_3 "open files" || never_began'
done

if new_group pids && limit pids.max 3; then
    start grouped "$RANKPOOL" --crew 4 primes 1e6
    claim 'where no worker can be forked it comes to an end' finished 30
    claim 'where no worker can be forked a line says so, and it ends with 3' ends_with_3 'fork|thread'
    for most in 1 2 4 6; do
        limit pids.max "$most"
        start grouped "$RANKPOOL" --crew 4 primes 1e6
        claim "with $most processes and threads it comes to an end" finished 30
        claim "with $most processes and threads it ends with 3" ends_with_3 'fork|thread|process'
    done
else
    echo 'not tested: no limit of processes, since no control group for them can be made here'
fi
