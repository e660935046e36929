/* The picture of `rankpool scale`: speed-up with the ideal line, efficiency, and where the workers' time goes. The data
 * and the script of FILE.svg stay beside it as FILE.dat and FILE.gp, so that whoever wants another picture changes the
 * script and calls gnuplot. Without gnuplot they are written all the same. Curves differ by dashes and points, and parts
 * of bars by patterns, so that it can be read in black and white. */
#include "scale.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

extern char **environ;

static const struct {
    const char *ending, *terminal;
} kinds[] = {{".svg", "svg size 900,1280 enhanced font 'Helvetica,15' background 'white'"},
             {".png", "pngcairo size 900,1280 enhanced font 'Helvetica,15'"},
             {".pdf", "pdfcairo size 7in,9.95in enhanced font 'Helvetica,12'"}};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* The kind of picture; KINDS: none that is known. */
static int kind_of(const char *file) {
    const size_t length = strlen(file);
    int kind = 0;
    while (kind < KINDS && (length <= 4 || strcmp(file + length - 4, kinds[kind].ending))) kind++;
    return kind;
}

bool scale_plot_knows(const char *file) { return kind_of(file) < KINDS; }

/* ---- The data: a block a curve, and one of bars ---- */

static void print_curve(FILE *out, const struct scale *scale, enum scale_series series, const struct scale_layout **of,
                        size_t count) {
    fprintf(out, "# %s\n", scale_series_name(series));
    for (size_t i = 0; i < count; i++) {
        const struct scale_row row = scale_row(scale, of[i]);
        fprintf(out, "%u %u %.9g %.9g %.9g %.9g\n", of[i]->workers, of[i]->nodes, row.seconds, row.seconds * row.spread,
                row.speedup, row.efficiency);
    }
    fputs("\n\n", out);
}

static void print_bars(FILE *out, const struct scale *scale) {
    fputs("# where the time goes: layout, computing, waiting, dealing in percent\n", out);
    for (size_t i = 0; i < scale->layouts; i++) {
        const struct scale_layout *layout = &scale->layout[i];
        if (layout->left_out[0]) continue;
        const struct scale_row row = scale_row(scale, layout);
        fprintf(out, "\"%s %u", scale_series_name(layout->series), layout->workers);
        if (layout->nodes > 1) fprintf(out, " on %u", layout->nodes);
        fprintf(out, "\" %.3f %.3f %.3f\n", 100 * row.computing, 100 * row.waiting, 100 * row.dealing);
    }
}

/* The curves that have points; `curve` has room for SCALE_SERIES. RP_EOUTPUT. */
static int write_data(FILE *out, const struct scale *scale, enum scale_series *curve, int *curves) {
    struct scale_point *point = malloc(scale->layouts * sizeof *point);
    const struct scale_layout **of = malloc(scale->layouts * sizeof *of);
    *curves = 0;
    fputs("# workers nodes seconds half-range speed-up efficiency\n", out);
    for (enum scale_series series = SCALE_THREADS; point && of && series < SCALE_SERIES; series++) {
        const size_t count = scale_curve(scale, series, point, of);
        if (!count || (series == SCALE_PACKED && scale->site.nodes == 1)) continue;
        curve[(*curves)++] = series;
        print_curve(out, scale, series, of, count);
    }
    print_bars(out, scale);
    const bool good = point && of;
    free(point);
    free(of);
    return good ? 0 : RP_EOUTPUT;
}

/* ---- The script ---- */

/* A string of gnuplot's in single quotes, where a quote is written twice. */
static void print_quoted(FILE *out, const char *text) {
    fputc('\'', out);
    for (; *text; text++) fprintf(out, *text == '\'' ? "''" : "%c", *text);
    fputc('\'', out);
}

struct title {
    char text[160];
    size_t length;
    bool cut; /* words were left out */
};

static void add_word(void *self, const char *word) {
    enum { WIDE = 40 }; /* so many letters have room */
    struct title *title = self;
    title->cut |= title->length >= WIDE;
    if (!title->cut)
        title->length += (size_t)snprintf(title->text + title->length, sizeof title->text - title->length,
                                          strlen(word) > 20 ? " %.20s..." : " %s", word);
}

static void print_title(FILE *out, const struct scale *scale) {
    struct title title = {.text = "rankpool", .length = strlen("rankpool")};
    scale_each_word(scale, add_word, &title);
    snprintf(title.text + title.length, sizeof title.text - title.length, "%s, %s scaling", title.cut ? " ..." : "",
             scale->weak ? "weak" : "strong");
    print_quoted(out, title.text);
}

static void print_curves(FILE *out, const char *what, int column, const enum scale_series *curve, int curves) {
    fprintf(out, "plot %s with lines dashtype 3 linewidth 1.5 linecolor 'gray40' title 'ideal'", what);
    for (int i = 0; i < curves; i++)
        fprintf(out, ", \\\n  data index %d using 1:%d with linespoints linestyle %d title '%s'", i, column, i + 1,
                scale_series_name(curve[i]));
    fputs("\n\n", out);
}

static void print_styles(FILE *out, int curves) {
    static const struct {
        int dash, point;
        const char *color;
    } style[SCALE_SERIES] = {{2, 8, "#0060a0"}, {1, 7, "black"},   {1, 5, "#b03000"},
                             {4, 6, "#207020"}, {5, 4, "#703090"}, {2, 12, "#806000"}};
    for (int i = 0; i < curves; i++)
        fprintf(out, "set style line %d linewidth 2 dashtype %d pointtype %d pointsize 1.2 linecolor '%s'\n", i + 1,
                style[i].dash, style[i].point, style[i].color);
}

