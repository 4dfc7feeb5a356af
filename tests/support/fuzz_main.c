/* Replays kept inputs through a fuzz target, where libFuzzer's main() is not linked: every file
 * named on the command line, and before them the empty input. A broken target ends the process by
 * the sanitizer or an assertion, right after the line that names the input. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = NULL;
    long size = -1;
    int rc = -1;

    if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0)
        goto out;
    rewind(file);
    /* Of exactly the input's size, so that ASan sees a read one byte beyond it. */
    data = malloc(size > 0 ? (size_t)size : 1);
    if (data == NULL || fread(data, 1, (size_t)size, file) != (size_t)size)
        goto out;
    printf("%s\n", path);
    fflush(stdout);
    LLVMFuzzerTestOneInput(data, (size_t)size);
    rc = 0;
out:
    if (rc != 0)
        perror(path);
    free(data);
    if (file != NULL)
        fclose(file);
    return rc;
}

int main(int argc, char **argv)
{
    int failed = 0;

    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++)
        failed |= replay(argv[i]) != 0;
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
