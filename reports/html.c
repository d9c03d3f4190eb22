#include "reports/html.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Texts and numbers ----------------------------------------------------------------------- */

/* Whatever the text holds, the page shows it and nothing of it acts. */
static void write_escaped(const char *text, FILE *page)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '&': fputs("&amp;", page); break;
        case '<': fputs("&lt;", page); break;
        case '>': fputs("&gt;", page); break;
        case '"': fputs("&quot;", page); break;
        case '\'': fputs("&#39;", page); break;
        default:
            if ((unsigned char)*text < ' ' && *text != '\n' && *text != '\t') {
                fputs("\xEF\xBF\xBD", page);
            } else {
                fputc(*text, page);
            }
        }
    }
}

static void write_element(const char *before, const char *text, const char *after, FILE *page)
{
    fputs(before, page);
    write_escaped(text, page);
    fputs(after, page);
}

static void write_seconds(double seconds, FILE *page)
{
    if (seconds <= 0) {
        fputs("0 s", page);
    } else if (seconds < 1e-3) {
        fprintf(page, "%.3g &micro;s", seconds * 1e6);
    } else if (seconds < 1) {
        fprintf(page, "%.3g ms", seconds * 1e3);
    } else if (seconds < 120) {
        fprintf(page, "%.3g s", seconds);
    } else {
        fprintf(page, "%.1f min", seconds / 60);
    }
}

static void write_bytes(double bytes, FILE *page)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    size_t unit = 0;
    while (bytes >= 1024 && unit + 1 < sizeof units / sizeof units[0]) {
        bytes /= 1024;
        unit += 1;
    }
    fprintf(page, "%.*f %s", unit == 0 || bytes >= 100 ? 0 : 1, bytes, units[unit]);
}

/* ---- Parts of the page ----------------------------------------------------------------------- */

static void write_head(const struct report_run *run, FILE *page)
{
    const char *verdict = report_text(run->root, "verdict", "error");
    bool is_known = strcmp(verdict, "pass") == 0 || strcmp(verdict, "fail") == 0;
    write_element("<h1>", report_text(run->root, "scenario", "(no name)"), "", page);
    fprintf(page, "<span class=\"verdict %s\">", is_known ? verdict : "error");
    write_element("", verdict, "</span></h1>\n", page);
    write_element("<p class=\"soft\">seed ", run->seed, "", page);
    write_element(" &middot; fingerprint <code>", report_text(run->root, "fingerprint", "?"),
                  "</code></p>\n", page);
    const char *error = report_text(run->root, "error", NULL);
    if (error != NULL) {
        write_element("<p class=\"bad\">", error, "</p>\n", page);
    }
}

static void write_figure_number(const char *label, double value, FILE *page)
{
    fprintf(page, "<div><b>%.0f</b><span>%s</span></div>\n", value, label);
}

static void write_figure_seconds(const char *label, double value, FILE *page)
{
    fputs("<div><b>", page);
    write_seconds(value, page);
    fprintf(page, "</b><span>%s</span></div>\n", label);
}

static void write_figures(const struct report_run *run, FILE *page)
{
    const json_t *lag = json_object_get(run->root, "lag_seconds");
    fputs("<div class=\"figures\">\n", page);
    write_figure_number("nodes", report_number(run->root, "nodes"), page);
    write_figure_number("files", report_number(run->root, "files"), page);
    fputs("<div><b>", page);
    write_bytes(report_number(run->root, "bytes_replicated"), page);
    fputs("</b><span>replicated</span></div>\n", page);
    write_figure_seconds("virtual time", report_number(run->root, "virtual_seconds"), page);
    write_figure_seconds("median lag", report_number(lag, "p50"), page);
    write_figure_seconds("90 % within", report_number(lag, "p90"), page);
    write_figure_seconds("99 % within", report_number(lag, "p99"), page);
    write_figure_seconds("longest lag", report_number(lag, "max"), page);
    fprintf(page, "<div><b%s>%.0f</b><span>never arrived</span></div>\n</div>\n",
            report_number(lag, "unbounded") > 0 ? " class=\"bad\"" : "",
            report_number(lag, "unbounded"));
}

static void write_repeat(const struct report_run *run, FILE *page)
{
    write_element("<h2>Repeat this run</h2>\n<pre>", report_text(run->root, "repeat", "(unknown)"),
                  "</pre>\n", page);
}

