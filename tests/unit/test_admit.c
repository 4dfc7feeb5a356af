#include "worker/admit.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MAX 8

/* What was read and what is expected, as words:
 *   replicas   "3/1" limit 3, one open; "x" after it: breaker open; "@250": one start at a time,
 * the next one in 250 ms campaigns  "3/1", or "*" without limit; "@70" as above groups     "1/0"
 * warm-up 1, none open; "w" is warm items      a row of letters, most with a number: r rank (its
 * place in the row), c campaign (0), k content (a different one each), g group, a avoids that
 * replica, F fast lane, O its content is open elsewhere expected   for each item: "r0" runs on
 * replica 0; "slot", "content", "campaign"; "g1" waits for group 1; "s250" for a start in 250 ms */
struct row {
    const char *when, *replicas, *campaigns, *groups, *items, *expected;
};

struct world {
    struct admit_replica replicas[MAX];
    struct admit_campaign campaigns[MAX];
    struct admit_group groups[MAX];
    struct admit_item items[MAX];
    struct admit_input in;
};

static int number(const char **at)
{
    int n = 0;

    for (assert_true(isdigit((unsigned char)**at)); isdigit((unsigned char)**at); (*at)++)
        n = n * 10 + **at - '0';
    return n;
}

static bool accept(const char **at, char c)
{
    bool there = **at == c;

    *at += there;
    return there;
}

static void read_load(const char **at, int *limit, int *open)
{
    *limit = number(at);
    assert_true(accept(at, '/'));
    *open = number(at);
}

static void read_start(const char **at, bool *limited, int64_t *wait_ms)
{
    *limited = accept(at, '@');
    if (*limited)
        *wait_ms = number(at);
}

static void read_replica(struct world *w, const char **at)
{
    struct admit_replica *r = &w->replicas[w->in.replicas_n++];

    read_load(at, &r->limit, &r->open);
    r->usable = !accept(at, 'x');
    read_start(at, &r->start_limited, &r->start_wait_ms);
}

static void read_campaign(struct world *w, const char **at)
{
    struct admit_campaign *c = &w->campaigns[w->in.campaigns_n++];

    if (accept(at, '*'))
        c->limit = -1;
    else
        read_load(at, &c->limit, &c->open);
    read_start(at, &c->start_limited, &c->start_wait_ms);
}

static void read_group(struct world *w, const char **at)
{
    struct admit_group *g = &w->groups[w->in.groups_n++];

    read_load(at, &g->limit, &g->open);
    g->warm = accept(at, 'w');
}

static void read_item(struct world *w, const char **at)
{
    int place = (int)w->in.items_n++, group = 0;
    struct admit_item *item = &w->items[place];

    *item = (struct admit_item){ .rank = place, .content_key = 1000 + place, .avoid_replica = -1 };
    memset(item->groups, -1, sizeof(item->groups));
    while (**at != ' ' && **at != '\0') {
        switch (*(*at)++) {
        case '.': break; /* nothing to say */
        case 'r': item->rank = number(at); break;
        case 'c': item->campaign = number(at); break;
        case 'k': item->content_key = number(at); break;
        case 'g': item->groups[group++] = number(at); break;
        case 'a': item->avoid_replica = number(at); break;
        case 'F': item->lane = 1; break;
        case 'O': item->content_open = true; break;
        default: fail_msg("no such letter: %s", *at - 1);
        }
    }
}

static void read_words(struct world *w, const char *words,
                       void (*read)(struct world *w, const char **at))
{
    while (*words != '\0') {
        if (!accept(&words, ' '))
            read(w, &words);
    }
}

static void describe(const struct admit_decision *d, char *out, size_t out_bytes)
{
    switch (d->what) {
    case ADMIT_RUN: snprintf(out, out_bytes, "r%d", d->replica); break;
    case ADMIT_WAIT_SLOT: snprintf(out, out_bytes, "slot"); break;
    case ADMIT_WAIT_START: snprintf(out, out_bytes, "s%d", (int)d->wait_ms); break;
    case ADMIT_WAIT_GROUP: snprintf(out, out_bytes, "g%d", d->group); break;
    case ADMIT_WAIT_CONTENT: snprintf(out, out_bytes, "content"); break;
    case ADMIT_WAIT_CAMPAIGN: snprintf(out, out_bytes, "campaign"); break;
    }
}

