/* The standard output of a command that is shown while it runs, line by line. */
#ifndef RP_EXEC_LINES_OUT_H
#define RP_EXEC_LINES_OUT_H

#include "exec/template.h"

struct exec_lines_out {
    rp_task *task;
    struct exec_bytes tag;     /* of each line */
    int from, to;              /* the pipe's ends, -1: closed */
    struct exec_bytes waiting; /* what has come of a line that has not ended */
    uint64_t received;
};

/* 0, or RP_ESYSTEM (see errno). Then lines->tag may be filled. */
int exec_lines_out_open(struct exec_lines_out *lines, rp_task *task);
/* A line of our own, without its newline. */
void exec_lines_out_say(struct exec_lines_out *lines, const char *line);
/* The command has its end of the pipe by now. */
void exec_lines_out_started(struct exec_lines_out *lines);
/* As struct exec_watch has it. */
bool exec_lines_out_ready(void *lines);
/* Shows what is left. Returns how many bytes came in all. */
uint64_t exec_lines_out_close(struct exec_lines_out *lines);

#endif