static void write_violation_row(const json_t *row, FILE *page)
{
    bool is_tolerated = json_is_true(json_object_get(row, "tolerated"));
    fprintf(page, "<tr><td class=\"number\">%.3f</td>", report_number(row, "time_s"));
    fputs(is_tolerated ? "<td><span class=\"warn\">" : "<td><span class=\"bad\">", page);
    write_element("", report_text(row, "property", "?"), "</span>", page);
    fputs(is_tolerated ? " (accepted)</td>" : "</td>", page);
    write_element("<td>", report_text(row, "node", ""), "</td>", page);
    write_element("<td><code>", report_text(row, "place", ""), "</code></td>", page);
    write_element("<td>", report_text(row, "detail", ""), "</td></tr>\n", page);
}

static void write_violations(const struct report_run *run, FILE *page)
{
    const json_t *list = json_object_get(run->root, "violations");
    size_t count = json_array_size(list);
    if (count == 0) {
        fputs("<h2>Violations</h2>\n<section>None: every property held.</section>\n", page);
        return;
    }
    fprintf(page, "<h2>Violations (%zu)</h2>\n<section><table>\n", count);
    fputs("<tr><th class=\"number\">time (s)</th><th>property</th><th>node</th><th>place</th>"
          "<th>what happened</th></tr>\n",
          page);
    for (size_t i = 0; i < count && i < REPORT_VIOLATION_ROWS_MAX; i++) {
        write_violation_row(json_array_get(list, i), page);
    }
    fputs("</table>", page);
    if (count > REPORT_VIOLATION_ROWS_MAX) {
        fprintf(page, "<p>The first %d of %zu; result.json has all.</p>", REPORT_VIOLATION_ROWS_MAX,
                count);
    }
    fputs("</section>\n", page);
}

static void write_unbounded(const struct report_run *run, FILE *page)
{
    size_t shown = 0;
    if (run->unbounded_count == 0) {
        return;
    }
    fprintf(page,
            "<h2>Never arrived (%zu)</h2>\n<section><table>\n<tr><th>node</th><th>file</th>"
            "<th class=\"number\">committed at (s)</th></tr>\n",
            run->unbounded_count);
    for (size_t i = 0; i < run->sample_count && shown < REPORT_UNBOUNDED_ROWS_MAX; i++) {
        const struct report_sample *sample = &run->samples[i];
        if (sample->lag_s < 0) {
            write_element("<tr><td>", sample->node, "</td>", page);
            write_element("<td><code>", sample->path, "</code></td>", page);
            fprintf(page, "<td class=\"number\">%.3f</td></tr>\n", sample->committed_s);
            shown += 1;
        }
    }
    fputs("</table>", page);
    if (shown < run->unbounded_count) {
        fprintf(page, "<p>The first %zu; lag.csv has all, with an empty lag.</p>", shown);
    }
    fputs("</section>\n", page);
}

static void write_svg(const char *folder, const char *name, FILE *page)
{
    char path[4400], note[REPORT_NOTE_BYTES];
    size_t length = 0;
    snprintf(path, sizeof path, "%.4096s/%s.svg", folder, name);
    char *text = report_read_text(path, &length, note);
    /* The XML declaration in front has no place inside a page. */
    const char *svg = text == NULL ? NULL : strstr(text, "<svg");
    if (svg != NULL) {
        fprintf(page, "<section>\n%s\n</section>\n", svg);
    }
    free(text);
}

static void write_plots(const struct report_run *run, const char *folder, const char *plots_note,
                        FILE *page)
{
    fputs("<h2>Replication lag</h2>\n", page);
    fputs("<p class=\"soft\">How long after a file's registration was committed each node had it, "
          "whole and synced; its maker does not count.</p>\n",
          page);
    if (run->sample_count == 0) {
        fputs("<section>No file had to be replicated in this run.</section>\n", page);
    } else if (plots_note[0] != '\0') {
        write_element("<section>", plots_note, "</section>\n", page);
    } else {
        write_svg(folder, "lag", page);
        write_svg(folder, "distribution", page);
    }
}

static void write_scalar(const json_t *value, FILE *page)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15));
    size_t length = text == NULL ? 0 : strlen(text);
    /* Integers were read as reals; they are shown as they were written. */
    if (json_is_real(value) && length > 2 && strcmp(text + length - 2, ".0") == 0) {
        text[length - 2] = '\0';
    }
    write_escaped(json_is_string(value) ? json_string_value(value)
                  : text == NULL        ? ""
                                        : text,
                  page);
    free(text);
}

static void write_params(const struct report_run *run, FILE *page)
{
    json_t *params = json_object_get(run->root, "params");
    const char *key;
    json_t *value;
    if (json_object_size(params) == 0) {
        return;
    }
    fputs("<h2>Parameters</h2>\n<section><table>\n", page);
    json_object_foreach(params, key, value)
    {
        write_element("<tr><th>", key, "</th><td>", page);
        write_scalar(value, page);
        fputs("</td></tr>\n", page);
    }
    fputs("</table></section>\n", page);
}

