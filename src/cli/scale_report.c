/* What `rankpool scale` tells: a table, or the same as CSV or JSON, and what follows from it. */
#include "scale.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double NO_LOSS = 1e-6; /* no table of seconds can tell a smaller part from none */
static const double PAYS = 0.5;     /* of a speed-up for each worker that a step adds */

const char *scale_series_name(enum scale_series series) {
    static const char *const names[SCALE_SERIES] = {"sequential", "threads",      "processes",   "packed",
                                                    "spread",     "packed-ranks", "spread-ranks"};
    return names[series];
}

static void take_option(const rp_job_given *given, void (*take)(void *self, const char *word), void *self) {
    char name[64];
    snprintf(name, sizeof name, "--%s", given->name);
    take(self, name);
    if (given->value[0]) take(self, given->value);
}

void scale_each_word(const struct scale *scale, void (*take)(void *self, const char *word), void *self) {
    take(self, scale->job->name);
    for (const rp_job_given *given = scale->given; given && given->name; given++)
        for (const rp_job_option *own = scale->job->options; own && own->name; own++)
            if (!strcmp(own->name, given->name)) take_option(given, take, self);
    for (int i = 0; i < scale->argc; i++) take(self, scale->argv[i]);
}

/* ---- Numbers ---- */

static int compare_doubles(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double scale_median(const double *seconds, size_t count) {
    double *sorted = count ? malloc(count * sizeof *sorted) : NULL;
    if (!sorted) return NAN;
    for (size_t i = 0; i < count; i++) sorted[i] = seconds[i];
    qsort(sorted, count, sizeof *sorted, compare_doubles);
    const double median = (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
    free(sorted);
    return median;
}

static double half_range(const double *seconds, size_t count) {
    double least = INFINITY, most = 0;
    for (size_t i = 0; i < count; i++) {
        least = fmin(least, seconds[i]);
        most = fmax(most, seconds[i]);
    }
    return (most - least) / 2;
}

struct scale_row scale_row(const struct scale *scale, const struct scale_layout *layout) {
    struct scale_row row = {.seconds = scale_median(layout->seconds, layout->rounds)};
    const double base = scale_median(scale->layout[0].seconds, scale->layout[0].rounds);
    const double work = scale->weak ? layout->workers : 1;
    row.spread = half_range(layout->seconds, layout->rounds) / row.seconds;
    row.speedup = work * base / row.seconds;
    row.efficiency = row.speedup / layout->workers;
    row.serial = scale_karp_flatt(&(struct scale_point){layout->workers, row.speedup});
    row.computing = fmin(1, layout->busy_s / layout->workers_s);
    row.waiting = fmin(1 - row.computing, layout->idle_s / layout->workers_s);
    row.dealing = 1 - row.computing - row.waiting;
    return row;
}

static bool is_on_curve(const struct scale *scale, const struct scale_layout *layout, enum scale_series series) {
    if (layout->left_out[0]) return false;
    const bool whole_node = layout->series == SCALE_PROCESSES && layout->workers == scale->site.limit[0];
    return layout->series == series || (series == SCALE_PACKED && whole_node);
}

size_t scale_curve(const struct scale *scale, enum scale_series series, struct scale_point *point,
                   const struct scale_layout **of) {
    size_t count = 0;
    for (size_t i = 0; i < scale->layouts; i++) {
        const struct scale_layout *layout = &scale->layout[i];
        if (!is_on_curve(scale, layout, series)) continue;
        if (of) of[count] = layout;
        point[count++] = (struct scale_point){layout->workers, scale_row(scale, layout).speedup};
    }
    return count;
}

/* The layout of this curve and number of workers; NULL: it was not measured. */
static const struct scale_layout *find(const struct scale *scale, enum scale_series series, uint32_t workers) {
    for (size_t i = 0; i < scale->layouts; i++) {
        const struct scale_layout *layout = &scale->layout[i];
        if (layout->series == series && layout->workers == workers && !layout->left_out[0]) return layout;
    }
    return NULL;
}

/* What is fitted: a curve of all that grows by workers on one node, and then by nodes. */
struct fit {
    const char *name;
    enum scale_series series[2];
};
static const struct fit fits[] = {{"threads", {SCALE_THREADS, SCALE_SERIES}},
                                  {"processes, then packed nodes", {SCALE_PROCESSES, SCALE_PACKED}},
                                  {"spread", {SCALE_SPREAD, SCALE_SERIES}},
                                  {"packed-ranks", {SCALE_PACKED_RANKS, SCALE_SERIES}},
                                  {"spread-ranks", {SCALE_SPREAD_RANKS, SCALE_SERIES}}};
enum { FITS = sizeof fits / sizeof *fits };

static size_t fit_points(const struct scale *scale, const struct fit *fit, struct scale_point *point) {
    size_t count = scale_curve(scale, fit->series[0], point, NULL);
    if (fit->series[1] == SCALE_SERIES || scale->site.nodes == 1) return count;
    return count - 1 + scale_curve(scale, fit->series[1], point + count - 1, NULL); /* they share the whole node */
}

/* ---- The table ---- */

static void print_table(FILE *out, const struct scale *scale) {
    fprintf(out, "%-12s %5s %7s %10s %6s %8s %10s %8s %9s %7s %7s\n", "layout", "nodes", "workers", "seconds", "+-",
            "speed-up", "efficiency", "serial", "computing", "waiting", "dealing");
    for (size_t i = 0; i < scale->layouts; i++) {
        const struct scale_layout *layout = &scale->layout[i];
        fprintf(out, "%-12s %5u %7u ", scale_series_name(layout->series), layout->nodes, layout->workers);
        if (layout->left_out[0]) {
            fprintf(out, "left out: %s\n", layout->left_out);
            continue;
        }
        const struct scale_row row = scale_row(scale, layout);
        char serial[16] = "-";
        if (!isnan(row.serial) && !scale->weak) snprintf(serial, sizeof serial, "%.4f", row.serial);
        fprintf(out, "%10.4g %4.1f %% %8.2f %10.3f %8s %7.1f %% %5.1f %% %5.1f %%\n", row.seconds, 100 * row.spread,
                row.speedup, row.efficiency, serial, 100 * row.computing, 100 * row.waiting, 100 * row.dealing);
    }
}

static void print_ratios(FILE *out, const struct scale *scale) {
    bool any = false;
    for (size_t i = 0; i < scale->layouts; i++) {
        const struct scale_layout *one = &scale->layout[i];
        if (one->series != SCALE_PROCESSES || one->left_out[0]) continue;
        for (enum scale_series series = SCALE_SPREAD; series <= SCALE_SPREAD_RANKS; series++) {
            const struct scale_layout *many = find(scale, series, one->workers);
            if (!many || many->nodes < 2) continue;
            if (!any) fputs("\nOne node against several, with as many workers:\n", out);
            any = true;
            fprintf(out, "  %u workers: %u nodes (%s) take %.3f of the time of one\n", one->workers, many->nodes,
                    scale_series_name(series), scale_row(scale, many).seconds / scale_row(scale, one).seconds);
        }
    }
}

static void print_usl(FILE *out, const struct scale_usl *law) {
    const double peak = scale_usl_peak(law);
    fprintf(out, "    Universal Scalability Law: contention %.4f, coherency %.3g (off by %.2g): ", law->contention,
            law->coherency, law->residual);
    if (isfinite(peak))
        fprintf(out, "fastest at %.0f workers, %.1f times as fast\n", peak, scale_usl_speedup(law, peak));
    else if (law->contention > NO_LOSS)
        fprintf(out, "no peak, at most %.1f times as fast\n", 1 / law->contention);
    else
        fputs("no loss that grows with the workers\n", out);
}

static void print_fit(FILE *out, const struct scale *scale, const struct fit *fit, struct scale_point *point) {
    const size_t count = fit_points(scale, fit, point);
    struct scale_amdahl amdahl;
    struct scale_usl usl;
    if (!count) return;
    fprintf(out, "  %s:\n", fit->name);
    if (!scale_fit_amdahl(point, count, &amdahl)) {
        fprintf(out, "    too few numbers of workers: Amdahl's law needs %d, the Universal Scalability Law %d\n",
                SCALE_AMDAHL_LEAST, SCALE_USL_LEAST);
        return;
    }
    fprintf(out, "    Amdahl's law: serial part %.4f (off by %.2g): ", amdahl.serial, amdahl.residual);
    if (amdahl.serial > NO_LOSS)
        fprintf(out, "at most %.1f times as fast\n", 1 / amdahl.serial);
    else
        fputs("no limit to be seen\n", out);
    if (scale_fit_usl(point, count, &usl))
        print_usl(out, &usl);
    else
        fprintf(out, "    Universal Scalability Law: too few numbers of workers, it needs %d\n", SCALE_USL_LEAST);
}

/* Where adding nodes stops paying, on one of the curves that grow by nodes. */
static void print_step(FILE *out, const struct scale *scale, enum scale_series series, struct scale_point *point,
                       const struct scale_layout **of) {
    const size_t count = scale_curve(scale, series, point, of), step = scale_stops_paying(point, count, PAYS);
    if (count < 2) return;
    if (step == count) {
        fprintf(out, "  %s: up to all %u nodes it pays\n", scale_series_name(series), of[count - 1]->nodes);
        return;
    }
    fprintf(out,
            "  %s: from %u to %u nodes it stops paying: %.0f more workers add %.2f to the speed-up, less than half of "
            "theirs\n",
            scale_series_name(series), of[step - 1]->nodes, of[step]->nodes,
            point[step].workers - point[step - 1].workers, point[step].speedup - point[step - 1].speedup);
}

static void print_text(FILE *out, const struct scale *scale, struct scale_point *point,
                       const struct scale_layout **of) {
    print_table(out, scale);
    print_ratios(out, scale);
    fprintf(out, "\nFits to the speed-ups%s:\n", scale->weak ? " of work that grows with the workers" : "");
    for (int i = 0; i < FITS; i++) print_fit(out, scale, &fits[i], point);
    if (scale->site.nodes == 1) return;
    fputs("\nAdding nodes:\n", out);
    print_step(out, scale, SCALE_PACKED, point, of);
    print_step(out, scale, SCALE_PACKED_RANKS, point, of);
}

/* ---- For programs ---- */

static void print_number(FILE *out, double number, const char *none) {
    if (isfinite(number))
        fprintf(out, "%.9g", number);
    else
        fputs(none, out);
}

/* A part of a row, by the name that it has as a column and as a key. */
static const struct {
    const char *name;
    size_t offset;
} parts[] = {{"seconds", offsetof(struct scale_row, seconds)}, {"spread", offsetof(struct scale_row, spread)},
             {"speedup", offsetof(struct scale_row, speedup)}, {"efficiency", offsetof(struct scale_row, efficiency)},
             {"serial", offsetof(struct scale_row, serial)},   {"computing", offsetof(struct scale_row, computing)},
             {"waiting", offsetof(struct scale_row, waiting)}, {"dealing", offsetof(struct scale_row, dealing)}};
enum { PARTS = sizeof parts / sizeof *parts };

static double part_of(const struct scale_row *row, int part) {
    return *(const double *)((const char *)row + parts[part].offset);
}

static void print_rounds(FILE *out, const struct scale_layout *layout, const char *between) {
    for (size_t i = 0; i < layout->rounds; i++) fprintf(out, "%s%.9g", i ? between : "", layout->seconds[i]);
}

static void print_csv(FILE *out, const struct scale *scale) {
    fputs("layout,nodes,ranks,workers", out);
    for (int part = 0; part < PARTS; part++) fprintf(out, ",%s", parts[part].name);
    fputs(",rounds\n", out);
    for (size_t i = 0; i < scale->layouts; i++) {
        const struct scale_layout *layout = &scale->layout[i];
        if (layout->left_out[0]) continue;
        const struct scale_row row = scale_row(scale, layout);
        fprintf(out, "%s,%u,%u,%u", scale_series_name(layout->series), layout->nodes, layout->rank_count,
                layout->workers);
        for (int part = 0; part < PARTS; part++) {
            fputc(',', out);
            print_number(out, part_of(&row, part), "");
        }
        fputc(',', out);
        print_rounds(out, layout, " ");
        fputc('\n', out);
    }
}

static void print_json_text(FILE *out, const char *text) {
    fputc('"', out);
    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c < 0x20)
            fprintf(out, "\\u%04x", c);
        else
            fprintf(out, c == '"' || c == '\\' ? "\\%c" : "%c", c);
    }
    fputc('"', out);
}

