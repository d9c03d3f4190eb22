/* replisim merge: result databases of many shards become one. */
#include "sim/cli/cli.h"

#include <inttypes.h>
#include <stdlib.h>

#include "sim/sweep/db.h"

struct merge_options {
    const char **paths; /* owned; the first is the target */
    size_t path_count;
    bool is_forced;
};

/* False: told. */
static bool read_options(struct merge_options *options, int argc, char **argv)
{
    static const struct cli_option known[] = {{"--force", NULL, false}};
    struct cli_arguments arguments = {.command = "merge",
                                      .options = known,
                                      .option_count = 1,
                                      .argc = argc,
                                      .argv = argv,
                                      .next = 1};
    size_t option;
    const char *value;
    for (;;) {
        switch (cli_arguments_next(&arguments, &option, &value)) {
        case CLI_ARGUMENT_WRONG: return false;
        case CLI_ARGUMENT_OPTION: options->is_forced = true; break;
        case CLI_ARGUMENT_WORD: options->paths[options->path_count++] = value; break;
        case CLI_ARGUMENT_END:
            if (options->path_count >= 2) {
                return true;
            }
            cli_error("replisim merge: needs OUT.db and at least one IN.db; see replisim merge "
                      "--help");
            return false;
        }
    }
}

static int merge(const struct merge_options *options)
{
    char note[SWEEP_NOTE_BYTES];
    struct sweep_merge_counts counts;
    int status = sweep_db_merge(options->paths[0], options->paths + 1, options->path_count - 1,
                                options->is_forced, &counts, note);
    if (status == SWEEP_OK) {
        printf("%s: %" PRIu64 " runs of %zu databases", options->paths[0], counts.runs,
               options->path_count - 1);
        if (counts.duplicates > 0) {
            printf(", %" PRIu64 " of them held twice", counts.duplicates);
        }
        printf("\n");
        return CLI_EXIT_PASS;
    }
    cli_error("replisim merge: %s", note);
    return status == SWEEP_ERR_WRITE || status == SWEEP_ERR_NOMEM ? CLI_EXIT_BROKEN
                                                                  : CLI_EXIT_WRONG;
}

int cli_merge(int argc, char **argv)
{
    struct merge_options options = {.paths = calloc((size_t)argc + 1, sizeof(const char *))};
    if (options.paths == NULL) {
        cli_error("replisim merge: out of memory");
        return CLI_EXIT_BROKEN;
    }
    int code = read_options(&options, argc, argv) ? merge(&options) : CLI_EXIT_WRONG;
    free(options.paths);
    return code;
}
