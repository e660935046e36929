/* A template is a list of parts: text, values, and ends of words. Filled for a program it makes the words of argv; for a
 * shell it makes a script.
 *
 * No value ever becomes part of a script: the values are arguments of the shell, the script begins by putting them into
 * variables, and where a replacement string stood there is the variable, in the quotes that its place asks for. So
 * whatever the script looks like, the shell has read all of it before it sees a value. Only inside $(( )), where quotes
 * have no meaning, a value is written out, if it has nothing but letters, digits and -_.+/ in it. */
#include "exec/template.h"

#include "exec/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum part_kind { PART_TEXT, PART_VALUE, PART_SEQ, PART_SLOT, PART_WORD_END };

struct part {
    enum part_kind kind;
    enum exec_view view;   /* of PART_VALUE, as the two below */
    long position;         /* 1..; from the end: -1..; 0: all values */
    enum exec_place place; /* of a shell's */
    const char *text;      /* of PART_TEXT, into the template's words */
    size_t size;
};

struct exec_template {
    struct exec_bytes words; /* as given, each ended by 0; of a shell, the one text */
    size_t word_count;
    bool shell, quote, is_text, plus, replaces;
    struct exec_bytes mark, names; /* of exec_style; the mark is ended by 0, or has no bytes */
    struct part *part;
    size_t parts, capacity;
    struct exec_reader reader; /* of a shell's text, as far as it is parsed */
};

static int wrong(rp_error *error, int code, const char *text) {
    if (!error) return code;
    *error = (rp_error){.code = code};
    snprintf(error->text, sizeof error->text, "%s", text ? text : rp_strerror(code));
    return code;
}

/* ---- Parsing ------------------------------------------------------------------------------------------- */

static int add_part(struct exec_template *template, struct part part) {
    if (template->parts == template->capacity) {
        size_t capacity = template->capacity ? 2 * template->capacity : 16;
        struct part *grown = realloc(template->part, capacity * sizeof *grown);
        if (!grown) return RP_ENOMEM;
        template->part = grown;
        template->capacity = capacity;
    }
    template->part[template->parts++] = part;
    return 0;
}

/* A backslash just before a replacement string means nothing: the value needs none. */
static int add_text(struct exec_template *template, const char *text, size_t size, bool before_value) {
    if (template->shell) exec_reader_take(&template->reader, text, size);
    if (before_value && template->reader.escaped) {
        template->reader.escaped = false;
        size--;
    }
    return add_part(template, (struct part){.kind = PART_TEXT, .text = text, .size = size});
}

/* The length of the end of a replacement string, behind { or its position, or 0. */
static size_t read_view(const struct exec_template *template, const char *at, struct part *part) {
    static const struct {
        const char *name;
        enum part_kind kind;
        enum exec_view view;
        bool plus; /* only with --plus */
    } known[] = {{"}", PART_VALUE, EXEC_WHOLE, false},
                 {".}", PART_VALUE, EXEC_NO_ENDING, false},
                 {"/}", PART_VALUE, EXEC_BASE, false},
                 {"//}", PART_VALUE, EXEC_FOLDER, false},
                 {"/.}", PART_VALUE, EXEC_BASE_NO_ENDING, false},
                 {"#}", PART_SEQ, EXEC_WHOLE, false},
                 {"%}", PART_SLOT, EXEC_WHOLE, false},
                 {"..}", PART_VALUE, EXEC_NO_2_ENDINGS, true},
                 {"...}", PART_VALUE, EXEC_NO_3_ENDINGS, true},
                 {"/..}", PART_VALUE, EXEC_BASE_NO_2_ENDINGS, true},
                 {"/...}", PART_VALUE, EXEC_BASE_NO_3_ENDINGS, true},
                 {"+/}", PART_VALUE, EXEC_ABOVE, true},
                 {"+.}", PART_VALUE, EXEC_ENDING, true},
                 {"+..}", PART_VALUE, EXEC_2_ENDINGS, true},
                 {"+...}", PART_VALUE, EXEC_3_ENDINGS, true}};
    for (size_t i = template->mark.size > 0; i < sizeof known / sizeof *known; i++) {
        if (strncmp(at, known[i].name, strlen(known[i].name)) || (known[i].plus && !template->plus)) continue;
        if (part->position && known[i].kind != PART_VALUE) continue;
        part->kind = known[i].kind;
        part->view = known[i].view;
        return strlen(known[i].name);
    }
    return 0;
}

/* The same for one that begins with the name of an input, which is a position. */
static size_t read_name(const struct exec_template *template, const char *at, struct part *part) {
    if (!template->names.size) return 0;
    const char *name = template->names.data, *end = name + template->names.size;
    for (part->position = 1; name < end; name += strlen(name) + 1, part->position++) {
        const size_t length = strlen(name),
                     size = strncmp(at, name, length) ? 0 : read_view(template, at + length, part);
        if (length && size) return length + size;
    }
    return 0;
}

