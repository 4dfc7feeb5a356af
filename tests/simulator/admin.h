#ifndef SIMULATOR_ADMIN_H
#define SIMULATOR_ADMIN_H

struct answer;
struct request;
struct world;

/* The admin port: what a test sees and changes. Its paths are rows of a table in admin.c. */

void admin_request(struct world *world, struct request *request,
                   struct answer *answer); /* at once */
void admin_print_help(void);               /* the table, on standard output */

#endif
