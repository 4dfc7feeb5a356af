#include "tests/support/member.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SESSION_TIMEOUT_MS 6000

void member_on_committed(void *arg, const struct kafka_offset *offsets, size_t n,
                         unsigned generation, const struct err *err)
{
    struct member *m = arg;

    m->committed_done = true;
    m->committed_generation = generation;
    m->committed_n = n;
    m->committed_err = err != NULL ? *err : (struct err){ .kind = ERR_NONE };
    for (size_t i = 0; i < n && i < MEMBER_PARTS_MAX; i++) {
        m->committed[i] = offsets[i];
        snprintf(m->texts[i], sizeof(m->texts[i]), "%s",
                 offsets[i].metadata != NULL ? offsets[i].metadata : "");
        m->committed[i].metadata = offsets[i].metadata != NULL ? m->texts[i] : NULL;
    }
}

static void on_committed_assign(void *arg, const struct kafka_offset *offsets, size_t n,
                                unsigned generation, const struct err *err)
{
    struct member *m = arg;
    struct kafka_offset parts[MEMBER_PARTS_MAX];

    member_on_committed(m, offsets, n, generation, err);
    if (generation != consumer_generation(m->consumer))
        return;
    if (err != NULL) {
        consumer_committed(m->consumer, &(struct consumer_lookup){ offsets, n, MEMBER_DEADLINE_MS },
                           on_committed_assign, m);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        parts[i] = offsets[i];
        if (m->start != KAFKA_OFFSET_NONE)
            parts[i].offset = m->start;
        else if (parts[i].offset == KAFKA_OFFSET_NONE)
            parts[i].offset = KAFKA_OFFSET_BEGINNING;
    }
    assert_int_equal(consumer_assign(m->consumer, parts, n, NULL), 0);
}

static void on_assign(void *arg, const struct kafka_offset *parts, size_t n)
{
    struct member *m = arg;

    assert_true(n <= MEMBER_PARTS_MAX);
    m->assigns++;
    m->assigned_n = n;
    for (size_t i = 0; i < n; i++)
        m->assigned[i] = parts[i].partition;
    kafka_group_free(m->group);
    m->group = consumer_group(m->consumer);
    if (!m->manual)
        assert_int_equal(consumer_committed(
                             m->consumer, &(struct consumer_lookup){ parts, n, MEMBER_DEADLINE_MS },
                             on_committed_assign, m),
                         0);
}

static void on_revoke(void *arg, const struct kafka_offset *parts, size_t n, bool lost)
{
    struct member *m = arg;

    (void)parts;
    (void)n;
    m->revokes++;
    m->lost = lost;
    m->assigned_n = 0;
    if (!m->keep_revoke)
        assert_int_equal(consumer_unassign(m->consumer, NULL), 0);
}

static void on_record(void *arg, const struct kafka_record *record)
{
    struct member *m = arg;

    if (m->records++ == 0)
        m->first_offset = record->offset;
    m->last_offset = record->offset;
    m->records_of[record->partition]++;
    snprintf(m->last_value, sizeof(m->last_value), "%.*s", (int)record->value_len,
             (const char *)record->value);
}

static void on_error(void *arg, const struct err *err, bool fatal)
{
    struct member *m = arg;

    (void)err;
    m->errors++;
    m->fatal = m->fatal || fatal;
}

static void on_partition_error(void *arg, const char *topic, int32_t partition,
                               const struct err *err)
{
    struct member *m = arg;

    assert_string_equal(topic, m->topic);
    m->lost_partition = partition;
    m->partition_err = *err;
}

static void on_log(void *arg, int level, const char *facility, const char *text)
{
    struct member *m = arg;

    assert_true(level >= 0 && facility != NULL && text != NULL);
    m->logs++;
}

static void on_closed(void *arg)
{
    struct member *m = arg;

    m->closed = true;
}

void member_on_watermarks(void *arg, const struct kafka_watermark *marks, size_t n,
                          unsigned generation, const struct err *err)
{
    struct member *m = arg;

    m->watermarks_done = true;
    m->watermarks_failed = err != NULL;
    assert_int_equal(generation, consumer_generation(m->consumer));
    if (n > 0)
        m->mark = marks[0];
}

void member_join(struct member *m, struct mock_cluster *cluster, struct event_loop *loop)
{
    const struct consumer_handlers handlers = {
        .on_assign = on_assign,
        .on_revoke = on_revoke,
        .on_record = on_record,
        .on_error = on_error,
        .on_partition_error = on_partition_error,
        .on_log = on_log,
        .arg = m,
    };
    struct consumer_config config = {
        .group_id = m->group_id,
        .client_id =
            "a name of a client that is much longer than the sixty-four characters allowed",
        .session_timeout_ms = SESSION_TIMEOUT_MS,
        .topics = &m->topic,
        .topics_n = 1,
    };
    struct err err;

    m->loop = loop;
    m->lost_partition = -1;
    m->props = mock_cluster_props(cluster);
    if (m->debug != NULL)
        assert_int_equal(kafka_props_set(m->props, "debug", m->debug), 0);
    config.props = m->props;
    m->consumer = consumer_new(loop, &config, &handlers, &err);
    if (m->consumer == NULL)
        fail_msg("%s", err.msg);
}

bool member_ready(const struct member *m)
{
    return m->assigned_n > 0 && m->committed_done &&
           m->committed_generation == consumer_generation(m->consumer);
}

void member_leave(struct member *m)
{
    consumer_close(m->consumer, on_closed, m);
    WAIT_FOR(m->loop, m->closed);
    member_discard(m);
}

void member_discard(struct member *m)
{
    consumer_free(m->consumer);
    kafka_group_free(m->group);
    kafka_props_free(m->props);
}
