/* The page of one run: one file, no scripts, nothing fetched. */
#ifndef REPLISIM_REPORTS_HTML_H
#define REPLISIM_REPORTS_HTML_H

#include "reports/read.h"

/* Copies that never arrived are listed up to this many; lag.csv has all. */
#define REPORT_UNBOUNDED_ROWS_MAX 200
#define REPORT_VIOLATION_ROWS_MAX 500

/* Writes `folder`/index.html with the SVG plots of the same folder in it, if they are there.
 * Errors: REPORT_ERR_READ (the template), REPORT_ERR_WRITE. */
__attribute__((warn_unused_result)) int
report_html_write(const struct report_run *run, const char *folder, const char *plots_folder,
                  const char *plots_note, char note_out[REPORT_NOTE_BYTES]);

#endif
