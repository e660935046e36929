# What the scripts beside this one begin with: claims as in ../cli/lib.sh, made about three hosts on this box.
# shellcheck shell=bash
source "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"
here=$(realpath "$(dirname "${BASH_SOURCE[0]}")")

# Someone who is not root is root in a user namespace of their own, and all of this starts again in there.
namespaces() { unshare "$@" --net --uts --ipc --mount --pid --fork true 2>"$tmp/why"; }
command -v ip unshare nsenter >/dev/null || skip "needs ip, unshare and nsenter (packages iproute2 and util-linux)"
if ! namespaces; then
    if [[ -z ${RANKPOOL_HOSTS_USER:-} ]] && namespaces --user --map-root-user; then
        rm -rf "$tmp"
        RANKPOOL_HOSTS_USER=1 exec unshare --user --map-root-user "$(realpath "$0")"
    fi
    skip "the kernel does not allow namespaces here: $(cat "$tmp/why")"
fi

cleanup() { [[ -z ${RANKPOOL_HOSTS:-} ]] || "$here/hosts" down; }
RANKPOOL_HOSTS=$(RANKPOOL_HOSTS_SHARE=$(dirname "$RANKPOOL"):${TESTS:-}:${EXAMPLES:-}:$tmp "$here/hosts" up 3) || exit 1
export RANKPOOL_HOSTS

# bare JOB...: on the box itself, for comparison. on_hosts RANKS-A-HOST JOB...: by mpirun from the head
bare() { exec "$RANKPOOL" --quiet "$@"; }
on_hosts() { on_hosts_run "$1" "$RANKPOOL" "${@:2}"; }
# The same of any program, with a folder for files that all hosts see.
on_hosts_run() {
    exec timeout 60 "$here/hosts-mpirun" --host "host1:$1,host2:$1,host3:$1" -np $((3 * $1)) \
        -x TMPDIR="$tmp" "${@:2}"
}
in_head() { exec timeout 60 "$here/hosts" exec head "$@"; }
