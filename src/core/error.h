/* How a call says what went wrong. */
#ifndef RP_CORE_ERROR_H
#define RP_CORE_ERROR_H

#include "rankpool.h"

#include <stdarg.h>

/* One line of text into text[size], which the arguments may not point into: longer text is cut between two characters
 * of UTF-8 and ends with "...", control characters become '?'. */
void rp__put_line(char *text, size_t size, const char *format, va_list arguments);
/* Fill *error (may be NULL) with `code` and such a line. The arguments may point into *error. Returns `code`. */
int rp__fail(rp_error *error, int code, const char *format, ...) RP_PRINTF(3, 4);
/* Is it one of the codes for errors in rankpool.h? A kernel may return any number. */
bool rp__is_error(int code);

#endif
