/* Asks before something big is done. */
#ifndef PRODUCER_CONFIRM_H
#define PRODUCER_CONFIRM_H

#include "producer/session.h"

/* 0: go on, because of --yes, because n is not above --confirm-above, or because somebody at the
 * terminal said so. ERR_REFUSED otherwise. what is "would be rebuilt". */
int confirm(const struct session *s, int64_t n, const char *what, struct err *err);
/* The same for an act that asks whatever its size. what is "3 records would be sent again". */
int confirm_always(const struct session *s, const char *what, struct err *err);

#endif
