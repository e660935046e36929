/* Reading integers of any size: by hand, and against rp_read_uint64, whose grammar it shares, on random words. */
#include "integer.h"
#include "rankpool_job.h"
#include "unit.h"
#include "words.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Reads a copy of the word's very size, so that a read past its end is seen. */
static int read_copy(const char *word, size_t size, fmpz_t value, rp_error *error) {
    char *copy = malloc(size ? size : 1);
    memcpy(copy, word, size);
    int code = rp__integer_read(copy, size, value, error);
    free(copy);
    return code;
}

static void integers_are_read_as_people_write_them(void) {
    static const char *const good[][2] = {
        {"0", "0"},
        {"-0", "0"},
        {"-12", "-12"},
        {"007", "7"},
        {"1_000", "1000"},
        {"18446744073709551616", "18446744073709551616"},
        {"-99999999999999999999999999", "-99999999999999999999999999"},
        {"1e30", "1000000000000000000000000000000"},
        {"-1.5e3", "-1500"},
        {"1.50e1", "15"},
        {"0e99999999999999999999", "0"},
        {"2^64", "18446744073709551616"},
        {"-2^3", "-8"},
        {"2^127-1", "170141183460469231731687303715884105727"},
        {"-2^3+9", "1"},
        {"1e9+7", "1000000007"},
        {"2^5-1e2", "-68"},
        {"0^0", "1"},
        {"0^5", "0"},
        {"1^99999999999999999999", "1"},
    };
    fmpz_t value, expected;
    fmpz_init(value);
    fmpz_init(expected);
    for (size_t i = 0; i < COUNT(good); i++) {
        rp_error error = {0};
        fmpz_set_str(expected, good[i][1], 10);
        CU_ASSERT_EQUAL(read_copy(good[i][0], strlen(good[i][0]), value, &error), 0);
        CU_ASSERT_TRUE(fmpz_equal(value, expected));
        if (!fmpz_equal(value, expected)) printf("\n    %s: %s\n", good[i][0], error.text);
    }
    fmpz_clear(value);
    fmpz_clear(expected);
}

static void nonsense_is_refused_and_shown(void) {
    static const struct {
        const char *word;
        int code;
    } bad[] = {
        {"", RP_ENUMBER},
        {"-", RP_ENUMBER},
        {"--1", RP_ENUMBER},
        {"+1", RP_ENUMBER},
        {"12x", RP_ENUMBER},
        {" 1", RP_ENUMBER},
        {"1 ", RP_ENUMBER},
        {"1__0", RP_ENUMBER},
        {"1_", RP_ENUMBER},
        {"_1", RP_ENUMBER},
        {"1.5", RP_ENUMBER},
        {"1.0", RP_ENUMBER},
        {"1.25e1", RP_ENUMBER},
        {"1e", RP_ENUMBER},
        {"1e-3", RP_ENUMBER},
        {".5e1", RP_ENUMBER},
        {"2^", RP_ENUMBER},
        {"2^-1", RP_ENUMBER},
        {"2^3^2", RP_ENUMBER},
        {"12-5", RP_ENUMBER},
        {"2^3-1-1", RP_ENUMBER},
        {"2^3-", RP_ENUMBER},
        {"0x10", RP_ENUMBER},
        {"ten", RP_ENUMBER},
        {"1e10000001", RP_ERANGE},
        {"2^99999999", RP_ERANGE},
        {"9^99999999999999999999", RP_ERANGE},
        {"2^40000000-1", RP_ERANGE},
        {"1e99999999999999999999", RP_ERANGE},
    };
    fmpz_t value;
    fmpz_init(value);
    for (size_t i = 0; i < COUNT(bad); i++) {
        rp_error error = {0};
        int code = read_copy(bad[i].word, strlen(bad[i].word), value, &error);
        CU_ASSERT_EQUAL(code, bad[i].code);
        CU_ASSERT_EQUAL(error.code, bad[i].code);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.text, bad[i].word));
        CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "expected"));
        if (code != bad[i].code) printf("\n    %s: %s\n", bad[i].word, rp_error_name(code));
    }
    fmpz_clear(value);
}

