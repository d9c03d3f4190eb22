/* Where two runs part: the first record in which they differ.
 *
 * One side lies in a file, a record a line as in a .jsonl trace; the other comes record by record and is
 * compared as it comes. Both sides are the runs in question themselves: a difference that comes once and
 * never again is found where it came. Memory is bounded by a few lines, whatever the length of a run. */
#ifndef REPLISIM_CLI_PARTING_H
#define REPLISIM_CLI_PARTING_H

#include <stdbool.h>
#include <stdio.h>

struct sim_world;
struct cli_parting;

/* The first side will be recorded, in a temporary file. NULL: told. */
struct cli_parting *cli_parting_new(void);
/* The first side is there: a trace in lines, whose file is taken over. NULL: told, and the file is
 * closed. */
struct cli_parting *cli_parting_of(FILE *trace);
void cli_parting_free(struct cli_parting *parting); /* NULL is fine */

/* Leaves out what only some builds write, notes and marks, and compares events and observations. */
void cli_parting_events_only(struct cli_parting *parting);

/* From the beginning of a run to its end: the first side is written down. */
void cli_parting_record(struct cli_parting *parting, struct sim_world *world);
/* False: it could not be written whole; told. */
bool cli_parting_record_end(struct cli_parting *parting, struct sim_world *world);

/* From the beginning of the second side's run to its end. A run that has parted is interrupted. */
void cli_parting_compare(struct cli_parting *parting, struct sim_world *world);
void cli_parting_compare_end(struct cli_parting *parting, struct sim_world *world,
                             bool is_complete);
/* Or the second side is a trace too. False: one could not be read; told. */
bool cli_parting_compare_file(struct cli_parting *parting, FILE *trace);

bool cli_parting_is_found(const struct cli_parting *parting);
/* What differs, where and when, the lines before it, and both sides under their names. */
void cli_parting_print(const struct cli_parting *parting, FILE *file, const char *what,
                       const char *first_name, const char *second_name);

#endif
