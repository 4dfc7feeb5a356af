#include "producer/verb.h"

const struct verb *const verbs[] = {
    &migrate_verb,
    &topics_verb,
};
const size_t verbs_n = sizeof(verbs) / sizeof(verbs[0]);
