/* For realpath. */
#define _XOPEN_SOURCE 700
#include "reports/plot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reports/lag.h"

#define EXIT_NO_GNUPLOT 127

static const char *const plot_names[] = {"lag", "distribution"};

static void remove_plots(const char *folder)
{
    static const char *const endings[] = {"svg", "png"};
    for (int i = 0; i < 4; i++) {
        char path[4400];
        snprintf(path, sizeof path, "%.4096s/%s.%s", folder, plot_names[i / 2], endings[i % 2]);
        unlink(path);
    }
}

/* gnuplot runs in the output folder, so a relative folder of plots is told in full. */
static void write_here(const char *plots_folder, FILE *script)
{
    char *full = realpath(plots_folder, NULL);
    fputs("here = '", script);
    for (const char *at = full != NULL ? full : plots_folder; *at != '\0'; at++) {
        if (*at == '\'') {
            fputc('\'', script);
        }
        fputc(*at, script);
    }
    fputs("'\n", script);
    free(full);
}

static int write_script(const struct report_run *run, const char *plots_folder, FILE *script)
{
    char title[256];
    fputs("set encoding utf8\n", script);
    write_here(plots_folder, script);
    int status = report_lag_write_data(run, script);
    snprintf(title, sizeof title, "%.120s, seed %s", report_text(run->root, "scenario", "?"),
             run->seed);
    fputs("run_title = ", script);
    report_lag_write_text(title, script);
    fputc('\n', script);
    for (int i = 0; i < 2; i++) {
        fprintf(script,
                "set terminal svg size 960,640 dynamic noenhanced font 'sans-serif,14' "
                "background '#ffffff' name '%s'\nset output '%s.svg'\n"
                "load here.'/%s.gp'\nreset\n",
                plot_names[i], plot_names[i], plot_names[i]);
        fprintf(script,
                "set terminal pngcairo size 1440,960 noenhanced font 'sans,16' linewidth 1.5 "
                "background '#ffffff'\nset output '%s.png'\nload here.'/%s.gp'\nreset\n",
                plot_names[i], plot_names[i]);
    }
    fputs("unset output\n", script);
    return status == 0 && (fflush(script) != 0 || ferror(script)) ? REPORT_ERR_WRITE : status;
}

/* In the child: never returns. */
static void become_gnuplot(const char *folder, int script)
{
    int quiet = open("/dev/null", O_WRONLY);
    if (quiet < 0 || chdir(folder) != 0 || dup2(script, STDIN_FILENO) < 0 ||
        dup2(quiet, STDOUT_FILENO) < 0 || dup2(quiet, STDERR_FILENO) < 0) {
        _exit(EXIT_NO_GNUPLOT - 1);
    }
    setenv("LC_ALL", "C", 1);
    unsetenv("GNUTERM");
    unsetenv("DISPLAY");
    execlp("gnuplot", "gnuplot", "-d", "-", (char *)NULL);
    _exit(EXIT_NO_GNUPLOT);
}

/* The exit code of gnuplot, or -1. */
static int run_gnuplot(const char *folder, FILE *script)
{
    int status = 0;
    rewind(script);
    lseek(fileno(script), 0, SEEK_SET);
    pid_t child = fork();
    if (child < 0) {
        return -1;
    }
    if (child == 0) {
        become_gnuplot(folder, fileno(script));
    }
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            return -1;
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int report_plot(const struct report_run *run, const char *folder, const char *plots_folder,
                char note_out[REPORT_NOTE_BYTES])
{
    note_out[0] = '\0';
    FILE *script = tmpfile();
    if (script == NULL) {
        snprintf(note_out, REPORT_NOTE_BYTES, "plots: no temporary file: %s", strerror(errno));
        return REPORT_ERR_WRITE;
    }
    int status = write_script(run, plots_folder, script);
    if (status == 0) {
        int code = run_gnuplot(folder, script);
        if (code != 0) {
            remove_plots(folder);
            snprintf(note_out, REPORT_NOTE_BYTES,
                     code == EXIT_NO_GNUPLOT
                         ? "gnuplot is not installed: the report has no plots"
                         : "gnuplot failed (exit code %d): the report has no plots",
                     code);
        }
    } else {
        snprintf(note_out, REPORT_NOTE_BYTES, "plots: the script could not be written");
    }
    fclose(script);
    return status;
}
