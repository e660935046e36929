/* Codes, their names and sentences, all from the one table in rankpool.h, and the one way to fill an rp_error.
 * Texts often carry what a user typed, so this is also where they are kept to a single printable line. */
#include "core/error.h"

#include <stdio.h>
#include <string.h>

const char *rp_strerror(int code) {
    switch (code) {
#define SENTENCE(name, value, sentence)                                                                                \
    case name:                                                                                                         \
        return sentence;
        RP_ERROR_TABLE(SENTENCE)
#undef SENTENCE
    case RP_OK:
        return "no error";
    case RP_SERVED:
        return "this rank has served and its world is over";
    case RP_END:
        return "every result has been handed out";
    }
    return "unknown error";
}

const char *rp_error_name(int code) {
    switch (code) {
#define NAME(name, value, sentence)                                                                                    \
    case name:                                                                                                         \
        return #name;
        RP_ERROR_TABLE(NAME)
#undef NAME
    case RP_OK:
        return "RP_OK";
    case RP_SERVED:
        return "RP_SERVED";
    case RP_END:
        return "RP_END";
    }
    return "RP_E?";
}

bool rp__is_error(int code) {
    switch (code) {
#define IS_ERROR(name, value, sentence) case name:
        RP_ERROR_TABLE(IS_ERROR)
#undef IS_ERROR
        return true;
    }
    return false;
}

static void keep_to_one_line(char *text) {
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < ' ' || c == 0x7f) *text = '?';
    }
}

void rp__put_line(char *text, size_t size, const char *format, va_list arguments) {
    const int length = vsnprintf(text, size, format, arguments);
    if (length >= (int)size) {
        size_t cut = size - sizeof "...";
        for (int i = 0; i < 3 && ((unsigned char)text[cut] & 0xc0) == 0x80; i++)
            cut--; /* to where its character begins */
        memcpy(text + cut, "...", sizeof "...");
    }
    keep_to_one_line(text);
}

int rp__fail(rp_error *error, int code, const char *format, ...) {
    if (!error) return code;
    rp_error filled = {.code = code}; /* apart from *error, which the arguments may point into */
    va_list arguments;
    va_start(arguments, format);
    rp__put_line(filled.text, sizeof filled.text, format, arguments);
    va_end(arguments);
    *error = filled;
    return code;
}
