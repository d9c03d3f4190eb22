#include "reports/lag.h"

#include <stdlib.h>
#include <string.h>

struct change {
    double time_s;
    int step; /* +1: committed, -1: arrived */
};

void report_lag_write_text(const char *text, FILE *script)
{
    fputc('\'', script);
    for (int count = 0; *text != '\0' && count < 200; text++, count++) {
        bool is_plain = *text >= ' ' && *text <= '~' && strchr("'\"`\\#;", *text) == NULL;
        fputc(is_plain ? *text : '?', script);
    }
    fputc('\'', script);
}

static int order_of_changes(const void *left_pointer, const void *right_pointer)
{
    const struct change *left = left_pointer;
    const struct change *right = right_pointer;
    if (left->time_s != right->time_s) {
        return left->time_s < right->time_s ? -1 : 1;
    }
    /* What arrives at the moment of another's commit leaves first. */
    return left->step - right->step;
}

static int order_of_numbers(const void *left_pointer, const void *right_pointer)
{
    double left = *(const double *)left_pointer;
    double right = *(const double *)right_pointer;
    return (left > right) - (left < right);
}

static double floored(double lag_s)
{
    return lag_s < REPORT_LAG_FLOOR_S ? REPORT_LAG_FLOOR_S : lag_s;
}

/* ---- Copies on their way, over time ---------------------------------------------------------- */

static size_t collect_changes(const struct report_run *run, struct change *changes)
{
    size_t count = 0;
    for (size_t i = 0; i < run->sample_count; i++) {
        const struct report_sample *sample = &run->samples[i];
        changes[count++] = (struct change){sample->committed_s, 1};
        if (sample->lag_s >= 0) {
            changes[count++] = (struct change){sample->committed_s + sample->lag_s, -1};
        }
    }
    qsort(changes, count, sizeof *changes, order_of_changes);
    return count;
}

/* Within a slot of time the greatest and the last level are drawn. */
static int write_missing(const struct report_run *run, double end_s, FILE *script)
{
    struct change *changes = calloc(run->sample_count * 2 + 1, sizeof *changes);
    if (changes == NULL) {
        return REPORT_ERR_NOMEM;
    }
    size_t count = collect_changes(run, changes);
    double slot_s = (count > 0 ? changes[count - 1].time_s : 0) / REPORT_POINT_COUNT_MAX;
    long level = 0;
    fputs("$missing << EOD\n0 0\n", script);
    for (size_t i = 0; i < count;) {
        double from_s = changes[i].time_s;
        long peak = level;
        do {
            level += changes[i].step;
            peak = level > peak ? level : peak;
            i += 1;
        } while (i < count && (changes[i].time_s - from_s < slot_s ||
                               changes[i].time_s == changes[i - 1].time_s));
        fprintf(script, "%.9f %ld\n", from_s, peak);
        fprintf(script, "%.9f %ld\n", changes[i - 1].time_s, level);
    }
    fprintf(script, "%.9f %ld\nEOD\n", end_s, level);
    free(changes);
    return 0;
}

/* ---- Lag by the moment of commit ------------------------------------------------------------- */

/* Every n-th sample, so that a large run does not make a page that no browser opens. */
static void write_dots(const struct report_run *run, FILE *script)
{
    size_t stride = run->sample_count / REPORT_POINT_COUNT_MAX + 1;
    fputs("$dots << EOD\n", script);
    for (size_t i = 0; i < run->sample_count; i += stride) {
        if (run->samples[i].lag_s >= 0) {
            fprintf(script, "%.9f %.9f\n", run->samples[i].committed_s,
                    floored(run->samples[i].lag_s));
        }
    }
    fputs("EOD\n$never << EOD\n", script);
    stride = run->unbounded_count / REPORT_POINT_COUNT_MAX + 1;
    size_t seen = 0;
    for (size_t i = 0; i < run->sample_count; i++) {
        if (run->samples[i].lag_s < 0 && seen++ % stride == 0) {
            fprintf(script, "%.9f\n", run->samples[i].committed_s);
        }
    }
    fputs("EOD\n", script);
}

