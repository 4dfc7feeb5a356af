/* Look-ups of host names: one per name at a time, kept, and never told twice. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/str.h"
#include "common/connect/resolve.h"
#include "common/event/event.h"

#define DEADLINE_MS 20000

/* What the system says; helper threads read it. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool held; /* no look-up ends */
    bool down;
    const char *address; /* NULL: the name has none */
    int asked_n, inside_n, inside_max_n;
} dns = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static int ask(const char *host, struct resolver_found *ret, struct err *err)
{
    int rc = 0;

    pthread_mutex_lock(&dns.lock);
    dns.asked_n++;
    dns.inside_n++;
    if (dns.inside_n > dns.inside_max_n)
        dns.inside_max_n = dns.inside_n;
    pthread_cond_broadcast(&dns.changed);
    while (dns.held)
        pthread_cond_wait(&dns.changed, &dns.lock);
    dns.inside_n--;
    if (dns.down)
        rc = err_set(err, ERR_UNREACHABLE, "cannot look up %s: down", host);
    else if (dns.address != NULL)
        str_copy(ret->address[ret->n++], RESOLVE_ADDRESS_BYTES, dns.address);
    pthread_mutex_unlock(&dns.lock);
    return rc;
}

static void dns_set(bool held, bool down, const char *address)
{
    pthread_mutex_lock(&dns.lock);
    dns.held = held;
    dns.down = down;
    dns.address = address;
    pthread_cond_broadcast(&dns.changed);
    pthread_mutex_unlock(&dns.lock);
}

static void wait_asked(int n)
{
    pthread_mutex_lock(&dns.lock);
    while (dns.asked_n < n)
        pthread_cond_wait(&dns.changed, &dns.lock);
    pthread_mutex_unlock(&dns.lock);
}

struct told {
    bool done, failed;
    int n;
    size_t addresses_n;
    char first[RESOLVE_ADDRESS_BYTES];
    struct resolver_query *cancel;
};

static void on_told(void *arg, const struct resolver_answer *answer, const struct err *err)
{
    struct told *t = arg;

    t->done = true;
    t->n++;
    t->failed = err != NULL;
    t->addresses_n = answer->n;
    if (answer->n > 0)
        str_copy(t->first, sizeof(t->first), answer->address[0]);
    resolver_cancel(t->cancel);
}

static struct event_loop *loop;
static struct resolver *r;

static int set_up(void **state)
{
    (void)state;
    dns.asked_n = dns.inside_n = dns.inside_max_n = 0;
    dns_set(false, false, "10.0.0.1");
    loop = event_loop_new();
    r = resolver_new(loop, ask);
    return loop == NULL || r == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    dns_set(false, false, NULL);
    resolver_free(r);
    event_loop_free(loop);
    return 0;
}

static struct resolver_query *look(struct told *t, const char *host, int64_t max_age_ms)
{
    struct resolver_query *q = resolver_lookup(r, host, max_age_ms, on_told, t);

    assert_non_null(q);
    assert_false(t->done); /* never from inside */
    return q;
}

static void wait_for(struct told *t)
{
    assert_true(event_loop_run_until(loop, &t->done, event_now_ms(loop) + DEADLINE_MS));
    assert_int_equal(t->n, 1);
}

