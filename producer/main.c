/* rebuild-producer: the control plane of connect-rebuild. What there is stands in verbs.c. */
#include <stdio.h>
#include <string.h>

#include "common/base/version.h"
#include "common/config/options.h"
#include "producer/verb.h"

#define VERBS_MAX 64 /* words that a typing mistake is compared with */

static const struct verb *find(const char *name)
{
    for (size_t i = 0; i < verbs_n; i++)
        if (strcmp(verbs[i]->name, name) == 0)
            return verbs[i];
    return NULL;
}

static void print_usage(FILE *out)
{
    fprintf(out, "Usage: rebuild-producer VERB [OPTIONS]\n\n"
                 "Rebuilds the content of Posit Connect through a queue: selects content from the "
                 "shared\ntable, enqueues it for the workers, and shows what comes of it.\n\n"
                 "Verbs:\n");
    for (size_t i = 0; i < verbs_n; i++)
        fprintf(out, "  %-12s %s\n", verbs[i]->name, verbs[i]->help);
    fprintf(
        out,
        "\nExamples:\n"
        "  rebuild-producer migrate && rebuild-producer topics apply\n"
        "  rebuild-producer enqueue --published --name \"R 4.4\" --reason CHG-4411 --wait\n"
        "\nExit status: 0 done, 1 unexpected error, 2 usage or configuration, 3 PostgreSQL, "
        "Kafka or\nConnect unreachable, 4 nothing selected (--fail-empty), 5 refused, 6 not "
        "allowed, 7 partly\nenqueued, 8 items failed (--wait), 9 findings (results verify), 124 the time "
        "to wait is over.\n"
        "\n`rebuild-producer VERB --help` says more about a verb and names its options.\n");
}

static int unknown_verb(const char *name)
{
    const char *words[VERBS_MAX], *near;
    size_t n = 0;

    for (; n < verbs_n && n < VERBS_MAX; n++)
        words[n] = verbs[n]->name;
    near = options_suggest(name, words, n);
    fprintf(stderr, "rebuild-producer: unknown verb \"%.80s\"%s%s%s\n", name,
            near != NULL ? "; did you mean " : " (--help lists them)", near != NULL ? near : "",
            near != NULL ? "?" : "");
    return 2;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;
    const struct verb *verb;

    if (name == NULL) {
        print_usage(stderr);
        return 2;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_usage(stdout);
        return 0;
    }
    if (strcmp(name, "--version") == 0) {
        printf("rebuild-producer %s (%s)\n", rebuild_version, rebuild_revision);
        return 0;
    }
    verb = find(name);
    return verb != NULL ? call_run(verb, argc - 2, argv + 2) : unknown_verb(name);
}
