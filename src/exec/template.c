/* Words with replacement strings become a template, a list of parts, which goes to the workers as bytes and is parsed
 * there again. fill.c makes commands of it. */
#include "exec/parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int wrong(rp_error *error, int code, const char *text) {
    if (!error) return code;
    *error = (rp_error){.code = code};
    snprintf(error->text, sizeof error->text, "%s", text ? text : rp_strerror(code));
    return code;
}

/* ---- Parsing ------------------------------------------------------------------------------------------- */

static int add_part(struct exec_template *template, struct exec_part part) {
    if (template->parts == template->capacity) {
        size_t capacity = template->capacity ? 2 * template->capacity : 16;
        struct exec_part *grown = realloc(template->part, capacity * sizeof *grown);
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
    return add_part(template, (struct exec_part){.kind = EXEC_PART_TEXT, .text = text, .size = size});
}

/* The length of the end of a replacement string, behind { or its position, or 0. */
static size_t read_view(const struct exec_template *template, const char *at, struct exec_part *part) {
    static const struct {
        const char *name;
        enum exec_part_kind kind;
        enum exec_view view;
        bool plus; /* only with --plus */
    } known[] = {{"}", EXEC_PART_VALUE, EXEC_WHOLE, false},
                 {".}", EXEC_PART_VALUE, EXEC_NO_ENDING, false},
                 {"/}", EXEC_PART_VALUE, EXEC_BASE, false},
                 {"//}", EXEC_PART_VALUE, EXEC_FOLDER, false},
                 {"/.}", EXEC_PART_VALUE, EXEC_BASE_NO_ENDING, false},
                 {"#}", EXEC_PART_SEQ, EXEC_WHOLE, false},
                 {"%}", EXEC_PART_SLOT, EXEC_WHOLE, false},
                 {"..}", EXEC_PART_VALUE, EXEC_NO_2_ENDINGS, true},
                 {"...}", EXEC_PART_VALUE, EXEC_NO_3_ENDINGS, true},
                 {"/..}", EXEC_PART_VALUE, EXEC_BASE_NO_2_ENDINGS, true},
                 {"/...}", EXEC_PART_VALUE, EXEC_BASE_NO_3_ENDINGS, true},
                 {"+/}", EXEC_PART_VALUE, EXEC_ABOVE, true},
                 {"+.}", EXEC_PART_VALUE, EXEC_ENDING, true},
                 {"+..}", EXEC_PART_VALUE, EXEC_2_ENDINGS, true},
                 {"+...}", EXEC_PART_VALUE, EXEC_3_ENDINGS, true}};
    for (size_t i = template->mark.size > 0; i < sizeof known / sizeof *known; i++) {
        if (strncmp(at, known[i].name, strlen(known[i].name)) || (known[i].plus && !template->plus)) continue;
        if (part->position && known[i].kind != EXEC_PART_VALUE) continue;
        part->kind = known[i].kind;
        part->view = known[i].view;
        return strlen(known[i].name);
    }
    return 0;
}

/* The same for one that begins with the name of an input, which is a position. */
static size_t read_name(const struct exec_template *template, const char *at, struct exec_part *part) {
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
static size_t read_replacement(const struct exec_template *template, const char *text, struct exec_part *part) {
    *part = (struct exec_part){.kind = EXEC_PART_VALUE};
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
        struct exec_part part;
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
    return rc ? rc : add_part(template, (struct exec_part){.kind = EXEC_PART_WORD_END});
}

/* Without a replacement string the input comes at the end, as a word of its own. */
static int append_values(struct exec_template *template) {
    int rc = template->shell ? add_text(template, " ", 1, false) : 0;
    struct exec_part values = {.kind = EXEC_PART_VALUE, .place = exec_reader_place(&template->reader)};
    if (!rc) rc = add_part(template, values);
    return rc ? rc : add_part(template, (struct exec_part){.kind = EXEC_PART_WORD_END});
}

/* A single word that is no mere name is for the shell: what does it say between its replacement strings? */
static bool is_script(const struct exec_template *template, const char *word) {
    struct exec_part part;
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
    bool one = !template->shell && template->parts > 1 && template->part[0].kind == EXEC_PART_TEXT &&
               template->part[1].kind == EXEC_PART_WORD_END;
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
