#ifndef SIMULATOR_CLOCK_H
#define SIMULATOR_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* Time is microseconds since 1970 everywhere. Only clock_now_us() asks the kernel. */

#define US_PER_MS     INT64_C(1000)
#define US_PER_SECOND INT64_C(1000000)

/* Wall time that never goes backwards: that of the first call plus what has passed since. */
int64_t clock_now_us(void);

/* "2023-10-24T22:46:37Z"; whole seconds have no fraction, others have six digits of it. */
void clock_rfc3339(int64_t us, char *to, size_t size);

/* "2025/06/04 18:46:27.930629000": how lines of a build log begin. */
void clock_log_stamp(int64_t us, char *to, size_t size);

#endif
