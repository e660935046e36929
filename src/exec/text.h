/* What template.c and fill.c need that knows nothing of templates: what is made of one value, and how a shell reads the
 * place where it goes. */
#ifndef RP_EXEC_TEXT_H
#define RP_EXEC_TEXT_H

#include "exec/template.h"

/* What a replacement string shows of a value. */
enum exec_view {
    EXEC_WHOLE,          /* {} */
    EXEC_NO_ENDING,      /* {.} */
    EXEC_BASE,           /* {/} */
    EXEC_FOLDER,         /* {//} */
    EXEC_BASE_NO_ENDING, /* {/.} */
    /* --plus */
    EXEC_NO_2_ENDINGS,      /* {..} */
    EXEC_NO_3_ENDINGS,      /* {...} */
    EXEC_BASE_NO_2_ENDINGS, /* {/..} */
    EXEC_BASE_NO_3_ENDINGS, /* {/...} */
    EXEC_ABOVE,             /* {+/} */
    EXEC_ENDING,            /* {+.} */
    EXEC_2_ENDINGS,         /* {+..} */
    EXEC_3_ENDINGS          /* {+...} */
};
void exec_view_add(struct exec_bytes *bytes, enum exec_view view, const char *value);

/* Are these bytes without a meaning to a shell, wherever they stand in a word? */
bool exec_text_plain(const char *text, size_t size);

/* How a shell reads what comes next in its text. */
enum exec_place { EXEC_IN_WORD, EXEC_IN_DOUBLE_QUOTES, EXEC_IN_SINGLE_QUOTES, EXEC_IN_ARITHMETIC };
struct exec_reader {
    char open[32]; /* what is open, innermost last: ' " ` ( { #, A for $(( and a for ( in it */
    unsigned depth;
    char last;    /* the byte before; 0: none */
    bool escaped; /* it was a backslash that takes the next byte along */
};
void exec_reader_take(struct exec_reader *reader, const char *text, size_t size);
enum exec_place exec_reader_place(const struct exec_reader *reader);

#endif
