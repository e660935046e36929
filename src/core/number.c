/* Numbers as people write them, read strictly: the whole word is the number or it is refused.
 *
 *     number = term [("+" | "-") term]      the second term only after a power or an exponent: 2^64-1, 1e15+2e11
 *     term   = digits ["." digits] "e" digits | digits "^" digits | digits
 *     digits = runs of 0-9 with single underscores between them
 *
 * A sum is not read after plain digits, so that 12-50, which was meant as a range, is not taken for -38. A fraction
 * is read only where the exponent makes a whole number of it. Nothing here depends on the locale. */
#include "core/error.h"
#include "rankpool_job.h"

#include <inttypes.h>
#include <string.h>

__extension__ typedef unsigned __int128 wide;

/* Larger than any uint64_t: values are kept at it instead of growing on. */
static const wide too_large = (wide)1 << 66;

static wide times(wide a, wide b) {
    wide product;
    return __builtin_mul_overflow(a, b, &product) || product > too_large ? too_large : product;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* The next digit of a run and *at behind it; -1 at the run's end. */
static int next_digit(const char **at, bool first) {
    const char *digit = *at;
    if (!first && *digit == '_') digit++;
    if (!is_digit(*digit)) return -1;
    *at = digit + 1;
    return *digit - '0';
}

static bool read_digits(const char **at, wide *value) {
    const char *start = *at;
    *value = 0;
    for (int digit; (digit = next_digit(at, *at == start)) >= 0;) *value = times(*value, 10) + (wide)digit;
    return *at > start;
}

/* Digits after the point go on at the end of *value. Zeros wait for a digit behind them, so that 1.50e1 needs as
 * little exponent as 1.5e1. *places counts the digits taken over. */
static bool read_fraction(const char **at, wide *value, uint64_t *places) {
    const char *start = *at;
    uint64_t zeros = 0;
    for (int digit; (digit = next_digit(at, *at == start)) >= 0;) {
        zeros++;
        if (digit == 0) continue;
        for (*places += zeros; zeros > 0; zeros--) *value = times(*value, 10);
        *value += (wide)digit;
    }
    return *at > start;
}

static wide power(wide base, wide exponent) {
    if (exponent == 0) return 1;
    if (base <= 1) return base;
    wide value = 1;
    for (; exponent > 0 && value < too_large; exponent--) value = times(value, base);
    return value;
}

/* Read a term. *plain: it is digits and nothing else. */
static bool read_term(const char **at, wide *value, bool *plain) {
    wide exponent;
    *plain = false;
    if (!read_digits(at, value)) return false;
    if (**at == '^') {
        ++*at;
        if (!read_digits(at, &exponent)) return false;
        *value = power(*value, exponent);
        return true;
    }
    uint64_t places = 0;
    bool fraction = **at == '.';
    if (fraction) {
        ++*at;
        if (!read_fraction(at, value, &places)) return false;
    }
    if (**at != 'e' && **at != 'E') {
        *plain = true;
        return !fraction;
    }
    ++*at;
    if (!read_digits(at, &exponent) || exponent < places) return false;
    *value = *value == 0 ? 0 : times(*value, power(10, exponent - places));
    return true;
}

/* How a word is shown: whole, or its beginning. */
enum { SHOWN = 60 };
static const char *dots(const char *word) { return strlen(word) > SHOWN ? "..." : ""; }

static int not_whole(const char *word, rp_error *error) {
    return rp__fail(error, RP_ENUMBER,
                    "\"%.*s%s\" is not a whole number; expected one such as 250000, 200_000_000, 1e9, 1.5e9 or 2^40",
                    SHOWN, word, dots(word));
}

static int not_in_range(const char *word, rp_error *error) {
    return rp__fail(error, RP_ERANGE, "\"%.*s%s\" does not fit; expected a number from 0 to %" PRIu64 " (2^64-1)",
                    SHOWN, word, dots(word), UINT64_MAX);
}

int rp_read_uint64(const char *word, uint64_t *value, rp_error *error) {
    const char *at = word;
    wide number, offset = 0;
    bool plain, offset_plain;
    if (!read_term(&at, &number, &plain)) return not_whole(word, error);
    char sign = plain ? 0 : *at;
    if (sign == '+' || sign == '-') {
        at++;
        if (!read_term(&at, &offset, &offset_plain)) return not_whole(word, error);
    }
    if (*at) return not_whole(word, error);
    if (number >= too_large || offset >= too_large) return not_in_range(word, error);
    if (sign == '-' && offset > number) return not_in_range(word, error);
    number = sign == '-' ? number - offset : number + offset;
    if (number > UINT64_MAX) return not_in_range(word, error);
    *value = (uint64_t)number;
    return 0;
}

/* ---- Seconds ------------------------------------------------------------------------------------------- */

/* A billion seconds are 31 years; it keeps nanoseconds within an int64_t. */
static const long double seconds_most = 1e9L;

static int not_seconds(const char *word, rp_error *error) {
    return rp__fail(error, RP_ENUMBER,
                    "\"%.*s%s\" is not a time; expected seconds such as 5, 0.25 or 1e-3, or 250ms, 2m, 1h", SHOWN, word,
                    dots(word));
}

static bool read_unit(const char *unit, long double *seconds) {
    static const struct {
        const char *name;
        long double seconds;
    } units[] = {{"", 1}, {"s", 1}, {"ms", 0.001L}, {"m", 60}, {"h", 3600}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(unit, units[i].name) != 0) continue;
        *seconds = units[i].seconds;
        return true;
    }
    return false;
}

