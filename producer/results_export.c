/* results export: results as JSON lines or CSV, into a file that a later export goes on with.
 *
 * What holds with --file and --state: rows reach the file, then the disk, then the state says so,
 * and it says how long the file was. Who starts again cuts the file to that length and goes on with
 * the offsets of the same state. So each result stands in the file once, whenever the export was
 * killed. With --state alone, what was printed after the last state is printed again. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/checkpoint.h"
#include "common/base/str.h"
#include "common/broker/admin.h"
#include "common/broker/reader.h"
#include "producer/export_state.h"
#include "producer/results.h"

#define FLUSH_ROWS 2000 /* a state costs two waits for the disk */
#define FILE_MODE  0640

struct export
{
    struct results_stream t;
    struct producer_config form; /* the call's, with the format of an export */
    struct export_state state;
    bool resumed;
};

/* ---- the form ---- */

static int choose_form(struct export *e, const struct call *c, struct err *err)
{
    e->form = c->config;
    if (c->config.output == OUTPUT_TABLE && options_origin(&c->options, "output") == ORIGIN_DEFAULT)
        e->form.output = OUTPUT_JSONL;
    if (e->form.output != OUTPUT_JSONL && e->form.output != OUTPUT_CSV)
        return err_set(err, ERR_CONFIG,
                       "results export writes jsonl or csv: give -o jsonl or "
                       "-o csv");
    return 0;
}

static void add_list(struct buf *b, const char *name, const struct option_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        buf_printf(b, "%s%s", i == 0 ? name : ",", l->items[i]);
}

/* What must be the same for an export to go on. */
static int describe(const struct export *e, char out[EXPORT_TEXT_BYTES], struct err *err)
{
    char campaign[UUID_TEXT_BYTES];
    struct buf b;
    bool whole;

    buf_init(&b, EXPORT_TEXT_BYTES - 1);
    buf_str_add(&b, e->form.output == OUTPUT_CSV ? "csv" : "jsonl");
    if (e->t.one_campaign)
        buf_printf(&b, " campaign=%s", uuid_format(&e->t.campaign, campaign));
    add_list(&b, " outcome=", &e->t.config->outcomes);
    add_list(&b, " columns=", &e->form.columns);
    whole = !b.failed && str_copy(out, EXPORT_TEXT_BYTES, buf_str(&b));
    buf_done(&b);
    return whole ? 0 : err_set(err, ERR_CONFIG, "option --state: too many columns or outcomes");
}

/* ---- the file ---- */

static int file_error(const struct export *e, struct err *err)
{
    return err_set(err, ERR_CONFIG, "option --file: %s cannot be written: %s", e->t.config->file,
                   strerror(errno));
}

/* To the length that the state speaks of: what stands behind it is exported again. */
static int cut_file(const struct export *e, int fd, int64_t bytes, struct err *err)
{
    if (!e->resumed || bytes == e->state.file_bytes)
        return 0;
    if (bytes < e->state.file_bytes)
        return err_set(err, ERR_REFUSED,
                       "%s has %lld bytes and the state speaks of %lld: it is not the file that "
                       "this state belongs to; begin with new names for both",
                       e->t.config->file, (long long)bytes, (long long)e->state.file_bytes);
    checkpoint("export.cut");
    return ftruncate(fd, e->state.file_bytes) == 0 ? 0 : file_error(e, err);
}

static int prepare_file(struct export *e, int fd, struct err *err)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return file_error(e, err);
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_CONFIG, "option --file: %s is no regular file", e->t.config->file);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return err_set(err, ERR_REFUSED, "another export writes %s", e->t.config->file);
    if (cut_file(e, fd, st.st_size, err) != 0)
        return -1;
    if (!e->resumed)
        e->state.file_bytes = st.st_size;
    if (e->state.file_bytes > 0)
        e->form.no_headers = true; /* they stand at its start */
    return 0;
}

static int open_file(struct export *e, struct err *err)
{
    const char *path = e->t.config->file;
    int fd;

    if (path == NULL) {
        e->t.out = stdout;
        e->t.out_name = "the output";
        return 0;
    }
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, FILE_MODE);
    if (fd < 0)
        return file_error(e, err);
    if (prepare_file(e, fd, err) != 0) {
        close(fd);
        return -1;
    }
    e->t.out = fdopen(fd, "a");
    e->t.out_name = path;
    if (e->t.out != NULL)
        return 0;
    close(fd);
    return file_error(e, err);
}

static int close_file(struct export *e, int rc, struct err *err)
{
    if (e->t.out == NULL || e->t.out == stdout)
        return rc;
    return fclose(e->t.out) == 0 || rc < 0 ? rc : file_error(e, err);
}

/* ---- the state ---- */

static int save(struct results_stream *t, struct err *err)
{
    struct export *e = t->arg;
    const struct reader_span *spans = reader_spans(t->reader);
    struct stat st;

    for (size_t i = 0; i < e->state.next_n; i++)
        e->state.next[i] = spans[i].from;
    if (t->out != stdout) {
        if (fsync(fileno(t->out)) != 0 || fstat(fileno(t->out), &st) != 0)
            return file_error(e, err);
        e->state.file_bytes = st.st_size;
    }
    checkpoint("export.state");
    return export_state_save(t->config->state, &e->state, err);
}

