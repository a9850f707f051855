/* SipHash-2-4 (Aumasson and Bernstein 2012): a table's hash that strangers cannot steer. */
#ifndef SRV_ENGINE_KEYED_HASH_H
#define SRV_ENGINE_KEYED_HASH_H

#include <stddef.h>
#include <stdint.h>

struct srv_hash_key {
    uint64_t words[2];
};

/* A random key. Any thread. */
struct srv_hash_key srv_hash_key_random(void);

/* The hash of bytes[size]. Pure; any thread. */
uint64_t srv_keyed_hash(const struct srv_hash_key *key, const void *bytes, size_t size);

#endif
