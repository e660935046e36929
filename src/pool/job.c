/* What a job asks of whoever runs it: the options given to it, and a place for its message. */
#include "rankpool_job.h"

#include <stdarg.h>
#include <string.h>

const char *rp_job_option_value(const rp_job_run *run, const char *name) {
    for (const rp_job_given *given = run->given; given && given->name; given++)
        if (!strcmp(given->name, name)) return given->value;
    return NULL;
}

int rp_job_fail(rp_job_run *run, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(run->message, sizeof run->message, format, args);
    va_end(args);
    for (char *c = run->message; *c; c++) /* words of the user's may hold anything */
        if ((unsigned char)*c < ' ' || *c == 0x7f) *c = '?';
    return RP_EUSAGE;
}
