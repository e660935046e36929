/* What an MPI program costs that does nothing: each rank prints the most memory it ever held, in KiB. */
#include "bench_peak.h"

#include <mpi.h>

int main(int argc, char *argv[]) {
    if (MPI_Init(&argc, &argv) != MPI_SUCCESS) return 1;
    MPI_Finalize();
    printf("%ld\n", bench_peak_kib());
    return 0;
}
