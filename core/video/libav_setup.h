/* libav's process-wide settings, and its words for our log. */
#ifndef M2C_VIDEO_LIBAV_SETUP_H
#define M2C_VIDEO_LIBAV_SETUP_H

#include "status.h"

/* Once a process: caps a single allocation of libav at 512 MiB and takes over its log, so that
 * nothing reaches stderr. Any thread; later calls cost nothing. */
void m2c_libav_setup(void);

/* Forgets what libav said on this thread. */
void m2c_libav_forget(void);

/* Adds to `err` what a libav code means and the last error that libav logged on this thread; for
 * the log alone. Returns err->status. */
enum m2c_status m2c_libav_context(struct m2c_error *err, int code);

#endif