/* Columns are the counters of the first node; all nodes have the same ones. */
static void write_counters(const struct report_run *run, FILE *page)
{
    json_t *nodes = json_object_get(run->root, "counters");
    json_t *first = json_object_iter_value(json_object_iter(nodes));
    const char *node, *name;
    json_t *counters, *value;
    if (json_object_size(nodes) == 0 || json_object_size(first) == 0) {
        return;
    }
    fputs("<h2>Pullers</h2>\n<section><table>\n<tr><th>node</th>", page);
    json_object_foreach(first, name, value)
    {
        write_element("<th class=\"number\">", name, "</th>", page);
    }
    fputs("</tr>\n", page);
    json_object_foreach(nodes, node, counters)
    {
        write_element("<tr><td>", node, "</td>", page);
        json_object_foreach(first, name, value)
        {
            fprintf(page, "<td class=\"number\">%.0f</td>", report_number(counters, name));
        }
        fputs("</tr>\n", page);
    }
    fputs("</table></section>\n", page);
}

static void write_metrics(const struct report_run *run, FILE *page)
{
    json_t *metrics = json_object_get(run->root, "metrics");
    const char *name;
    json_t *metric;
    if (json_object_size(metrics) == 0) {
        return;
    }
    fputs("<h2>The scenario's own metrics</h2>\n<section><table>\n<tr><th>metric</th>"
          "<th class=\"number\">samples</th><th class=\"number\">last</th>"
          "<th class=\"number\">greatest</th></tr>\n",
          page);
    json_object_foreach(metrics, name, metric)
    {
        write_element("<tr><td>", name, "</td>", page);
        fprintf(page,
                "<td class=\"number\">%.0f</td><td class=\"number\">%.6g</td>"
                "<td class=\"number\">%.6g</td></tr>\n",
                report_number(metric, "count"), report_number(metric, "last"),
                report_number(metric, "max"));
    }
    fputs("</table></section>\n", page);
}

static void write_reached(const struct report_run *run, FILE *page)
{
    const json_t *list = json_object_get(run->root, "reached");
    if (json_array_size(list) == 0) {
        return;
    }
    fputs("<h2>Reached</h2>\n<section>", page);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        write_element(i == 0 ? "<code>" : " &middot; <code>", name == NULL ? "?" : name, "</code>",
                      page);
    }
    fputs("</section>\n", page);
}

static void write_body(const struct report_run *run, const char *folder, const char *plots_note,
                       FILE *page)
{
    write_head(run, page);
    write_figures(run, page);
    write_repeat(run, page);
    write_violations(run, page);
    write_plots(run, folder, plots_note, page);
    write_unbounded(run, page);
    write_params(run, page);
    write_counters(run, page);
    write_metrics(run, page);
    write_reached(run, page);
}

/* ---- The template ---------------------------------------------------------------------------- */

static void write_page(const struct report_run *run, const char *folder, const char *plots_note,
                       const char *template, FILE *page)
{
    const char *at = template;
    while (*at != '\0') {
        if (strncmp(at, "@TITLE@", 7) == 0) {
            write_element("", report_text(run->root, "scenario", "run"), ", seed ", page);
            write_escaped(run->seed, page);
            at += 7;
        } else if (strncmp(at, "@BODY@", 6) == 0) {
            write_body(run, folder, plots_note, page);
            at += 6;
        } else {
            fputc(*at++, page);
        }
    }
}

int report_html_write(const struct report_run *run, const char *folder, const char *plots_folder,
                      const char *plots_note, char note_out[REPORT_NOTE_BYTES])
{
    char path[4400];
    size_t length = 0;
    snprintf(path, sizeof path, "%.4096s/../page.html.in", plots_folder);
    char *template = report_read_text(path, &length, note_out);
    if (template == NULL) {
        return REPORT_ERR_READ;
    }
    snprintf(path, sizeof path, "%.4096s/index.html", folder);
    FILE *page = fopen(path, "w");
    bool is_written = page != NULL;
    if (page != NULL) {
        write_page(run, folder, plots_note, template, page);
        is_written = !ferror(page);
        is_written = fclose(page) == 0 && is_written;
    }
    if (!is_written) {
        snprintf(note_out, REPORT_NOTE_BYTES, "%.300s: %s", path, strerror(errno));
    }
    free(template);
    return is_written ? 0 : REPORT_ERR_WRITE;
}