static void assert_row(const struct row *row)
{
    struct world w = { .in = { 0 } };
    struct admit_decision out[MAX];
    char got[256] = "";

    read_words(&w, row->replicas, read_replica);
    read_words(&w, row->campaigns, read_campaign);
    read_words(&w, row->groups, read_group);
    read_words(&w, row->items, read_item);
    w.in.replicas = w.replicas;
    w.in.campaigns = w.campaigns;
    w.in.groups = w.groups;
    w.in.items = w.items;
    assert_int_equal(admit(&w.in, out), 0);
    for (size_t i = 0; i < w.in.items_n; i++) {
        size_t len = strlen(got);

        if (i > 0)
            got[len++] = ' ';
        describe(&out[i], got + len, sizeof(got) - len);
    }
    if (strcmp(got, row->expected) != 0)
        fail_msg("%s: %s, not %s", row->when, got, row->expected);
}

static void assert_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_row(&rows[i]);
}

#define ASSERT_ROWS(rows) assert_rows(rows, sizeof(rows) / sizeof((rows)[0]))

static void the_most_urgent_takes_the_slot(void **state)
{
    static const struct row rows[] = {
        { "one slot, lower rank first", "1/0", "*", "", "r30 r10 r20", "slot r0 slot" },
        { "fast lane before any rank", "1/0", "*", "", "r1 r99F", "slot r0" },
        { "fast lane by rank too", "1/0", "*", "", "r99F r98F", "slot r0" },
        { "equal ones in the order given", "2/0", "*", "", "r5 r5 r5", "r0 r0 slot" },
        { "nothing to do", "1/0", "*", "", "", "" },
    };
    (void)state;

    ASSERT_ROWS(rows);
}

static void the_least_loaded_replica_takes_it(void **state)
{
    static const struct row rows[] = {
        { "fewest open", "3/2 3/1 3/2", "*", "", ".", "r1" },
        { "open over limit, not open", "2/1 10/4", "*", "", ".", "r1" },
        { "ties by index", "3/1 3/1", "*", "", ".", "r0" },
        { "its own proposals count", "2/0 2/0", "*", "", ". . . . .", "r0 r1 r0 r1 slot" },
        { "a full one is no choice", "3/3 3/2", "*", "", ". .", "r1 slot" },
        { "an open breaker is no choice", "3/0x 3/2", "*", "", ". .", "r1 slot" },
        { "no replica at all", "", "*", "", ".", "slot" },
    };
    (void)state;

    ASSERT_ROWS(rows);
}

static void over_a_limit_that_was_lowered_nothing_starts(void **state)
{
    static const struct row rows[] = {
        { "a replica's", "2/5 1/1", "*", "", ".", "slot" },
        { "a replica's, to nothing", "0/0", "*", "", ".", "slot" },
        { "a campaign's", "9/0", "2/4", "", ".", "campaign" },
    };
    (void)state;

    ASSERT_ROWS(rows);
}

static void a_limited_campaign_does_not_hold_up_another(void **state)
{
    static const struct row rows[] = {
        { "one place in the first", "9/0", "3/2 *", "", ". . c1 c1", "r0 campaign r0 r0" },
        { "limit nothing", "9/0", "0/0 *", "", ". c1", "campaign r0" },
        { "the first may not start yet", "9/0", "*@70 *", "", ". c1", "s70 r0" },
        { "the first may start one", "9/0", "*@0 *", "", ". . c1", "r0 s0 r0" },
        { "who waits for a slot takes no place in it", "1/0", "1/0 *", "", "c1 . .",
          "r0 slot slot" },
    };
    (void)state;

    ASSERT_ROWS(rows);
}

