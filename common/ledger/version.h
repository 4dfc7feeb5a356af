/* Does the ledger's schema fit this program? Each migration writes a row into schema_version: its
 * number, and the oldest version whose programs can still work with what it left behind. So the
 * worker of the previous release runs on a newer schema, as long as that says so. */
#ifndef COMMON_LEDGER_VERSION_H
#define COMMON_LEDGER_VERSION_H

#include "common/base/err.h"

/* The newest migration of deploy/schema; what this source is written for. */
#define LEDGER_VERSION 1

struct db;

/* Blocks. ERR_CONFIG with a sentence that says what to do: no ledger, older than expected, or newer
 * and not compatible with expected. */
int ledger_version_check(struct db *db, int expected, struct err *err);

/* The versions, for those who want to say more. 0: there is no ledger. A newer schema names in
 * *ret_compatible the oldest version that it suits. */
int ledger_version_read(struct db *db, int *ret_version, int *ret_compatible, struct err *err);

#endif
