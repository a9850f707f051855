#include "text/byte_symbols.h"

#include <stdbool.h>

static bool stands_for_itself(int byte)
{
    return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

static void write_symbol(struct m2c_byte_symbol *symbol, int byte, int code_point)
{
    symbol->byte = (uint8_t)byte;
    if (code_point < 0x80) {
        symbol->text[0] = (char)code_point;
        symbol->text[1] = '\0';
        return;
    }
    symbol->text[0] = (char)(0xC0 | code_point >> 6);
    symbol->text[1] = (char)(0x80 | (code_point & 0x3F));
    symbol->text[2] = '\0';
}

void m2c_byte_symbols(struct m2c_byte_symbol symbols[256])
{
    int index = 0;
    for (int byte = 0; byte < 256; ++byte) {
        if (stands_for_itself(byte))
            write_symbol(&symbols[index++], byte, byte);
    }
    int others = 0;
    for (int byte = 0; byte < 256; ++byte) {
        if (!stands_for_itself(byte))
            write_symbol(&symbols[index++], byte, 0x100 + others++);
    }
}
