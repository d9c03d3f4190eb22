/* What shrink and explain share: their options, progress, and the words about a failure. */
#ifndef REPLISIM_CLI_SMALL_H
#define REPLISIM_CLI_SMALL_H

#include "sim/cli/cli.h"
#include "sim/shrink/shrink.h"

struct cli_small {
    const char *command;
    struct shrink_request request;
    const char **sets; /* owned array of borrowed texts */
    size_t set_count;
    const char *out; /* NULL: standard output */
    bool is_json, is_quiet;
    bool is_line_open; /* of the progress */
    double told_s;
};

/* False: told, or out of memory. `has_out`: --out is one of the options. */
bool cli_small_read(struct cli_small *small, const char *command, bool has_out, int argc,
                    char **argv);
void cli_small_clear(struct cli_small *small);
/* Tells why there is nothing small. Gives the exit code. */
int cli_small_refuse(struct cli_small *small, const struct shrink_small *found);
/* Ends the line of the progress, if one is open. */
void cli_small_end_line(struct cli_small *small);
/* "--seed 7 --set a=b", as words of a shell. Owned by the caller. */
char *cli_small_words(const struct cli_small *small, bool has_sets);

#endif