static void write_script(FILE *out, const struct scale *scale, const char *picture, const char *data,
                         const enum scale_series *curve, int curves) {
    uint32_t most = 1;
    for (size_t i = 0; i < scale->layouts; i++)
        if (!scale->layout[i].left_out[0] && scale->layout[i].workers > most) most = scale->layout[i].workers;
    fprintf(out, "# Draws %s: gnuplot calls it by the name of this file.\nset terminal %s\nset output ", picture,
            kinds[kind_of(picture)].terminal);
    print_quoted(out, picture);
    fputs("\ndata = ", out);
    print_quoted(out, data);
    fprintf(out, "\nmost = %u\n", most);
    print_styles(out, curves);
    fputs("set multiplot layout 3,1 title ", out);
    print_title(out, scale);
    fputs(
        " noenhanced\n"
        "set grid linecolor 'gray80'\nset border 3\nset tics nomirror\nset lmargin 9\nset rmargin 3\n"
        "set xlabel 'workers'\n"
        "if (most > 16) { set logscale x 2; set xrange [0.9:most * 1.1] } else { set xrange [0:most + 0.5]; set xtics "
        "1 + (most > 8) }\n\n"
        "set ylabel 'speed-up'\nset key left top\n"
        "if (most > 16) { set logscale y 2; set yrange [0.5:*] } else { set yrange [0:*] }\n",
        out);
    print_curves(out, "x", 5, curve, curves);
    fputs("unset logscale y\nset ylabel 'efficiency'\nset yrange [0:1.15]\nset ytics 0.2\nset key left bottom\n", out);
    print_curves(out, "1", 6, curve, curves);
    fprintf(out,
            "unset logscale x\nunset xlabel\nset xrange [*:*]\nset xtics autofreq rotate by 45 right noenhanced\n"
            "set grid noxtics\nset ylabel 'share of the workers'' time, %%'\nset yrange [0:100]\nset ytics 20\n"
            "set key outside top center horizontal reverse Left\n"
            "set style data histograms\nset style histogram rowstacked\nset boxwidth 0.7\n"
            "plot data index %d using 2:xtic(1) linecolor 'gray60' fillstyle solid 1 border linecolor 'black' title "
            "'computing', \\\n"
            "  '' index %d using 3 linecolor 'black' fillstyle empty border linecolor 'black' title 'waiting', \\\n"
            "  '' index %d using 4 linecolor 'black' fillstyle pattern 2 border linecolor 'black' title 'dealing'\n"
            "unset multiplot\n",
            curves, curves, curves);
}

/* ---- Files and gnuplot ---- */

/* The picture's name with another ending. */
static void beside(const char *picture, const char *ending, char *name, size_t size) {
    snprintf(name, size, "%.*s%s", (int)strlen(picture) - 4, picture, ending);
}

static const char *last_part(const char *file) {
    const char *slash = strrchr(file, '/');
    return slash ? slash + 1 : file;
}

static int failed(const char *file) {
    fprintf(stderr, "rankpool: cannot write %s: %s\n", file, strerror(errno));
    return EXIT_ENVIRONMENT;
}

static int write_files(const struct scale *scale, const char *script, const char *data) {
    enum scale_series curve[SCALE_SERIES];
    int curves;
    FILE *out = fopen(data, "w");
    if (!out) return failed(data);
    int rc = write_data(out, scale, curve, &curves);
    if (fclose(out) || rc) return failed(data);
    if (!(out = fopen(script, "w"))) return failed(script);
    write_script(out, scale, last_part(scale->plot), last_part(data), curve, curves);
    return fclose(out) ? failed(script) : 0;
}

/* In the folder of the files, as the script names them. This thread's blocked signals are not for gnuplot. The exit code
 * of gnuplot, 127: it is not there; -1: it cannot be started. */
static int call_gnuplot(const char *script) {
    char folder[4096] = ".";
    if (last_part(script) > script) snprintf(folder, sizeof folder, "%.*s", (int)(last_part(script) - script), script);
    char *argv[] = {(char *)"gnuplot", (char *)last_part(script), NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    pid_t pid;
    int status;
    sigemptyset(&none);
    if (posix_spawn_file_actions_init(&actions)) return -1;
    if (posix_spawnattr_init(&attributes)) {
        posix_spawn_file_actions_destroy(&actions);
        return -1;
    }
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", 0 /* to read */, 0);
    posix_spawn_file_actions_adddup2(&actions, 2, 1); /* standard output is for results */
    posix_spawn_file_actions_addchdir_np(&actions, folder);
    const int rc = posix_spawnp(&pid, argv[0], &actions, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (rc) return rc == ENOENT ? 127 : -1;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int scale_plot(const struct scale *scale) {
    const size_t size = strlen(scale->plot) + 1;
    char *script = malloc(size), *data = malloc(size);
    int exit_code = EXIT_ENVIRONMENT;
    if (script && data) {
        beside(scale->plot, ".gp", script, size);
        beside(scale->plot, ".dat", data, size);
        exit_code = write_files(scale, script, data);
    }
    const int drawn = exit_code ? 0 : call_gnuplot(script);
    if (drawn == 127)
        fprintf(stderr,
                "rankpool: %s was not drawn: there is no gnuplot (package gnuplot-nox); %s and %s are written, so "
                "gnuplot can draw it anywhere\n",
                scale->plot, script, data);
    else if (drawn) {
        fprintf(stderr, "rankpool: gnuplot could not draw %s: look at what it says of %s\n", scale->plot, script);
        exit_code = EXIT_ENVIRONMENT;
    }
    free(script);
    free(data);
    return exit_code;
}
