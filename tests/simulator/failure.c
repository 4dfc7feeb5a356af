#include "tests/simulator/failure.h"

#include <string.h>

#define R_CODE      "Error code: r-package-install-failed"
#define PYTHON_CODE "Error code: python-package-install-failed"

/* The order here is the order of failure_names(). */
static const struct failure failures[] = {
    { "cache_race",
      FAILURE_R,
      { "Error in restore: nrow(content) == 1 is not TRUE",
        "Unable to fully restore the R packages associated with this deployment.", R_CODE },
      R_CODE },
    { "cache_dir",
      FAILURE_R,
      { "Error: cannot rename cached package 'cli': Directory not empty",
        "Warning: package 'cli' may be lost from cache", R_CODE },
      R_CODE },
    { "package",
      FAILURE_R,
      { "ERROR: compilation failed for package 'sf'",
        "* removing '/opt/rstudio-connect/mnt/app/packrat/lib/sf'", R_CODE },
      R_CODE },
    { "python_package",
      FAILURE_PYTHON,
      { "ERROR: Could not find a version that satisfies the requirement tensorflow==1.15.0",
        "ERROR: No matching distribution found for tensorflow==1.15.0", PYTHON_CODE },
      PYTHON_CODE },
    { "env_not_found",
      FAILURE_EARLY,
      { "Cannot find compatible environment: no environment with R version 3.5.3" },
      "Cannot find compatible environment: no environment with R version 3.5.3" },
    { "repository",
      FAILURE_ANY,
      { "curl: (28) Operation timed out after 10001 milliseconds with 0 bytes received",
        "Warning: unable to access index for repository https://packages.example.com/cran/latest",
        R_CODE },
      R_CODE },
    { "repository_reset",
      FAILURE_ANY,
      { "ERROR: Could not install packages: Connection reset by peer (Recv failure)", PYTHON_CODE },
      PYTHON_CODE },
    { "render",
      FAILURE_ANY,
      { "Quitting from lines 12-20 (report.Rmd)", "Execution halted" },
      "Unable to render: Rendering exited abnormally: exit status 1" },
    { "unknown", FAILURE_ANY, { R_CODE }, R_CODE },
};

#define FAILURES_N (sizeof failures / sizeof failures[0])

const struct failure *failure_find(const char *name)
{
    for (size_t i = 0; i < FAILURES_N; i++)
        if (strcmp(failures[i].name, name) == 0)
            return &failures[i];
    return NULL;
}

const char *failure_names(void)
{
    return "cache_race, cache_dir, package, python_package, env_not_found, repository, "
           "repository_reset, render, unknown";
}

size_t failure_line_count(const struct failure *failure)
{
    size_t n = 0;

    while (failure != NULL && n < FAILURE_LINES && failure->lines[n] != NULL)
        n++;
    return n;
}
