/* cmocka with the headers that it needs in front. */
#ifndef TEST_CMOCKA_PLUS_H
#define TEST_CMOCKA_PLUS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
