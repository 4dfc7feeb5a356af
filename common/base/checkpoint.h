#ifndef COMMON_BASE_CHECKPOINT_H
#define COMMON_BASE_CHECKPOINT_H

/* A place right before an outward act, where a test may stop the process. Without -DCHECKPOINTS it
 * is nothing. With it, the environment says where and how:
 *
 *   REBUILD_CHECKPOINT=NAME:N     at the N-th passing of NAME; just N: of any
 *   REBUILD_CHECKPOINT_ACT=freeze SIGSTOP in place of SIGKILL
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