/* The length of the replacement string that begins with `text`, or 0. */
static size_t read_replacement(const struct exec_template *template, const char *text, struct part *part) {
    *part = (struct part){.kind = PART_VALUE};
    if (template->mark.size && !strncmp(text, template->mark.data, template->mark.size - 1))
        return template->mark.size - 1;
    if (text[0] != '{') return 0;
    const char *at = text + 1;
    size_t digits = strspn(at + (*at == '-'), "0123456789");
    if (digits > 0 && digits <= 6) {
        char *end;
        part->position = strtol(at, &end, 10);
        if (part->position) at = end;
    }
    size_t size = read_view(template, at, part);
    if (size) return (size_t)(at - text) + size;
    size = read_name(template, text + 1, part);
    return size ? 1 + size : 0;
}

static int parse_word(struct exec_template *template, const char *word, bool *replaces) {
    const char *literal = word;
    int rc = 0;
    for (const char *at = word; *at && !rc;) {
        struct part part;
        size_t size = read_replacement(template, at, &part);
        if (!size) {
            at++;
            continue;
        }
        if (at > literal) rc = add_text(template, literal, (size_t)(at - literal), true);
        part.place = exec_reader_place(&template->reader);
        if (!rc) rc = add_part(template, part);
        template->reader.last = 'x';
        at = literal = at + size;
        *replaces = true;
    }
    if (!rc && (*literal || literal == word)) rc = add_text(template, literal, strlen(literal), false);
    return rc ? rc : add_part(template, (struct part){.kind = PART_WORD_END});
}

/* Without a replacement string the input comes at the end, as a word of its own. */
static int append_values(struct exec_template *template) {
    int rc = template->shell ? add_text(template, " ", 1, false) : 0;
    struct part values = {.kind = PART_VALUE, .place = exec_reader_place(&template->reader)};
    if (!rc) rc = add_part(template, values);
    return rc ? rc : add_part(template, (struct part){.kind = PART_WORD_END});
}

/* A single word that is no mere name is for the shell: what does it say between its replacement strings? */
static bool is_script(const struct exec_template *template, const char *word) {
    struct part part;
    for (size_t size; *word; word += size ? size : 1) {
        size = read_replacement(template, word, &part);
        if (!size && !exec_text_plain(word, 1)) return true;
    }
    return false;
}

static int parse_words(struct exec_template *template) {
    const char *word = template->words.data;
    int rc = 0;
    for (size_t i = 0; i < template->word_count && !rc; i++, word += strlen(word) + 1)
        rc = parse_word(template, word, &template->replaces);
    return rc || template->replaces || template->is_text || !template->word_count ? rc : append_values(template);
}

static void take_style(struct exec_template *template, const struct exec_style *style) {
    template->quote = style->quote;
    template->is_text = style->text;
    template->plus = style->plus;
    if (style->mark) exec_bytes_add(&template->mark, style->mark, strlen(style->mark) + 1);
    exec_bytes_add(&template->names, style->names, style->names_size);
}

/* Of the words as they are packed, so that whoever unpacks them finds the same. */
static bool has_perl(const struct exec_template *template) {
    const char *word = template->words.data;
    for (size_t i = 0; i < template->word_count; i++, word += strlen(word) + 1)
        if (strstr(word, "{=") && strstr(word, "=}")) return true;
    return false;
}

int exec_template_parse(struct exec_template **template, const char *const *words, size_t count,
                        const struct exec_style *style, rp_error *error) {
    if (count && !strlen(words[0]) && !style->text)
        return wrong(error, RP_EUSAGE, "the command is an empty word; expected a program, such as in: exec gzip {}");
    struct exec_template *new = calloc(1, sizeof *new);
    if (!new) return wrong(error, RP_ENOMEM, NULL);
    take_style(new, style);
    new->shell = count == 0 || style->shell;
    if (count == 1 && !style->quote && !style->text) new->shell = new->shell || is_script(new, words[0]);
    new->word_count = new->shell &&count > 0 ? 1 : count;
    for (size_t i = 0; i < count; i++) {
        exec_bytes_text(&new->words, words[i]);
        exec_bytes_add(&new->words, new->shell &&i + 1 < count ? " " : "", 1);
    }
    const bool failed = new->words.failed || new->mark.failed || new->names.failed;
    const bool perl = !failed && has_perl(new);
    if (failed || perl || parse_words(new)) {
        exec_template_free(new);
        return perl ? wrong(error, RP_EUSAGE,
                            "{= =} is Perl, which is not known here; use {} {.} {/} {//} {/.} {#} {%} {1}, or a script")
                    : wrong(error, RP_ENOMEM, NULL);
    }
    *template = new;
    return 0;
}

