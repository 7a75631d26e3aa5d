/*
 * crc32.h: the checksum that gzip, PNG and AWS's event streams share.
 *
 * CRC-32 of ISO 3309: polynomial 0xedb88320 (reflected), begun and ended with all bits flipped. A
 * text in pieces is the same as the whole: crc32_add(crc32_add(0, a), b). Pure; never yields.
 */
#ifndef BASE_CRC32_H
#define BASE_CRC32_H

#include <stdint.h>

#include "base/str.h"

/* `crc` is 0 at the beginning, then what the piece before gave. */
uint32_t crc32_add(uint32_t crc, struct str piece);

#endif
