/* The index of a library of scenarios as a page of Markdown (docs/scenarios.md is one). */
#ifndef REPLISIM_SIM_CLI_MARKDOWN_H
#define REPLISIM_SIM_CLI_MARKDOWN_H

#include "sim/cli/cli.h"

/* Prints the page: a table a folder, in the order of the paths. `root`: the folder that they were
 * found in, left out of the names. What cannot be read is told and left out; the exit code says so. */
int cli_print_scenarios_page(const struct cli_scenarios *scenarios, const char *root);

#endif
