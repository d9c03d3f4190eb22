#include "reports/report.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "reports/html.h"
#include "reports/plot.h"
#include "reports/read.h"

/* Where the plots were when the program was built, or where it was installed. */
static const char *default_plots_folder(void)
{
    return access(REPORT_PLOTS_SOURCE, R_OK | X_OK) == 0 ? REPORT_PLOTS_SOURCE
                                                         : REPORT_PLOTS_INSTALLED;
}

int report_run_write(const char *folder, const char *plots_folder, char note_out[REPORT_NOTE_BYTES])
{
    char plots_note[REPORT_NOTE_BYTES] = "";
    struct report_run run;
    if (plots_folder == NULL) {
        plots_folder = default_plots_folder();
    }
    int status = report_read(folder, &run, note_out);
    if (status == 0 && run.sample_count > 0) {
        status = report_plot(&run, folder, plots_folder, plots_note);
        memcpy(note_out, plots_note, sizeof plots_note);
    }
    if (status == 0) {
        char page_note[REPORT_NOTE_BYTES] = "";
        status = report_html_write(&run, folder, plots_folder, plots_note, page_note);
        if (status != 0) {
            memcpy(note_out, page_note, sizeof page_note);
        }
    }
    report_read_clear(&run);
    return status;
}
