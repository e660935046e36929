/* Records: how the bytes of many tasks lie one after the other, inputs and results alike.
 * A record is a LEB128 number n, then its bytes: size = n >> 1, and n & 1 marks a failure whose bytes are the
 * message. So a small record costs one byte more than it holds. */
#ifndef RP_CORE_RECORD_H
#define RP_CORE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RP__RECORD_HEAD_MAX = 10 };

/* Write the head of a record of `size` bytes to `at`; returns the head's length. */
size_t rp__record_head(uint8_t at[RP__RECORD_HEAD_MAX], size_t size, bool failed);
/* Read the record at `at`, of which `left` bytes are there. Returns its whole length, or 0 if it is cut or
 * makes no sense; then nothing is set. */
size_t rp__record_read(const uint8_t *at, size_t left, const uint8_t **data, size_t *size, bool *failed);

#endif
