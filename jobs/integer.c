/* The grammar is the one of rp_read_uint64, with a sign in front and without its bound:
 *
 *     integer = ["-"] term [("+" | "-") term]      the second term only after a power or an exponent
 *     term    = digits ["." digits] "e" digits | digits "^" digits | digits
 *
 * A minus in front belongs to the first term. Underscores stand between two digits. Sizes are bounded before
 * anything is computed. */
#include "integer.h"
#include "words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Words of the usual length need no memory from malloc. */
enum { SMALL = 128 };

struct scan {
    const char *at, *end;
    char *digits; /* room for all digits of the word and a 0 */
};

static int peek(const struct scan *scan) { return scan->at < scan->end ? (unsigned char)*scan->at : -1; }

static bool take(struct scan *scan, char c) {
    if (peek(scan) != c) return false;
    scan->at++;
    return true;
}

/* Append a run of digits, without its underscores, to scan->digits, of which `count` are there. Returns how many
 * are there then; as many as before if there is no digit. */
static size_t take_digits(struct scan *scan, size_t count) {
    const char *start = scan->at;
    for (;;) {
        const char *digit = scan->at;
        if (digit > start && digit < scan->end && *digit == '_') digit++;
        if (digit == scan->end || *digit < '0' || *digit > '9') break;
        scan->digits[count++] = *digit;
        scan->at = digit + 1;
    }
    scan->digits[count] = 0;
    return count;
}

/* An exponent. What is too large for any use stays near `huge`, which times any number's bits fits 64 bits. */
static int read_exponent(struct scan *scan, uint64_t *exponent) {
    static const uint64_t huge = 10000000000;
    if (take_digits(scan, 0) == 0) return RP_ENUMBER;
    *exponent = 0;
    for (const char *digit = scan->digits; *digit; digit++) {
        *exponent = 10 * *exponent + (uint64_t)(*digit - '0');
        if (*exponent > huge) *exponent = huge;
    }
    return 0;
}

/* base^exponent, unless it is sure to have too many digits: 10 bits are 3.01 of them. */
static int power(fmpz_t base, uint64_t exponent) {
    if (fmpz_cmp_ui(base, 1) <= 0 && exponent > 0) return 0;
    if (!fmpz_is_zero(base) && (fmpz_bits(base) - 1) * exponent > RP__INTEGER_DIGITS / 3 * 10) return RP_ERANGE;
    fmpz_pow_ui(base, base, exponent);
    return 0;
}

/* digits "." digits "e" digits: the `places` digits behind the point must be made whole by the exponent. */
static int scale(fmpz_t value, uint64_t exponent, size_t places) {
    if (exponent < places) return RP_ENUMBER;
    if (fmpz_is_zero(value)) return 0;
    if (exponent - places > RP__INTEGER_DIGITS) return RP_ERANGE;
    fmpz_t ten;
    fmpz_init_set_ui(ten, 10);
    fmpz_pow_ui(ten, ten, exponent - places);
    fmpz_mul(value, value, ten);
    fmpz_clear(ten);
    return 0;
}

/* Read a term. *plain: it is digits and nothing else. */
static int read_term(struct scan *scan, fmpz_t value, bool *plain) {
    uint64_t exponent;
    size_t whole = take_digits(scan, 0), count = whole;
    if (whole == 0) return RP_ENUMBER;
    bool fraction = take(scan, '.');
    if (fraction) count = take_digits(scan, whole);
    if (fraction && count == whole) return RP_ENUMBER;
    while (count > whole && scan->digits[count - 1] == '0') scan->digits[--count] = 0;
    if (count > RP__INTEGER_DIGITS) return RP_ERANGE;
    if (fmpz_set_str(value, scan->digits, 10)) return RP_ENUMBER;
    bool raised = !fraction && take(scan, '^');
    bool scaled = !raised && (take(scan, 'e') || take(scan, 'E'));
    *plain = !raised && !scaled;
    if (*plain) return fraction ? RP_ENUMBER : 0;
    int code = read_exponent(scan, &exponent);
    if (code) return code;
    return raised ? power(value, exponent) : scale(value, exponent, count - whole);
}

static int read_sum(struct scan *scan, fmpz_t value) {
    bool plain;
    bool negative = take(scan, '-');
    int code = read_term(scan, value, &plain);
    if (negative) fmpz_neg(value, value);
    int sign = code || plain ? 0 : take(scan, '+') ? 1 : take(scan, '-') ? -1 : 0;
    if (sign) {
        fmpz_t term;
        fmpz_init(term);
        code = read_term(scan, term, &plain);
        if (sign > 0) fmpz_add(value, value, term);
        if (sign < 0) fmpz_sub(value, value, term);
        fmpz_clear(term);
    }
    if (!code && scan->at < scan->end) code = RP_ENUMBER;
    return code;
}

/* A message with the word in it, cut, and without what would break its line. */
static int refuse(const char *word, size_t size, int code, rp_error *error) {
    enum { SHOWN = 60 };
    char shown[SHOWN + 1] = "";
    size_t length = size < SHOWN ? size : SHOWN;
    for (size_t i = 0; i < length; i++) shown[i] = word[i] < ' ' && word[i] >= 0 ? '?' : word[i];
    const char *dots = size > SHOWN ? "..." : "";
    *error = (rp_error){.code = code};
    if (code == RP_ENUMBER)
        snprintf(error->text, sizeof error->text,
                 "\"%s%s\" is not a whole number; expected one such as -12, 1_000, 1e30, 2^521 or 2^127-1", shown,
                 dots);
    else if (code == RP_ERANGE)
        snprintf(error->text, sizeof error->text, "\"%s%s\" is too large; expected at most %d digits", shown, dots,
                 RP__INTEGER_DIGITS);
    else
        snprintf(error->text, sizeof error->text, "\"%s%s\": out of memory", shown, dots);
    return code;
}

int rp__integer_read(const char *word, size_t size, fmpz_t value, rp_error *error) {
    char small[SMALL];
    if (size > RP__WORD_MAX) return refuse(word, size, RP_ERANGE, error);
    char *digits = size < SMALL ? small : malloc(size + 1);
    if (!digits) return refuse(word, size, RP_ENOMEM, error);
    struct scan scan = {.at = word, .end = word + size, .digits = digits};
    int code = read_sum(&scan, value);
    if (digits != small) free(digits);
    return code ? refuse(word, size, code, error) : 0;
}

int rp__integer_check(const char *word, size_t size, rp_error *error) {
    fmpz_t value;
    fmpz_init(value);
    int code = rp__integer_read(word, size, value, error);
    fmpz_clear(value);
    return code;
}

int rp__integer_write(rp_task *task, const fmpz_t value) {
    /* fmpz_sizeinbase may be one too many; a sign, the newline and fmpz_get_str's 0 come to it. */
    char *text = rp_task_reserve(task, fmpz_sizeinbase(value, 10) + 3);
    if (!text) return RP_ENOMEM;
    fmpz_get_str(text, 10, value);
    size_t length = strlen(text);
    text[length] = '\n';
    rp_task_commit(task, length + 1);
    return 0;
}
