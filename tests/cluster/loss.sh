#!/usr/bin/env bash
# What becomes of a run on three hosts when a process, a host or the network fails in the middle: either it goes on and
# prints what is right, or it ends, within the lease (3 s here) and some seconds, with an exit code that is not 0, and
# leaves no process on any host.
source "$(dirname "$0")/hosts-lib.sh"

mark=RANKPOOL_TEST_MARK=$$-$RANDOM
export "${mark?}"
mapfile -t short < <(yes 0.02 | head -n 200)
mapfile -t long < <(yes 0.1 | head -n 3000)

# mpirun itself waits for the daemon of a host that is cut off for as long as TCP does: here a few seconds.
give_up_early() { "$here/hosts" exec "$1" sh -c 'echo 2 >/proc/sys/net/ipv4/tcp_retries2'; }
for host in head host1 host2 host3; do give_up_early "$host" || exit 1; done

# Of a rank's agent.
nursery() { children "$(agent "$1")"; }
worker() { workers_of "$(agent "$1")"; }
host_of_rank() { echo "host$(($1 + 1))"; }

computes() { (($(wc -l <"$out") >= 20)); }
# begin NAP...: a run of such naps on a rank a host, until it computes
begin() {
    : >"$out" # of the run before
    start on_hosts 1 --quiet --lease 3s sleep "$@"
    claim "$what: it computes before" wait_for 20 computes
}
# The last resort, for what a failed claim leaves.
sweep() {
    local pids
    pids=$(family "$mark" | grep -vx "$$")
    # shellcheck disable=SC2086
    [[ -z $pids ]] || kill -9 $pids 2>/dev/null
    child=
}
# ends SECONDS [REGEX]: what was started ends by then, not well, and says so
ends() {
    claim "$what: none of our processes is left after $1 s" wait_for "$1" nobody_of_ours
    claim "$what: the launcher ends" finished 12
    claim "$what: its exit code is not 0" test "$code" != 0
    [[ -z ${2:-} ]] || claim "$what: a line says why" says "$err" "$2"
    sweep
}
# goes_on NAP...: it ends well, with the answer of a bare run
goes_on() {
    claim "$what: it goes on to its end" finished 30
    claim "$what: its exit code is 0" test "$code" = 0
    claim "$what: each task is answered once" test "$(wc -l <"$out")" = $#
    claim "$what: none of our processes is left" wait_for 3 nobody_of_ours
    sweep
}

# ---- What a run survives ----

what="a worker is killed"
begin "${short[@]}"
kill -9 "$(worker 1)"
goes_on "${short[@]}"

what="a worker is stopped for longer than the lease" # as a long task is: nobody is lost
begin "${short[@]}"
stopped=$(worker 2)
kill -STOP "$stopped"
sleep 5
claim "$what: the run waits for it" kill -0 "$child"
kill -CONT "$stopped"
goes_on "${short[@]}"

what="a nursery is stopped for good" # it is not needed while no worker dies
begin "${short[@]}"
kill -STOP "$(nursery 2)"
goes_on "${short[@]}"

if "$here/hosts" exec host3 tc qdisc add dev eth0 root netem delay 300ms 2>/dev/null; then
    what="the network is slow"
    run on_hosts 1 --quiet --lease 3s sleep "${short[@]}"
    goes_on_slowly() { [[ $code == 0 ]] && (($(wc -l <"$out") == ${#short[@]})); }
    claim "$what: the run ends well" goes_on_slowly
    "$here/hosts" exec host3 tc qdisc del dev eth0 root
fi

# ---- What ends it ----

what="an agent is killed"
begin "${long[@]}"
kill -9 "$(agent 2)"
ends 5

what="a nursery is killed"
begin "${long[@]}"
kill -9 "$(nursery 1)"
ends 5 'rank 1: the nursery .* died'

what="mpirun is killed"
begin "${long[@]}"
kill -9 "$(children "$child")"
ends 5

what="an agent is stopped"
begin "${long[@]}"
kill -STOP "$(agent 1)"
ends 9 'rank 1 on host2 was lost: it has not been heard of for 3 s'

what="the agent of rank 0 is stopped"
begin "${long[@]}"
kill -STOP "$(agent 0)"
ends 9 'rank [12] on host[23] has heard nothing from rank 0 for 3 s'

for rank in 2 0; do
    host=$(host_of_rank "$rank")
    what="$host, which has rank $rank, is cut off"
    begin "${long[@]}"
    "$here/hosts" exec "$host" ip link set eth0 down
    ends 9
    "$here/hosts" exec "$host" ip link set eth0 up
done

what="a host crashes"
begin "${long[@]}"
"$here/hosts" kill host3
ends 5
