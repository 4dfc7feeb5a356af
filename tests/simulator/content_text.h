#ifndef SIMULATOR_CONTENT_TEXT_H
#define SIMULATOR_CONTENT_TEXT_H

#include <stdint.h>

struct cJSON;
struct item;
struct request;
struct text;
struct world;

/* A content item as the API shows it, with what the query "include" asks for; caller deletes. */
struct cJSON *content_to_json(const struct world *world, const struct item *item,
                              const struct request *request);

/* Adds an id that is text, or a number with fault numeric_ids; 0 is null. */
void content_add_id(const struct world *world, struct cJSON *to, const char *name, int64_t id);

/* All content as CSV with a header line, for COPY … WITH (FORMAT csv, HEADER). Empty is null. */
void content_to_csv(const struct world *world, struct text *to);

#endif
