/* Lists of decisions in files: `decisions` of a result.json, read back and checked as any other input. */
#ifndef REPLISIM_CLI_DECISIONS_H
#define REPLISIM_CLI_DECISIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "sim/decision.h"

#define CLI_DECISIONS_MAX 100000

struct cli_decisions {
    struct sim_decision *rows; /* owned; in the order of their times */
    size_t count;
};

/* FILE holds a list of decisions, or an object with one under `decisions`, such as a result.json.
 * Keys that are not known are ignored, as of any result file. False: told to the user with the file
 * and the place in it, and the list is empty. */
bool cli_decisions_read(struct cli_decisions *decisions, const char *path);
void cli_decisions_clear(struct cli_decisions *decisions);

#endif
