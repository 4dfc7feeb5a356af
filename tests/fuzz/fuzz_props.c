/* A file of librdkafka properties: refused with a sentence, or read; what this product decides is
 * not in it. */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/broker/props.h"
#include "tests/support/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kafka_props *p = kafka_props_new();
    struct err err = { .kind = ERR_NONE };
    int fd = memfd_create("properties", MFD_CLOEXEC);
    char path[64], *pair = fuzz_text(data, size);

    must(p != NULL && fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (kafka_props_load(p, path, &err) != 0)
        must(err.kind == ERR_CONFIG && err.msg[0] != '\0');
    if (kafka_props_set_pair(p, pair, &err) != 0)
        must(err.kind == ERR_CONFIG && err.msg[0] != '\0');
    must(kafka_props_get(p, "isolation.level") == NULL);
    must(kafka_props_get(p, "enable.auto.commit") == NULL);
    must(kafka_props_get(p, "transactional.id") == NULL);
    kafka_props_free(p);
    close(fd);
    free(pair);
    return 0;
}
