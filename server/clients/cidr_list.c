#include "server/clients/cidr_list.h"

#include <stdlib.h>
#include <string.h>

enum { ADDRESS_BITS = 128, V4_BITS = 32, MAX_ITEM_TEXT = 64 };

/* The part of a byte that the first `bits` bits of the address cover, byte `index`. */
static unsigned char mask_of(unsigned bits, unsigned index)
{
    unsigned begin = index * 8;
    if (bits >= begin + 8)
        return 0xff;
    if (bits <= begin)
        return 0;
    return (unsigned char)(0xffu << (8 - (bits - begin)));
}

static bool is_network(const struct srv_cidr *cidr)
{
    for (unsigned i = 0; i < sizeof cidr->network.bytes; i++)
        if (cidr->network.bytes[i] & (unsigned char)~mask_of(cidr->bits, i))
            return false;
    return true;
}

/* A prefix length of `size` digits, at most `max`. */
static bool parse_bits(const char *text, size_t size, unsigned max, unsigned *out)
{
    unsigned value = 0;
    if (size == 0 || size > 3)
        return false;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    *out = value;
    return value <= max;
}

static bool parse_item(const char *text, size_t size, struct srv_cidr *out)
{
    const char *slash = memchr(text, '/', size);
    size_t address_size = slash ? (size_t)(slash - text) : size;
    if (memchr(text, '%', size) || !srv_address_parse(text, address_size, &out->network))
        return false;
    /* A network is of the family that it is written in: ::ffff:0.0.0.0/96 has 128 bits. */
    bool dotted = !memchr(text, ':', address_size);
    out->bits = dotted ? V4_BITS : ADDRESS_BITS;
    if (slash && !parse_bits(slash + 1, size - address_size - 1, out->bits, &out->bits))
        return false;
    out->bits += dotted ? ADDRESS_BITS - V4_BITS : 0;
    return true;
}

static enum m2c_status add(struct srv_cidr_list *list, const char *text, size_t size,
                           const char *option, struct m2c_error *err)
{
    struct srv_cidr cidr;
    int shown = size < MAX_ITEM_TEXT ? (int)size : MAX_ITEM_TEXT;
    if (!parse_item(text, size, &cidr))
        return m2c_fail_field(err, M2C_USAGE, option, "%.*s is not a network such as 10.0.0.0/8",
                              shown, text);
    if (!is_network(&cidr))
        return m2c_fail_field(err, M2C_USAGE, option,
                              "%.*s has bits set behind its prefix: say which network is meant",
                              shown, text);
    list->items[list->count++] = cidr;
    return M2C_OK;
}

enum m2c_status srv_cidr_list_parse(const char *text, const char *option, struct srv_cidr_list *out,
                                    struct m2c_error *err)
{
    size_t count = 1;
    enum m2c_status status = M2C_OK;
    for (const char *comma = strchr(text, ','); comma; comma = strchr(comma + 1, ','))
        count++;
    *out = (struct srv_cidr_list){.items = calloc(count, sizeof *out->items)};
    if (!out->items)
        return m2c_fail_memory(err, "a list of networks", count * sizeof *out->items);
    while (status == M2C_OK && text) {
        size_t size = strcspn(text, ",");
        status = add(out, text, size, option, err);
        text = text[size] == ',' ? text + size + 1 : NULL;
    }
    if (status != M2C_OK)
        srv_cidr_list_destroy(out);
    return status;
}

void srv_cidr_list_destroy(struct srv_cidr_list *list)
{
    free(list->items);
    *list = (struct srv_cidr_list){0};
}

static bool holds(const struct srv_cidr *cidr, const struct srv_address *address)
{
    for (unsigned i = 0; i < sizeof address->bytes; i++)
        if ((address->bytes[i] & mask_of(cidr->bits, i)) != cidr->network.bytes[i])
            return false;
    return true;
}

bool srv_cidr_list_holds(const struct srv_cidr_list *list, const struct srv_address *address)
{
    for (size_t i = 0; i < list->count; i++)
        if (holds(&list->items[i], address))
            return true;
    return false;
}