static int same(const char *what, const char *is, const char *was, struct err *err)
{
    if (strcmp(is, was) == 0)
        return 0;
    return err_set(err, ERR_REFUSED,
                   "the state is that of another export: %s is \"%.120s\" and was \"%.120s\"", what,
                   is, was);
}

static int load(struct export *e, struct err *err)
{
    const struct session *s = &e->t.call->session;
    char what[EXPORT_TEXT_BYTES], cluster[64];
    int brokers, rc;

    if (e->t.config->state == NULL)
        return 0;
    rc = export_state_load(e->t.config->state, &e->state, err);
    if (rc < 0 || describe(e, what, err) != 0 ||
        admin_cluster(s->admin, cluster, &brokers, err) != 0)
        return -1;
    e->resumed = rc == 1;
    if (e->resumed)
        return same("the topic", s->topics.results, e->state.topic, err) != 0 ||
                       same("the cluster", cluster, e->state.cluster, err) != 0 ||
                       same("the form", what, e->state.what, err) != 0
                   ? -1
                   : 0;
    str_copy(e->state.topic, sizeof(e->state.topic), s->topics.results);
    str_copy(e->state.cluster, sizeof(e->state.cluster), cluster);
    str_copy(e->state.what, sizeof(e->state.what), what);
    return 0;
}

/* ---- where it begins and ends ---- */

static int go_on(const struct export *e, struct reader_span *spans, size_t n, struct err *err)
{
    if (e->state.next_n > n)
        return err_set(err, ERR_REFUSED, "the topic has %zu partitions and the state has %zu", n,
                       e->state.next_n);
    for (size_t i = 0; i < e->state.next_n; i++) {
        int64_t next = e->state.next[i];

        if (next < spans[i].low)
            return err_set(err, ERR_REFUSED,
                           "partition %zu: the state goes on at %lld and the topic begins at %lld "
                           "now: results were deleted before they were exported, and the file "
                           "would have a hole; begin with new names for --file and --state",
                           i, (long long)next, (long long)spans[i].low);
        if (next > spans[i].high)
            return err_set(err, ERR_REFUSED,
                           "partition %zu: the state goes on at %lld and the topic ends at %lld: "
                           "it is another topic",
                           i, (long long)next, (long long)spans[i].high);
        spans[i].from = next;
    }
    return 0;
}

static int search(struct export *e, int64_t wall_ms, bool from, struct err *err)
{
    size_t n = reader_partitions(e->t.reader);
    struct reader_span *spans = reader_spans(e->t.reader);
    int64_t *at = calloc(n, sizeof(*at));
    int rc;

    if (at == NULL)
        return err_set(err, ERR_INTERNAL, "no memory for the offsets");
    rc = reader_offsets_at(e->t.reader, wall_ms, at, err);
    for (size_t i = 0; i < n && rc == 0; i++)
        *(from ? &spans[i].from : &spans[i].to) = at[i];
    free(at);
    return rc;
}

/* A state goes before --since: it is where that once began, and what came after. */
static int choose_spans(struct export *e, struct err *err)
{
    const struct results_config *config = e->t.config;
    size_t n = reader_partitions(e->t.reader);
    int64_t *next;

    if (!e->resumed && config->since_ms != 0 && search(e, config->since_ms, true, err) != 0)
        return -1;
    if (config->until_ms != 0 && search(e, config->until_ms, false, err) != 0)
        return -1;
    if (e->resumed && go_on(e, reader_spans(e->t.reader), n, err) != 0)
        return -1;
    next = realloc(e->state.next, n * sizeof(*next));
    if (next == NULL)
        return err_set(err, ERR_INTERNAL, "no memory for the offsets");
    e->state.next = next;
    e->state.next_n = n;
    return 0;
}

static int start(struct export *e, struct err *err)
{
    struct session *s = &e->t.call->session;

    if (session_admin(s, err) != 0 || load(e, err) != 0)
        return -1;
    e->t.reader = reader_new(s->props, s->topics.results, SESSION_KAFKA_WAIT_MS, err);
    if (e->t.reader == NULL || choose_spans(e, err) != 0 || open_file(e, err) != 0)
        return -1;
    e->t.to_end = !e->t.config->follow;
    if (reader_start(e->t.reader, e->t.to_end, err) != 0 ||
        results_stream_form(&e->t, &e->form, err) != 0)
        return -1;
    if (e->t.config->state == NULL)
        return 0;
    e->t.saved = save;
    return save(&e->t, err); /* before the first row: it says how long the file was */
}

static int check(const struct results_config *c, struct err *err)
{
    if (c->follow && c->until_ms != 0)
        return err_set(err, ERR_CONFIG, "options --follow and --until exclude each other");
    if (c->since_ms != 0 && c->until_ms != 0 && c->since_ms > c->until_ms)
        return err_set(err, ERR_CONFIG, "option --since is later than --until");
    return 0;
}

int results_export(struct call *c, struct err *err)
{
    struct export e = { .t = { .flush_rows = FLUSH_ROWS } };
    int rc = -1;

    e.t.arg = &e;
    if (check(c->own, err) == 0 && choose_form(&e, c, err) == 0 &&
        results_stream_init(&e.t, c, err) == 0 && start(&e, err) == 0)
        rc = results_stream_run(&e.t, err);
    rc = results_stream_done(&e.t, rc, err);
    rc = close_file(&e, rc, err);
    export_state_done(&e.state);
    return rc;
}
