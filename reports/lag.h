/* From lag samples to curves that a plot can hold, whatever the number of samples. */
#ifndef REPLISIM_REPORTS_LAG_H
#define REPLISIM_REPORTS_LAG_H

#include <stdio.h>

#include "reports/read.h"

/* Curves are thinned to about this many points each; peaks are kept. */
#define REPORT_POINT_COUNT_MAX 2000
/* A curve of its own for each node up to this many nodes. */
#define REPORT_NODE_CURVES_MAX 8
/* What a logarithmic axis shows of a lag of nothing. */
#define REPORT_LAG_FLOOR_S 1e-6

/* Writes the data blocks and variables that plots/lag.gp and plots/distribution.gp draw:
 * $missing (time, copies on their way), $dots (commit, lag), $peaks (commit, greatest lag of its
 * moment), $never (commit), $all (lag, share), $nodes (likewise, a section a node), node_names,
 * node_count, sample_count, unbounded_count, end_s.
 * Errors: REPORT_ERR_NOMEM. */
__attribute__((warn_unused_result)) int report_lag_write_data(const struct report_run *run,
                                                              FILE *script);

/* A quoted gnuplot text: printable ASCII without anything that gnuplot could read as its own;
 * the rest as "?". */
void report_lag_write_text(const char *text, FILE *script);

#endif