static void addresses_and_localhost_are_no_names(void **state)
{
    static const struct {
        const char *host;
        bool name;
    } cases[] = {
        { "127.0.0.1", false }, { "::1", false },         { "[::1]", false },
        { "localhost", false }, { "LocalHost.", false },  { "connect.example", true },
        { "connect-0", true },  { "1.2.3", true },        { "localhost.example", true },
        { "256.1.1.1", true },  { "notlocalhost", true },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (resolver_is_name(cases[i].host) != cases[i].name)
            fail_msg("%s", cases[i].host);
}

static void many_who_ask_at_once_share_one_look_up(void **state)
{
    struct told t[50] = { { .done = false } };

    (void)state;
    for (size_t i = 0; i < 50; i++)
        look(&t[i], i % 2 == 0 ? "replica.test" : "REPLICA.test", RESOLVE_KEEP_MS);
    for (size_t i = 0; i < 50; i++) {
        wait_for(&t[i]);
        assert_false(t[i].failed);
        assert_string_equal(t[i].first, "10.0.0.1");
    }
    assert_int_equal(dns.asked_n, 1);
}

static void what_is_known_is_told_without_asking_again(void **state)
{
    struct told first = { 0 }, second = { 0 };
    struct resolver_answer answer;

    (void)state;
    assert_false(resolver_known(r, "replica.test", &answer));
    look(&first, "replica.test", RESOLVE_KEEP_MS);
    wait_for(&first);
    assert_true(resolver_known(r, "Replica.Test", &answer));
    assert_int_equal(answer.n, 1);
    assert_string_equal(answer.address[0], "10.0.0.1");
    look(&second, "replica.test", RESOLVE_KEEP_MS);
    wait_for(&second);
    assert_int_equal(dns.asked_n, 1);
}

static void an_age_of_zero_asks_anew(void **state)
{
    struct told first = { 0 }, second = { 0 };

    (void)state;
    look(&first, "replica.test", 0);
    wait_for(&first);
    dns_set(false, false, "10.0.0.2");
    look(&second, "replica.test", 0);
    wait_for(&second);
    assert_string_equal(second.first, "10.0.0.2");
    assert_int_equal(dns.asked_n, 2);
}

static void a_name_without_an_address_is_an_answer(void **state)
{
    struct told t = { 0 };

    (void)state;
    dns_set(false, false, NULL);
    look(&t, "nowhere.test", RESOLVE_KEEP_MS);
    wait_for(&t);
    assert_false(t.failed);
    assert_int_equal(t.addresses_n, 0);
}

static void a_failure_comes_with_the_last_addresses(void **state)
{
    struct told never = { 0 }, good = { 0 }, bad = { 0 };

    (void)state;
    dns_set(false, true, NULL);
    look(&never, "other.test", RESOLVE_KEEP_MS);
    wait_for(&never);
    assert_true(never.failed);
    assert_int_equal(never.addresses_n, 0);
    dns_set(false, false, "10.0.0.1");
    look(&good, "replica.test", 0);
    wait_for(&good);
    dns_set(false, true, NULL);
    look(&bad, "replica.test", 0);
    wait_for(&bad);
    assert_true(bad.failed);
    assert_int_equal(bad.addresses_n, 1);
    assert_string_equal(bad.first, "10.0.0.1");
}

static void after_a_failure_nobody_asks_for_a_while(void **state)
{
    struct told first = { 0 }, second = { 0 };

    (void)state;
    dns_set(false, true, NULL);
    look(&first, "replica.test", 0);
    wait_for(&first);
    look(&second, "replica.test", 0);
    wait_for(&second);
    assert_true(second.failed);
    assert_int_equal(dns.asked_n, 1);
}

static void few_look_ups_run_at_once(void **state)
{
    struct told t[20] = { { .done = false } };

    (void)state;
    dns_set(true, false, "10.0.0.1");
    for (size_t i = 0; i < 20; i++) {
        char host[32];

        snprintf(host, sizeof(host), "host-%zu.test", i);
        look(&t[i], host, 0);
    }
    wait_asked(RESOLVE_AT_ONCE);
    dns_set(false, false, "10.0.0.1");
    for (size_t i = 0; i < 20; i++)
        wait_for(&t[i]);
    assert_int_equal(dns.asked_n, 20);
    assert_int_equal(dns.inside_max_n, RESOLVE_AT_ONCE);
}

static void who_cancels_is_not_told(void **state)
{
    struct told before = { 0 }, inside = { 0 }, last = { 0 };

    (void)state;
    dns_set(true, false, "10.0.0.1");
    resolver_cancel(look(&before, "replica.test", 0));
    look(&last, "replica.test", 0);
    last.cancel = look(&inside, "replica.test", 0);
    dns_set(false, false, "10.0.0.1");
    wait_for(&last);
    event_loop_run_until(loop, &inside.done, event_now_ms(loop) + 5);
    assert_int_equal(before.n + inside.n, 0);
}

static void nobody_is_told_after_the_end(void **state)
{
    struct told t = { 0 };

    (void)state;
    dns_set(true, false, "10.0.0.1");
    look(&t, "replica.test", 0);
    wait_asked(1);
    resolver_free(r);
    r = NULL;
    dns_set(false, false, "10.0.0.1");
    event_loop_free(loop); /* waits for the helper thread */
    loop = NULL;
    assert_int_equal(t.n, 0);
}

static void on_told_free(void *arg, const struct resolver_answer *answer, const struct err *err)
{
    resolver_free(r);
    r = NULL;
    on_told(arg, answer, err);
}

static void who_is_told_may_end_it_all(void **state)
{
    struct told t = { 0 }, other = { 0 };

    (void)state;
    assert_non_null(resolver_lookup(r, "replica.test", 0, on_told_free, &t));
    look(&other, "replica.test", 0);
    wait_for(&t);
    assert_string_equal(t.first, "10.0.0.1");
    event_loop_free(loop);
    loop = NULL;
    assert_int_equal(other.n, 0);
}

static void more_names_than_are_kept_push_the_oldest_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < RESOLVE_HOSTS_MAX + 3; i++) {
        struct told t = { 0 };
        char host[32];

        snprintf(host, sizeof(host), "host-%zu.test", i);
        look(&t, host, 0);
        wait_for(&t);
    }
}

static void the_system_is_asked_when_nothing_else_is_given(void **state)
{
    struct told t = { 0 };

    (void)state;
    resolver_free(r);
    r = resolver_new(loop, NULL);
    look(&t, "127.0.0.1", 0);
    wait_for(&t);
    assert_false(t.failed);
    assert_int_equal(t.addresses_n, 1);
    assert_string_equal(t.first, "127.0.0.1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_and_localhost_are_no_names),
        cmocka_unit_test_setup_teardown(many_who_ask_at_once_share_one_look_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_known_is_told_without_asking_again, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_age_of_zero_asks_anew, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_name_without_an_address_is_an_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failure_comes_with_the_last_addresses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(after_a_failure_nobody_asks_for_a_while, set_up, tear_down),
        cmocka_unit_test_setup_teardown(few_look_ups_run_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_cancels_is_not_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_is_told_after_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_is_told_may_end_it_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(more_names_than_are_kept_push_the_oldest_out, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_system_is_asked_when_nothing_else_is_given, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
