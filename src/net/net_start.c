/* Starting MPI, and how not to wait for hardware that is not there.
 *
 * Debian's Open MPI 4.1 spends 200 of MPI_Init's 230 ms looking for a PSM device (QLogic and Omni-Path adapters).
 * Where neither device file exists and nobody has set the parameter that chooses among such components, they are
 * left out for the time of MPI_Init. What the site's file says is kept: a value in the environment replaces the
 * file's, so ours repeats it and appends. Only the system's own Open MPI is treated so, since only of that one the
 * place of the site's file is known. */
#include "core/error.h"
#include "net/net_mpi.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SITE_FILE "/etc/openmpi/openmpi-mca-params.conf"

/* The value of a line "mtl = value"; NULL: another line. Cuts `line`. */
static char *mtl_of(char *line) {
    char *name = line + strspn(line, " \t");
    if (strncmp(name, "mtl", 3) != 0) return NULL;
    char *value = name + 3 + strspn(name + 3, " \t");
    if (*value++ != '=') return NULL;
    value += strspn(value, " \t");
    value[strcspn(value, " \t\r\n#")] = 0;
    return value;
}

/* Copies the last value that the file gives to mtl. false: it gives none, or one too long. */
static bool read_mtl(const char *file, char *value, size_t size) {
    FILE *stream = fopen(file, "re");
    if (!stream) return false;
    bool found = false;
    char line[1024];
    while (fgets(line, sizeof line, stream)) {
        const char *given = mtl_of(line);
        if (given) found = (size_t)snprintf(value, size, "%s", given) < size;
    }
    fclose(stream);
    return found;
}

static bool lists(const char *list, const char *word) {
    size_t length = strlen(word);
    for (const char *at = list + strspn(list, "^,"); *at; at += strspn(at, ",")) {
        size_t here = strcspn(at, ",");
        if (here == length && memcmp(at, word, length) == 0) return true;
        at += here;
    }
    return false;
}

bool rp__net_start_mtl(const char *user_file, const char *site_file, char *value, size_t size) {
    char given[256];
    if (read_mtl(user_file, given, sizeof given)) return false;
    if (!read_mtl(site_file, given, sizeof given)) return (size_t)snprintf(value, size, "^psm,psm2") < size;
    /* A list without ^ names what is wanted: the site knows. */
    if (given[0] != '^' || lists(given, "psm") || lists(given, "psm2")) return false;
    return (size_t)snprintf(value, size, "%s,psm,psm2", given) < size;
}

static bool is_system_open_mpi(void) {
#ifdef OPEN_MPI
    Dl_info info;
    if (!dladdr((void *)(uintptr_t)MPI_Init_thread, &info) || !info.dli_fname) return false;
    bool system = strncmp(info.dli_fname, "/usr/lib/", 9) == 0 || strncmp(info.dli_fname, "/lib/", 5) == 0;
    return system && access(SITE_FILE, R_OK) == 0;
#else
    return false;
#endif
}

/* true: the environment now holds OMPI_MCA_mtl, which was not there before. */
static bool leave_psm_out(void) {
    static const char *const chosen[] = {"OMPI_MCA_mtl", "OMPI_MCA_pml", "OMPI_MCA_mca_param_files",
                                         "OMPI_MCA_mca_base_param_files", "OMPI_MCA_mca_base_param_file_prefix"};
    for (size_t i = 0; i < sizeof chosen / sizeof *chosen; i++)
        if (getenv(chosen[i])) return false;
    if (access("/dev/ipath", F_OK) == 0 || access("/dev/hfi1_0", F_OK) == 0 || !is_system_open_mpi()) return false;
    const char *home = getenv("HOME");
    char user_file[1024], value[300];
    int length = snprintf(user_file, sizeof user_file, "%s/.openmpi/mca-params.conf", home ? home : "");
    if (length < 0 || (size_t)length >= sizeof user_file) return false;
    return rp__net_start_mtl(user_file, SITE_FILE, value, sizeof value) && setenv("OMPI_MCA_mtl", value, 0) == 0;
}

int rp__net_start(rp_error *error) {
    int initialized = 0, finalized = 0, provided = MPI_THREAD_SINGLE;
    MPI_Initialized(&initialized);
    MPI_Finalized(&finalized);
    if (finalized)
        return rp__fail(error, RP_EMPI,
                        "MPI was ended before in this process and cannot be started twice: open one "
                        "world, before any MPI_Finalize");
    if (initialized)
        return rp__fail(error, RP_EMPI,
                        "MPI was already started in this process: open the world before MPI_Init, "
                        "and leave MPI_Init to it");
    bool psm_left_out = leave_psm_out();
    int status = MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
    if (psm_left_out) unsetenv("OMPI_MCA_mtl");
    if (status != MPI_SUCCESS) return rp__net_mpi_fail(error, "MPI_Init_thread", status);
    if (provided < MPI_THREAD_FUNNELED)
        return rp__fail(error, RP_EMPI,
                        "this MPI gives MPI_THREAD_SINGLE only, but the pool calls MPI from a thread of its own: "
                        "use an MPI built with threads");
    return 0;
}
