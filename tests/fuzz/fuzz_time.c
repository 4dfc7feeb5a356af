/* Times as text: one that is read can be written, and is read again as the same instant. */
#include "common/base/time_text.h"
#include "tests/support/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size), again[CLOCK_RFC3339_BYTES];
    int64_t ms = 0, ms_again = 0;

    if (clock_parse_rfc3339(text, &ms) || clock_parse_http_date(text, &ms)) {
        must(clock_format_rfc3339(ms, again) == again && strlen(again) < sizeof(again));
        must(clock_parse_rfc3339(again, &ms_again) && ms == ms_again);
    }
    free(text);
    return 0;
}
