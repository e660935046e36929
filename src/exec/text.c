/* Bytes, values, names of files cut as GNU parallel cuts them, words quoted as it quotes them, and a reader of shell texts.
 *
 * The reader follows quotes, substitutions and comments as far as is needed to tell where a replacement string stands.
 * It may be wrong (a here-document, a pattern of `case` inside $( )) without any harm but an odd word: values do not
 * go into the text, only variables that hold them do. */
#include "exec/text.h"

#include <stdlib.h>
#include <string.h>

void exec_bytes_add(struct exec_bytes *bytes, const void *data, size_t size) {
    if (bytes->failed || size == 0) return;
    if (size > bytes->capacity - bytes->size) {
        size_t capacity = bytes->capacity ? bytes->capacity : 64;
        while (capacity - bytes->size < size) capacity *= 2;
        char *grown = realloc(bytes->data, capacity);
        bytes->failed = !grown;
        if (!grown) return;
        bytes->data = grown;
        bytes->capacity = capacity;
    }
    memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
}

void exec_bytes_text(struct exec_bytes *bytes, const char *text) { exec_bytes_add(bytes, text, strlen(text)); }

void exec_bytes_free(struct exec_bytes *bytes) {
    free(bytes->data);
    *bytes = (struct exec_bytes){0};
}

const char **exec_values_list(const char *data, size_t size, size_t *count) {
    const char *next = data, **value;
    *count = 0;
    for (size_t i = 0; i < size; i++) *count += !data[i];
    value = calloc(*count + 1, sizeof *value);
    for (size_t i = 0; value && i < *count; i++, next += strlen(next) + 1) value[i] = next;
    return value;
}

static bool is_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-_.+/", c));
}

/* Each ' becomes '"'"', all of it stands between two more, and an empty '' at either end goes. */
void exec_bytes_quoted(struct exec_bytes *bytes, const char *text, size_t size) {
    size_t plain = 0;
    while (plain < size && is_plain(text[plain])) plain++;
    if (size && plain == size) {
        exec_bytes_add(bytes, text, size);
        return;
    }
    if (!size || text[0] != '\'') exec_bytes_text(bytes, "'");
    for (size_t i = 0; i < size; i++) {
        if (text[i] != '\'') {
            exec_bytes_add(bytes, text + i, 1);
            continue;
        }
        exec_bytes_text(bytes, i == 0 ? "\"'\"" : "'\"'\"");
        if (i + 1 < size) exec_bytes_text(bytes, "'");
    }
    if (!size || text[size - 1] != '\'') exec_bytes_text(bytes, "'");
}

bool exec_text_plain(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (!is_plain(text[i]) && !((unsigned char)text[i] & 0x80) && !strchr(":,@%", text[i])) return false;
    return true;
}

/* ---- Names of files ------------------------------------------------------------------------------------ */

static size_t base_at(const char *name, size_t size) {
    while (size && name[size - 1] != '/') size--;
    return size;
}

/* Where the last `count` dots begin, if no slash comes after the first of them; else the end. */
static size_t endings_at(const char *name, size_t size, unsigned count) {
    for (size_t i = size; i && name[i - 1] != '/'; i--)
        if (name[i - 1] == '.' && --count == 0) return i - 1;
    return size;
}

/* What endings_at cuts off, without its first dot. */
static void add_endings(struct exec_bytes *bytes, const char *name, size_t size, unsigned count) {
    size_t at = endings_at(name, size, count);
    if (at < size) exec_bytes_add(bytes, name + at + 1, size - at - 1);
}

/* Perl's dirname: a/b/ is in a, what has no slash in ".", and the root in itself. */
static void add_folder(struct exec_bytes *bytes, const char *name) {
    size_t size = strlen(name);
    while (size > 1 && name[size - 1] == '/') size--;
    if (size != 1 || name[0] != '/') size = base_at(name, size);
    while (size > 1 && name[size - 1] == '/') size--;
    exec_bytes_add(bytes, size ? name : ".", size ? size : 1);
}

