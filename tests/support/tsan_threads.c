/* C11 threads on POSIX threads, for the ThreadSanitizer build alone. gcc's TSan intercepts
 * pthread_* but not thrd_*, mtx_* and cnd_*, which Debian's librdkafka uses: a thread that TSan did
 * not see start crashes in its first intercepted call, and a lock that it did not see is a race to
 * it. The program's symbols come before glibc's, so the library calls these.
 *
 * Only what librdkafka calls is here. glibc's mtx_t and cnd_t are the POSIX objects under another
 * name, so a function that is missing still works on them; TSan does not see it, that is all. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <threads.h>

_Static_assert(sizeof(mtx_t) >= sizeof(pthread_mutex_t), "mtx_t must hold a POSIX mutex");
_Static_assert(sizeof(cnd_t) >= sizeof(pthread_cond_t), "cnd_t must hold a POSIX condition");
_Static_assert(sizeof(thrd_t) == sizeof(pthread_t), "thrd_current() is glibc's");

struct start {
    thrd_start_t body;
    void *arg;
    int result;
};

static int answer(int code)
{
    switch (code) {
    case 0: return thrd_success;
    case EBUSY: return thrd_busy;
    case ETIMEDOUT: return thrd_timedout;
    case ENOMEM: return thrd_nomem;
    default: return thrd_error;
    }
}

static void *run(void *arg)
{
    struct start *start = arg;

    start->result = start->body(start->arg);
    return start;
}

/* glibc's declarations name their parameters as only glibc may.
 * NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */

int thrd_create(thrd_t *thread, thrd_start_t body, void *arg)
{
    struct start *start = malloc(sizeof(*start));
    int code;

    if (start == NULL)
        return thrd_nomem;
    *start = (struct start){ .body = body, .arg = arg };
    code = pthread_create(thread, NULL, run, start);
    if (code != 0)
        free(start);
    return answer(code);
}

int thrd_join(thrd_t thread, int *ret_result)
{
    void *end = NULL;
    int code = pthread_join(thread, &end);
    struct start *start = end;

    if (code == 0 && ret_result != NULL)
        *ret_result = start->result;
    free(start);
    return answer(code);
}

int mtx_init(mtx_t *mutex, int type)
{
    pthread_mutexattr_t kind;
    int code = pthread_mutexattr_init(&kind);

    if (code == 0 && (type & mtx_recursive) != 0)
        code = pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE);
    if (code == 0)
        code = pthread_mutex_init((pthread_mutex_t *)mutex, &kind);
    pthread_mutexattr_destroy(&kind);
    return answer(code);
}

int mtx_lock(mtx_t *mutex)
{
    return answer(pthread_mutex_lock((pthread_mutex_t *)mutex));
}

int mtx_unlock(mtx_t *mutex)
{
    return answer(pthread_mutex_unlock((pthread_mutex_t *)mutex));
}

void mtx_destroy(mtx_t *mutex)
{
    pthread_mutex_destroy((pthread_mutex_t *)mutex);
}

int cnd_init(cnd_t *condition)
{
    return answer(pthread_cond_init((pthread_cond_t *)condition, NULL));
}

int cnd_signal(cnd_t *condition)
{
    return answer(pthread_cond_signal((pthread_cond_t *)condition));
}

int cnd_broadcast(cnd_t *condition)
{
    return answer(pthread_cond_broadcast((pthread_cond_t *)condition));
}

int cnd_wait(cnd_t *condition, mtx_t *mutex)
{
    return answer(pthread_cond_wait((pthread_cond_t *)condition, (pthread_mutex_t *)mutex));
}

int cnd_timedwait(cnd_t *condition, mtx_t *mutex, const struct timespec *until)
{
    return answer(
        pthread_cond_timedwait((pthread_cond_t *)condition, (pthread_mutex_t *)mutex, until));
}

void cnd_destroy(cnd_t *condition)
{
    pthread_cond_destroy((pthread_cond_t *)condition);
}

/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
