/* Error codes, their names and sentences, and how texts are kept to one line. */
#include "core/error.h"
#include "rankpool_job.h"
#include "unit.h"

#include <string.h>

static void every_code_has_a_name_and_a_sentence(void) {
#define CHECK(name, value, sentence)                                                                                   \
    CU_ASSERT_EQUAL(name, value);                                                                                      \
    CU_ASSERT_STRING_EQUAL(rp_error_name(value), #name);                                                               \
    CU_ASSERT_STRING_EQUAL(rp_strerror(value), sentence);
    RP_ERROR_TABLE(CHECK)
#undef CHECK
}

static void no_two_codes_share_a_sentence(void) {
    static const int codes[] = {
#define CODE(name, value, sentence) name,
        RP_ERROR_TABLE(CODE)
#undef CODE
            RP_OK,
        RP_SERVED,
        RP_END
    };
    const size_t count = sizeof codes / sizeof *codes;
    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < count; j++) {
            CU_ASSERT_NOT_EQUAL(codes[i], codes[j]);
            CU_ASSERT_STRING_NOT_EQUAL(rp_strerror(codes[i]), rp_strerror(codes[j]));
            CU_ASSERT_STRING_NOT_EQUAL(rp_error_name(codes[i]), rp_error_name(codes[j]));
        }
}

static void an_unknown_code_is_said_to_be_unknown(void) {
    CU_ASSERT_STRING_EQUAL(rp_strerror(-1000), "unknown error");
    CU_ASSERT_STRING_EQUAL(rp_error_name(-1000), "RP_E?");
    CU_ASSERT_STRING_EQUAL(rp_strerror(1000), "unknown error");
}

static void fail_fills_the_error_and_returns_the_code(void) {
    rp_error error = {0};
    CU_ASSERT_EQUAL(rp__fail(&error, RP_EINVAL, "task %d of %s", 7, "map"), RP_EINVAL);
    CU_ASSERT_EQUAL(error.code, RP_EINVAL);
    CU_ASSERT_STRING_EQUAL(error.text, "task 7 of map");
}

static void fail_needs_no_error_to_fill(void) { CU_ASSERT_EQUAL(rp__fail(NULL, RP_ENOMEM, "%d", 1), RP_ENOMEM); }

static void a_long_text_is_cut_visibly(void) {
    rp_error error;
    char text[2 * sizeof error.text];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    rp__fail(&error, RP_EINVAL, "%s", text);
    CU_ASSERT_EQUAL(strlen(error.text), sizeof error.text - 1);
    CU_ASSERT_STRING_EQUAL(error.text + sizeof error.text - 5, "x...");
    text[sizeof error.text - 1] = 0; /* fits exactly */
    rp__fail(&error, RP_EINVAL, "%s", text);
    CU_ASSERT_STRING_EQUAL(error.text, text);
}

static void a_character_of_utf8_is_kept_whole_or_goes(void) {
    static const char *const character[] = {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x9a\x80"}; /* of 2, 3 and 4 bytes */
    for (size_t i = 0; i < sizeof character / sizeof *character; i++)
        for (size_t before = 0; before < 4; before++) {
            const size_t bytes = strlen(character[i]);
            rp_error error;
            char text[2 * sizeof error.text] = "xxx";
            for (size_t at = before; at + bytes < sizeof text; at += bytes) memcpy(text + at, character[i], bytes + 1);
            rp__fail(&error, RP_EINVAL, "%s", text);
            const size_t kept = strlen(error.text) - 3;
            CU_ASSERT_EQUAL(kept, before + (sizeof error.text - 4 - before) / bytes * bytes);
            CU_ASSERT_EQUAL(memcmp(error.text, text, kept), 0);
            CU_ASSERT_STRING_EQUAL(error.text + kept, "...");
        }
}

static void bytes_that_are_no_text_lose_no_more_than_a_character(void) {
    rp_error error;
    char text[2 * sizeof error.text];
    memset(text, 0x80, sizeof text - 1);
    text[sizeof text - 1] = 0;
    rp__fail(&error, RP_EINVAL, "%s", text);
    CU_ASSERT_EQUAL(strlen(error.text), sizeof error.text - 1 - 3);
    CU_ASSERT_STRING_EQUAL(error.text + sizeof error.text - 1 - 6, "...");
}

static void a_jobs_message_is_cut_visibly_and_stays_on_one_line(void) {
    rp_job_run run = {0};
    char name[2 * sizeof run.message];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = 0;
    CU_ASSERT_EQUAL(rp_job_fail(&run, "%s:\n no such file", name), RP_EUSAGE);
    CU_ASSERT_EQUAL(strlen(run.message), sizeof run.message - 1);
    CU_ASSERT_STRING_EQUAL(run.message + sizeof run.message - 5, "n...");
    CU_ASSERT_EQUAL(rp_job_fail(&run, "a\nb"), RP_EUSAGE);
    CU_ASSERT_STRING_EQUAL(run.message, "a?b");
}

static void a_text_stays_on_one_line(void) {
    rp_error error;
    rp__fail(&error, RP_EINVAL, "a\nb\tc\x1b[31md\x7f \xc3\xa9");
    CU_ASSERT_STRING_EQUAL(error.text, "a?b?c?[31md? \xc3\xa9");
}

static void an_error_can_be_put_into_words_again(void) {
    rp_error error;
    rp__fail(&error, RP_EMPI, "no route");
    CU_ASSERT_EQUAL(rp__fail(&error, RP_ELOST, "rank 3: %s", error.text), RP_ELOST);
    CU_ASSERT_STRING_EQUAL(error.text, "rank 3: no route");
}

int main(void) {
    static const struct unit_test tests[] = {
        UNIT(every_code_has_a_name_and_a_sentence),
        UNIT(no_two_codes_share_a_sentence),
        UNIT(an_unknown_code_is_said_to_be_unknown),
        UNIT(fail_fills_the_error_and_returns_the_code),
        UNIT(fail_needs_no_error_to_fill),
        UNIT(a_long_text_is_cut_visibly),
        UNIT(a_character_of_utf8_is_kept_whole_or_goes),
        UNIT(bytes_that_are_no_text_lose_no_more_than_a_character),
        UNIT(a_jobs_message_is_cut_visibly_and_stays_on_one_line),
        UNIT(a_text_stays_on_one_line),
        UNIT(an_error_can_be_put_into_words_again),
        {NULL, NULL},
    };
    return unit_run("error", tests);
}
