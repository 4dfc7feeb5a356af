/* Asks before something big, or something that cannot be taken back, is done. */
#ifndef PRODUCER_CONFIRM_H
#define PRODUCER_CONFIRM_H

#include "producer/session.h"

/* 0: go on, because of --yes, because n is not above --confirm-above, or because somebody at the
 * terminal said so. ERR_REFUSED otherwise. what is "would be rebuilt". */
int confirm(const struct session *s, int64_t n, const char *what, struct err *err);

/* For verbs that always ask, before they connect to anything: 0 if there is --yes, or a terminal to
 * ask at; ERR_CONFIG otherwise. */
int confirm_possible(const struct session *s, const char *verb, struct err *err);
/* 0: go on, because of --yes or the answer to "WHAT. Go on?"; ERR_REFUSED otherwise. */
int confirm_act(const struct session *s, const char *what, struct err *err);

#endif
