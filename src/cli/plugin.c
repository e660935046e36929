/* Jobs that are loaded from a file: rankpool ./x.so.
 *
 * A plug-in comes from the command line alone, from the very file that was named: no variable and no search path is
 * looked at. It is loaded before the workers are forked, so that they have it, and stays. What can be told of the file
 * is told before the system's loader sees it, whose own words are few. Its symbols are seen by nothing else; the calls
 * of the library that it makes are the program's. */
#include "cli.h"
#include "jobs.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool plugin_is(const char *word) {
    const size_t length = strlen(word);
    return strchr(word, '/') || (length > 3 && !strcmp(word + length - 3, ".so"));
}

/* The file may be wrong on one host only, so this is said with the host's name. */
RP_PRINTF(3, 4) static int wrong(rp_error *error, const char *file, const char *format, ...) {
    char host[64] = "";
    gethostname(host, sizeof host - 1);
    const int said = snprintf(error->text, sizeof error->text, "%.90s on %.30s: ", file, host);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->text + said, sizeof error->text - (size_t)said, format, arguments);
    va_end(arguments);
    error->code = RP_EUSAGE;
    return RP_EUSAGE;
}

/* A name without a slash would be looked for on the library path. */
static void *load(const char *file, int flags) {
    char *path = NULL;
    if (asprintf(&path, "%s%s", strchr(file, '/') ? "" : "./", file) < 0) return NULL;
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL | flags);
    free(path);
    return library;
}

/* The fields that are looked at in files of another kind are where they are in ours. false: it is no ELF file. */
static bool read_head(int fd, ElfW(Ehdr) * head) {
    return pread(fd, head, sizeof *head, 0) == (ssize_t)sizeof *head && !memcmp(head->e_ident, ELFMAG, SELFMAG);
}

/* Does the file hold all that is to be mapped? The loader would crash where it does not, halfway through a copy. */
static bool is_whole(int fd, const ElfW(Ehdr) * head, uint64_t size) {
    for (unsigned i = 0; i < head->e_phnum; i++) {
        ElfW(Phdr) part;
        const off_t at = (off_t)(head->e_phoff + (uint64_t)i * head->e_phentsize);
        if (at < 0 || pread(fd, &part, sizeof part, at) != (ssize_t)sizeof part) return false;
        if (part.p_type == PT_LOAD && (part.p_filesz > size || part.p_offset > size - part.p_filesz)) return false;
    }
    return true;
}

static int check_object(const char *file, int fd, uint64_t size, rp_error *error) {
    ElfW(Ehdr) head, own;
    if (!read_head(fd, &head))
        return wrong(error, file, "is not a shared object: compile it, by the line that rankpool new prints");
    const int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    const bool known = self >= 0 && read_head(self, &own);
    if (self >= 0) close(self);
    if (known && (head.e_machine != own.e_machine || head.e_ident[EI_CLASS] != own.e_ident[EI_CLASS] ||
                  head.e_ident[EI_DATA] != own.e_ident[EI_DATA]))
        return wrong(error, file, "was compiled for another kind of machine (ELF %u, and this is %u): compile it here",
                     head.e_machine, own.e_machine);
    if (head.e_type != ET_DYN)
        return wrong(error, file, "is an ELF file but no shared object: compile it with -shared -fPIC");
    if (!is_whole(fd, &head, size)) return wrong(error, file, "ends too early: compile it, or copy it, again");
    return 0;
}

static int check_file(const char *file, rp_error *error) {
    struct stat status;
    const int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO would wait for its writer */
    if (fd < 0 && errno == ENOENT)
        return wrong(error, file, "there is no such file: compile it first, to a place that every host sees");
    if (fd < 0) return wrong(error, file, "cannot be opened: %s", strerror(errno));
    int rc = 0;
    if (fstat(fd, &status))
        rc = wrong(error, file, "cannot be read: %s", strerror(errno));
    else if (S_ISDIR(status.st_mode))
        rc = wrong(error, file, "is a directory: expected a plug-in, a file such as ./x.so");
    else if (!S_ISREG(status.st_mode))
        rc = wrong(error, file, "is no regular file: expected a plug-in, a file such as ./x.so");
    else
        rc = check_object(file, fd, (uint64_t)status.st_size, error);
    close(fd);
    return rc;
}

