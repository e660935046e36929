/* How a call says what went wrong. */
#ifndef RP_CORE_ERROR_H
#define RP_CORE_ERROR_H

#include "rankpool.h"

/* Fill *error (may be NULL) with `code` and one line of text: longer text is cut with "...", control characters
 * become '?'. The arguments may point into *error. Returns `code`. */
int rp__fail(rp_error *error, int code, const char *format, ...) RP_PRINTF(3, 4);
/* Is it one of the codes for errors in rankpool.h? A kernel may return any number. */
bool rp__is_error(int code);

#endif