static void print_json_layout(FILE *out, const struct scale *scale, const struct scale_layout *layout) {
    fprintf(out, "{\"layout\": \"%s\", \"nodes\": %u, \"ranks\": %u, \"workers\": %u",
            scale_series_name(layout->series), layout->nodes, layout->rank_count, layout->workers);
    if (layout->left_out[0]) {
        fputs(", \"left_out\": ", out);
        print_json_text(out, layout->left_out);
    } else {
        const struct scale_row row = scale_row(scale, layout);
        for (int part = 0; part < PARTS; part++) {
            fprintf(out, ", \"%s\": ", parts[part].name);
            print_number(out, part_of(&row, part), "null");
        }
        fputs(", \"rounds\": [", out);
        print_rounds(out, layout, ", ");
        fputs("]", out);
    }
    fputs("}", out);
}

static void print_json_fit(FILE *out, const struct scale *scale, const struct fit *fit, struct scale_point *point) {
    const size_t count = fit_points(scale, fit, point);
    struct scale_amdahl amdahl;
    struct scale_usl usl;
    fprintf(out, "{\"curve\": \"%s\", \"amdahl\": ", fit->name);
    if (scale_fit_amdahl(point, count, &amdahl))
        fprintf(out, "{\"serial\": %.9g, \"residual\": %.9g}", amdahl.serial, amdahl.residual);
    else
        fputs("null", out);
    fputs(", \"usl\": ", out);
    if (scale_fit_usl(point, count, &usl)) {
        fprintf(out, "{\"contention\": %.9g, \"coherency\": %.9g, \"residual\": %.9g, \"peak\": ", usl.contention,
                usl.coherency, usl.residual);
        print_number(out, scale_usl_peak(&usl), "null");
        fputs("}}", out);
    } else {
        fputs("null}", out);
    }
}

