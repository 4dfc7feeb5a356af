#ifndef COMMON_BASE_CHECKPOINT_H
#define COMMON_BASE_CHECKPOINT_H

/* A place right before an outward act, where a test may stop the process. Each kind of act has a
 * name of its own, "room.act"; tests/lint/checkpoints.py checks that none is without. Without
 * -DCHECKPOINTS it is nothing. With it, the environment says where and how:
 *
 *   REBUILD_CHECKPOINT=POINT,...  where the process ends by SIGKILL. POINT is NAME:N, the N-th
 *                                 passing of NAME, or N, of any; "=freeze" after it: SIGSTOP
 *   REBUILD_CHECKPOINT_COUNT=FILE a line "NAME" is added to FILE at each passing
 */

#ifdef CHECKPOINTS
void checkpoint(const char *name); /* any thread */
#else
static inline void checkpoint(const char *name)
{
    (void)name;
}
#endif

#endif
