/* What the files of `doctor` share: one line for each check, and the worst of them as exit code. */
#ifndef PRODUCER_DOCTOR_H
#define PRODUCER_DOCTOR_H

#include "producer/output.h"
#include "producer/topics.h"
#include "producer/verb.h"

#define DOCTOR_DETAIL_BYTES 1024

enum verdict { VERDICT_OK, VERDICT_WARN, VERDICT_FAIL };

struct doctor {
    struct call *call;
    struct output *out;
    int code;                  /* of the first check that failed: the others may follow from it */
    bool ledger;               /* it can be asked */
    int64_t database_ahead_ms; /* of this machine's clock */
    bool database_time;
    struct installation installation;
};

void doctor_say(struct doctor *d, enum verdict verdict, const char *check, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void doctor_fail(struct doctor *d, const char *check, const struct err *err);

void doctor_database(struct doctor *d);
void doctor_content(struct doctor *d);
void doctor_kafka(struct doctor *d);
void doctor_workers(struct doctor *d);
void doctor_connect(struct doctor *d);

#endif
