/* What a template is made of: text, values, and ends of words. template.c parses it, fill.c fills it. */
#ifndef RP_EXEC_PARTS_H
#define RP_EXEC_PARTS_H

#include "exec/template.h"
#include "exec/text.h"

enum exec_part_kind { EXEC_PART_TEXT, EXEC_PART_VALUE, EXEC_PART_SEQ, EXEC_PART_SLOT, EXEC_PART_WORD_END };

/* Of a template, in order. */
struct exec_part {
    enum exec_part_kind kind;
    enum exec_view view;   /* of EXEC_PART_VALUE, as the two below */
    long position;         /* 1..; from the end: -1..; 0: all values */
    enum exec_place place; /* of a shell's */
    const char *text;      /* of EXEC_PART_TEXT, into the template's words */
    size_t size;
};

struct exec_template {
    struct exec_bytes words; /* as given, each ended by 0; of a shell, the one text */
    size_t word_count;
    bool shell, quote, is_text, plus, replaces;
    struct exec_bytes mark, names; /* of exec_style; the mark is ended by 0, or has no bytes */
    struct exec_part *part;
    size_t parts, capacity;
    struct exec_reader reader; /* of a shell's text, as far as it is parsed */
};

#endif
