/* The replication-lag report of one run: reads the result files in a folder (docs/results.md) and
 * writes plots and one page beside them. It knows result files only, never the simulator.
 *
 * Files written: lag.svg, lag.png (files not yet everywhere, and lag, over virtual time),
 * distribution.svg, distribution.png (how many files were how late), index.html (one file that opens
 * offline, with the plots in it). */
#ifndef REPLISIM_REPORTS_REPORT_H
#define REPLISIM_REPORTS_REPORT_H

#define REPORT_NOTE_BYTES 512

/* X(name, value, text) */
#define REPORT_ERROR_TABLE(X)                                                                      \
    X(REPORT_OK, 0, "no error")                                                                    \
    X(REPORT_ERR_NOMEM, -1, "out of memory")                                                       \
    X(REPORT_ERR_READ, -2, "a result file is missing or malformed")                                \
    X(REPORT_ERR_WRITE, -3, "a report file could not be written")

#define REPORT_ERROR_ENUM(name, value, text) name = (value),
enum report_error { REPORT_ERROR_TABLE(REPORT_ERROR_ENUM) };
#undef REPORT_ERROR_ENUM

/* Reads `folder`/result.json and `folder`/lag.csv and writes the report into the same folder.
 *
 * Without gnuplot, or when it fails, the page is written without plots and 0 is returned; `note_out`
 * then says so in one line, else it is "". `plots_folder` holds the *.gp files and page.html.in;
 * NULL: where they were when the program was built, or where it was installed.
 * Errors: REPORT_ERR_NOMEM, REPORT_ERR_READ, REPORT_ERR_WRITE; `note_out` names the file and why. */
__attribute__((warn_unused_result)) int
report_run_write(const char *folder, const char *plots_folder, char note_out[REPORT_NOTE_BYTES]);

#endif