void exec_view_add(struct exec_bytes *bytes, enum exec_view view, const char *value) {
    size_t size = strlen(value), base = base_at(value, size);
    switch (view) {
    case EXEC_WHOLE:
        exec_bytes_add(bytes, value, size);
        break;
    case EXEC_NO_ENDING:
        exec_bytes_add(bytes, value, endings_at(value, size, 1));
        break;
    case EXEC_BASE:
        exec_bytes_add(bytes, value + base, size - base);
        break;
    case EXEC_FOLDER:
        add_folder(bytes, value);
        break;
    case EXEC_BASE_NO_ENDING:
        exec_bytes_add(bytes, value + base, endings_at(value, size, 1) - base);
        break;
    case EXEC_NO_2_ENDINGS:
        exec_bytes_add(bytes, value, endings_at(value, size, 2));
        break;
    case EXEC_NO_3_ENDINGS:
        exec_bytes_add(bytes, value, endings_at(value, size, 3));
        break;
    case EXEC_BASE_NO_2_ENDINGS:
        exec_bytes_add(bytes, value + base, endings_at(value, size, 2) - base);
        break;
    case EXEC_BASE_NO_3_ENDINGS:
        exec_bytes_add(bytes, value + base, endings_at(value, size, 3) - base);
        break;
    case EXEC_ABOVE:
        exec_bytes_add(bytes, value, base ? base - 1 : 0);
        break;
    case EXEC_ENDING:
        add_endings(bytes, value, size, 1);
        break;
    case EXEC_2_ENDINGS:
        add_endings(bytes, value, size, 2);
        break;
    case EXEC_3_ENDINGS:
        add_endings(bytes, value, size, 3);
        break;
    }
}

/* ---- Where a shell is in its text ---------------------------------------------------------------------- */

static char innermost(const struct exec_reader *reader) { return reader->depth ? reader->open[reader->depth - 1] : 0; }

static void enter(struct exec_reader *reader, char what) {
    if (reader->depth < sizeof reader->open) reader->open[reader->depth++] = what;
}

static bool begins_word(char last) { return !last || strchr(" \t\n;&|()", last) != NULL; }

/* Take what begins with `text`, outside of single quotes and comments; returns how many bytes it was. */
static size_t take_open(struct exec_reader *reader, const char *text, size_t size) {
    char top = innermost(reader), c = text[0];
    if (c == '$' && size > 2 && !strncmp(text, "$((", 3)) {
        enter(reader, 'A');
        return 3;
    }
    if (c == '$' && size > 1 && (text[1] == '(' || text[1] == '{')) {
        enter(reader, text[1]);
        return 2;
    }
    if (top == 'A' && size > 1 && !strncmp(text, "))", 2)) {
        reader->depth--;
        return 2;
    }
    if ((c == '"' && top == '"') || (c == '`' && top == '`') || (c == '}' && top == '{') ||
        (c == ')' && (top == '(' || top == 'a')))
        reader->depth--;
    else if (c == '\\')
        reader->escaped = true;
    else if (c == '"' || c == '`')
        enter(reader, c);
    else if (c == '(' && (top == 'A' || top == 'a'))
        enter(reader, 'a');
    else if (top == 'A' || top == 'a')
        return 1;
    else if (top != '"' && (c == '\'' || c == '('))
        enter(reader, c);
    else if (top != '"' && top != '{' && c == '#' && begins_word(reader->last))
        enter(reader, c);
    return 1;
}

void exec_reader_take(struct exec_reader *reader, const char *text, size_t size) {
    for (size_t i = 0, taken; i < size; i += taken) {
        char top = innermost(reader);
        taken = 1;
        if (reader->escaped)
            reader->escaped = false;
        else if (top == '\'' || top == '#')
            reader->depth -= text[i] == (top == '#' ? '\n' : top);
        else
            taken = take_open(reader, text + i, size - i);
        reader->last = text[i + taken - 1];
    }
}

/* Inside ${ } what is around it decides. */
enum exec_place exec_reader_place(const struct exec_reader *reader) {
    for (unsigned i = reader->depth; i > 0; i--) switch (reader->open[i - 1]) {
        case '{':
            break;
        case '"':
            return EXEC_IN_DOUBLE_QUOTES;
        case '\'':
            return EXEC_IN_SINGLE_QUOTES;
        case 'A':
        case 'a':
            return EXEC_IN_ARITHMETIC;
        default:
            return EXEC_IN_WORD;
        }
    return EXEC_IN_WORD;
}
