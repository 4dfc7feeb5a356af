/* The only place that asks the kernel for the time. Policy takes time as an argument. */
#ifndef COMMON_BASE_CLOCK_H
#define COMMON_BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/time_text.h"

int64_t clock_boot_ms(void); /* CLOCK_BOOTTIME: goes on while the process or machine is frozen */
int64_t clock_boot_us(void);
int64_t clock_wall_ms(void); /* Unix time, for log lines and event times only */

#endif
