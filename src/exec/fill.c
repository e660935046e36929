/* A template, filled with values: for a program it makes the words of argv, for a shell a script.
 *
 * No value ever becomes part of a script: the values are arguments of the shell, the script begins by putting them into
 * variables, and where a replacement string stood there is the variable, in the quotes that its place asks for. So
 * whatever the script looks like, the shell has read all of it before it sees a value. Only inside $(( )), where quotes
 * have no meaning, a value is written out, if it has nothing but letters, digits and -_.+/ in it. */
#include "exec/parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct filling {
    const struct exec_values *values;
    struct exec_bytes words; /* of argv, each ended by 0 */
    size_t count;            /* of them */
    bool open;               /* the last of them is not ended yet */
    struct exec_bytes script, text;
    struct exec_bytes value; /* the one in hand, as the replacement string wants it, ended by 0 */
};

static void end_word(struct filling *filling) {
    if (!filling->open) return;
    exec_bytes_add(&filling->words, "", 1);
    filling->count++;
    filling->open = false;
}

/* Which values a part stands for: [*begin, end). */
static size_t values_of(const struct exec_part *part, size_t count, size_t *begin) {
    *begin = 0;
    if (part->position == 0) return count;
    size_t back = (size_t)-part->position, at = (size_t)part->position;
    if (part->position < 0) at = back <= count ? count - back + 1 : 0;
    if (at < 1 || at > count) return 0;
    *begin = at - 1;
    return at;
}

static void view_value(struct filling *filling, const struct exec_part *part, size_t i) {
    filling->value.size = 0;
    exec_view_add(&filling->value, part->view, filling->values->value[i]);
    exec_bytes_add(&filling->value, "", 1);
}

/* A value where a shell reads: its variable goes into the script, and the value, quoted, into what people see. */
static void add_quoted(struct filling *filling, enum exec_place place) {
    static const struct {
        const char *before, *after;           /* the number, in the script */
        const char *text_before, *text_after; /* the quoted value, in the text */
    } quotes[] = {[EXEC_IN_WORD] = {"\"$_", "\"", "", ""},
                  [EXEC_IN_DOUBLE_QUOTES] = {"${_", "}", "\"", "\""},
                  [EXEC_IN_SINGLE_QUOTES] = {"'\"$_", "\"'", "'", "'"},
                  [EXEC_IN_ARITHMETIC] = {"${_", "_is_no_number?}", "", ""}};
    const char *value = filling->value.data;
    struct exec_bytes quoted = {0};
    exec_bytes_quoted(&quoted, value, filling->value.size - 1);
    exec_bytes_add(&quoted, "", 1);
    if (quoted.failed) {
        filling->text.failed = true;
        return;
    }
    bool plain = !strcmp(quoted.data, value);
    if (place == EXEC_IN_ARITHMETIC && plain) {
        exec_bytes_text(&filling->script, value);
    } else {
        char number[24];
        snprintf(number, sizeof number, "%zu", ++filling->count);
        exec_bytes_text(&filling->script, quotes[place].before);
        exec_bytes_text(&filling->script, number);
        exec_bytes_text(&filling->script, quotes[place].after);
        exec_bytes_add(&filling->words, value, filling->value.size);
    }
    exec_bytes_text(&filling->text, plain ? "" : quotes[place].text_before);
    exec_bytes_text(&filling->text, quoted.data);
    exec_bytes_text(&filling->text, plain ? "" : quotes[place].text_after);
    exec_bytes_free(&quoted);
}

/* A piece of a program's word. People see it quoted by itself, and `plain` as it is. */
static void add_piece(struct filling *filling, const char *text, size_t size, bool plain) {
    if (!filling->open && filling->count) exec_bytes_text(&filling->text, " ");
    exec_bytes_add(&filling->words, text, size);
    if (plain)
        exec_bytes_add(&filling->text, text, size);
    else
        exec_bytes_quoted(&filling->text, text, size);
    filling->open = true;
}

