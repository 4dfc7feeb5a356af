#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "tests/simulator/admin.h"
#include "tests/simulator/options.h"
#include "tests/simulator/serve.h"
#include "tests/simulator/world.h"

enum { EXIT_STOPPED = 0, EXIT_CANNOT_LISTEN = 1, EXIT_USAGE = 2 };

/* A connection is a file, and a test may open 10,000. */
static void raise_file_limit(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

static cJSON *place_to_json(const char *name, const struct address *at)
{
    cJSON *json = cJSON_CreateObject();

    cJSON_AddStringToObject(json, "name", name);
    cJSON_AddNumberToObject(json, "port", at->port);
    cJSON_AddStringToObject(json, "url", at->url);
    return json;
}

/* The one line that says where everything is. */
static void announce(const struct world *world)
{
    cJSON *json = cJSON_CreateObject();
    cJSON *replicas = cJSON_AddArrayToObject(json, "replicas");

    for (size_t i = 0; i < world->replicas_n; i++)
        cJSON_AddItemToArray(replicas,
                             place_to_json(world->replicas[i].name, &world->replicas[i].at));
    if (world->front.port != 0)
        cJSON_AddItemToObject(json, "front", place_to_json("front", &world->front));
    if (world->admin.port != 0)
        cJSON_AddItemToObject(json, "admin", place_to_json("admin", &world->admin));
    char *line = cJSON_PrintUnformatted(json);
    if (line != NULL)
        puts(line);
    fflush(stdout);
    cJSON_free(line);
    cJSON_Delete(json);
}

static int serve(const struct options *options)
{
    struct world world;
    char error[ERROR_BYTES];
    int code = EXIT_CANNOT_LISTEN;

    world_init(&world, options);
    struct server *server = server_new(&world, options, error, sizeof error);
    if (server == NULL) {
        fprintf(stderr, "connect-simulator: %s\n", error);
    } else {
        announce(&world);
        code = server_run(server) ? EXIT_STOPPED : EXIT_CANNOT_LISTEN;
    }
    server_free(server);
    world_done(&world);
    return code;
}

static void print_help(void)
{
    options_print_help();
    faults_print_help();
    admin_print_help();
    puts("\nExit codes: 0 stopped by a signal, 1 cannot listen, 2 bad arguments.");
}

int main(int argc, char **argv)
{
    static struct options options;
    char error[ERROR_BYTES];

    raise_file_limit();
    switch (options_parse(&options, argc, argv, error, sizeof error)) {
    case OPTIONS_RUN: return serve(&options);
    case OPTIONS_HELP: print_help(); return EXIT_STOPPED;
    case OPTIONS_BAD: break;
    }
    fprintf(stderr, "connect-simulator: %s\n", error);
    return EXIT_USAGE;
}
