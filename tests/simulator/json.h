#ifndef SIMULATOR_JSON_H
#define SIMULATOR_JSON_H

#include <stdbool.h>
#include <stdint.h>

struct cJSON;
struct text;

/* The few things that every answer needs besides cJSON itself. */

void json_add_text(struct cJSON *to, const char *name, const char *value); /* NULL or "": null */
void json_add_time(struct cJSON *to, const char *name, int64_t us);        /* 0: null */
void json_print(struct cJSON *json, struct text *to);                      /* takes json */

#endif
