/* sweep FILE.csv, a plug-in: a parameter sweep. Every line of the table is a task, and comes out again with what was
 * computed from it, in the order of the input.
 *
 * Here a line is a pendulum, `length,angle` in metres and degrees, and the answer its period, exact for large swings:
 * 2 pi sqrt(length / g) / M(1, cos(angle / 2)), where M is the arithmetic-geometric mean. The table is read as it is
 * needed, so it may be of any length. A line that makes no sense fails alone, and the others are printed. */
#include <errno.h>
#include <math.h>
#include <rankpool_job.h>
#include <stdlib.h>
#include <string.h>

static const double PI = 3.14159265358979323846, GRAVITY = 9.80665; /* the latter in m/s^2 */

static const char head[] = "length,angle"; /* of the table */

static double mean(double a, double b) {
    while (fabs(a - b) > 1e-15 * a) {
        const double next = (a + b) / 2;
        b = sqrt(a * b);
        a = next;
    }
    return a;
}

/* The line is ended by 0. */
static int swing(rp_task *task, const void *input, size_t size) {
    const char *line = input;
    double length, degrees;
    char rest;
    if (rp_task_index(task) == 0) return rp_task_printf(task, "%s,period\n", line); /* the table's head */
    if (sscanf(line, "%lf ,%lf %c", &length, &degrees, &rest) != 2 || !(length > 0) || !(fabs(degrees) < 180))
        return rp_task_fail(task, "line %llu is \"%.80s\": expected a length above 0 and an angle between -180 and 180",
                            (unsigned long long)rp_task_index(task) + 1, line);
    const double period = 2 * PI * sqrt(length / GRAVITY) / mean(1, cos(degrees / 360 * PI));
    return rp_task_printf(task, "%s,%.9f\n", line, period);
}

static const rp_kernel kernel = {.name = "sweep", .item = swing, .flags = RP_PURE};

static int plan(rp_job_run *run, int argc, const char *const argv[]) {
    if (argc != 1) return rp_job_fail(run, "%d words were given: expected one, FILE", argc);
    run->state = (void *)argv[0]; /* lent until release */
    run->map.count = RP_FED;
    run->ordered = true;
    return 0;
}

/* Rank 0 alone reads the file, so that no other host needs it. */
static int feed(rp_job_run *run, rp_map *map) {
    const char *name = run->state;
    FILE *file = fopen(name, "re");
    if (!file) return rp_job_fail(run, "cannot open \"%.160s\": %s", name, strerror(errno));
    char *line = NULL;
    size_t capacity = 0;
    bool any = false;
    int code = 0;
    while (!code && getline(&line, &capacity, file) >= 0) {
        line[strcspn(line, "\r\n")] = 0;
        if (!any && strcmp(line, head) != 0)
            code = rp_job_fail(run, "\"%.120s\" begins with \"%.60s\": expected \"%s\"", name, line, head);
        else
            code = rp_map_put(map, line, strlen(line) + 1);
        any = true;
    }
    if (!code && ferror(file)) code = rp_job_fail(run, "cannot read \"%.160s\": %s", name, strerror(errno));
    if (!code && !any) code = rp_job_fail(run, "\"%.160s\" is empty: expected \"%s\", and lines of it", name, head);
    free(line);
    fclose(file);
    return code == RP_ECLOSED ? 0 : code; /* it was stopped: that is for others to report */
}

static const rp_job job = {
    .name = "sweep",
    .arguments = "FILE",
    .summary = "the period of each pendulum of a table: length,angle",
    .details = "Reads comma-separated values with a head line, and prints them with one more column.\n",
    .kernel = &kernel,
    .plan = plan,
    .feed = feed,
};

RP_PLUGIN(job);
