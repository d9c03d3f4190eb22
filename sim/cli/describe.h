/* What `describe` has beside the tables of other rooms; each says whether it knows the name. */
#ifndef REPLISIM_CLI_DESCRIBE_H
#define REPLISIM_CLI_DESCRIBE_H

#include <stdbool.h>
#include <stddef.h>

/* A name in bold, with its kind behind it. */
void cli_describe_heading(const char *name, const char *kind);

/* Ack codes of the fetch protocol. */
bool cli_describe_code(const char *name);
size_t cli_code_count(void);
const char *cli_code_name(size_t index);
const char *cli_code_about(size_t index);

/* Groups of faults: `disk`, `hostile`, `nemesis`, `attacker`. */
bool cli_describe_group(const char *name);
size_t cli_group_count(void);
const char *cli_group_name(size_t index);

/* A configuration key, with its place in files and environment, its range, and what each release
 * does with it. */
bool cli_describe_config(const char *name);

/* The bound of `converges`: its formula, and for a scenario file its terms. Gives the exit code. */
void cli_describe_bound(void);
int cli_describe_converges(int argc, char **argv);

#endif
