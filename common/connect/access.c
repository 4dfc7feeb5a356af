#include "common/connect/access.h"

#include <stdio.h>
#include <string.h>

#include "common/base/str.h"

static const char *const verdict_names[] = {
    [ACCESS_NOT_CHECKED] = "not_checked",
    [ACCESS_OK] = "ok",
    [ACCESS_FORBIDDEN_TO_KEY] = "forbidden_to_key",
    [ACCESS_TOO_OPEN] = "too_open",
    [ACCESS_FAILED] = "failed",
};

const char *access_verdict_name(enum access_verdict v)
{
    return verdict_names[v];
}

bool access_mode_parse(const char *name, enum access_mode *ret)
{
    static const char *const names[] = {
        [ACCESS_AUTO] = "auto", [ACCESS_STRICT] = "strict", [ACCESS_OFF] = "off"
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], name) == 0) {
            *ret = (enum access_mode)i;
            return true;
        }
    }
    return false;
}

/* The verdicts are in their order in the enumeration. */
enum access_verdict access_worst(enum access_verdict a, enum access_verdict b)
{
    return a > b ? a : b;
}

static struct access_judgement verdict(enum access_verdict v, enum error_class cls,
                                       const char *note)
{
    struct access_judgement j = { .verdict = v, .cls = cls };

    str_copy(j.note, sizeof j.note, note);
    return j;
}

static struct access_judgement ok(void)
{
    return verdict(ACCESS_OK, EC_NONE, "");
}

/* Rendered content and files are served by Connect itself, so all but 2xx is an error; what has a
 * process of its own may answer as it likes, as long as it runs (connect-api.md 3.4, 3.8). */
static bool served_by_connect(const char *app_mode)
{
    static const char *const modes[] = { "static", "rmd-static", "jupyter-static",
                                         "quarto-static" };

    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
        if (str_equal(app_mode, modes[i]))
            return true;
    return false;
}

static bool must_be_2xx(const char *app_mode, enum access_mode mode)
{
    return mode == ACCESS_STRICT || served_by_connect(app_mode);
}

static bool is_2xx(const struct http_answer *a)
{
    return a->status >= 200 && a->status <= 299;
}

static bool is_redirect(const struct http_answer *a)
{
    return a->status >= 300 && a->status <= 399 && a->status != 304;
}

static bool to_login(const struct http_answer *a)
{
    return is_redirect(a) && (strstr(a->location, "/__login__") != NULL ||
                              strcasestr(a->location, "/login") != NULL ||
                              strcasestr(a->location, "/signin") != NULL);
}

/* 502 to 504 may be a proxy's while a replica restarts, or content that is still starting. */
static bool may_pass(int status)
{
    return status >= 502 && status <= 504;
}

/* No answer, or one that is only about the moment: asked again within the access time-out. If it
 * stays so, only a time-out, or an answer that cannot be read, says something about the content. */
static bool no_answer(const struct http_answer *a, struct access_judgement *ret)
{
    if (a->failure == HTTP_OK && a->status != 429)
        return false;
    if (a->failure == HTTP_TIMEOUT && a->status == 0)
        *ret = verdict(ACCESS_FAILED, EC_ACCESS_UNEXPECTED, "no answer within the time-out");
    else if (a->failure == HTTP_TIMEOUT)
        *ret = verdict(ACCESS_FAILED, EC_ACCESS_UNEXPECTED,
                       "its answer does not end within the time-out");
    else if (a->failure == HTTP_BAD_ANSWER)
        *ret = verdict(ACCESS_FAILED, EC_ACCESS_UNEXPECTED,
                       "its answer is not HTTP, or its headers are too large");
    else if (a->failure == HTTP_OK)
        *ret = verdict(ACCESS_NOT_CHECKED, EC_NONE, "the replica asks for fewer requests");
    else
        *ret = verdict(ACCESS_NOT_CHECKED, EC_NONE, "the connection failed");
    ret->ask_again = true;
    return true;
}

static struct access_judgement server_error(const struct http_answer *a)
{
    char note[64];
    struct access_judgement j;

