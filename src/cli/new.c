/* rankpool new NAME: writes NAME.c, a small job that works, and prints the line that compiles it.
 *
 * The line names the headers that belong to the program that runs: those beside it in a build's folder, or those that
 * were installed with it. It needs no variable and no pkg-config, and works from any folder. */
#include "cli.h"
#include "new_job.h" /* the source, made by CMake from new_job.c.in */

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char placeholder[] = "@NAME@";
enum { NAME_MOST = 40 };

static const char *last_part(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* It is a file's name, a kernel's, and stands in a comment and in strings. */
static bool is_name(const char *name) {
    const size_t length = strlen(name);
    if (length == 0 || length > NAME_MOST || isdigit((unsigned char)*name)) return false;
    for (const char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '_') return false;
    return true;
}

/* The source with the name put in. 0 or -1, see errno. */
static int write_source(FILE *out, const char *name) {
    const char *at = (const char *)new_job_source, *const end = at + sizeof new_job_source;
    const size_t mark = sizeof placeholder - 1;
    while (at < end) {
        const char *found = memmem(at, (size_t)(end - at), placeholder, mark);
        fwrite(at, 1, (size_t)((found ? found : end) - at), out);
        if (found) fputs(name, out);
        at = found ? found + mark : end;
    }
    return ferror(out) ? -1 : 0;
}

/* Where the headers of this very program are; "" where they are not there. */
static void find_headers(char folder[PATH_MAX]) {
    static const char *const places[] = {"include", RANKPOOL_TO_INCLUDE};
    char self[PATH_MAX], header[PATH_MAX + 64], there[PATH_MAX + 64];
    const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    folder[0] = 0;
    if (length <= 0) return;
    self[length] = 0;
    *strrchr(self, '/') = 0;
    for (size_t i = 0; i < sizeof places / sizeof *places && !folder[0]; i++) {
        snprintf(there, sizeof there, "%s/%s", self, places[i]);
        snprintf(header, sizeof header, "%.*s/rankpool_job.h", PATH_MAX, there);
        if (access(header, R_OK) || !realpath(there, folder)) folder[0] = 0;
    }
}

static void print_line(FILE *out, const char *path) {
    char option[PATH_MAX + 2] = "-I", file[PATH_MAX + 4];
    find_headers(option + 2);
    fputs("cc -O2 -Wall -Wextra -fPIC -shared ", out);
    if (option[2] && strcmp(option, "-I/usr/include")) {
        print_for_shell(out, option);
        fputc(' ', out);
    }
    fputs("-o ", out);
    snprintf(file, sizeof file, "%s.so", path);
    print_for_shell(out, file);
    fputc(' ', out);
    snprintf(file, sizeof file, "%s.c", path);
    print_for_shell(out, file);
    fputc('\n', out);
}

static bool is_taken(const char *name) {
    bool taken = find_job(name) != NULL;
    const rp_kernel **kernels = all_kernels(NULL);
    for (size_t i = 0; kernels && kernels[i] && !taken; i++) taken = !strcmp(kernels[i]->name, name);
    free(kernels);
    return taken;
}

static int plan(rp_job_run *run, int argc, const char *const argv[]) {
    if (argc != 1) return rp_job_fail(run, "%d words were given: expected one NAME, as in rankpool new mykernel", argc);
    const char *name = last_part(argv[0]);
    if (!is_name(name) || strlen(argv[0]) > PATH_MAX - 4)
        return rp_job_fail(run,
                           "\"%.60s\" is not a name for a job: expected up to %d letters, digits and _, with no digit "
                           "first; a folder may stand before it, and .c is added",
                           argv[0], NAME_MOST);
    if (is_taken(name)) return rp_job_fail(run, "%s is one of rankpool's own names: give another", name);
    return 0;
}

static int not_written(rp_job_run *run, const char *file, int reason) {
    if (reason == EEXIST)
        rp_job_fail(run, "%.120s is there already: give another name, or remove it", file);
    else
        rp_job_fail(run, "cannot write %.120s: %s", file, strerror(reason));
    return complain(reason == EEXIST ? EXIT_USAGE : EXIT_ENVIRONMENT, run->message);
}

static int run_new(const struct options *options, rp_job_run *run) {
    const char *name = options->argv[0];
    char file[PATH_MAX];
    if (!is_first_rank()) return EXIT_DONE;
    snprintf(file, sizeof file, "%s.c", name);
    FILE *out = fopen(file, "wxe");
    if (!out) return not_written(run, file, errno);
    const int reason = write_source(out, last_part(name)) ? errno : 0;
    if (fclose(out) || reason) {
        unlink(file); /* half of it is of no use */
        return not_written(run, file, reason ? reason : errno);
    }
    char object[PATH_MAX + 2];
    snprintf(object, sizeof object, "%s%s.so", strchr(name, '/') ? "" : "./", name);
    fprintf(stderr, "rankpool: wrote %s, a job that works. The line below compiles it; then run rankpool ", file);
    print_for_shell(stderr, object);
    fputs(" 1e6\n", stderr);
    print_line(stdout, name);
    return fflush(stdout) ? not_written(run, "standard output", errno) : EXIT_DONE;
}

static const rp_job job = {
    .name = "new",
    .arguments = "NAME",
    .summary = "write NAME.c, a job of your own to start from, and tell how to compile it",
    .details =
        "NAME.c is a whole job in C: arguments, kernel, collecting, printing. Nothing is overwritten.\n"
        "The command that compiles it goes to standard output, so that  eval \"$(rankpool new mine)\"  does both.\n"
        "Then  rankpool ./mine.so 1e6  runs it, as any job, here, under mpirun and under srun: the file has to be\n"
        "there on every host. It is compiled again when the contract of jobs, rankpool_job.h, has changed.\n",
    .plan = plan,
};

const struct tool tool_new = {&job, run_new};
