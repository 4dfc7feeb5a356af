/* Both kinds of list file: refused with a sentence that names the file, or read; then every entry
 * has a guid once. */
#include "producer/select_list.h"
#include "tests/support/fuzz.h"

typedef int read_fn(struct select_list *l, const char *name, const char *text, struct err *err);

static void read_one(read_fn *read, const char *text)
{
    struct select_list l = { .given = true };
    struct err err = { .kind = ERR_NONE };

    if (read(&l, "a-file", text, &err) != 0) {
        must(err.kind == ERR_CONFIG && strstr(err.msg, "a-file") != NULL);
    } else {
        must(l.n <= SELECT_LIST_MAX && l.doubles <= strlen(text));
        for (size_t i = 0; i < l.n; i++) {
            must(!uuid_is_nil(&l.items[i].guid) || strstr(text, "0000") != NULL);
            for (size_t k = 0; k < l.items[i].paths_n; k++)
                must(l.items[i].paths[k][0] != '\0');
        }
    }
    select_list_done(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);

    read_one(select_list_guids, text);
    read_one(select_list_important, text);
    free(text);
    return 0;
}
