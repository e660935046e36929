/* Reading numbers and times: what people write is read, everything else is refused with a message that shows it. */
#include "rankpool_job.h"
#include "unit.h"

#include <inttypes.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void whole_numbers_are_read_as_people_write_them(void) {
    static const struct {
        const char *word;
        uint64_t value;
    } good[] = {
        {"0", 0},
        {"7", 7},
        {"007", 7},
        {"200_000_000", 200000000},
        {"1e9", 1000000000},
        {"1E9", 1000000000},
        {"1.5e9", 1500000000},
        {"1.50e1", 15},
        {"1.000000000000000000000000000000000e3", 1000},
        {"0.000001e6", 1},
        {"0.0e0", 0},
        {"1_0e1_0", 100000000000},
        {"0e99999999999999999999999999", 0},
        {"2^40", UINT64_C(1) << 40},
        {"2^63", UINT64_C(1) << 63},
        {"10^19", UINT64_C(10000000000000000000)},
        {"0^0", 1},
        {"0^5", 0},
        {"1^99999999999999999999999999", 1},
        {"18446744073709551615^1", UINT64_MAX},
        {"18446744073709551615", UINT64_MAX},
        {"2^64-1", UINT64_MAX},
        {"2^64-2^63", UINT64_C(1) << 63},
        {"1e15+2e11", UINT64_C(1000200000000000)},
        {"1e9+7", 1000000007},
        {"2^5-32", 0},
    };
    for (size_t i = 0; i < COUNT(good); i++) {
        uint64_t value = 1234;
        rp_error error = {0};
        CU_ASSERT_EQUAL(rp_read_uint64(good[i].word, &value, &error), 0);
        CU_ASSERT_EQUAL(value, good[i].value);
        if (value != good[i].value) printf("\n    %s: %" PRIu64 " %s\n", good[i].word, value, error.text);
    }
}

static void check_refused(const char *word, int expected) {
    uint64_t value = 1234;
    rp_error error = {0};
    int code = rp_read_uint64(word, &value, &error);
    CU_ASSERT_EQUAL(code, expected);
    CU_ASSERT_EQUAL(error.code, expected);
    CU_ASSERT_EQUAL(value, 1234);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, word));
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "expected"));
    CU_ASSERT_EQUAL(rp_read_uint64(word, &value, NULL), expected);
    if (code != expected) printf("\n    %s: %s %s\n", word, rp_error_name(code), error.text);
}

static void what_is_no_whole_number_is_refused_and_shown(void) {
    static const char *const bad[] = {
        "",     "-1",    "+1",   "12x",    " 12",     "12 ",   "1e-3", "1e",   "e9",    ".5e9",
        "1.e9", "1.5",   "1.0",  "1.25e1", "1__0",    "_1",    "1_",   "1_e3", "0x10",  "2^",
        "^2",   "2^3^4", "2^-1", "2**3",   "1,000",   "12-5",  "12+5", "1e9+", "1e9+x", "1e9-1-1",
        "ten",  "nan",   "inf",  "1e3e3",  "2^1.5e1", "1.5^2", "0.5",
    };
    for (size_t i = 0; i < COUNT(bad); i++) check_refused(bad[i], RP_ENUMBER);
}

static void what_does_not_fit_is_refused_and_shown(void) {
    static const char *const bad[] = {
        "18446744073709551616",
        "1e20",
        "2^64",
        "2^64-0",
        "10^20",
        "1e999999999999999999999",
        "2^99999999999999999999",
        "99999999999999999999999999999999999999999999",
        "2^5-33",
        "1e30-1e30",
        "2^63+2^63",
        "1e1000-1",
    };
    for (size_t i = 0; i < COUNT(bad); i++) check_refused(bad[i], RP_ERANGE);
}

static void a_long_word_is_shown_by_its_beginning(void) {
    char word[1000];
    memset(word, '9', sizeof word - 1);
    word[sizeof word - 1] = 0;
    uint64_t value;
    rp_error error;
    CU_ASSERT_EQUAL(rp_read_uint64(word, &value, &error), RP_ERANGE);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "9999...\" does not fit"));
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "18446744073709551615"));
}

static void times_are_read_with_and_without_unit(void) {
    static const struct {
        const char *word;
        double seconds;
    } good[] = {
        {"0", 0},
        {"5", 5},
        {"0.25", 0.25},
        {".5", 0.5},
        {"1e-3", 1e-3},
        {"1.5e-3", 1.5e-3},
        {"0.1", 0.1},
        {"0.3", 0.3},
        {"1e3", 1000},
        {"30s", 30},
        {"2m", 120},
        {"1h", 3600},
        {"1.5h", 5400},
        {"250ms", 0.25},
        {"1_000", 1000},
        {"1e3ms", 1},
        {"0e99999999", 0},
        {"1e9", 1e9},
        {"0.7", 0.7},
        {"123.456", 123.456},
        {"1e-99999999999999999999999", 0},
        {"0.10000000000000000000000000000000000000000000000000000000000000000000001", 0.1},
    };
    for (size_t i = 0; i < COUNT(good); i++) {
        double seconds = -1;
        rp_error error = {0};
        CU_ASSERT_EQUAL(rp_read_seconds(good[i].word, &seconds, &error), 0);
        CU_ASSERT_EQUAL(seconds, good[i].seconds);
        if (seconds != good[i].seconds) printf("\n    %s: %.20g %s\n", good[i].word, seconds, error.text);
    }
}

