#ifndef SIMULATOR_ADMIN_H
#define SIMULATOR_ADMIN_H

struct answer;
struct request;
struct world;

/* Answers a request to the admin port: what a test sees and changes. Never put off.
 *
 *   GET  /state               replicas and what runs there
 *   GET  /faults              all faults with their values;  POST sets those in the JSON object
 *   POST /items/{guid}        overrides of one item (admin_item.c lists them);  GET shows it
 *   POST /replicas/{name}     {"up":bool} {"restart":true} {"jobs":"continue"|"die"} {"slow":F}
 *   POST /builds/release      ends the builds that fault hold_builds holds
 *   GET  /audit[?summary=1]   what was built and asked
 *   POST /audit/reset         counts from now on
 *   POST /audit/limit         {"limit":N[,"replica":NAME]}
 *   GET  /content.csv         the content table, for COPY
 */
void admin_request(struct world *world, struct request *request, struct answer *answer);

#endif
