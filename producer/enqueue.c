/* enqueue: selects content, writes the campaign, publishes its requests, and waits if told to. What
 * can be wrong is looked at before anything is written; the same campaign id goes on where it
 * stopped. */
#include "producer/enqueue.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/broker/admin.h"
#include "producer/confirm.h"
#include "producer/metrics_file.h"
#include "producer/output.h"
#include "producer/topics.h"
#include "producer/wait.h"

#define NUMBER_BYTES 24
#define ASK_BYTES    64

/* ---- before ---- */

static int check_topic(struct session *s, const char *topic, int partitions, struct err *err)
{
    int is, replication;

    if (admin_topic_partitions(s->admin, topic, &is, &replication, err) != 0)
        return -1;
    if (is == 0)
        return err_set(err, ERR_CONFIG,
                       "the topic %s does not exist: `rebuild-producer topics apply` creates it",
                       topic);
    if (is < partitions)
        return err_set(err, ERR_CONFIG,
                       "the topic %s has %d partitions, fewer than the %d that the ledger was set "
                       "up with",
                       topic, is, partitions);
    return 0;
}

/* The ledger and the brokers belong together, and the topics are there. */
static int check_installation(struct enqueue *e, struct err *err)
{
    struct session *s = &e->call->session;
    struct installation is;
    char cluster[64];
    int brokers;

    if (installation_read(s, &is, err) != 0)
        return -1;
    if (is.partitions == 0)
        return err_set(err, ERR_CONFIG,
                       "the topics are not set up: run `rebuild-producer topics "
                       "apply`");
    str_copy(e->source, sizeof(e->source), is.source);
    if (e->call->enqueue.dry_run)
        return 0;
    if (session_admin(s, err) != 0 || admin_cluster(s->admin, cluster, &brokers, err) != 0 ||
        installation_check(s, &is, cluster, err) != 0 ||
        check_topic(s, s->topics.requests, is.partitions, err) != 0)
        return -1;
    return check_topic(s, s->topics.requests_high, is.partitions, err);
}

static int choose_id(struct enqueue *e, struct err *err)
{
    const char *given = e->call->campaign.campaign_id;
    char host[64] = "";

    gethostname(host, sizeof(host) - 1);
    snprintf(e->holder, sizeof(e->holder), "enqueue@%s:%ld", host, (long)getpid());
    if (given == NULL || !uuid_parse(given, &e->campaign_id))
        e->campaign_id = uuid_v7(clock_wall_ms());
    uuid_format(&e->campaign_id, e->campaign_text);
    return given == NULL ? 0 : enqueue_look_up(e, err);
}

/* ---- what is to be done ---- */

/* A retry always asks; it has looked whether it can (confirm_possible). */
static int ask(struct enqueue *e, struct err *err)
{
    char what[ASK_BYTES];

    if (e->call->config.yes)
        return 0;
    if (enqueue_count(e, err) != 0)
        return -1;
    snprintf(what, sizeof(what), "%" PRId64 " items would be rebuilt", e->selected);
    if (e->narrow != NULL)
        return confirm_act(&e->call->session, what, err);
    return confirm(&e->call->session, e->selected, "would be rebuilt", err);
}

static int create(struct enqueue *e, struct err *err)
{
    struct session *s = &e->call->session;

    if (ask(e, err) != 0 || enqueue_insert(e, err) != 0)
        return -1;
    if (e->malformed > 0)
        session_say(s, "%" PRId64 " rows of the content table %s have no valid guid", e->malformed,
                    e->table.said);
    if (!e->created)
        return 0;
    session_say(s, "campaign %s: %" PRId64 " items selected", e->campaign_text, e->selected);
    if (e->left_open > 0)
        session_say(s, "%" PRId64 " left out, because a request for the content is open",
                    e->left_open);
    if (e->left_reprocess > 0)
        session_say(s, "%" PRId64 " left out by --reprocess", e->left_reprocess);
    return 0;
}

int enqueue_print(const struct enqueue *e, struct err *err)
{
    char selected[NUMBER_BYTES], left_out[NUMBER_BYTES], published[NUMBER_BYTES];
    char open[NUMBER_BYTES], reprocess[NUMBER_BYTES], missing[NUMBER_BYTES];
    const struct output_field fields[] = {
        { "campaign_id", CELL_TEXT, e->resumed || e->created ? e->campaign_text : NULL },
        { "name", CELL_TEXT, e->resumed ? e->name : e->call->campaign.name },
        { "state", CELL_STATE, e->state[0] != '\0' ? e->state : NULL },
        { "selected", CELL_INT, selected },
        { "left_out", CELL_INT, left_out },
        { "left_out_open", CELL_INT, open },
        { "left_out_reprocess", CELL_INT, reprocess },
        { "not_found", CELL_INT, missing },
        { "published", CELL_INT, published },
        { "resumed", CELL_BOOL, e->resumed ? "t" : "f" },
    };

    snprintf(selected, sizeof(selected), "%" PRId64, e->selected);
    snprintf(left_out, sizeof(left_out), "%" PRId64, e->left_open + e->left_reprocess);
    snprintf(open, sizeof(open), "%" PRId64, e->left_open);
    snprintf(reprocess, sizeof(reprocess), "%" PRId64, e->left_reprocess);
    snprintf(missing, sizeof(missing), "%" PRId64, e->not_found);
    snprintf(published, sizeof(published), "%" PRId64, e->published);
    return output_object(&e->call->config, fields, sizeof(fields) / sizeof(fields[0]), err);
}