static void what_is_no_time_is_refused_and_shown(void) {
    static const struct {
        const char *word;
        int code;
    } bad[] = {
        {"", RP_ENUMBER},    {"-1", RP_ENUMBER},  {"+1", RP_ENUMBER},  {"5x", RP_ENUMBER},      {"s", RP_ENUMBER},
        {"5.", RP_ENUMBER},  {".", RP_ENUMBER},   {"1e", RP_ENUMBER},  {"1e-", RP_ENUMBER},     {"1:30", RP_ENUMBER},
        {"1 s", RP_ENUMBER}, {"1d", RP_ENUMBER},  {"nan", RP_ENUMBER}, {"inf", RP_ENUMBER},     {"0x1", RP_ENUMBER},
        {"1,5", RP_ENUMBER}, {"1e10", RP_ERANGE}, {"1e9h", RP_ERANGE}, {"1e999999", RP_ERANGE},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        double seconds = -1;
        rp_error error = {0};
        int code = rp_read_seconds(bad[i].word, &seconds, &error);
        CU_ASSERT_EQUAL(code, bad[i].code);
        CU_ASSERT_EQUAL(seconds, -1);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.text, bad[i].word));
        CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "expected"));
        if (code != bad[i].code) printf("\n    %s: %s %g\n", bad[i].word, rp_error_name(code), seconds);
    }
}

static void sizes_are_read_with_and_without_unit(void) {
    static const struct {
        const char *word;
        uint64_t bytes;
    } good[] = {
        {"0", 0},
        {"4096", 4096},
        {"1e9", 1000000000},
        {"2^30", 1 << 30},
        {"512M", 512 << 20},
        {"1G", 1 << 30},
        {"1g", 1 << 30},
        {"1GiB", 1 << 30},
        {"1GB", 1000000000},
        {"1.5K", 1536},
        {".5k", 512},
        {"0.0001K", 0},
        {"3T", UINT64_C(3) << 40},
        {"16383P", UINT64_C(16383) << 50},
        {"18446744073709551615", UINT64_MAX},
    };
    for (size_t i = 0; i < COUNT(good); i++) {
        uint64_t bytes = 77;
        rp_error error = {0};
        CU_ASSERT_EQUAL(rp_read_bytes(good[i].word, &bytes, &error), 0);
        CU_ASSERT_EQUAL(bytes, good[i].bytes);
        CU_ASSERT_STRING_EQUAL(error.text, "");
    }
}

static void what_is_no_size_is_refused_and_shown(void) {
    static const struct {
        const char *word;
        int code;
    } bad[] = {
        {"", RP_ENUMBER},      {"G", RP_ENUMBER},   {"1.5", RP_ENUMBER},
        {"-1G", RP_ENUMBER},   {"1 G", RP_ENUMBER}, {"1Gi", RP_ENUMBER},
        {"1GBs", RP_ENUMBER},  {"1X", RP_ENUMBER},  {"1e3G", RP_ENUMBER},
        {"1B", RP_ENUMBER},    {"1G1", RP_ENUMBER}, {"nan", RP_ENUMBER},
        {"16384P", RP_ERANGE}, {"1e20", RP_ERANGE}, {"99999999999999999999999999999999999999G", RP_ERANGE},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        uint64_t bytes = 77;
        rp_error error = {0};
        CU_ASSERT_EQUAL(rp_read_bytes(bad[i].word, &bytes, &error), bad[i].code);
        CU_ASSERT_EQUAL(bytes, 77);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.text, bad[i].word));
        CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "expected"));
    }
}

static void every_printed_number_reads_back(void) {
    uint64_t number = 1; /* xorshift64 */
    for (int i = 0; i < 200000; i++) {
        number ^= number << 13;
        number ^= number >> 7;
        number ^= number << 17;
        char word[32];
        uint64_t expected = number >> (i % 64), value = ~expected;
        snprintf(word, sizeof word, "%" PRIu64, expected);
        if (rp_read_uint64(word, &value, NULL) != 0 || value != expected) CU_FAIL("a number did not read back");
    }
}

int main(void) {
    static const struct unit_test tests[] = {
        UNIT(whole_numbers_are_read_as_people_write_them),
        UNIT(what_is_no_whole_number_is_refused_and_shown),
        UNIT(what_does_not_fit_is_refused_and_shown),
        UNIT(a_long_word_is_shown_by_its_beginning),
        UNIT(times_are_read_with_and_without_unit),
        UNIT(what_is_no_time_is_refused_and_shown),
        UNIT(sizes_are_read_with_and_without_unit),
        UNIT(what_is_no_size_is_refused_and_shown),
        UNIT(every_printed_number_reads_back),
        {NULL, NULL},
    };
    return unit_run("number", tests);
}
