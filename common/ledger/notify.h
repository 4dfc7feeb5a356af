/* What a worker is told on its channel (the column worker.channel), besides "slot REPLICA". */
#ifndef COMMON_LEDGER_NOTIFY_H
#define COMMON_LEDGER_NOTIFY_H

/* Somebody paused, resumed or cancelled a campaign, changed a limit, or gave the feeder work. */
#define NOTIFY_STEER "steer"

#endif
