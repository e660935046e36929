/* Files of `rankpool exec` that hold output for a while, and whole reads and writes of any. */
#ifndef RP_EXEC_FILE_H
#define RP_EXEC_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* $TMPDIR, or /tmp. */
const char *exec_file_folder(void);
/* A file without a name, there, to read and to append to. -1: errno says why. */
int exec_file_unnamed(void);
/* All of it, or false, and errno says why. */
bool exec_file_write(int fd, const char *data, size_t size);
bool exec_file_read(int fd, char *to, size_t size, uint64_t at);

#endif
