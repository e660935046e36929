#!/usr/bin/env bash
# Includes point only downward: core sees nothing but itself, the machine's and the network's layers see core, the pool
# sees them all, and the program and the jobs see the public headers only.
source "$(dirname "$0")/lib.sh"
cd "$(dirname "$0")/../.." || exit 1

# only FOLDER REGEX: every quoted include of the folder matches
only() {
    local folder=$1 allowed=$2
    ! grep -rhoE --include='*.[ch]' '^#include "[^"]+"' "$folder" | sed 's/#include "\(.*\)"/\1/' |
        grep -vE "^($allowed)" | grep .
}

public='rankpool(_job|_store|_sync)?\.h$'
claim "core includes only itself" only src/core "core/|$public"
claim "crew includes only itself and core" only src/crew "crew/|core/|$public"
claim "topo includes only itself and core" only src/topo "topo/|core/|$public"
claim "net includes only itself and core" only src/net "net/|core/|$public"
claim "pool includes only what is below it" only src/pool "pool/|net/|topo/|crew/|core/|$public"
claim "store includes only itself and core" only src/store "store/|core/|$public"
claim "sync includes only itself and core" only src/sync "sync/|core/|$public"
claim "exec includes only itself and public headers" only src/exec "exec/|$public"
claim "the program includes only public headers, its own and the jobs' table" only src/cli "(cli|topo_map|new_job)\.h$|scale(_fit)?\.h$|exec/exec\.h$|stored\.h$|jobs\.h$|$public"
claim "jobs include only public headers and their own" only jobs "[a-z]+\.h$|$public"
mpi_users() { grep -rlE --include='*.[ch]' '#include <mpi\.h>' src jobs | grep -vE '^src/(net/|rankpool_mpi.h)'; }
claim "mpi.h is included by the transport alone" test -z "$(mpi_users)"
