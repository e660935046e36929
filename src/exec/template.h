/* The command of `rankpool exec`, with its replacement strings: parsed once, filled for each task. Workers fill it to
 * run the command, rank 0 to show it, so both agree. Plain functions of bytes. */
#ifndef RP_EXEC_TEMPLATE_H
#define RP_EXEC_TEMPLATE_H

#include "rankpool.h"

/* Bytes that grow. Once memory was short it stays so: callers look at `failed` once, at the end. */
struct exec_bytes {
    char *data;
    size_t size, capacity;
    bool failed;
};
void exec_bytes_add(struct exec_bytes *bytes, const void *data, size_t size);
void exec_bytes_text(struct exec_bytes *bytes, const char *text); /* without its 0 */
void exec_bytes_free(struct exec_bytes *bytes);
/* The text as one word of a shell's, written as GNU parallel writes it. */
void exec_bytes_quoted(struct exec_bytes *bytes, const char *text, size_t size);

struct exec_template;

/* What fills a template: value[i] is the one of input source i. All lent. */
struct exec_values {
    uint64_t seq;  /* {#}: the task's number, from 1 */
    uint32_t slot; /* {%}: where it runs, from 1 */
    size_t count;
    const char *const *value;
};
/* The values in these bytes, each of which is ended by 0: pointers into them. Given: free. NULL: out of memory. */
const char **exec_values_list(const char *data, size_t size, size_t *count);

/* A command to run: argv is complete, also for a shell (/bin/sh -c SCRIPT sh VALUE...), and ended by NULL. */
struct exec_command {
    bool shell;
    char **argv;
    size_t argc;
    char *text; /* as one line, as GNU parallel shows it */
    char *data; /* what argv points into */
};

/* How words are read; all zero for the usual way. Texts are copied. */
struct exec_style {
    bool shell;        /* see exec_template_parse */
    bool quote;        /* one word is a program, too, whatever is in it */
    bool text;         /* it is no command but a text, of one word, to which no values are appended */
    bool plus;         /* {..} {+/} and their like are replacement strings, too */
    const char *mark;  /* stands for the input, and {} {1} do not; NULL: they do */
    const char *names; /* of the inputs, each ended by 0: {name} is {1}, or which it is */
    size_t names_size;
};

/* One word with blanks or characters of the shell's is a text for /bin/sh, several are a program and its arguments, and
 * of no word at all the values themselves are the command, for /bin/sh. `shell`: several are joined by blanks into a
 * text for /bin/sh, too. Given: exec_template_free. RP_EUSAGE, RP_ENOMEM. */
int exec_template_parse(struct exec_template **template, const char *const *words, size_t count,
                        const struct exec_style *style, rp_error *error);
void exec_template_free(struct exec_template *template);
/* The program that every task starts, or NULL where a shell runs it or its name has a replacement in it. Lent. */
const char *exec_template_program(const struct exec_template *template);
/* Does it have a replacement string? Without any the values come at its end. */
bool exec_template_replaces(const struct exec_template *template);

/* To bytes at the end of `to`, and back: *used of `size` bytes. RP_ENOMEM, RP_EPROTOCOL. */
int exec_template_pack(const struct exec_template *template, struct exec_bytes *to);
int exec_template_unpack(struct exec_template **template, const void *data, size_t size, size_t *used);

/* Given: exec_command_free. RP_ENOMEM. */
int exec_template_fill(const struct exec_template *template, const struct exec_values *values,
                       struct exec_command *command);
void exec_command_free(struct exec_command *command);
/* Of a template that is a text: filled, and a tab, at the end of `to`. Where memory is short, to->failed. */
void exec_template_tag(const struct exec_template *template, const struct exec_values *values, struct exec_bytes *to);

#endif
