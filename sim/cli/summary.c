#include "sim/cli/cli.h"

#include <inttypes.h>
#include <string.h>

#include "sim/nemesis.h"
#include "sim/result.h"

/* Groups and samples beyond these are only counted. */
#define GROUPS_SHOWN   12
#define SAMPLES_SHOWN  3
#define CUT_OFFS_SHOWN 12
#define LOST_SHOWN     5

void cli_format_bytes(uint64_t bytes, char text_out[32])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1023.5 && unit + 1 < sizeof units / sizeof units[0]) {
        value /= 1024;
        unit += 1;
    }
    int decimals = unit == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
    snprintf(text_out, 32, "%.*f %s", decimals, value, units[unit]);
}

void cli_format_seconds(double seconds, char text_out[32])
{
    if (seconds == 0) {
        snprintf(text_out, 32, "0 s");
    } else if (seconds < 1e-3) {
        snprintf(text_out, 32, "%.3g us", seconds * 1e6);
    } else if (seconds < 1) {
        snprintf(text_out, 32, "%.3g ms", seconds * 1e3);
    } else if (seconds < 120) {
        snprintf(text_out, 32, "%.3g s", seconds);
    } else {
        snprintf(text_out, 32, "%.0f min %02.0f s", (double)((uint64_t)seconds / 60),
                 (double)((uint64_t)seconds % 60));
    }
}

static bool is_one_group(const struct sim_violation *left, const struct sim_violation *right)
{
    return strcmp(left->property, right->property) == 0 && strcmp(left->place, right->place) == 0 &&
           left->is_tolerated == right->is_tolerated;
}

static bool is_first_of_group(const struct sim_result *result, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (is_one_group(&result->violations[i], &result->violations[index])) {
            return false;
        }
    }
    return true;
}

static void print_group(const struct sim_result *result, size_t first, FILE *file)
{
    const struct sim_violation *group = &result->violations[first];
    size_t count = 0;
    fprintf(file, "\n  %s%s%s %s%s  at %s\n",
            cli_colour(file, group->is_tolerated ? CLI_YELLOW : CLI_RED),
            group->is_tolerated ? "accepted" : "violated", cli_colour(file, CLI_PLAIN),
            cli_colour(file, CLI_BOLD), group->property, group->place);
    fputs(cli_colour(file, CLI_PLAIN), file);
    for (size_t i = first; i < result->violation_count; i++) {
        const struct sim_violation *violation = &result->violations[i];
        if (is_one_group(group, violation) && count++ < SAMPLES_SHOWN) {
            fprintf(file, "    %10.3f s  %s  %s\n", (double)violation->time_ns / 1e9,
                    violation->node, violation->detail);
        }
    }
    if (count > SAMPLES_SHOWN) {
        fprintf(file, "    and %zu more\n", count - SAMPLES_SHOWN);
    }
}

static void print_violations(const struct sim_result *result, FILE *file)
{
    size_t groups = 0;
    for (size_t i = 0; i < result->violation_count; i++) {
        if (is_first_of_group(result, i) && groups++ < GROUPS_SHOWN) {
            print_group(result, i, file);
        }
        if (groups > GROUPS_SHOWN) {
            fprintf(file, "\n  and more; all %zu are in the result (--json, --out)\n",
                    result->violation_count);
            return;
        }
    }
}

static void print_lag(const struct sim_lag_summary *lag, FILE *file)
{
    char p50[32], p90[32], p99[32], max[32];
    if (lag->count == 0) {
        fputs("  lag          nothing had to be replicated\n", file);
        return;
    }
    if (lag->count == lag->unbounded) {
        fprintf(file, "  lag          %snone of %" PRIu64 " copies arrived%s\n",
                cli_colour(file, CLI_RED), lag->count, cli_colour(file, CLI_PLAIN));
        return;
    }
    cli_format_seconds(lag->p50_s, p50);
    cli_format_seconds(lag->p90_s, p90);
    cli_format_seconds(lag->p99_s, p99);
    cli_format_seconds(lag->max_s, max);
    fprintf(file, "  lag          p50 %s, p90 %s, p99 %s, max %s; %" PRIu64 " copies", p50, p90,
            p99, max, lag->count);
    if (lag->unbounded > 0) {
        fprintf(file, ", %s%" PRIu64 " never arrived%s", cli_colour(file, CLI_RED), lag->unbounded,
                cli_colour(file, CLI_PLAIN));
    }
    fputc('\n', file);
}

static void print_reached(const struct sim_result *result, FILE *file)
{
    for (size_t i = 0; i < result->reached_count; i++) {
        fprintf(file, "%s%s", i == 0 ? "  reached      " : ", ", result->reached[i]);
    }
    if (result->reached_count > 0) {
        fputc('\n', file);
    }
}

