/* Fits of two laws of scaling to measured speed-ups.
 *
 * Amdahl's law: G. M. Amdahl, "Validity of the single processor approach to achieving large scale computing
 * capabilities", AFIPS 1967. The Universal Scalability Law: N. J. Gunther, "A General Theory of Computational
 * Scalability Based on Rational Functions", arXiv:0808.1431. The serial fraction: A. H. Karp and H. P. Flatt, "Measuring
 * parallel processor performance", CACM 33(5), 1990.
 *
 * Both laws go through a speed-up of 1 at one worker. What is least is the sum of the squares of what they are off in
 * speed-ups, as they were measured: the straightened form of the law, p/S, would let the small counts of workers decide. */
#include "scale_fit.h"

#include <math.h>

enum { STEPS_MAX = 200 };

double scale_amdahl_speedup(const struct scale_amdahl *law, double workers) {
    return 1 / (law->serial + (1 - law->serial) / workers);
}

double scale_usl_speedup(const struct scale_usl *law, double workers) {
    return workers / (1 + law->contention * (workers - 1) + law->coherency * workers * (workers - 1));
}

static size_t different_workers(const struct scale_point *point, size_t count) {
    size_t different = 0;
    for (size_t i = 0; i < count; i++) {
        size_t before = 0;
        while (before < i && point[before].workers != point[i].workers) before++;
        different += before == i;
    }
    return different;
}

static double amdahl_square(const struct scale_point *point, size_t count, double serial) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        const double off = scale_amdahl_speedup(&(struct scale_amdahl){.serial = serial}, point[i].workers);
        sum += (off - point[i].speedup) * (off - point[i].speedup);
    }
    return sum;
}

/* Where the sum of squares is least between two fractions. It falls and rises once between neighbours of a grid that is
 * even in the logarithm, which a search by thirds then follows. */
bool scale_fit_amdahl(const struct scale_point *point, size_t count, struct scale_amdahl *law) {
    enum { GRID = 120 };
    if (different_workers(point, count) < SCALE_AMDAHL_LEAST) return false;
    double grid[GRID + 1];
    int best = 0;
    for (int i = 0; i <= GRID; i++) {
        grid[i] = i ? pow(10, 10 * ((double)i / GRID - 1)) : 0;
        if (amdahl_square(point, count, grid[i]) < amdahl_square(point, count, grid[best])) best = i;
    }
    double low = grid[best ? best - 1 : 0], high = grid[best < GRID ? best + 1 : GRID];
    for (int step = 0; step < STEPS_MAX; step++) {
        const double a = low + (high - low) / 3, b = high - (high - low) / 3;
        if (amdahl_square(point, count, a) <= amdahl_square(point, count, b))
            high = b;
        else
            low = a;
    }
    const double serial = low == 0 && high < 1e-12 ? 0 : (low + high) / 2;
    *law =
        (struct scale_amdahl){.serial = serial, .residual = sqrt(amdahl_square(point, count, serial) / (double)count)};
    return true;
}

static double usl_square(const struct scale_point *point, size_t count, const struct scale_usl *law) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        const double off = scale_usl_speedup(law, point[i].workers) - point[i].speedup;
        sum += off * off;
    }
    return sum;
}

/* The 2 by 2 system of least squares (a b; b c) x = (u; v), kept to what both laws allow: none below 0. */
static void solve(double a, double b, double c, double u, double v, double *x, double *y) {
    const double determinant = a * c - b * b;
    if (determinant <= 1e-14 * a * c) {
        *x = *y = 0;
        return;
    }
    *x = (c * u - b * v) / determinant;
    *y = (a * v - b * u) / determinant;
}

/* Gunther's straightened form, (p/S - 1) / (p - 1) = contention + coherency p: where the search begins. Of exact
 * speed-ups it is the answer. */
static struct scale_usl usl_straightened(const struct scale_point *point, size_t count) {
    struct scale_usl law = {0};
    double n = 0, sum_p = 0, sum_pp = 0, sum_y = 0, sum_py = 0;
    for (size_t i = 0; i < count; i++) {
        const double p = point[i].workers;
        if (p <= 1 || point[i].speedup <= 0) continue;
        const double y = (p / point[i].speedup - 1) / (p - 1);
        n++, sum_p += p, sum_pp += p * p, sum_y += y, sum_py += p * y;
    }
    solve(n, sum_p, sum_pp, sum_y, sum_py, &law.contention, &law.coherency);
    if (law.coherency < 0) law = (struct scale_usl){.contention = sum_y / n};
    if (law.contention < 0) law = (struct scale_usl){.coherency = sum_pp > 0 ? fmax(0, sum_py / sum_pp) : 0};
    return law;
}

/* One step of Levenberg and Marquardt's from `law`, of those parameters that are free to move. */
static struct scale_usl usl_step(const struct scale_point *point, size_t count, const struct scale_usl *law,
                                 double damping) {
    double a = 0, b = 0, c = 0, u = 0, v = 0, x, y;
    for (size_t i = 0; i < count; i++) {
        const double p = point[i].workers, speedup = scale_usl_speedup(law, p), off = point[i].speedup - speedup;
        const double by_contention = -speedup * speedup / p * (p - 1), by_coherency = by_contention * p;
        a += by_contention * by_contention, b += by_contention * by_coherency, c += by_coherency * by_coherency;
        u += by_contention * off, v += by_coherency * off;
    }
    const double more = 1 + damping;
    solve(a * more, b, c * more, u, v, &x, &y);
    if (law->contention + x < 0) x = -law->contention, y = (v - b * x) / (c * more); /* at its bound: along it */
    if (law->coherency + y < 0) {
        y = -law->coherency;
        x = fmax(-law->contention, (u - b * y) / (a * more));
    }
    return (struct scale_usl){.contention = law->contention + x, .coherency = fmax(0, law->coherency + y)};
}

bool scale_fit_usl(const struct scale_point *point, size_t count, struct scale_usl *out) {
    if (different_workers(point, count) < SCALE_USL_LEAST) return false;
    struct scale_usl law = usl_straightened(point, count);
    double square = usl_square(point, count, &law), damping = 1e-3;
    for (int step = 0; step < STEPS_MAX && damping < 1e12; step++) {
        const struct scale_usl next = usl_step(point, count, &law, damping);
        const double then = usl_square(point, count, &next);
        if (then < square) {
            law = next;
            square = then;
            damping /= 10;
        } else {
            damping *= 10;
        }
    }
    law.residual = sqrt(square / (double)count);
    *out = law;
    return true;
}

double scale_usl_peak(const struct scale_usl *law) {
    if (law->coherency <= 0) return INFINITY;
    return law->contention < 1 ? fmax(1, sqrt((1 - law->contention) / law->coherency)) : 1;
}

double scale_karp_flatt(const struct scale_point *point) {
    if (point->workers <= 1 || point->speedup <= 0) return NAN;
    return (1 / point->speedup - 1 / point->workers) / (1 - 1 / point->workers);
}

size_t scale_stops_paying(const struct scale_point *point, size_t count, double least) {
    for (size_t i = 1; i < count; i++)
        if (point[i].speedup - point[i - 1].speedup < least * (point[i].workers - point[i - 1].workers)) return i;
    return count;
}
