/* encode -- bytes of a text in any common encoding to UTF-8.
 *
 * In this order: a byte order mark; UTF-8; UTF-16 and UTF-32 by where their zeros stand; what was declared; what the bytes look like.
 * Bytes that mean nothing in it become U+FFFD.  Ownership: the result lives in the arena or is the input.  Threads: none of its own.
 * Layer: includes base. */
#ifndef ENCODE_H
#define ENCODE_H
#include "base/base.h"

/* Absent when the bytes are no text.  declared: a name as in `charset=`, or absent.  *ret_name, if asked for, is a constant or in the arena. */
str	encode_utf8(struct arena *, str bytes, str declared, const char **ret_name);
/* Loads what iconv would load from files later. */
void	encode_warm(void);
#endif
