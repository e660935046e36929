/* The lines of a file, one at a time, in a buffer that grows to the longest. */
#ifndef RP_EXEC_LINES_H
#define RP_EXEC_LINES_H

#include "rankpool.h"

/* All zero but for the first three: not open yet. Between two reads [at, used) is what was read and not handed out. */
struct exec_lines {
    const char *file; /* NULL: standard input */
    char end;         /* what ends a line */
    bool again;       /* the lines will be read more than once */
    bool open;
    int fd;
    char *data;
    size_t at, used, capacity;
    uint64_t number; /* of the line handed out last, from 1 */
};

/* The next line, without its end but with a 0 after it; lent until the next call. 1; 0: there is none; RP_EUSAGE (cannot
 * be read, holds a 0, ends with a carriage return, or is too long for an argument) or RP_ENOMEM. */
int exec_lines_next(struct exec_lines *lines, char **line, size_t *size, rp_error *error);
/* From the first line on again. 0 or RP_EUSAGE. */
int exec_lines_rewind(struct exec_lines *lines, rp_error *error);
void exec_lines_close(struct exec_lines *lines);

#endif