void exec_template_free(struct exec_template *template) {
    if (!template) return;
    exec_bytes_free(&template->words);
    exec_bytes_free(&template->mark);
    exec_bytes_free(&template->names);
    free(template->part);
    free(template);
}

const char *exec_template_program(const struct exec_template *template) {
    bool one = !template->shell && template->parts > 1 && template->part[0].kind == PART_TEXT &&
               template->part[1].kind == PART_WORD_END;
    return one ? template->words.data : NULL;
}

bool exec_template_replaces(const struct exec_template *template) { return template->replaces; }

/* ---- Packing ------------------------------------------------------------------------------------------- */

struct packed {
    uint8_t shell, quote, text, plus;
    uint32_t word_count;
    uint64_t size, mark_size, names_size; /* of the words, the mark and the names, which follow */
};

int exec_template_pack(const struct exec_template *template, struct exec_bytes *to) {
    const struct packed packed = {.shell = template->shell,
                                  .quote = template->quote,
                                  .text = template->is_text,
                                  .plus = template->plus,
                                  .word_count = (uint32_t) template->word_count,
                                  .size = template->words.size,
                                  .mark_size = template->mark.size,
                                  .names_size = template->names.size};
    exec_bytes_add(to, &packed, sizeof packed);
    exec_bytes_add(to, template->words.data, template->words.size);
    exec_bytes_add(to, template->mark.data, template->mark.size);
    exec_bytes_add(to, template->names.data, template->names.size);
    return to->failed ? RP_ENOMEM : 0;
}

/* The mark and the names are lent from the `size` bytes behind the words. False: they are not all there. */
static bool unpack_style(struct exec_style *style, const struct packed *packed, const char *mark, size_t size) {
    if (packed->mark_size > size || packed->names_size > size - packed->mark_size) return false;
    const char *names = mark + packed->mark_size;
    if (packed->mark_size && mark[packed->mark_size - 1]) return false;
    if (packed->names_size && names[packed->names_size - 1]) return false;
    *style = (struct exec_style){.shell = packed->shell,
                                 .quote = packed->quote,
                                 .text = packed->text,
                                 .plus = packed->plus,
                                 .mark = packed->mark_size ? mark : NULL,
                                 .names = names,
                                 .names_size = packed->names_size};
    return true;
}

int exec_template_unpack(struct exec_template **template, const void *data, size_t size, size_t *used) {
    struct packed packed;
    struct exec_style style;
    if (size < sizeof packed) return RP_EPROTOCOL;
    memcpy(&packed, data, sizeof packed);
    if (packed.size > size - sizeof packed || packed.word_count > packed.size) return RP_EPROTOCOL;
    const char *word = (const char *)data + sizeof packed, *end = word + packed.size;
    if (!unpack_style(&style, &packed, end, size - sizeof packed - packed.size)) return RP_EPROTOCOL;
    const char **words = calloc((size_t)packed.word_count + 1, sizeof *words);
    if (!words) return RP_ENOMEM;
    size_t count = 0;
    for (; word < end && count < packed.word_count; word += strnlen(word, (size_t)(end - word)) + 1)
        words[count++] = word;
    int rc = word != end || count != packed.word_count || (count && end[-1]) ? RP_EPROTOCOL : 0;
    if (!rc) rc = exec_template_parse(template, words, count, &style, NULL);
    free(words);
    if (!rc) *used = sizeof packed + packed.size + packed.mark_size + packed.names_size;
    return rc;
}

/* ---- Filling ------------------------------------------------------------------------------------------- */

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
static size_t values_of(const struct part *part, size_t count, size_t *begin) {
    *begin = 0;
    if (part->position == 0) return count;
    size_t back = (size_t)-part->position, at = (size_t)part->position;
    if (part->position < 0) at = back <= count ? count - back + 1 : 0;
    if (at < 1 || at > count) return 0;
    *begin = at - 1;
    return at;
}

static void view_value(struct filling *filling, const struct part *part, size_t i) {
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

static void fill_part(struct filling *filling, const struct part *part, bool shell) {
    char digits[24];
    size_t begin, end;
    switch (part->kind) {
    case PART_TEXT:
        if (!shell) {
            add_piece(filling, part->text, part->size, part->size && exec_text_plain(part->text, part->size));
            break;
        }
        exec_bytes_add(&filling->script, part->text, part->size);
        exec_bytes_add(&filling->text, part->text, part->size);
        break;
    case PART_WORD_END:
        if (!shell) end_word(filling);
        break;
    case PART_SEQ:
    case PART_SLOT:
        snprintf(digits, sizeof digits, "%llu",
                 (unsigned long long)(part->kind == PART_SEQ ? filling->values->seq : filling->values->slot));
        if (!shell) {
            add_piece(filling, digits, strlen(digits), true);
            break;
        }
        exec_bytes_text(&filling->script, digits);
        exec_bytes_text(&filling->text, digits);
        break;
    case PART_VALUE:
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
