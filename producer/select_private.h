#ifndef PRODUCER_SELECT_PRIVATE_H
#define PRODUCER_SELECT_PRIVATE_H

#include "producer/select.h"

/* Adds " and ..." for each filter, over the columns of src (alias s). */
int select_filters(const struct selection *s, struct query *q, struct err *err);

#endif
