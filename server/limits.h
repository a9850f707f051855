/* Ceilings of the service that no option moves, in one place. What an option moves has its default
 * in config.c. A test stands just under and just over each. */
#ifndef SRV_LIMITS_H
#define SRV_LIMITS_H

#define SRV_KIB ((size_t)1024)
#define SRV_MIB ((size_t)1024 * 1024)

/* HTTP: what one connection may hold and how long it may take. */
#define SRV_CONNECTION_MEMORY_BYTES (32 * SRV_KIB)   /* libmicrohttpd's pool: headers, buffers */
#define SRV_CONNECTION_INCREMENT_BYTES (4 * SRV_KIB) /* by which its buffers grow */
#define SRV_TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"
#define SRV_LISTEN_BACKLOG 512                /* connections not yet accepted */
#define SRV_MAX_HEADERS 100                   /* header lines of a request */
#define SRV_MAX_HEADER_BYTES (16 * SRV_KIB)   /* all of them together */
#define SRV_MAX_TARGET_BYTES (16 * SRV_KIB)   /* path and query as they arrive */
#define SRV_BODY_WINDOW_MS 5000.0             /* in which a body must keep the rate below */
#define SRV_REPLY_MIN_RATE 32768.0            /* bytes a second that a reader must take */
#define SRV_STREAM_BLOCK_BYTES (16 * SRV_KIB) /* of a streamed reply, taken at once */
#define SRV_REQUESTS_PER_CONNECTION 1000      /* then `Connection: close` */
#define SRV_DISCARD_BYTES SRV_MIB             /* read after an error in mid-body */
#define SRV_LINGER_BYTES (64 * SRV_MIB)       /* read after a refusal, so it can be read */
#define SRV_LINGER_MS 2000                    /* the same, in time */
#define SRV_MAX_LINGERING 64                  /* connections at once */
#define SRV_ZERO_TIMEOUTS 8                   /* in a row without progress before a pause */
#define SRV_ZERO_TIMEOUT_FLOOR_MS 2           /* that pause */

/* Bodies. */
#define SRV_MEMORY_BODY_BYTES (4 * SRV_MIB)   /* longer ones go to a file */
#define SRV_SPOOL_BLOCK_BYTES (512 * SRV_KIB) /* collected before they are written to it */
#define SRV_SPOOL_SLACK_BYTES (64 * SRV_KIB)  /* what may come after that in one piece */
#define SRV_STORAGE_RETRY_MS 1000             /* asked of a client whose body does not fit */

/* Request pieces. */
#define SRV_REQUEST_ID_MAX 64                  /* characters of X-Request-Id */
#define SRV_CLIENT_NAME_MAX 63                 /* characters of a client's name */
#define SRV_MAX_PARAMETERS 4096                /* query parameters, or fields of a form */
#define SRV_MAX_FORM_BYTES SRV_MIB             /* all fields of a form without the video */
#define SRV_PART_HEADER_BYTES (4 * SRV_KIB)    /* header block of one part */
#define SRV_BOUNDARY_MAX 70                    /* characters (RFC 2046) */
#define SRV_FIELD_NAME_MAX 63                  /* bytes of a part's name */
#define SRV_JSON_OFF_LOOP_BYTES (64 * SRV_KIB) /* from here on parsed off the loop */

#endif