static void a_start_rate_lets_one_through_per_call(void **state)
{
    static const struct row rows[] = {
        { "one replica", "9/0@0", "*", "", ". .", "r0 s0" },
        { "one per replica", "9/0@0 9/0@0", "*", "", ". . .", "r0 r1 s0" },
        { "not before its time", "9/0@250", "*", "", ".", "s250" },
        { "the earliest start counts", "9/0@250 9/0@90", "*", "", ".", "s90" },
        { "a full replica's start does not count", "9/0@250 2/2@90", "*", "", ".", "s250" },
        { "a busier replica that may start", "9/0@250 9/8", "*", "", ". .", "r1 s250" },
        { "no rate, any number", "9/0", "*", "", ". .", "r0 r0" },
    };
    (void)state;

    ASSERT_ROWS(rows);
}

static void a_cold_group_has_its_warm_up_open_and_no_more(void **state)
{
    static const struct row rows[] = {
        { "exactly one", "9/0", "*", "1/0", "g0 g0 g0", "r0 g0 g0" },
        { "one is open already", "9/0", "*", "1/1", "g0 .", "g0 r0" },
        { "a warm one has no limit", "9/0", "*", "1/7w", "g0 g0", "r0 r0" },
        { "both of its groups must have room", "9/0", "*", "1/0 1/1", "g0g1 g0 g1", "g1 r0 g1" },
        { "it takes a place in both", "9/0", "*", "1/0 1/0", "g0g1 g0 g1", "r0 g0 g1" },
        { "a warm-up of two", "9/0", "*", "2/0", "g0 g0 g0", "r0 r0 g0" },
        { "no warm-up is wanted", "9/0", "*", "0/3", "g0", "r0" },
        { "as many groups as there may be", "9/0", "*", "1/0w 1/0w 1/0w 1/1", "g0g1g2g3", "g3" },
        { "who waits for a slot takes no place in it", "1/0", "*", "1/0", ". g0 g0",
          "r0 slot slot" },
    };
    (void)state;

    ASSERT_ROWS(rows);
}

static void one_build_of_a_content_at_a_time(void **state)
{
    static const struct row rows[] = {
        { "twice in a batch", "9/0", "*", "", "k7r2 k7r1 .", "content r0 r0" },
        { "open elsewhere", "9/0", "*", "", "O", "content" },
        { "the first did not run, so it bars nobody", "9/0", "0/0 *", "", "k7 k7c1",
          "campaign r0" },
    };
    (void)state;

    ASSERT_ROWS(rows);
}

static void a_replica_where_it_failed_is_avoided_if_another_can_take_it(void **state)
{
    static const struct row rows[] = {
        { "another has room", "9/0 9/8", "*", "", "a0", "r1" },
        { "no other has room", "9/0 9/9", "*", "", "a0", "r0" },
        { "no other may start now", "9/0 9/0@50", "*", "", "a0", "r0" },
        { "no other may be used", "9/0 9/0x", "*", "", "a0", "r0" },
        { "the only one", "9/0", "*", "", "a0", "r0" },
        { "the only one is full", "9/9", "*", "", "a0", "slot" },
        { "it alone has room, for a later start", "9/0@50 9/9", "*", "", "a0", "s50" },
    };
    (void)state;

    ASSERT_ROWS(rows);
}

static void the_reason_is_the_first_of_a_fixed_order(void **state)
{
    static const struct row rows[] = {
        { "content before campaign", "9/0", "0/0", "", "O", "content" },
        { "campaign before group", "9/0", "0/0", "1/1", "g0", "campaign" },
        { "group before start", "9/0", "*@5", "1/1", "g0", "g0" },
        { "a campaign that may not start wants no slot", "1/1", "*@5", "", ".", "s5" },
        { "slot before a replica's start", "1/1@5", "*", "", ".", "slot" },
    };
    (void)state;

    ASSERT_ROWS(rows);
}

/* ---- any input ---- */

#define REPLICAS 5
#define ITEMS    64

struct random_world {
    uint64_t seed;
    struct admit_replica replicas[REPLICAS];
    struct admit_campaign campaigns[2]; /* the first one has a limit */
    struct admit_group groups[2];       /* the first one is cold */
    struct admit_item items[ITEMS];
    struct admit_decision out[ITEMS];
};

