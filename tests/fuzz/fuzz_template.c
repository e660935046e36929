/* libFuzzer: whatever the words of a template and the values are, filling it makes a command that is the same on its way
 * through bytes; a program gets every value whole; and no part of a value is in a script that a shell reads, but for
 * letters, digits and -_.+/ inside $(( )). */
#include "exec/template.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool true_claim) {
    if (!true_claim) abort();
}

enum { WORDS = 4 };

static struct exec_command fill(const struct exec_template *template, const char *const *value, size_t count) {
    struct exec_values values = {.seq = 1, .slot = 2, .count = count, .value = value};
    struct exec_command command;
    require(exec_template_fill(template, &values, &command) == 0);
    require(command.argc > 0);
    for (size_t i = 0; i < command.argc; i++) require(command.argv[i] != NULL);
    require(command.argv[command.argc] == NULL);
    return command;
}

static void require_same(const struct exec_command *one, const struct exec_command *other) {
    require(one->argc == other->argc && one->shell == other->shell && !strcmp(one->text, other->text));
    for (size_t i = 0; i < one->argc; i++) require(!strcmp(one->argv[i], other->argv[i]));
}

/* Two values of the same shape that have none of a number's bytes lead to the same script. */
static void require_script_without_values(const struct exec_template *template, const char *value) {
    struct exec_bytes shouted = {0}, other = {0};
    exec_bytes_text(&shouted, value);
    exec_bytes_add(&shouted, " ;$(x)`'\"", 10);
    exec_bytes_add(&other, "\n&|\\{}!", 8);
    require(!shouted.failed && !other.failed);
    struct exec_command one = fill(template, (const char *const[]){shouted.data}, 1);
    struct exec_command two = fill(template, (const char *const[]){other.data}, 1);
    if (!strstr(one.argv[2], "$((") && !strstr(two.argv[2], "$((")) require(!strcmp(one.argv[2], two.argv[2]));
    exec_command_free(&one);
    exec_command_free(&two);
    exec_bytes_free(&shouted);
    exec_bytes_free(&other);
}

static void check(const char *const *words, size_t count, const char *value, const struct exec_style *style) {
    struct exec_template *template, *there;
    struct exec_bytes bytes = {0};
    size_t used = 0;
    rp_error error = {0};
    int rc = exec_template_parse(&template, words, count, style, &error);
    if (rc) {
        require(rc == RP_EUSAGE && error.code == rc && error.text[0]);
        return;
    }
    require(exec_template_pack(template, &bytes) == 0);
    require(exec_template_unpack(&there, bytes.data, bytes.size, &used) == 0 && used == bytes.size);
    const char *const values[] = {value, "b/c.d"};
    struct exec_command here = fill(template, values, 2), after = fill(there, values, 2);
    require_same(&here, &after);
    if (here.shell && count) require_script_without_values(template, value);
    exec_command_free(&here);
    exec_command_free(&after);
    exec_template_free(template);
    exec_template_free(there);
    exec_bytes_free(&bytes);
}

static void check_bytes(const uint8_t *data, size_t size) {
    struct exec_template *template;
    size_t used;
    if (exec_template_unpack(&template, data, size, &used) == 0) exec_template_free(template);
}

/* The first byte says how; then come the value and up to four words, each ended by 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    check_bytes(data, size);
    if (size == 0) return 0;
    char *text = malloc(size); /* of its very size, so that a read past the end is seen */
    if (!text) return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = 0;
    const char *words[WORDS], *next = text, *end = text + size;
    size_t count = 0;
    for (next += strlen(next) + 1; next < end && count < WORDS; next += strlen(next) + 1) words[count++] = next;
    const struct exec_style style = {.shell = data[0] & 1,
                                     .quote = data[0] & 2,
                                     .plus = data[0] & 4,
                                     .mark = data[0] & 8 ? ",," : NULL,
                                     .names = "a\0b",
                                     .names_size = data[0] & 16 ? 4 : 0};
    check(words, count, text, &style);
    free(text);
    return 0;
}
