#include "tests/simulator/exchange.h"

#include <cjson/cJSON.h>
#include <string.h>

#include "tests/simulator/json.h"

void answer_raw_json(struct answer *answer, unsigned status, struct text *json)
{
    text_done(&answer->body);
    answer->act = ACT_SEND;
    answer->status = status;
    answer->content_type = "application/json";
    answer->body = *json;
    *json = (struct text){ 0 };
}

void answer_json(struct answer *answer, unsigned status, struct cJSON *json)
{
    struct text body = { 0 };

    json_print(json, &body);
    answer_raw_json(answer, status, &body);
}

void answer_html(struct answer *answer, unsigned status, const char *title)
{
    text_done(&answer->body);
    answer->act = ACT_SEND;
    answer->status = status;
    answer->content_type = "text/html; charset=utf-8";
    text_add_format(&answer->body,
                    "<html>\n<head><title>%s</title></head>\n<body><h1>%s</h1></body>\n</html>\n",
                    title, title);
}

void answer_error(struct answer *answer, unsigned status, int code, const char *error)
{
    cJSON *json = cJSON_CreateObject();

    cJSON_AddNumberToObject(json, "code", code);
    cJSON_AddStringToObject(json, "error", error);
    cJSON_AddNullToObject(json, "payload");
    answer_json(answer, status, json);
}

void answer_later(struct answer *answer, int64_t wake_us, struct build *build)
{
    answer->act = ACT_LATER;
    answer->wake_us = wake_us;
    answer->build = build;
}

void answer_header(struct answer *answer, const char *name, const char *value)
{
    if (answer->headers_n == MAX_HEADERS)
        return;
    struct header *header = &answer->headers[answer->headers_n++];
    header->name = name;
    text_copy(header->value, sizeof header->value, value);
}

const char *request_header(const struct request *request, const char *name)
{
    return request->find(request, FIELD_HEADER, name);
}

const char *request_query(const struct request *request, const char *name)
{
    return request->find(request, FIELD_QUERY, name);
}

long long request_query_whole(const struct request *request, const char *name, long long otherwise)
{
    const char *value = request_query(request, name);
    long long number = 0;

    return value != NULL && text_to_whole(value, &number) ? number : otherwise;
}

bool request_is(const struct request *request, const char *method)
{
    return strcmp(request->method, method) == 0;
}
