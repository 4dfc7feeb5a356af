#ifndef SIMULATOR_BUILDLOG_H
#define SIMULATOR_BUILDLOG_H

#include <stddef.h>
#include <stdint.h>

struct build;
struct builds;
struct cJSON;
struct job;

/* The log of a build, made up line by line when it is read; nothing is stored. */

/* How many lines are written by now; all of them once the build has ended. */
size_t buildlog_count(const struct builds *builds, const struct build *build, int64_t now_us);

/* The lines from first up to, not with, end, as an array of strings; caller deletes. */
struct cJSON *buildlog_lines(const struct build *build, size_t first, size_t end);

/* As GET …/jobs/{key}/log answers them, up to line end of the build; caller deletes. */
struct cJSON *buildlog_entries(const struct build *build, const struct job *job, size_t end);

/* What the task says went wrong; "" for success or a running build. */
const char *buildlog_error(const struct build *build);

#endif
