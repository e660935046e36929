/* Integers of any size, as FLINT's fmpz, read from words by the rules for numbers on the command line. */
#ifndef RP_JOBS_INTEGER_H
#define RP_JOBS_INTEGER_H

#include "rankpool.h"

#include <flint/fmpz.h>

/* An integer has at most this many decimal digits, or about: more is a mistake sooner than a wish, and memory
 * that runs out inside FLINT ends the process. */
enum { RP__INTEGER_DIGITS = 10000000 };

/* Read the whole word: -12, 1_000, 1e30, 1.5e9, 2^521, and after a power or an exponent one more term: 2^127-1,
 * 1e9+7. It need not be ended by 0. Returns 0, or RP_ENUMBER, RP_ERANGE (too many digits) or RP_ENOMEM with
 * *error, which shows the word; *value is undefined then. */
int rp__integer_read(const char *word, size_t size, fmpz_t value, rp_error *error);

/* The same, for a word that is only to be checked. */
int rp__integer_check(const char *word, size_t size, rp_error *error);

/* Append the decimal digits of `value` and a newline to the record. 0 or RP_ENOMEM. */
int rp__integer_write(rp_task *task, const fmpz_t value);

#endif
