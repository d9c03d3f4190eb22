#include "sim/cli/describe.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "protocol/limits.h"
#include "sim/cli/cli.h"
#include "sim/converge.h"
#include "sim/script.h"
#include "sim/world.h"

#define SETS_MAX 256

void cli_describe_bound(void)
{
    printf("  After the faults are over it is due within\n"
           "    T_conv = rescan interval (%" PRIu64 " s)\n"
           "           + attempts x candidates x fetch timeout\n"
           "           + backoffs between the attempts\n"
           "           + ceil(entries / workers) x (dial + ack + size / slowest link)\n"
           "           + 3 health intervals\n"
           "  and, when faults had put a rescan off, up to %" PRIu64
           " s later. The slowest link is\n"
           "  shared by all workers of all other nodes; disks and hashing count as links.\n"
           "  What no honest node that is up holds is not owed (`unrecoverable` in the result).\n"
           "  For a scenario: replisim describe converges FILE.lua [--set k=v]...\n",
           RP_RESCAN_FIRST_NS / RP_NS_PER_S, (RP_RESCAN_MAX_NS - RP_RESCAN_FIRST_NS) / RP_NS_PER_S);
}

static double seconds(rp_time_ns time_ns)
{
    return (double)time_ns / 1e9;
}

static void print_terms(const struct sim_converge *bound)
{
    printf("    rescan interval                          %12.3f s\n", seconds(bound->rescan_ns));
    printf("    %" PRIu64 " attempts x %" PRIu64 " candidates x %g s fetch timeout\n"
           "                                             %12.3f s\n",
           bound->attempts, bound->candidates, seconds(bound->fetch_timeout_ns),
           seconds(bound->fetches_ns));
    printf("    backoffs                                 %12.3f s\n", seconds(bound->backoffs_ns));
    printf("    transfers by %-4" PRIu64 " workers                %12.3f s\n", bound->workers,
           seconds(bound->transfers_ns));
    printf("    3 health intervals                       %12.3f s\n", seconds(bound->health_ns));
    printf("    T_conv                                   %12.3f s\n", seconds(bound->total_ns));
}

/* The files that a story will make are not known before it runs. */
static void print_figures(const struct sim_world_spec *spec)
{
    static const struct {
        uint64_t entries, size_bytes;
        const char *text;
    } loads[] = {{0, 0, "no files yet"}, {1000, 1 << 20, "1000 files of 1 MiB"}};
    const struct sim_cluster_spec *cluster = &spec->cluster;
    uint64_t node_count =
        (uint64_t)cluster->writer_count + cluster->reader_count + cluster->compactor_count;
    for (size_t i = 0; i < sizeof loads / sizeof loads[0]; i++) {
        struct sim_converge bound;
        sim_converge_begin(&bound, spec);
        sim_converge_finish(&bound, node_count, loads[i].entries, loads[i].size_bytes);
        printf("  %" PRIu64 " nodes, %s:\n", node_count, loads[i].text);
        print_terms(&bound);
    }
    printf("  A run tells its own figure: `t_conv_s` in the result.\n");
}

int cli_describe_converges(int argc, char **argv)
{
    static const struct cli_option options[] = {{"--set", NULL, true}};
    struct cli_arguments arguments = {.command = "describe",
                                      .options = options,
                                      .option_count = 1,
                                      .argc = argc,
                                      .argv = argv,
                                      .next = 2};
    const char *sets[SETS_MAX];
    struct script_options script = {.sets = sets, .seed = 1};
    struct sim_world_spec spec;
    char error[SCRIPT_TEXT_MAX];
    size_t option = 0;
    const char *value = NULL;
    for (enum cli_argument kind;
         (kind = cli_arguments_next(&arguments, &option, &value)) != CLI_ARGUMENT_END;) {
        if (kind == CLI_ARGUMENT_WRONG) {
            return CLI_EXIT_WRONG;
        }
        if (kind == CLI_ARGUMENT_WORD && script.path == NULL) {
            script.path = value;
        } else if (kind == CLI_ARGUMENT_OPTION && script.set_count < SETS_MAX) {
            sets[script.set_count++] = value;
        } else {
            return cli_error("replisim describe converges: one file, please");
        }
    }
    if (script.path == NULL) {
        return cli_error("replisim describe converges: --set wants a file to act on");
    }
    if (script_read_spec(&script, &spec, error) != 0) {
        return cli_error("%s", error);
    }
    cli_describe_heading("converges", script.path);
    print_figures(&spec);
    sim_world_spec_clear(&spec);
    return CLI_EXIT_PASS;
}