static void write_peaks(const struct report_run *run, double end_s, FILE *script)
{
    enum { SLOT_COUNT = 240 };
    double peaks[SLOT_COUNT];
    for (int i = 0; i < SLOT_COUNT; i++) {
        peaks[i] = -1;
    }
    for (size_t i = 0; i < run->sample_count; i++) {
        const struct report_sample *sample = &run->samples[i];
        int slot = (int)(sample->committed_s / end_s * SLOT_COUNT);
        slot = slot >= SLOT_COUNT ? SLOT_COUNT - 1 : slot;
        if (sample->lag_s > peaks[slot]) {
            peaks[slot] = sample->lag_s;
        }
    }
    fputs("$peaks << EOD\n", script);
    for (int i = 0; i < SLOT_COUNT; i++) {
        if (peaks[i] >= 0) {
            fprintf(script, "%.9f %.9f\n", (i + 0.5) * end_s / SLOT_COUNT, floored(peaks[i]));
        }
    }
    fputs("EOD\n", script);
}

/* ---- Distribution ---------------------------------------------------------------------------- */

/* The share counts unbounded copies too: a curve that ends below 100 % has some. The point at 0 %
 * keeps a section of a node that got nothing from being empty. */
static void write_shares(double *lags, size_t bounded, size_t total, FILE *script)
{
    size_t stride = bounded / REPORT_POINT_COUNT_MAX + 1;
    qsort(lags, bounded, sizeof *lags, order_of_numbers);
    fprintf(script, "%.9f 0\n", bounded > 0 ? floored(lags[0]) : REPORT_LAG_FLOOR_S);
    for (size_t i = 0; i < bounded; i++) {
        if (i % stride == stride - 1 || i + 1 == bounded) {
            fprintf(script, "%.9f %.6f\n", floored(lags[i]),
                    100.0 * (double)(i + 1) / (double)total);
        }
    }
}

/* Of one node, or of all with NULL. */
static void write_node_shares(const struct report_run *run, const char *node, double *lags,
                              FILE *script)
{
    size_t bounded = 0, total = 0;
    for (size_t i = 0; i < run->sample_count; i++) {
        if (node == NULL || strcmp(run->samples[i].node, node) == 0) {
            total += 1;
            if (run->samples[i].lag_s >= 0) {
                lags[bounded++] = run->samples[i].lag_s;
            }
        }
    }
    write_shares(lags, bounded, total, script);
}

/* Names in order of first appearance; one more than is drawn when there are more. */
static int collect_nodes(const struct report_run *run,
                         const char *nodes[REPORT_NODE_CURVES_MAX + 1])
{
    int count = 0;
    for (size_t i = 0; i < run->sample_count && count <= REPORT_NODE_CURVES_MAX; i++) {
        int k = 0;
        while (k < count && strcmp(nodes[k], run->samples[i].node) != 0) {
            k += 1;
        }
        if (k == count) {
            nodes[count++] = run->samples[i].node;
        }
    }
    return count;
}

static int order_of_names(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

_Static_assert(REPORT_NODE_CURVES_MAX == 8, "shades of plots/style.gp, node_names below");

static int write_distribution(const struct report_run *run, FILE *script)
{
    const char *nodes[REPORT_NODE_CURVES_MAX + 1];
    double *lags = calloc(run->sample_count + 1, sizeof *lags);
    if (lags == NULL) {
        return REPORT_ERR_NOMEM;
    }
    int count = collect_nodes(run, nodes);
    count = count > REPORT_NODE_CURVES_MAX ? 0 : count;
    qsort(nodes, (size_t)count, sizeof *nodes, order_of_names);
    fputs("$all << EOD\n", script);
    write_node_shares(run, NULL, lags, script);
    fputs("EOD\n$nodes << EOD\n", script);
    for (int i = 0; i < count; i++) {
        write_node_shares(run, nodes[i], lags, script);
        fputs("\n\n", script);
    }
    fputs("EOD\narray node_names[8]\n", script);
    for (int i = 0; i < count; i++) {
        fprintf(script, "node_names[%d] = ", i + 1);
        report_lag_write_text(nodes[i], script);
        fputc('\n', script);
    }
    fprintf(script, "node_count = %d\n", count);
    free(lags);
    return 0;
}

int report_lag_write_data(const struct report_run *run, FILE *script)
{
    double end_s = report_number(run->root, "virtual_seconds");
    for (size_t i = 0; i < run->sample_count; i++) {
        const struct report_sample *sample = &run->samples[i];
        double last_s = sample->committed_s + (sample->lag_s > 0 ? sample->lag_s : 0);
        end_s = last_s > end_s ? last_s : end_s;
    }
    end_s = end_s > 0 ? end_s : 1;
    fprintf(script, "end_s = %.9f\nsample_count = %zu\nunbounded_count = %zu\n", end_s,
            run->sample_count, run->unbounded_count);
    int status = write_missing(run, end_s, script);
    write_dots(run, script);
    write_peaks(run, end_s, script);
    return status != 0 ? status : write_distribution(run, script);
}
