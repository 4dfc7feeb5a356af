#ifndef SIMULATOR_OPTIONS_H
#define SIMULATOR_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/simulator/faults.h"
#include "tests/simulator/limits.h"

#define MAX_MODES 20 /* that --app-modes may name: all there are */

/* Where to listen. Port 0 takes a free one. */
struct place {
    char address[NAME_BYTES]; /* an IPv4 address */
    int port;
    bool wanted;
};

struct options {
    struct place replicas[MAX_REPLICAS];
    size_t replicas_n;
    struct place front;
    struct place admin;
    double slow[MAX_REPLICAS]; /* how many times as long builds take there; 1 is normal */
    int64_t items_n;
    int64_t seed;
    int64_t slots; /* builds a replica runs at full speed; 0: any number */
    int64_t build_min_ms;
    int64_t build_max_ms;
    int64_t log_lines;
    int64_t images_n;
    int64_t r_versions_n;
    int64_t py_versions_n;
    double static_share;
    double locked_share;
    double unpublished_share;
    double draft_share;
    double unmanaged_share;
    double vanity_share;
    const char *modes[MAX_MODES]; /* entries of mode.c by name; empty: all by weight */
    size_t modes_n;
    char api_key[NAME_BYTES];
    char hostname_prefix[WORD_BYTES];
    char cookie_name[NAME_BYTES];
    bool cookie_per_client;
    char connect_version[WORD_BYTES];
    char prefix[NAME_BYTES]; /* of every path, without a slash at its end; empty: none */
    struct faults faults;
};

enum options_outcome { OPTIONS_RUN, OPTIONS_HELP, OPTIONS_BAD };

/* Fills options from the command line; error is one sentence when the outcome is OPTIONS_BAD.
 * The strings of modes are static. */
enum options_outcome options_parse(struct options *options, int argc, char **argv, char *error,
                                   size_t error_size);

void options_print_help(void);

#endif