static void fill_part(struct filling *filling, const struct exec_part *part, bool shell) {
    char digits[24];
    size_t begin, end;
    switch (part->kind) {
    case EXEC_PART_TEXT:
        if (!shell) {
            add_piece(filling, part->text, part->size, part->size && exec_text_plain(part->text, part->size));
            break;
        }
        exec_bytes_add(&filling->script, part->text, part->size);
        exec_bytes_add(&filling->text, part->text, part->size);
        break;
    case EXEC_PART_WORD_END:
        if (!shell) end_word(filling);
        break;
    case EXEC_PART_SEQ:
    case EXEC_PART_SLOT:
        snprintf(digits, sizeof digits, "%llu",
                 (unsigned long long)(part->kind == EXEC_PART_SEQ ? filling->values->seq : filling->values->slot));
        if (!shell) {
            add_piece(filling, digits, strlen(digits), true);
            break;
        }
        exec_bytes_text(&filling->script, digits);
        exec_bytes_text(&filling->text, digits);
        break;
    case EXEC_PART_VALUE:
        end = values_of(part, filling->values->count, &begin);
        for (size_t i = begin; i < end && !filling->value.failed; i++) {
            view_value(filling, part, i);
            if (filling->value.failed) break;
            if (i > begin && shell) {
                exec_bytes_text(&filling->script, " ");
                exec_bytes_text(&filling->text, " ");
            } else if (i > begin) {
                end_word(filling);
            }
            if (shell)
                add_quoted(filling, part->place);
            else
                add_piece(filling, filling->value.data, filling->value.size - 1, false);
        }
    }
}

/* argv of a shell: the values come after the script, which first of all puts them into variables. */
static void finish_shell(struct filling *filling, struct exec_bytes *words) {
    static const char command[] = "/bin/sh\0-c"; /* with its 0 */
    char text[64];
    exec_bytes_add(words, command, sizeof command);
    for (size_t i = 1; i <= filling->count; i++) {
        snprintf(text, sizeof text, "_%zu=${%zu} ", i, i);
        exec_bytes_text(words, text);
    }
    if (filling->count) {
        snprintf(text, sizeof text, "&& shift %zu; ", filling->count);
        exec_bytes_text(words, text);
    }
    if (!filling->count && filling->script.size && strchr("-+", filling->script.data[0]))
        exec_bytes_text(words, " "); /* or the shell would take it for its own options */
    exec_bytes_add(words, filling->script.data, filling->script.size);
    exec_bytes_add(words, "\0sh", 4);
    exec_bytes_add(words, filling->words.data, filling->words.size);
    filling->count += 4;
}

/* The values themselves are the command. */
static void fill_commands(struct filling *filling) {
    for (size_t i = 0; i < filling->values->count; i++) {
        if (i) exec_bytes_text(&filling->script, " ");
        exec_bytes_text(&filling->script, filling->values->value[i]);
    }
    exec_bytes_add(&filling->text, filling->script.data, filling->script.size);
}

static int point_to_words(struct exec_command *command, size_t count) {
    command->argv = calloc(count + 1, sizeof *command->argv);
    if (!command->argv) return RP_ENOMEM;
    char *word = command->data;
    for (; command->argc < count; word += strlen(word) + 1) command->argv[command->argc++] = word;
    return 0;
}

int exec_template_fill(const struct exec_template *template, const struct exec_values *values,
                       struct exec_command *command) {
    struct filling filling = {.values = values};
    struct exec_bytes words = {0};
    if (template->word_count == 0) fill_commands(&filling);
    for (size_t i = 0; i < template->parts; i++) fill_part(&filling, &template->part[i], template->shell);
    if (!template->shell && !filling.count) add_piece(&filling, "", 0, true); /* it is {2}, and there is one value */
    end_word(&filling);
    if (template->shell)
        finish_shell(&filling, &words);
    else
        words = filling.words;
    exec_bytes_add(&filling.text, "", 1);
    bool failed =
        words.failed || filling.words.failed || filling.script.failed || filling.text.failed || filling.value.failed;
    *command = (struct exec_command){.shell = template->shell, .text = filling.text.data, .data = words.data};
    if (template->shell) exec_bytes_free(&filling.words);
    exec_bytes_free(&filling.script);
    exec_bytes_free(&filling.value);
    int rc = failed ? RP_ENOMEM : point_to_words(command, filling.count);
    if (rc) exec_command_free(command);
    return rc;
}

void exec_template_tag(const struct exec_template *template, const struct exec_values *values, struct exec_bytes *to) {
    struct exec_command command;
    if (exec_template_fill(template, values, &command)) {
        to->failed = true;
        return;
    }
    for (size_t i = 0; i < command.argc; i++) {
        if (i) exec_bytes_text(to, " ");
        exec_bytes_text(to, command.argv[i]);
    }
    exec_bytes_text(to, "\t");
    exec_command_free(&command);
}

void exec_command_free(struct exec_command *command) {
    free(command->argv);
    free(command->text);
    free(command->data);
    *command = (struct exec_command){0};
}