static void print_cut_offs(const struct sim_result *result, FILE *file)
{
    for (size_t i = 0; i < result->cut_off_count && i < CUT_OFFS_SHOWN; i++) {
        const struct sim_cut_off *pair = &result->cut_offs[i];
        fprintf(file,
                "  cut off      %s (%s, ':' MACs) and %s (%s, NUL MACs): %" PRIu64
                " request%s refused\n",
                pair->colon.node, pair->colon.release, pair->nul.node, pair->nul.release,
                pair->refused_count, pair->refused_count == 1 ? "" : "s");
    }
    if (result->cut_off_count > CUT_OFFS_SHOWN) {
        fprintf(file, "               and %zu more pairs\n",
                result->cut_off_count - CUT_OFFS_SHOWN);
    }
}

static void print_unrecoverable(const struct sim_result *result, FILE *file)
{
    for (size_t i = 0; i < result->unrecoverable_count && i < LOST_SHOWN; i++) {
        const struct sim_unrecoverable *lost = &result->unrecoverable[i];
        fprintf(file, "  %snot owed%s     %s%s%s%s%s\n", cli_colour(file, CLI_YELLOW),
                cli_colour(file, CLI_PLAIN), lost->cluster, lost->cluster[0] == '\0' ? "" : ": ",
                lost->path, lost->path[0] == '\0' ? "" : ": ", lost->reason);
    }
    if (result->unrecoverable_count > LOST_SHOWN) {
        fprintf(file, "               and %zu more, see \"unrecoverable\" in the result\n",
                result->unrecoverable_count - LOST_SHOWN);
    }
}

static void print_decisions(const struct sim_result *result, FILE *file)
{
    uint64_t counts[SIM_TROUBLE_COUNT], total = 0;
    const char *before = ": ";
    sim_nemesis_count(result->decisions, result->decision_count, counts);
    for (int kind = 0; kind < SIM_TROUBLE_COUNT; kind++) {
        total += counts[kind];
    }
    if (result->decision_count > 0) {
        fprintf(file, "  trouble      %" PRIu64 " decision%s", total, total == 1 ? "" : "s");
        for (int kind = 0; kind < SIM_TROUBLE_COUNT; kind++) {
            if (counts[kind] > 0) {
                fprintf(file, "%s%" PRIu64 " %s", before, counts[kind],
                        sim_trouble_name((enum sim_trouble)kind));
                before = ", ";
            }
        }
        fputc('\n', file);
    }
    if (result->is_vacuous) {
        fprintf(file, "  %svacuous%s      the nemesis did nothing, or no pull ended meanwhile\n",
                cli_colour(file, CLI_YELLOW), cli_colour(file, CLI_PLAIN));
    }
}

static void print_verdict(const struct sim_result *result, FILE *file)
{
    static const char *const words[] = {"PASS", "FAIL", "ERROR"};
    enum cli_colour colour = result->verdict == SIM_VERDICT_PASS ? CLI_GREEN : CLI_RED;
    fprintf(file, "%s%s%s  %s%s%s  seed %" PRIu64 "\n", cli_colour(file, colour),
            words[result->verdict], cli_colour(file, CLI_PLAIN), cli_colour(file, CLI_BOLD),
            result->scenario == NULL ? "" : result->scenario, cli_colour(file, CLI_PLAIN),
            result->seed);
}

static void print_without(const struct sim_result *result, FILE *file)
{
    const char *between = "  without      ";
    for (int i = 0; i < SIM_PROPERTY_COUNT; i++) {
        if (result->is_without[i]) {
            fprintf(file, "%s%s", between, sim_property_name((enum sim_property)i));
            between = ", ";
        }
    }
    fputs(between[0] == ',' ? " (checkers off)\n" : "", file);
}

void cli_summary_print(const struct sim_result *result, const char *path, const char *report,
                       FILE *file)
{
    char fingerprint[33], virtual_time[32], wall_time[32], bytes[32], version[128];
    cli_format_seconds(result->virtual_seconds, virtual_time);
    cli_format_seconds(result->wall_seconds, wall_time);
    cli_format_bytes(result->bytes_replicated, bytes);
    sim_fingerprint_text(result->fingerprint, fingerprint);
    cli_version(version);
    print_verdict(result, file);
    fprintf(file, "  scenario     %s\n", path);
    if (result->params_json != NULL && strcmp(result->params_json, "{}") != 0) {
        fprintf(file, "  parameters   %s\n", result->params_json);
    }
    fprintf(file, "  ran          %s of virtual time in %s, %" PRIu64 " events\n", virtual_time,
            wall_time, result->events);
    fprintf(file, "  cluster      %" PRIu64 " nodes, %" PRIu64 " files, %s replicated\n",
            result->nodes, result->files, bytes);
    print_lag(&result->lag, file);
    print_cut_offs(result, file);
    print_unrecoverable(result, file);
    print_reached(result, file);
    print_without(result, file);
    print_decisions(result, file);
    if (result->is_closing_short) {
        fputs("  closing      short: checked at rest once, without the rolling restart\n", file);
    }
    fprintf(file, "  fingerprint  %s\n", fingerprint);
    print_violations(result, file);
    if (result->verdict != SIM_VERDICT_PASS) {
        fputc('\n', file);
    }
    fprintf(file, "  repeat: %s\n  version: %s\n", result->repeat, version);
    if (report != NULL) {
        fprintf(file, "  report: %s/index.html\n", report);
    }
}