/* Decimal digits with a point or without, .5 too. The value is mantissa / 10^places. */
static bool read_decimal(const char **at, long double *mantissa, long *places) {
    static const long double precise = 1e25L; /* more digits after the point than that add nothing */
    *mantissa = 0;
    *places = 0;
    const char *start = *at;
    for (int digit; (digit = next_digit(at, *at == start)) >= 0;) *mantissa = *mantissa * 10 + digit;
    if (**at != '.') return *at > start;
    start = ++*at;
    for (int digit; (digit = next_digit(at, *at == start)) >= 0;) {
        if (*mantissa > precise) continue;
        *mantissa = *mantissa * 10 + digit;
        ++*places;
    }
    return *at > start;
}

/* Scale by ten to the `exponent`, in one rounding as long as the power of ten is exact. */
static long double scale(long double value, long exponent) {
    long double power_of_ten = 1;
    for (long i = exponent < 0 ? -exponent : exponent; i > 0; i--) power_of_ten *= 10;
    return exponent < 0 ? value / power_of_ten : value * power_of_ten;
}

int rp_read_seconds(const char *word, double *seconds, rp_error *error) {
    enum { EXPONENT_MOST = 2000 }; /* beyond any use, and within a long double */
    const char *at = word;
    long double mantissa, unit;
    long places;
    wide exponent = 0;
    bool small = false;
    if (!read_decimal(&at, &mantissa, &places)) return not_seconds(word, error);
    if (*at == 'e' || *at == 'E') {
        small = at[1] == '-';
        at += small ? 2 : 1;
        if (!read_digits(&at, &exponent)) return not_seconds(word, error);
    }
    if (!read_unit(at, &unit)) return not_seconds(word, error);
    long shift = exponent > EXPONENT_MOST ? EXPONENT_MOST : (long)exponent;
    shift = (small ? -shift : shift) - places;
    if (shift < -2 * EXPONENT_MOST) shift = -2 * EXPONENT_MOST;
    long double value = mantissa > 0 ? scale(mantissa, shift) * unit : 0;
    if (!(value <= seconds_most))
        return rp__fail(error, RP_ERANGE, "\"%.*s%s\" is too long a time; expected at most %.0Lf seconds", SHOWN, word,
                        dots(word), seconds_most);
    *seconds = (double)value;
    return 0;
}

/* ---- Bytes --------------------------------------------------------------------------------------------- */

static int not_bytes(const char *word, rp_error *error) {
    return rp__fail(error, RP_ENUMBER, "\"%.*s%s\" is not a size; expected one such as 500000000, 512M, 1.5G or 1GiB",
                    SHOWN, word, dots(word));
}

/* K, KiB: 1024. KB: 1000. And so on. */
static bool read_size_unit(const char *unit, long double *bytes) {
    static const char letters[] = "KMGTP";
    const char *letter = *unit ? strchr(letters, *unit & ~('a' - 'A')) : NULL;
    if (!letter) return false;
    const bool decimal = strcmp(unit + 1, "B") == 0;
    if (!decimal && unit[1] && strcmp(unit + 1, "iB") != 0) return false;
    *bytes = 1;
    for (const char *at = letters; at <= letter; at++) *bytes *= decimal ? 1000 : 1024;
    return true;
}

int rp_read_bytes(const char *word, uint64_t *bytes, rp_error *error) {
    static const long double most = 18446744073709551616.0L;
    const int code = rp_read_uint64(word, bytes, error);
    if (code != RP_ENUMBER) return code;
    const char *at = word;
    long double mantissa, unit;
    long places;
    if (!read_decimal(&at, &mantissa, &places) || !read_size_unit(at, &unit)) return not_bytes(word, error);
    const long double value = scale(mantissa, -places) * unit;
    if (!(value < most))
        return rp__fail(error, RP_ERANGE, "\"%.*s%s\" is too large a size; expected at most 16383P", SHOWN, word,
                        dots(word));
    *bytes = (uint64_t)value;
    if (error) *error = (rp_error){0};
    return 0;
}
