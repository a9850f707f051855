#include "server/engine/keyed_hash.h"

#include <string.h>
#include <sys/random.h>
#include <time.h>

struct srv_hash_key srv_hash_key_random(void)
{
    struct srv_hash_key key;
    if (getrandom(&key, sizeof key, GRND_NONBLOCK) != (ssize_t)sizeof key) {
        struct timespec now = {0};
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        key.words[0] = (uint64_t)now.tv_nsec;
        key.words[1] = (uint64_t)now.tv_sec;
    }
    return key;
}

static uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static void mix(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static void absorb(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    mix(v);
    mix(v);
    v[0] ^= word;
}

/* Little-endian, whatever the machine. */
static uint64_t load(const unsigned char *bytes, size_t count)
{
    uint64_t word = 0;
    for (size_t i = 0; i < count; i++)
        word |= (uint64_t)bytes[i] << (8 * i);
    return word;
}

uint64_t srv_keyed_hash(const struct srv_hash_key *key, const void *bytes, size_t size)
{
    const unsigned char *read = bytes;
    uint64_t v[4] = {
        key->words[0] ^ UINT64_C(0x736f6d6570736575), key->words[1] ^ UINT64_C(0x646f72616e646f6d),
        key->words[0] ^ UINT64_C(0x6c7967656e657261), key->words[1] ^ UINT64_C(0x7465646279746573)};
    size_t whole = size / 8;
    for (size_t i = 0; i < whole; i++)
        absorb(v, load(read + 8 * i, 8));
    absorb(v, load(read + 8 * whole, size % 8) | (uint64_t)(size & 255) << 56);
    v[2] ^= 255;
    for (int i = 0; i < 4; i++)
        mix(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
