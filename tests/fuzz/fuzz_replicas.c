/* REBUILD_REPLICAS is refused with a sentence, or is a list of names and addresses, each once,
 * whose pieces make the same address again. */
#include <stdio.h>

#include "common/base/limits.h"
#include "common/config/shared.h"
#include "tests/support/fuzz.h"

static void whole(const struct replica_address *r)
{
    char again[REPLICA_URL_BYTES], made[2 * REPLICA_URL_BYTES];
    struct url_parts p;

    must(r->name[0] != '\0' && shared_url(r->url, again, sizeof(again)) == NULL);
    must(strcmp(again, r->url) == 0);
    if (!shared_url_split(r->url, &p))
        return; /* a host name that is longer than DNS has them */
    must(p.port > 0 && p.port < 65536 && p.host[0] != '\0');
    snprintf(made, sizeof(made), "%s://%s:%d%s", p.tls ? "https" : "http", p.host, p.port, p.path);
    must(strlen(made) >= sizeof(again) || shared_url(made, again, sizeof(again)) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    struct shared_config c = { .replicas = text };
    struct replica_address *list = NULL;
    struct err err = { .kind = ERR_NONE };
    size_t n = 0;
    bool dns = false;

    if (shared_replicas(&c, &list, &n, &dns, &err) != 0) {
        must(err.kind == ERR_CONFIG && err.msg[0] != '\0');
    } else {
        must(n >= 1 && n <= REPLICAS_MAX && (!dns || n == 1));
        for (size_t i = 0; i < n; i++)
            whole(&list[i]);
        free(list);
    }
    free(text);
    return 0;
}
