#include "tests/simulator/fate.h"

#include <stdio.h>
#include <string.h>

#include "tests/simulator/api.h"
#include "tests/simulator/draw.h"
#include "tests/simulator/world.h"

enum fate fate_draw(struct world *world, enum route route)
{
    const struct faults *f = &world->faults;
    const struct {
        enum fate fate;
        double share;
    } odds[] = {
        { FATE_401, f->http_401_share },
        { FATE_429, f->http_429_share },
        { FATE_502, f->http_502_share },
        { FATE_503, f->http_503_share },
        { FATE_RESET_BEFORE, f->reset_before_share },
        { FATE_RESET_AFTER, f->reset_after_share },
        { FATE_CUT, f->cut_share },
    };

    if (f->only_route[0] != '\0' && strcmp(f->only_route, route_name(route)) != 0)
        return FATE_SERVED;
    double left = draw_unit(draw_hash(world->seed, "fate", world->requests_n++));
    for (size_t i = 0; i < sizeof odds / sizeof odds[0]; i++) {
        if (left < odds[i].share)
            return odds[i].fate;
        left -= odds[i].share;
    }
    return FATE_SERVED;
}

bool fate_before(const struct world *world, const struct request *request, struct answer *answer)
{
    char seconds[WORD_BYTES];

    switch (request->fate) {
    case FATE_401: answer_html(answer, 401, "401 Authorization Required"); return true;
    case FATE_429:
        answer_error(answer, 429, CODE_RATE_LIMIT, "Too many requests. Try again later.");
        snprintf(seconds, sizeof seconds, "%lld", (long long)world->faults.retry_after_s);
        answer_header(answer, "Retry-After", seconds);
        return true;
    case FATE_502: answer_html(answer, 502, "502 Bad Gateway"); return true;
    case FATE_503: answer_html(answer, 503, "503 Service Temporarily Unavailable"); return true;
    case FATE_RESET_BEFORE: answer->act = ACT_RESET; return true;
    case FATE_UNDRAWN:
    case FATE_SERVED:
    case FATE_RESET_AFTER:
    case FATE_CUT: return false;
    }
    return false;
}

void fate_after(const struct request *request, struct answer *answer)
{
    if (answer->act != ACT_SEND)
        return;
    if (request->fate == FATE_RESET_AFTER)
        answer->act = ACT_RESET;
    if (request->fate == FATE_CUT)
        answer->act = ACT_CUT;
}
