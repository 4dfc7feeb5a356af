#include "tests/simulator/json.h"

#include <cjson/cJSON.h>

#include "tests/simulator/clock.h"
#include "tests/simulator/limits.h"
#include "tests/simulator/text.h"

void json_add_text(struct cJSON *to, const char *name, const char *value)
{
    if (value == NULL || value[0] == '\0')
        cJSON_AddNullToObject(to, name);
    else
        cJSON_AddStringToObject(to, name, value);
}

void json_add_time(struct cJSON *to, const char *name, int64_t us)
{
    char stamp[STAMP_BYTES] = "";

    if (us != 0)
        clock_rfc3339(us, stamp, sizeof stamp);
    json_add_text(to, name, stamp);
}

void json_print(struct cJSON *json, struct text *to)
{
    char *printed = cJSON_PrintUnformatted(json);

    cJSON_Delete(json);
    text_add_string(to, printed == NULL ? "null" : printed);
    cJSON_free(printed);
}
