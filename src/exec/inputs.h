/* What fills the template of `rankpool exec`: the values after ::: and the lines of files, set by set, in memory that
 * does not grow with their number. */
#ifndef RP_EXEC_INPUTS_H
#define RP_EXEC_INPUTS_H

#include "exec/template.h"

/* How inputs are read. */
struct exec_inputs_options {
    const char *const *files; /* [file_count] of -a: the first sources; "-" is standard input */
    size_t file_count;
    const char *commands; /* a file of commands: # comments and empty lines are no commands; NULL: none */
    bool null;            /* lines end with 0 */
    const char *column;   /* what separates the columns of a line; NULL: a line is one value */
    uint64_t arguments;   /* values a set, of a single source; 0: 1 */
    bool link;            /* all sources step together, and one that has ended begins again, until all have ended */
    bool header;          /* the first value of each source is its name, and no input */
    bool no_blank;        /* a set of nothing but blanks is left out */
    bool trim_left, trim_right; /* blanks at the begin, or the end, of a value */
};

enum { EXEC_VALUE_MAX = (128 << 10) - 1 }; /* bytes of an argument that Linux passes on: MAX_ARG_STRLEN with its 0 */

struct exec_inputs;

/* Sources from the words of a command line, from its first ::: (or :::+, ::::, ::::+) on; of none at all, and no file,
 * it is standard input. Nothing is opened yet. Words are lent until exec_inputs_free. Given. RP_EUSAGE, RP_ENOMEM. */
int exec_inputs_open(struct exec_inputs **inputs, const struct exec_inputs_options *options, const char *const *words,
                     size_t count, rp_error *error);
void exec_inputs_free(struct exec_inputs *inputs);
/* Is the word one that begins a source? */
bool exec_inputs_begin(const char *word);
/* Does it read a terminal? The user should know. */
bool exec_inputs_terminal(const struct exec_inputs *inputs);
/* With options.header: the names, each ended by 0. It may read; what cannot be read is told by exec_inputs_next. */
void exec_inputs_header(struct exec_inputs *inputs, struct exec_bytes *names);
/* The next set of values, each ended by 0, instead of what *set had. 1; 0: there is none; RP_EUSAGE or RP_ENOMEM. */
int exec_inputs_next(struct exec_inputs *inputs, struct exec_bytes *set, rp_error *error);

#endif
