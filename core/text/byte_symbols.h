/* The 256 printable code points that stand for bytes in byte-level BPE files.
 *
 * Printable bytes of Latin-1 stand for themselves; the others, in order, for U+0100, U+0101, ...
 * (GPT-2's `bytes_to_unicode`). CLIP numbers its symbols in that function's order: printable bytes
 * first.
 */
#ifndef M2C_TEXT_BYTE_SYMBOLS_H
#define M2C_TEXT_BYTE_SYMBOLS_H

#include <stddef.h>
#include <stdint.h>

enum { M2C_BYTE_SYMBOL_ROOM = 8 }; /* two bytes of UTF-8, "</w>", NUL */

#define M2C_WORD_END "</w>"
#define M2C_START_TOKEN "<|startoftext|>"
#define M2C_END_TOKEN "<|endoftext|>"

struct m2c_byte_symbol {
    uint8_t byte;
    char text[M2C_BYTE_SYMBOL_ROOM]; /* NUL-terminated UTF-8, without "</w>" */
};

/* Fills `symbols` in CLIP's order. Any thread. */
void m2c_byte_symbols(struct m2c_byte_symbol symbols[256]);

#endif
