#include "video/libav_setup.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <libavutil/error.h>
#include <libavutil/log.h>
#include <libavutil/mem.h>

enum { MAX_ALLOCATION_BYTES = 512 << 20 };

static _Thread_local char last_line[192];

static void keep_line(void *object, int level, const char *format, va_list arguments)
{
    (void)object;
    if (level > AV_LOG_ERROR)
        return;
    if (vsnprintf(last_line, sizeof last_line, format, arguments) < 0)
        last_line[0] = '\0';
    last_line[strcspn(last_line, "\n")] = '\0';
}

static void set_up(void)
{
    av_max_alloc(MAX_ALLOCATION_BYTES);
    av_log_set_callback(keep_line);
}

void m2c_libav_setup(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, set_up);
}

void m2c_libav_forget(void)
{
    last_line[0] = '\0';
}

enum m2c_status m2c_libav_context(struct m2c_error *err, int code)
{
    char meaning[AV_ERROR_MAX_STRING_SIZE] = "";
    (void)av_strerror(code, meaning, sizeof meaning);
    return m2c_error_context(err, "libav: %s; %s", meaning, last_line);
}
