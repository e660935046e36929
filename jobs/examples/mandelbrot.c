/* mandelbrot FILE.png, a plug-in: a picture of the set, computed by rows and written as PNG while it is computed.
 *
 * A record holds the pixels of its rows, and rows come in order, so no more of the picture than they is in memory. The
 * file has its name only when it is whole: until then it is FILE.png.part, which a run that fails removes. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <png.h>
#include <rankpool_job.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIXEL = 3 /* bytes: red, green, blue */, STEPS = 1000, WIDTH_MOST = 20000 };

/* What every task sees. Task i is row i. */
struct view {
    uint32_t width, height;
};

/* ---- In the workers ---- */

/* Steps until the point is known to be outside; 0: it is not after STEPS of them. */
static int steps_at(double x, double y) {
    double a = x, b = y;
    for (int step = 1; step <= STEPS; step++) {
        const double aa = a * a, bb = b * b;
        if (aa + bb > 4) return step;
        b = 2 * a * b + y;
        a = aa - bb + x;
    }
    return 0;
}

/* Black inside; outside never quite black. */
static void paint(uint8_t *pixel, int steps) {
    const double t = log(1 + steps) / log(2 + STEPS), u = 1 - t;
    memset(pixel, 0, PIXEL);
    if (steps == 0) return;
    pixel[0] = (uint8_t)(255 * fmin(1, 9 * u * t * t * t));
    pixel[1] = (uint8_t)(255 * fmin(1, 15 * u * u * t * t));
    pixel[2] = (uint8_t)(1 + 254 * fmin(1, 8.5 * u * u * u * t));
}

/* From -2.5 to 1 across, and as far up as down. */
static void paint_row(uint8_t *pixels, const struct view *view, uint64_t row) {
    const double step = 3.5 / view->width, y = ((double)view->height / 2 - (double)row - 0.5) * step;
    for (uint32_t i = 0; i < view->width; i++)
        paint(pixels + (size_t)PIXEL * i, steps_at(-2.5 + ((double)i + 0.5) * step, y));
}

static int paint_rows(rp_task *task, uint64_t begin, uint64_t end) {
    struct view view;
    memcpy(&view, rp_task_args(task, NULL), sizeof view);
    const size_t size = (size_t)PIXEL * view.width;
    for (uint64_t row = begin; row < end; row++) {
        uint8_t *pixels = rp_task_reserve(task, size);
        if (!pixels) return RP_ENOMEM;
        paint_row(pixels, &view, row);
        rp_task_commit(task, size);
        rp_task_progress(task, (double)(row + 1 - begin) / (double)(end - begin));
    }
    return 0;
}

static const rp_kernel kernel = {.name = "mandelbrot", .range = paint_rows, .flags = RP_PURE};

/* ---- On rank 0 ---- */

struct picture {
    struct view view;
    const char *name;
    char *part; /* the name until it is whole */
    FILE *file;
    png_structp png;
    png_infop info;
    uint64_t inside;
};

static int read_size(rp_job_run *run, const char *option, uint32_t otherwise, uint32_t *size) {
    const char *word = rp_job_option_value(run, option);
    uint64_t number = otherwise;
    rp_error error;
    if (word && rp_read_uint64(word, &number, &error)) return rp_job_fail(run, "--%s: %s", option, error.text);
    if (number < 1 || number > WIDTH_MOST)
        return rp_job_fail(run, "--%s %s was given: expected from 1 to %d pixels", option, word, WIDTH_MOST);
    *size = (uint32_t)number;
    return 0;
}

static int plan(rp_job_run *run, int argc, const char *const argv[]) {
    struct view view;
    if (argc != 1) return rp_job_fail(run, "%d words were given: expected one, FILE.png", argc);
    if (!*argv[0]) return rp_job_fail(run, "\"\" is no name of a file: expected FILE.png");
    if (read_size(run, "width", 700, &view.width) || read_size(run, "height", 500, &view.height)) return RP_EUSAGE;
    struct picture *picture = calloc(1, sizeof *picture);
    if (!picture) return rp_job_fail(run, "out of memory");
    picture->view = view;
    picture->name = argv[0]; /* lent until release */
    run->state = picture;
    run->map.count = view.height;
    run->map.args = &picture->view;
    run->map.args_size = sizeof picture->view;
    run->map.chunk_max = 64; /* rows of a record, whatever they take */
    run->ordered = true;
    return 0;
}

