/* Words as tasks, one task a word: from the command line, from a file, or from standard input. Shared by the jobs
 * that take a list of anything. Streams are read lazily, in memory that does not grow with their length. */
#ifndef RP_JOBS_WORDS_H
#define RP_JOBS_WORDS_H

#include "rankpool_job.h"

/* A longer word in a stream is handed on cut to one byte more than this, and every reader of words refuses that
 * many: its task fails, the stream goes on. */
enum { RP__WORD_MAX = 16 << 20 };

/* Does the word make sense? 0, or a code and *error, which shows it. */
typedef int rp__word_check(const char *word, size_t size, rp_error *error);

/* Part of a plan: the words are argv, or the one "-" for standard input, or the file called `file` (may be NULL).
 * Words on the command line are checked at once, those of a stream by their tasks. Sets run->state and
 * run->map.count. `what` names a word in messages: "NUMBER". Returns 0 or rp_job_fail(). */
int rp__words_plan(rp_job_run *run, int argc, const char *const argv[], const char *file, const char *what,
                   rp__word_check *check);
/* The feed and the release of a job planned so. */
int rp__words_feed(rp_job_run *run, rp_map *map);
void rp__words_release(rp_job_run *run);

#endif
