#include <cjson/cJSON.h>
#include <string.h>

#include "common/connect/api_answer.h"
#include "common/record/json.h"

/* The code is judged only once the task is finished; then it must be there. */
static bool read_state(const struct cJSON *doc, struct api_task *ret)
{
    const struct cJSON *result = json_get(doc, "result");
    int64_t code = 0;
    bool has_code = json_whole(doc, "code", &code);

    if (!json_flag(doc, "finished", &ret->finished) || (ret->finished && !has_code))
        return false;
    /* beyond int it is still a failure */
    ret->code = code >= INT32_MIN && code <= INT32_MAX ? (int)code : INT32_MAX;
    if (!json_whole(doc, "last", &ret->last) || ret->last < 0)
        ret->last = 0; /* reads the log from its start: lines twice, none lost */
    json_copy(doc, "error", ret->error, sizeof ret->error);
    if (ret->code != 0 && ret->error[0] == '\0')
        json_copy(result, "data", ret->error, sizeof ret->error);
    return true;
}

static void hand_on_lines(const struct cJSON *doc, api_line_fn *line, void *arg)
{
    const struct cJSON *output = json_get(doc, "output"), *node;

    if (!cJSON_IsArray(output))
        return;
    cJSON_ArrayForEach (node, output)
        if (cJSON_IsString(node))
            line(arg, node->valuestring, strlen(node->valuestring));
}

/* Facts: connect-api.md 3.6. */
struct api_verdict api_read_task(const struct http_answer *a, struct api_task *ret,
                                 api_line_fn *line, void *arg)
{
    struct cJSON *doc;
    struct api_verdict v = api_open(a, API_ROUTE_TASK, &doc);
    struct api_task task = { 0 };

    if (v.what == API_GOOD && !read_state(doc, &task))
        v = api_garbled(a, API_ROUTE_TASK, "its body is not a task");
    if (v.what == API_GOOD) {
        hand_on_lines(doc, line, arg);
        *ret = task;
    }
    json_free(doc);
    return v;
}
