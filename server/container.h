/* From a member to the struct that it is embedded in. */
#ifndef SRV_CONTAINER_H
#define SRV_CONTAINER_H

#include <stddef.h>

#define SRV_CONTAINER(pointer, type, member)                                                       \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