/* The loader's words, without the name of the file that they begin with. */
static int not_loaded(const char *file, rp_error *error) {
    const char *reason = dlerror(), *name = reason ? strstr(reason, file) : NULL;
    if (!reason) reason = "out of memory";
    if (name && !strncmp(name + strlen(file), ": ", 2)) reason = name + strlen(file) + 2;
    return wrong(error, file, "cannot be loaded: %s%s", reason,
                 strstr(reason, "undefined symbol") ? " (compile it with the library that has it, -lNAME)"
                 : strstr(reason, "cannot open shared object")
                     ? " (it needs that library: tell where it is by -Wl,-rpath,FOLDER or in LD_LIBRARY_PATH)"
                 : strstr(reason, "executable") ? " (it is a program: compile it with -shared -fPIC)"
                                                : "");
}

static int check_table(const char *file, const rp_plugin *table, rp_error *error) {
    static const uint32_t sizes[] = {RP_PLUGIN_SIZES};
    if (memcmp(table->magic, RP_PLUGIN_MAGIC, sizeof table->magic))
        return wrong(error, file, "its rp_plugin_job is not what RP_PLUGIN writes: end its source with RP_PLUGIN(job)");
    if (table->version != RP_JOB_VERSION)
        return wrong(error, file,
                     "was built for version %u of the contract and this is %u: compile it again with this rankpool's "
                     "rankpool_job.h",
                     table->version, RP_JOB_VERSION);
    if (memcmp(table->sizes, sizes, sizeof sizes))
        return wrong(error, file,
                     "was built with another rankpool_job.h of the same version: compile it again with this "
                     "rankpool's");
    return 0;
}

static int check_job(const char *file, const rp_job *job, rp_error *error) {
    const char *const missing = !job                                        ? "job"
                                : !job->name || !*job->name                 ? "name"
                                : !job->summary                             ? "summary"
                                : !job->plan                                ? "plan"
                                : !job->kernel                              ? "kernel"
                                : !job->kernel->name                        ? "kernel name"
                                : !job->kernel->item == !job->kernel->range ? "kernel with one of item and range"
                                : job->save && !job->load                   ? "load beside its save"
                                : job->load && !job->save                   ? "save beside its load"
                                                                            : NULL;
    if (missing) return wrong(error, file, "its RP_PLUGIN has no %s: see rankpool_job.h", missing);
    const rp_kernel **kernels = all_kernels(NULL);
    if (!kernels) return wrong(error, file, "%s", rp_strerror(RP_ENOMEM));
    int rc = 0;
    for (size_t i = 0; kernels[i] && !rc; i++)
        if (!strcmp(kernels[i]->name, job->kernel->name))
            rc = wrong(error, file, "its kernel is called %.40s, as one of rankpool's own is: give it another name",
                       job->kernel->name);
    free(kernels);
    return rc;
}

/* Libraries under a plug-in read these when they are loaded, which is before the workers set them for themselves: unless
 * those have several cores, the pool's workers are the parallelism, and threads that began here would not be there after the fork. */
static void set_threads(uint32_t cores) {
    static const char *const names[] = {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
                                        "BLIS_NUM_THREADS"};
    char count[16];
    if (!cores && getenv(names[0])) return;
    snprintf(count, sizeof count, "%u", cores ? cores : 1);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) setenv(names[i], count, cores > 0);
}

/* A constructor of its libraries that exits would end the run as if it were done, without a word. */
struct loading {
    const char *file;
    bool over;
};

static void end_in_load(int status, void *self) {
    const struct loading *loading = self;
    if (loading->over) return;
    rp_error error;
    wrong(&error, loading->file, "ended the program while it was loaded, with exit code %d: see its constructors",
          status);
    fprintf(stderr, "rankpool: %s\n", error.text);
    _exit(EXIT_USAGE);
}

/* The watch stays registered until the program ends, so what it looks at does, too. */
static void *load_watched(const char *file) {
    struct loading *loading = malloc(sizeof *loading);
    if (!loading) return NULL;
    *loading = (struct loading){.file = file};
    if (on_exit(end_in_load, loading)) {
        free(loading);
        return NULL;
    }
    void *library = load(file, 0);
    loading->over = true;
    return library;
}

int plugin_load(const char *file, uint32_t cores, rp_error *error) {
    if (check_file(file, error)) return RP_EUSAGE;
    set_threads(cores);
    void *library = load_watched(file);
    if (!library) return not_loaded(file, error);
    const rp_plugin *table = dlsym(library, "rp_plugin_job");
    if (!table) return wrong(error, file, "has no RP_PLUGIN: end its source with RP_PLUGIN(job), see rankpool new");
    if (check_table(file, table, error)) return RP_EUSAGE;
    return check_job(file, table->job, error);
}

const rp_job *plugin_job(const char *file) {
    void *library = load(file, RTLD_NOLOAD);
    const rp_plugin *table = library ? dlsym(library, "rp_plugin_job") : NULL;
    if (library) dlclose(library); /* this time's count; plugin_load's keeps it */
    return table ? table->job : NULL;
}
