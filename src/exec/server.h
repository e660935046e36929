/* A program that answers: one process for many tasks of `rankpool exec --serve`, a line in, an answer out. */
#ifndef RP_EXEC_SERVER_H
#define RP_EXEC_SERVER_H

#include "exec/spawn.h"
#include "exec/template.h"

struct exec_server {
    const char *end; /* the line that ends an answer, lent; NULL: an answer is one line */
    pid_t pid;       /* 0: none runs */
    int in, out;     /* our ends of its pipes, while it runs */
    struct exec_bytes heard;
    size_t line, seen; /* of `heard`: where its last line begins, and how far that was searched for its end */
    bool unread;       /* after exec_server_stop: it had written more than was read */
};

/* How a question ended. But for the first, the server is of no use any more: exec_server_stop. */
enum exec_answer {
    EXEC_ANSWERED,  /* the answer is the first *size bytes of server->heard, until the next question */
    EXEC_NO_ANSWER, /* it has closed its output, or its input: mostly since it has ended */
    EXEC_LATE,      /* it took too long, or nobody wants the answer any more */
    EXEC_TOO_MUCH,  /* it said something before it was asked, or after its answer: nobody knows what answers what */
    EXEC_TOO_LARGE  /* there is no memory for the answer */
};

/* Its standard input and output are pipes, whatever `start` says of them. As exec_start. */
int exec_server_start(struct exec_server *server, struct exec_start start, bool *in_folder);
/* `line` ends with its newline. timeout_s 0: it may take any time. */
enum exec_answer exec_server_ask(struct exec_server *server, const struct exec_bytes *line, double timeout_s,
                                 const rp_task *task, size_t *size);
/* Closes its input and lets it end by itself for so long (more than 0); then TERM, and KILL a second later. Where none
 * runs there is nothing to do, and *end says so: all 0. */
void exec_server_stop(struct exec_server *server, double patience_s, struct exec_end *end);

#endif
