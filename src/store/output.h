/* Where the output of a stored run goes: a file, which is continued, or standard output, whose bytes are kept for the
 * store as well. Lengths are bytes since the run began, in all of its parts. */
#ifndef RP_STORE_OUTPUT_H
#define RP_STORE_OUTPUT_H

#include "core/buffer.h"
#include "rankpool.h"

#include <stdio.h>

struct rp__output {
    FILE *stream;
    char *path;              /* of the file; NULL: standard output */
    bool keeps;              /* bytes of standard output go to `fresh`, too */
    int gone;                /* errno: standard output took no more. What is kept goes on, since it is printed again */
    struct rp__buffer fresh; /* written since they were taken last */
};

/* Opens it. `path`: a file of at least `length` bytes (RP_EMISMATCH), made where there is none; it is not changed yet.
 * NULL: standard output. RP_EOUTPUT, RP_ENOMEM. */
int rp__output_open(struct rp__output *output, const char *path, uint64_t length, rp_error *error);
/* Goes on at `length`: a file is cut there. RP_EOUTPUT. */
int rp__output_start(struct rp__output *output, uint64_t length, rp_error *error);
/* Prints what was kept of standard output, without keeping it once more. */
int rp__output_repeat(struct rp__output *output, const void *data, size_t size, rp_error *error);
/* Hands what was written to the system; *length, of a file, is how long it is. RP_EOUTPUT. */
int rp__output_flush(struct rp__output *output, uint64_t *length, rp_error *error);
/* RP_EOUTPUT: something is lost. */
int rp__output_close(struct rp__output *output, rp_error *error);

#endif