/* ---- the verb ---- */

static int wait_for_end(struct enqueue *e, struct err *err)
{
    struct campaign_status st;
    int code = wait_campaign(e->call, e->campaign_text, e->call->enqueue.wait_ms, &st, err);

    if (code < 0)
        return -1;
    if (st.state[0] != '\0') {
        str_copy(e->state, sizeof(e->state), st.state);
        e->published = st.published;
    }
    return code;
}

static int publish_and_wait(struct enqueue *e, struct err *err)
{
    int code = enqueue_publish(e, err);

    if (code == EXIT_DONE && e->call->enqueue.wait_ms > 0)
        code = wait_for_end(e, err);
    if (code < 0)
        return -1;
    return enqueue_print(e, err) == 0 ? code : -1;
}

static int select_content(struct enqueue *e, struct err *err)
{
    if (content_table_read(&e->call->session, e->call->config.content_table, &e->table, err) != 0)
        return -1;
    if (e->list.doubles > 0) {
        char text[UUID_TEXT_BYTES];

        session_say(&e->call->session, "%zu guids are named more than once, such as %s",
                    e->list.doubles, uuid_format(&e->list.first_double, text));
    }
    return enqueue_say_missing(e, err);
}

static int resume(struct enqueue *e, struct err *err)
{
    e->resumed = true;
    session_say(&e->call->session, "campaign %s is there already: nothing is selected again",
                e->campaign_text);
    return e->call->enqueue.dry_run ? enqueue_print(e, err) : publish_and_wait(e, err);
}

static int start(struct enqueue *e, struct err *err)
{
    if (create(e, err) != 0)
        return -1;
    if (e->created)
        return publish_and_wait(e, err);
    if (e->call->campaign.campaign_id != NULL && enqueue_look_up(e, err) != 0)
        return -1;
    if (e->resumed)
        return resume(e, err);
    session_say(&e->call->session, "nothing is selected");
    return enqueue_print(e, err) == 0 ? EXIT_EMPTY : -1;
}

static int nothing(struct enqueue *e, struct err *err)
{
    session_say(&e->call->session, "nothing of the campaign is to be built again");
    if (enqueue_print(e, err) != 0)
        return -1;
    return e->call->enqueue.fail_empty ? EXIT_EMPTY : EXIT_DONE;
}

static int enqueue(struct enqueue *e, struct err *err)
{
    if (session_ledger(&e->call->session, err) != 0 || check_installation(e, err) != 0 ||
        choose_id(e, err) != 0)
        return -1;
    if (e->resumed)
        return resume(e, err);
    if (e->narrow != NULL && e->narrow(e, err) != 0)
        return -1;
    if (e->narrow != NULL && e->list.n == 0)
        return nothing(e, err);
    if (select_content(e, err) != 0)
        return -1;
    return e->call->enqueue.dry_run ? enqueue_dry_run(e, err) : start(e, err);
}

/* A file that cannot be written changes nothing about the campaign. */
static void write_metrics(const struct enqueue *e, int code)
{
    const char *path = e->call->config.metrics_file;
    const struct run_metrics m = { .selected = e->selected,
                                   .published = e->published,
                                   .success = code == EXIT_DONE,
                                   .now_ms = clock_wall_ms() };
    struct err err;

    if (path != NULL && !e->call->enqueue.dry_run && metrics_file_write(path, &m, &err) != 0)
        session_say(&e->call->session, "%s", err.msg);
}

int enqueue_run(struct enqueue *e, struct err *err)
{
    int code = -1;

    if (select_list_read(&e->call->select, &e->list, err) == 0)
        code = enqueue(e, err);
    write_metrics(e, code);
    select_list_done(&e->list);
    return code;
}

static int run(struct call *c, struct err *err)
{
    struct enqueue e = { .call = c };

    return enqueue_run(&e, err);
}

const struct verb enqueue_verb = {
    .name = "enqueue",
    .operands = "",
    .help = "selects content and has it rebuilt: the way to start a campaign",
    .examples = { "--published --r-version '>=4.1' --name \"R 4.4\" --reason CHG-4411 --wait",
                  "--important critical.csv --lane high --max-inflight 4 -y -o json" },
    .takes = TAKES_SELECT | TAKES_CAMPAIGN | TAKES_ENQUEUE,
    .run = run,
};
