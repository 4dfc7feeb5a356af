#include "common/connect/api_answer.h"
#include "common/record/json.h"

/* Facts: connect-api.md 3.7. */
struct api_verdict api_read_user(const struct http_answer *a, char username[128], char role[32])
{
    struct cJSON *doc;
    struct api_verdict v = api_open(a, API_ROUTE_SERVER, &doc);

    if (v.what == API_GOOD) {
        json_copy(doc, "user_role", role, 32);
        if (!json_copy(doc, "username", username, 128) || username[0] == '\0')
            v = api_garbled(a, API_ROUTE_SERVER, "its body is not a user");
    }
    json_free(doc);
    return v;
}

/* Members of /server_settings, of which callers without a key see only some. */
static bool settings_of_connect(const struct cJSON *doc)
{
    static const char *const names[] = { "hostname", "version",  "build",       "about",
                                         "license",  "runtimes", "git_enabled", "execution_type" };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (json_get(doc, names[i]) != NULL)
            return true;
    return false;
}

/* Facts: connect-api.md 3.7. */
struct api_verdict api_read_settings(const struct http_answer *a, char hostname[256],
                                     char version[64])
{
    struct cJSON *doc;
    struct api_verdict v = api_open(a, API_ROUTE_SERVER, &doc);

    if (v.what == API_GOOD && !settings_of_connect(doc))
        v = api_garbled(a, API_ROUTE_SERVER, "its body is not the settings of a Connect server");
    if (v.what == API_GOOD) {
        json_copy(doc, "hostname", hostname, 256);
        json_copy(doc, "version", version, 64);
    }
    json_free(doc);
    return v;
}