static int draw(struct random_world *w, int n)
{
    w->seed ^= w->seed << 13;
    w->seed ^= w->seed >> 7;
    w->seed ^= w->seed << 17;
    return (int)(w->seed % (uint64_t)n);
}

static void fill(struct random_world *w)
{
    w->campaigns[0] = (struct admit_campaign){ .limit = draw(w, 20) };
    w->campaigns[1] = (struct admit_campaign){ .limit = -1 };
    w->groups[0] = (struct admit_group){ .limit = 1, .open = draw(w, 2) };
    w->groups[1] = (struct admit_group){ .warm = true };
    for (int r = 0; r < REPLICAS; r++)
        w->replicas[r] = (struct admit_replica){ .limit = draw(w, 9),
                                                 .open = draw(w, 9),
                                                 .usable = draw(w, 4) != 0 };
    for (int i = 0; i < ITEMS; i++)
        w->items[i] = (struct admit_item){ .lane = (uint8_t)draw(w, 2),
                                           .rank = draw(w, 50),
                                           .campaign = draw(w, 2),
                                           .content_key = draw(w, 60),
                                           .groups = { draw(w, 3) - 1, -1 },
                                           .avoid_replica = draw(w, REPLICAS + 1) - 1 };
}

static void check_limits(const struct random_world *w)
{
    int of_campaign = 0, of_group = 0;

    for (int i = 0; i < ITEMS; i++) {
        if (w->out[i].what != ADMIT_RUN)
            continue;
        of_campaign += w->items[i].campaign == 0;
        of_group += w->items[i].groups[0] == 0;
        for (int k = 0; k < i; k++)
            assert_false(w->out[k].what == ADMIT_RUN &&
                         w->items[k].content_key == w->items[i].content_key);
    }
    assert_true(of_campaign <= w->campaigns[0].limit);
    assert_true(of_group <= 1 - w->groups[0].open);
}

static void check_replicas(const struct random_world *w)
{
    int waits = 0, room = 0;

    for (int i = 0; i < ITEMS; i++)
        waits += w->out[i].what == ADMIT_WAIT_SLOT;
    for (int r = 0; r < REPLICAS; r++) {
        const struct admit_replica *replica = &w->replicas[r];
        int runs = 0;

        for (int i = 0; i < ITEMS; i++)
            runs += w->out[i].what == ADMIT_RUN && w->out[i].replica == r;
        assert_true(runs == 0 || (replica->usable && replica->open + runs <= replica->limit));
        room += replica->usable && replica->open + runs < replica->limit;
    }
    assert_true(waits == 0 || room == 0);
}

static void no_limit_is_passed_and_nobody_waits_for_a_slot_that_is_free(void **state)
{
    struct random_world w = { .seed = 4711 };
    const struct admit_input in = { w.replicas, REPLICAS, w.campaigns, 2,
                                    w.groups,   2,        w.items,     ITEMS };
    (void)state;

    for (int turn = 0; turn < 2000; turn++) {
        fill(&w);
        assert_int_equal(admit(&in, w.out), 0);
        check_limits(&w);
        check_replicas(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_most_urgent_takes_the_slot),
        cmocka_unit_test(the_least_loaded_replica_takes_it),
        cmocka_unit_test(over_a_limit_that_was_lowered_nothing_starts),
        cmocka_unit_test(a_limited_campaign_does_not_hold_up_another),
        cmocka_unit_test(a_start_rate_lets_one_through_per_call),
        cmocka_unit_test(a_cold_group_has_its_warm_up_open_and_no_more),
        cmocka_unit_test(one_build_of_a_content_at_a_time),
        cmocka_unit_test(a_replica_where_it_failed_is_avoided_if_another_can_take_it),
        cmocka_unit_test(the_reason_is_the_first_of_a_fixed_order),
        cmocka_unit_test(no_limit_is_passed_and_nobody_waits_for_a_slot_that_is_free),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
