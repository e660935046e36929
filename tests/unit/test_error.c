/* Error codes, their names and sentences, and how texts are kept to one line. */
#include "core/error.h"
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
        UNIT(a_text_stays_on_one_line),
        UNIT(an_error_can_be_put_into_words_again),
        {NULL, NULL},
    };
    return unit_run("error", tests);
}
