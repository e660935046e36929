/* libFuzzer: no word crashes the readers, a refusal says something on one line and leaves the output alone, and
 * plain digits mean what they say. */
#include "rankpool_job.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool true_claim) {
    if (!true_claim) abort();
}

static void check_refusal(int code, const rp_error *error) {
    require(code == RP_ENUMBER || code == RP_ERANGE);
    require(error->code == code && error->text[0] && !strpbrk(error->text, "\n\r\t\x1b"));
    require(strstr(error->text, "expected") != NULL);
}

static void check_whole(const char *word) {
    rp_error error = {0};
    uint64_t value = 77, again;
    char printed[32];
    int code = rp_read_uint64(word, &value, &error);
    bool digits = *word && strspn(word, "0123456789") == strlen(word);
    if (code) {
        check_refusal(code, &error);
        require(value == 77 && !(digits && strlen(word) < 20));
        return;
    }
    snprintf(printed, sizeof printed, "%" PRIu64, value);
    require(rp_read_uint64(printed, &again, NULL) == 0 && again == value);
    if (digits) require(strcmp(word + strspn(word, "0"), value ? printed : "") == 0);
}

static void check_seconds(const char *word) {
    rp_error error = {0};
    double seconds = -77;
    int code = rp_read_seconds(word, &seconds, &error);
    if (code) {
        check_refusal(code, &error);
        require(seconds == -77);
        return;
    }
    require(seconds >= 0 && seconds <= 1e9);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *word = malloc(size + 1); /* of its very size, so that a read past the end is seen */
    if (!word) return 0;
    memcpy(word, data, size);
    word[size] = 0;
    check_whole(word);
    check_seconds(word);
    free(word);
    return 0;
}