static void bytes_that_are_no_text_are_refused_on_one_line(void) {
    fmpz_t value;
    rp_error error;
    fmpz_init(value);
    CU_ASSERT_EQUAL(read_copy("1\0002", 3, value, &error), RP_ENUMBER);
    CU_ASSERT_EQUAL(strncmp(error.text, "\"1?2\" is not", 12), 0);
    CU_ASSERT_EQUAL(read_copy("1\n2", 3, value, &error), RP_ENUMBER);
    CU_ASSERT_EQUAL(strncmp(error.text, "\"1?2\" is not", 12), 0);
    CU_ASSERT_EQUAL(read_copy("\x1b[31m", 5, value, &error), RP_ENUMBER);
    CU_ASSERT_PTR_NULL(strchr(error.text, '\x1b'));
    fmpz_clear(value);
}

static void a_number_of_many_digits_reads_back(void) {
    enum { DIGITS = 200000 };
    fmpz_t value, expected;
    rp_error error;
    fmpz_init(value);
    fmpz_init_set_ui(expected, 10);
    fmpz_pow_ui(expected, expected, DIGITS);
    fmpz_sub_ui(expected, expected, 12345);
    char *word = fmpz_get_str(NULL, 10, expected);
    CU_ASSERT_EQUAL(read_copy(word, strlen(word), value, &error), 0);
    CU_ASSERT_TRUE(fmpz_equal(value, expected));
    CU_ASSERT_EQUAL(read_copy("1e200000-12345", 14, value, &error), 0);
    CU_ASSERT_TRUE(fmpz_equal(value, expected));
    flint_free(word);
    fmpz_clear(value);
    fmpz_clear(expected);
}

/* The reader of streams cuts words there: a cut word must not pass for a number. */
static void a_word_beyond_the_limit_of_streams_is_refused(void) {
    const size_t size = RP__WORD_MAX + 1;
    char *word = malloc(size);
    for (size_t i = 0; i < size; i++) word[i] = i % 2 ? '_' : '0';
    fmpz_t value;
    rp_error error;
    fmpz_init(value);
    CU_ASSERT_EQUAL(rp__integer_read(word, size, value, &error), RP_ERANGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "\"0_0_0_"));
    fmpz_clear(value);
    free(word);
}

/* Both readers must say the same of a word, but for signs and for what does not fit 64 bits. */
static void check_readers_agree(const char *word) {
    uint64_t small = 0;
    rp_error error;
    fmpz_t value;
    fmpz_init(value);
    int code = rp_read_uint64(word, &small, NULL), code_here = read_copy(word, strlen(word), value, &error);
    bool agree = code == code_here;
    if (code == 0) agree = code_here == 0 && fmpz_cmp_ui(value, small) == 0;
    if (code == RP_ERANGE)
        agree = code_here == RP_ERANGE || (code_here == 0 && !(fmpz_sgn(value) >= 0 && fmpz_abs_fits_ui(value)));
    if (!agree) printf("\n    %s: %s, but here %s\n", word, rp_error_name(code), rp_error_name(code_here));
    CU_ASSERT_TRUE(agree);
    fmpz_clear(value);
}

static void both_readers_share_one_grammar(void) {
    static const char letters[] = "0123456789012345^^ee..__+-";
    srand(7);
    for (int i = 0; i < 300000; i++) {
        char word[8] = "";
        int length = rand() % 7;
        for (int k = 0; k < length; k++) word[k] = letters[rand() % (int)(sizeof letters - 1)];
        if (word[0] != '-') check_readers_agree(word);
    }
}

int main(void) {
    static const struct unit_test tests[] = {
        UNIT(integers_are_read_as_people_write_them),
        UNIT(nonsense_is_refused_and_shown),
        UNIT(bytes_that_are_no_text_are_refused_on_one_line),
        UNIT(a_number_of_many_digits_reads_back),
        UNIT(a_word_beyond_the_limit_of_streams_is_refused),
        UNIT(both_readers_share_one_grammar),
        {NULL, NULL},
    };
    return unit_run("integer", tests);
}
