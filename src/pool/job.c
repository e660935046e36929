/* What a job asks of whoever runs it: the options given to it, and a place for its message. */
#include "rankpool_job.h"

#include "core/error.h"

#include <string.h>

const char *rp_job_option_value(const rp_job_run *run, const char *name) {
    for (const rp_job_given *given = run->given; given && given->name; given++)
        if (!strcmp(given->name, name)) return given->value;
    return NULL;
}

int rp_job_fail(rp_job_run *run, const char *format, ...) {
    va_list args;
    va_start(args, format);
    rp__put_line(run->message, sizeof run->message, format, args);
    va_end(args);
    return RP_EUSAGE;
}
