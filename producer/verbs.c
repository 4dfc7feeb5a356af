#include "producer/verb.h"

const struct verb *const verbs[] = {
    &migrate_verb,   &topics_verb,  &config_verb, &list_verb,    &enqueue_verb, &doctor_verb,
    &campaigns_verb, &status_verb,  &items_verb,  &history_verb, &workers_verb, &replicas_verb,
    &acts_verb,      &pause_verb,   &resume_verb, &cancel_verb,  &limit_verb,   &retry_verb,
    &requeue_verb,   &results_verb, &dlq_verb,    &prune_verb,
};
const size_t verbs_n = sizeof(verbs) / sizeof(verbs[0]);
