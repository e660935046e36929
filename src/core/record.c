/* The head of a record: a LEB128 number, seven bits a byte, the lowest first, the top bit set on all but the last.
 * Records come from other processes and other ranks, so the reader believes none of it: every length is held
 * against the bytes that are really there. */
#include "core/record.h"

size_t rp__record_head(uint8_t at[RP__RECORD_HEAD_MAX], size_t size, bool failed) {
    uint64_t number = (uint64_t)size << 1 | failed; /* no object in memory is so large that this loses a bit */
    size_t length = 0;
    for (; number > 0x7f; number >>= 7) at[length++] = (uint8_t)(number | 0x80);
    at[length++] = (uint8_t)number;
    return length;
}

size_t rp__record_read(const uint8_t *at, size_t left, const uint8_t **data, size_t *size, bool *failed) {
    uint64_t number = 0;
    size_t length = 0;
    uint8_t byte;
    do {
        if (length == left || length == RP__RECORD_HEAD_MAX) return 0;
        byte = at[length];
        if (length == RP__RECORD_HEAD_MAX - 1 && byte > 1) return 0; /* more than 64 bits */
        number |= (uint64_t)(byte & 0x7f) << (7 * length);
        length++;
    } while (byte & 0x80);

    const uint64_t bytes = number >> 1;
    if (bytes > left - length) return 0;
    *data = at + length;
    *size = (size_t)bytes;
    *failed = number & 1;
    return length + (size_t)bytes;
}
