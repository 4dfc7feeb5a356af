#ifndef SIMULATOR_LIMITS_H
#define SIMULATOR_LIMITS_H

/* Every bound of the simulator: its unit and why it has this size. */

#define MAX_REPLICAS       64      /* servers; more is no longer a picture of an installation */
#define MAX_ITEMS          2000000 /* content items; about 1 GB of memory */
#define MAX_REQUEST_BYTES  (1024 * 1024) /* of a request body; ours are a few hundred bytes */
#define MAX_TEXT_BYTES     (1024u * 1024 * 1024) /* of one answer; a list of 500,000 items fits */
#define MAX_PATH_BYTES     1024 /* of a request path; a longer one is a broken client */
#define MAX_SEGMENTS       12   /* of a path; the deepest API route has 6 */
#define MAX_HEADERS        6    /* that one answer adds beyond those of the library */
#define MAX_HEADER_BYTES   320  /* of the value of one added header */
#define MAX_BUNDLES        8    /* kept per item; the oldest is pruned, as Connect does */
#define MAX_JOBS           2    /* of one build: an R restore and a Python restore */
#define MAX_LOG_LINE_BYTES (16 * 1024 * 1024) /* of the line of fault log_line_bytes */
#define MAX_CORRELATIONS   1000000 /* remembered with their cookie; later ones go uncounted */
#define MAX_CONNECTIONS    60000   /* per port; bounded by RLIMIT_NOFILE long before */
#define MAX_ACCEPT_BACKLOG 4096    /* connections that wait for accept: a burst of a test */

#define GUID_BYTES        37  /* with its NUL */
#define ID_BYTES          17  /* a task id or job key of 16 characters, and its NUL */
#define WORD_BYTES        32  /* of an enumerated option or fault value */
#define NAME_BYTES        64  /* of a replica, image, user or content name */
#define TITLE_BYTES       96  /* of a content title */
#define CORRELATION_BYTES 80  /* of X-Correlation-ID that is kept; a UUID needs 37 */
#define COOKIE_BYTES      64  /* of the value of a sticky cookie */
#define STAMP_BYTES       40  /* of a time as text */
#define ERROR_BYTES       256 /* of a sentence for a person */

#endif
