/* A request record from anybody: decoded or refused; what was decoded is written the same twice. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/record/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void encode(const struct request *r, struct buf *out)
{
    struct err err = { 0 };

    buf_init(out, REQUEST_MAX_BYTES);
    must(request_encode(r, out, &err) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct request r, again;
    struct err err = { 0 };
    struct uuid id;
    struct buf once, twice;

    if (request_decode((const char *)data, size, &r, &id, &err) != 0) {
        must(err.kind == ERR_INPUT && err.msg[0] != '\0');
        return 0;
    }
    must(uuid_equal(&id, &r.request_id) && strlen(r.content.guid) == 36);
    encode(&r, &once);
    must(request_decode(once.data, once.len, &again, NULL, &err) == 0);
    encode(&again, &twice);
    must(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
    request_done(&r);
    request_done(&again);
    buf_done(&once);
    buf_done(&twice);
    return 0;
}
