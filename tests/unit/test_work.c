/* What a worker is busy with: the table of states, the index, the tail of a log. */
#include "worker/work.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/str.h"

static struct works works;

static int set_up(void **state)
{
    (void)state;
    works_init(&works);
    return 0;
}

static struct req *request(uint8_t id)
{
    struct req *req = calloc(1, sizeof(*req));

    assert_non_null(req);
    req->id.b[15] = id;
    return req;
}

/* The table once more, written the other way round: from each state, the states that may follow. */
static const char *const may[WORK_STATES] = {
    [WORK_ASKING] = "reading ready polling looking checking settling result",
    [WORK_READING] = "asking ready settling",
    [WORK_READY] = "asking reading claiming",
    [WORK_CLAIMING] = "asking posting",
    [WORK_POSTING] = "polling looking ending",
    [WORK_POLLING] = "looking ending asking",
    [WORK_LOOKING] = "polling ending asking",
    [WORK_ENDING] = "asking checking settling result",
    [WORK_CHECKING] = "settling asking",
    [WORK_SETTLING] = "result asking",
    [WORK_RESULT] = "asking",
};

static bool in_words(const char *words, const char *word)
{
    size_t len = strlen(word);

    for (const char *at = strstr(words, word); at != NULL; at = strstr(at + 1, word))
        if ((at == words || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
            return true;
    return false;
}

static void put_into(struct work *work, enum work_state s)
{
    list_remove(&works.lists[work->state], &work->node);
    work->state = s;
    list_push(&works.lists[s], &work->node);
}

/* Does the change abort the process? */
static bool aborts(struct work *work, enum work_state to)
{
    int status = 0;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        if (freopen("/dev/null", "w", stderr) == NULL)
            _exit(2);
        signal(SIGABRT, SIG_DFL);
        work_enter(&works, work, to);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void every_change_is_allowed_or_aborts(void **state)
{
    struct work *work = works_add(&works, request(1));

    (void)state;
    for (enum work_state from = 0; from < WORK_STATES; from++)
        for (enum work_state to = 0; to < WORK_STATES; to++) {
            bool want = from == to || in_words(may[from], work_state_name(to));

            put_into(work, from);
            if (aborts(work, to) == want)
                fail_msg("from %s to %s", work_state_name(from), work_state_name(to));
            if (!want)
                continue;
            work_enter(&works, work, to);
            assert_int_equal(work->state, to);
            assert_int_equal(works.lists[to].n, 1);
            if (from != to)
                assert_int_equal(works.lists[from].n, 0);
        }
    free(works_remove(&works, work));
}

static void works_are_found_by_request_id(void **state)
{
    struct req *reqs[3];

    (void)state;
    for (uint8_t i = 0; i < 3; i++) {
        reqs[i] = request(i);
        assert_non_null(works_add(&works, reqs[i]));
        assert_ptr_equal(reqs[i]->work, works_find(&works, &reqs[i]->id));
    }
    assert_int_equal(works_n(&works), 3);
    assert_int_equal(works.lists[WORK_ASKING].n, 3);
    assert_ptr_equal(works_remove(&works, reqs[1]->work), reqs[1]);
    assert_null(reqs[1]->work);
    assert_null(works_find(&works, &reqs[1]->id));
    assert_int_equal(works_n(&works), 2);
    free(works_remove(&works, works_find(&works, &reqs[0]->id)));
    free(works_remove(&works, works_find(&works, &reqs[2]->id)));
    free(reqs[1]);
    assert_int_equal(works_n(&works), 0);
}

static void a_second_one_of_the_same_id_is_not_taken(void **state)
{
    struct req *first = request(9), *copy = request(9);

    (void)state;
    assert_non_null(works_add(&works, first));
    assert_null(works_add(&works, copy));
    assert_null(copy->work);
    assert_int_equal(works_n(&works), 1);
    free(works_remove(&works, first->work));
    assert_non_null(works_add(&works, copy));
    free(works_remove(&works, copy->work));
}

static void open_builds_are_from_the_post_to_the_end(void **state)
{
    struct work *work = works_add(&works, request(1));

    (void)state;
    for (enum work_state s = 0; s < WORK_STATES; s++) {
        bool build =
            s == WORK_POSTING || s == WORK_POLLING || s == WORK_LOOKING || s == WORK_ENDING;

        put_into(work, s);
        assert_int_equal(works_builds(&works), build);
    }
    free(works_remove(&works, work));
}

static void a_forgotten_attempt_leaves_nothing(void **state)
{
    static const struct attempt none;
    struct work *work = works_add(&works, request(1));
    struct attempt *a = &work->attempt;

    (void)state;
    a->token = 7;
    a->cookies = str_dup("a=b");
    a->judged[a->judged_n++] = str_dup("job");
    tail_add(&a->tail, "line", 4);
    work->tries = 3;
    work->lost_since_ms = 5;
    work_forget_attempt(work);
    assert_memory_equal(a, &none, sizeof(none));
    assert_int_equal(work->tries, 0);
    assert_int_equal(work->lost_since_ms, 0);
    free(works_remove(&works, work));
}

/* ---- the tail ---- */

static void add_text(struct tail *t, const char *text)
{
    tail_add(t, text, strlen(text));
}

static void the_last_lines_are_kept_in_order(void **state)
{
    static const size_t counts[] = {
        0, 1, LOG_TAIL_LINES - 1, LOG_TAIL_LINES, LOG_TAIL_LINES + 1, 3 * LOG_TAIL_LINES + 7
    };

    (void)state;
    for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
        struct tail t = { 0 };
        const char *lines[LOG_TAIL_LINES];
        size_t kept = counts[c] < LOG_TAIL_LINES ? counts[c] : LOG_TAIL_LINES;
        char text[32];

        for (size_t i = 0; i < counts[c]; i++) {
            snprintf(text, sizeof(text), "line %zu", i);
            add_text(&t, text);
        }
        assert_int_equal(tail_lines(&t, lines), kept);
        for (size_t i = 0; i < kept; i++) {
            snprintf(text, sizeof(text), "line %zu", counts[c] - kept + i);
            assert_string_equal(lines[i], text);
        }
        assert_int_equal(t.cut, counts[c] > LOG_TAIL_LINES);
        tail_done(&t);
        assert_int_equal(tail_lines(&t, lines), 0);
    }
}

static void a_long_line_is_cut_and_marked(void **state)
{
    static char line[LOG_LINE_MAX_BYTES + 2];
    struct tail t = { 0 };
    const char *lines[LOG_TAIL_LINES];

    (void)state;
    memset(line, 'x', sizeof(line) - 1);
    tail_add(&t, line, LOG_LINE_MAX_BYTES);
    assert_false(t.cut);
    tail_add(&t, line, LOG_LINE_MAX_BYTES + 1);
    assert_true(t.cut);
    assert_int_equal(tail_lines(&t, lines), 2);
    assert_true(strlen(lines[0]) == LOG_LINE_MAX_BYTES && strlen(lines[1]) <= LOG_LINE_MAX_BYTES);
    tail_done(&t);
}

static void a_line_is_clean_text_whatever_came(void **state)
{
    struct tail t = { 0 };
    const char *lines[LOG_TAIL_LINES];

    (void)state;
    tail_add(&t, "a\0b", 3);
    tail_add(&t, "\xff\xfe", 2);
    tail_add(&t, "", 0);
    assert_int_equal(tail_lines(&t, lines), 3);
    assert_true(lines[0][0] == 'a' && strlen(lines[0]) > 1); /* not ended by the NUL byte */
    assert_true(strlen(lines[0]) > 2 && lines[0][strlen(lines[0]) - 1] == 'b');
    assert_null(strpbrk(lines[1], "\xff"));
    assert_string_equal(lines[2], "");
    tail_done(&t);
}

#define T(fn) cmocka_unit_test_setup(fn, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(every_change_is_allowed_or_aborts),
        T(works_are_found_by_request_id),
        T(a_second_one_of_the_same_id_is_not_taken),
        T(open_builds_are_from_the_post_to_the_end),
        T(a_forgotten_attempt_leaves_nothing),
        T(the_last_lines_are_kept_in_order),
        T(a_long_line_is_cut_and_marked),
        T(a_line_is_clean_text_whatever_came),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