    snprintf(note, sizeof note, "it answers HTTP %d", a->status);
    j = verdict(ACCESS_FAILED, EC_ACCESS_HTTP_5XX, note);
    j.ask_again = may_pass(a->status);
    return j;
}

static struct access_judgement unexpected(const struct http_answer *a)
{
    char note[160];

    if (is_redirect(a))
        snprintf(note, sizeof note, "it redirects (HTTP %d) to %.100s", a->status, a->location);
    else
        snprintf(note, sizeof note, "it answers HTTP %d", a->status);
    return verdict(ACCESS_FAILED, EC_ACCESS_UNEXPECTED, note);
}

struct access_judgement access_judge_keyed(const char *app_mode, enum access_mode mode,
                                           const struct http_answer *a)
{
    struct access_judgement j;

    if (mode == ACCESS_OFF)
        return verdict(ACCESS_NOT_CHECKED, EC_NONE, "validation is off");
    if (no_answer(a, &j))
        return j;
    if (is_2xx(a))
        return ok();
    if (a->status >= 500)
        return server_error(a);
    if (to_login(a))
        return verdict(ACCESS_FORBIDDEN_TO_KEY, EC_NONE, "it asks the key to log in");
    if (a->status == 401 || a->status == 403 || a->status == 404) {
        j = verdict(ACCESS_NOT_CHECKED, EC_NONE, "the API was not asked why the page is refused");
        j.ask_api = true;
        return j;
    }
    return must_be_2xx(app_mode, mode) ? unexpected(a) : ok();
}

struct access_judgement access_judge_404(const char *app_mode, enum access_mode mode,
                                         int api_status, int api_code, const char *app_role)
{
    struct access_judgement j;

    if (api_status == 403 || (api_status == 200 && str_equal(app_role, "none")))
        return verdict(ACCESS_FORBIDDEN_TO_KEY, EC_NONE, "the key may not see the content");
    if (api_status == 404 && api_code != 0)
        return verdict(ACCESS_FAILED, EC_ACCESS_UNEXPECTED, "Connect no longer has the content");
    if (api_status != 200) {
        j = verdict(ACCESS_NOT_CHECKED, EC_NONE, "the API does not say why the page is refused");
        j.ask_again = true;
        return j;
    }
    if (must_be_2xx(app_mode, mode))
        return verdict(ACCESS_FAILED, EC_ACCESS_UNEXPECTED,
                       "the key may see the content, but there is no such page or it never ran");
    return verdict(ACCESS_OK, EC_NONE, "the content runs and refuses this path itself");
}

/* Connect hides behind 404 what a caller may not see; a sign-in elsewhere is a redirect. */
static bool turned_away(const struct http_answer *a)
{
    return a->status == 401 || a->status == 403 || a->status == 404 || to_login(a);
}

static struct access_judgement judge_open(const struct http_answer *a)
{
    if (a->status >= 500)
        return server_error(a);
    if (turned_away(a))
        return verdict(ACCESS_FAILED, EC_ACCESS_UNEXPECTED,
                       "it is open to all but does not open without a key");
    return ok();
}

static struct access_judgement judge_closed(const struct http_answer *a)
{
    struct access_judgement j;

    if (is_2xx(a))
        return verdict(ACCESS_TOO_OPEN, EC_ACCESS_TOO_OPEN,
                       "its access is restricted but it opens without a key");
    if (a->status < 500)
        return ok();
    j = verdict(ACCESS_NOT_CHECKED, EC_NONE, "a server error tells nothing about access");
    j.ask_again = may_pass(a->status);
    return j;
}

struct access_judgement access_judge_anonymous(const char *access_type, const struct http_answer *a)
{
    struct access_judgement j;
    bool open = str_equal(access_type, "all");

    if (!open && !str_equal(access_type, "acl") && !str_equal(access_type, "logged_in"))
        return verdict(ACCESS_NOT_CHECKED, EC_NONE, "the access type is not known");
    if (no_answer(a, &j)) {
        /* the keyed request tells about the content; here only access is asked about */
        j.verdict = ACCESS_NOT_CHECKED;
        j.cls = EC_NONE;
        return j;
    }
    return open ? judge_open(a) : judge_closed(a);
}