struct json_list {
    FILE *out;
    bool begun;
};

static void print_json_word(void *self, const char *word) {
    struct json_list *list = self;
    if (list->begun) fputs(", ", list->out);
    list->begun = true;
    print_json_text(list->out, word);
}

static void print_json(FILE *out, const struct scale *scale, struct scale_point *point) {
    fputs("{\"job\": [", out);
    scale_each_word(scale, print_json_word, &(struct json_list){.out = out});
    fprintf(out, "], \"scaling\": \"%s\", \"layouts\": [", scale->weak ? "weak" : "strong");
    for (size_t i = 0; i < scale->layouts; i++) {
        fputs(i ? ",\n  " : "\n  ", out);
        print_json_layout(out, scale, &scale->layout[i]);
    }
    fputs("], \"fits\": [", out);
    for (int i = 0; i < FITS; i++) {
        fputs(i ? ",\n  " : "\n  ", out);
        print_json_fit(out, scale, &fits[i], point);
    }
    fputs("]}\n", out);
}

int scale_report(FILE *out, const struct scale *scale) {
    struct scale_point *point = malloc(2 * scale->layouts * sizeof *point);
    const struct scale_layout **of = malloc(scale->layouts * sizeof *of);
    if (point && of) {
        if (scale->csv)
            print_csv(out, scale);
        else if (scale->json)
            print_json(out, scale, point);
        else
            print_text(out, scale, point, of);
    }
    const bool good = point && of && !fflush(out) && !ferror(out);
    free(point);
    free(of);
    return good ? 0 : RP_EOUTPUT;
}
