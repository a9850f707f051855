#include "server/clients/address.h"

#include <arpa/inet.h>
#include <string.h>

static const unsigned char mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool srv_address_parse(const char *text, size_t size, struct srv_address *out)
{
    char copy[SRV_ADDRESS_TEXT_BYTES];
    const char *zone = memchr(text, '%', size);
    if (zone)
        size = (size_t)(zone - text);
    if (size >= sizeof copy || memchr(text, '\0', size))
        return false;
    memcpy(copy, text, size);
    copy[size] = '\0';
    if (!zone && inet_pton(AF_INET, copy, out->bytes + sizeof mapped_prefix) == 1) {
        memcpy(out->bytes, mapped_prefix, sizeof mapped_prefix);
        return true;
    }
    return inet_pton(AF_INET6, copy, out->bytes) == 1;
}

bool srv_address_is_v4(const struct srv_address *address)
{
    return memcmp(address->bytes, mapped_prefix, sizeof mapped_prefix) == 0;
}

bool srv_address_is_loopback(const struct srv_address *address)
{
    static const struct srv_address one = {.bytes = {[15] = 1}};
    if (srv_address_is_v4(address))
        return address->bytes[12] == 127;
    return memcmp(address, &one, sizeof one) == 0;
}

void srv_address_format(const struct srv_address *address, char out[SRV_ADDRESS_TEXT_BYTES])
{
    bool v4 = srv_address_is_v4(address);
    const unsigned char *bytes = address->bytes + (v4 ? sizeof mapped_prefix : 0);
    if (!inet_ntop(v4 ? AF_INET : AF_INET6, bytes, out, SRV_ADDRESS_TEXT_BYTES))
        out[0] = '\0';
}
