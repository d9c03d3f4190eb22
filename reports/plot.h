/* Plots by gnuplot, run as a child with a fixed locale and without the user's settings. */
#ifndef REPLISIM_REPORTS_PLOT_H
#define REPLISIM_REPORTS_PLOT_H

#include "reports/read.h"

/* Writes lag.svg, lag.png, distribution.svg and distribution.png into `folder`. 0 also when gnuplot
 * is missing or failed: `note_out` then says so and none of the four is there.
 * Errors: REPORT_ERR_NOMEM, REPORT_ERR_WRITE. */
__attribute__((warn_unused_result)) int report_plot(const struct report_run *run,
                                                    const char *folder, const char *plots_folder,
                                                    char note_out[REPORT_NOTE_BYTES]);

#endif