static void png_failed(png_structp png, const char *reason) { png_longjmp(png, 1); }

/* Of a file that is not run->out the user is to hear its name. */
static int unwritten(rp_job_run *run, const char *reason) {
    const struct picture *picture = run->state;
    rp_job_fail(run, "cannot write %.120s: %s", picture->name, reason);
    return RP_EOUTPUT;
}

/* Before the first row. Not in plan, which runs on every rank. */
static int begin_file(rp_job_run *run) {
    struct picture *picture = run->state;
    struct stat status;
    if (!stat(picture->name, &status) && !S_ISREG(status.st_mode)) /* it would be replaced */
        return unwritten(run, "it is no regular file; give another name");
    if (asprintf(&picture->part, "%s.part", picture->name) < 0) {
        picture->part = NULL;
        return RP_ENOMEM;
    }
    picture->file = fopen(picture->part, "wbe");
    if (!picture->file) return unwritten(run, strerror(errno));
    picture->png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, png_failed, NULL);
    picture->info = picture->png ? png_create_info_struct(picture->png) : NULL;
    if (!picture->info) return RP_ENOMEM;
    if (setjmp(png_jmpbuf(picture->png))) return unwritten(run, strerror(errno));
    png_init_io(picture->png, picture->file);
    png_set_IHDR(picture->png, picture->info, picture->view.width, picture->view.height, 8, PNG_COLOR_TYPE_RGB,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(picture->png, picture->info);
    return 0;
}

static int collect(rp_job_run *run, const rp_result *result) {
    struct picture *picture = run->state;
    const size_t row_size = (size_t)PIXEL * picture->view.width;
    const uint8_t *pixels = result->data;
    if (result->size != row_size * (result->end - result->begin)) return RP_EPROTOCOL;
    const int code = picture->file ? 0 : begin_file(run);
    if (code) return code;
    for (size_t at = 0; at < result->size; at += PIXEL)
        picture->inside += !pixels[at] && !pixels[at + 1] && !pixels[at + 2];
    if (setjmp(png_jmpbuf(picture->png))) return unwritten(run, strerror(errno));
    for (uint64_t row = result->begin; row < result->end; row++)
        png_write_row(picture->png, pixels + row_size * (row - result->begin));
    return 0;
}

static int finish(rp_job_run *run) {
    struct picture *picture = run->state;
    if (setjmp(png_jmpbuf(picture->png))) return unwritten(run, strerror(errno));
    png_write_end(picture->png, NULL);
    const int failed = fclose(picture->file);
    picture->file = NULL;
    if (failed || rename(picture->part, picture->name)) return unwritten(run, strerror(errno));
    free(picture->part);
    picture->part = NULL;
    const int length = fprintf(run->out, "%s: %" PRIu32 " x %" PRIu32 ", %" PRIu64 " points inside\n", picture->name,
                               picture->view.width, picture->view.height, picture->inside);
    return length < 0 ? RP_EOUTPUT : 0;
}

static void release(rp_job_run *run) {
    struct picture *picture = run->state;
    if (picture->png) png_destroy_write_struct(&picture->png, &picture->info);
    if (picture->file) fclose(picture->file);
    if (picture->part) unlink(picture->part);
    free(picture->part);
    free(picture);
}

static const rp_job_option options[] = {
    {"width", "N", "pixels across (default 700)"},
    {"height", "N", "and down (default 500)"},
    {NULL, NULL, NULL},
};

static const rp_job job = {
    .name = "mandelbrot",
    .arguments = "FILE.png",
    .summary = "a picture of the Mandelbrot set",
    .options = options,
    .kernel = &kernel,
    .plan = plan,
    .collect = collect,
    .finish = finish,
    .release = release,
};

RP_PLUGIN(job);
