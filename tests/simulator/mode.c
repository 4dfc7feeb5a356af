#include "tests/simulator/mode.h"

#include <string.h>

static const struct mode modes[] = {
    { "static", MODE_STATIC, false, false, false, 0 },
    { "unknown", MODE_STATIC, false, false, false, 0 },
    { "shiny", MODE_INTERACTIVE, true, false, false, 22 },
    { "rmd-static", MODE_RENDERED, true, false, false, 14 },
    { "rmd-shiny", MODE_INTERACTIVE, true, false, false, 4 },
    { "api", MODE_API, true, false, false, 8 },
    { "quarto-static", MODE_RENDERED, true, false, true, 10 },
    { "quarto-shiny", MODE_INTERACTIVE, true, false, true, 3 },
    { "python-dash", MODE_INTERACTIVE, false, true, false, 10 },
    { "python-fastapi", MODE_API, false, true, false, 8 },
    { "python-api", MODE_API, false, true, false, 3 },
    { "python-streamlit", MODE_INTERACTIVE, false, true, false, 6 },
    { "python-shiny", MODE_INTERACTIVE, false, true, false, 6 },
    { "python-bokeh", MODE_INTERACTIVE, false, true, false, 1 },
    { "python-gradio", MODE_INTERACTIVE, false, true, false, 1 },
    { "python-panel", MODE_INTERACTIVE, false, true, false, 1 },
    { "jupyter-static", MODE_RENDERED, false, true, false, 6 },
    { "jupyter-voila", MODE_INTERACTIVE, false, true, false, 1 },
    { "tensorflow-saved-model", MODE_API, false, false, false, 0 },
    { "nodejs", MODE_INTERACTIVE, false, false, false, 0 },
};

#define MODES_N (sizeof modes / sizeof modes[0])

const struct mode *mode_find(const char *name, size_t n)
{
    for (size_t i = 0; i < MODES_N; i++)
        if (strlen(modes[i].name) == n && memcmp(modes[i].name, name, n) == 0)
            return &modes[i];
    return NULL;
}

const struct mode *mode_static(void)
{
    return &modes[0];
}

const struct mode *mode_drawn(double unit)
{
    unsigned total = 0;

    for (size_t i = 0; i < MODES_N; i++)
        total += modes[i].weight;
    double left = unit * total;
    for (size_t i = 0; i < MODES_N; i++) {
        if (left < modes[i].weight)
            return &modes[i];
        left -= modes[i].weight;
    }
    return &modes[MODES_N - 1];
}
