/* One item of the content table, as far as a rebuild needs it. Names are the Connect API's. */
#ifndef COMMON_RECORD_CONTENT_H
#define COMMON_RECORD_CONTENT_H

#include <stdbool.h>
#include <stddef.h>

/* Every text is owned, or NULL where the source had none; empty counts as none. */
struct content {
    char *guid; /* never NULL in a decoded record: lower case, 36 characters */
    char *bundle_id;
    char *app_mode;
    char *title;
    char *name;
    char *owner_guid;
    char *owner_username;
    char *access_type;
    char *r_version;
    char *py_version;
    char *quarto_version;
    char *image_name;
    char **access_paths; /* in order; absolute paths or vanity URLs' paths */
    size_t access_paths_n;
};

void content_done(struct content *c); /* frees the members, zeroes the struct */

#endif
