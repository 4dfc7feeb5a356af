#ifndef SIMULATOR_FAULTS_H
#define SIMULATOR_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/simulator/limits.h"

struct cJSON;

/* What may go wrong, and by how much. All off at first. One row of the table in faults.c per
 * member: name, kind, range and help. Shares are drawn per request or per item: see the help. */

struct faults {
    double fail_share;
    char fail_class[WORD_BYTES];
    double flaky_share;
    char flaky_class[WORD_BYTES];
    int64_t flaky_attempts;
    double http_401_share;
    double http_429_share;
    double http_502_share;
    double http_503_share;
    double reset_before_share;
    double reset_after_share;
    double cut_share;
    char only_route[WORD_BYTES];
    int64_t retry_after_s;
    int64_t latency_ms;
    int64_t submit_delay_ms;
    int64_t submit_status;
    bool numeric_ids;
    bool old_task_404;
    int64_t task_retention_ms;
    bool poll_ignores_wait;
    int64_t job_row_delay_ms;
    int64_t log_line_bytes;
    bool log_nul;
    bool log_invalid;
    int64_t cold_start_ms;
    double access_fail_share;
    int64_t access_fail_status;
    double too_open_share;
    double forbidden_share;
    bool forbidden_code_19;
    bool login_redirect;
    bool api_root_401;
    bool api_root_404;
    bool hide_hostname;
    bool hold_builds;
    bool static_refused;
    bool key_revoked;
};

void faults_init(struct faults *faults);

/* "name=value". On failure faults is untouched and error says what is wrong. */
bool faults_set(struct faults *faults, const char *assignment, char *error, size_t error_size);

/* Every member of the object is set, or none. */
bool faults_set_all(struct faults *faults, const struct cJSON *object, char *error,
                    size_t error_size);

struct cJSON *faults_to_json(const struct faults *faults); /* caller deletes */
void faults_print_help(void);                              /* the table, on standard output */

#endif
