/* What a run says of itself: result.json (contract: docs/results.md) and the numbers behind it. */
#ifndef REPLISIM_SIM_RESULT_H
#define REPLISIM_SIM_RESULT_H

#include <stdio.h>

#include "protocol/release.h"
#include "sim/decision.h"
#include "sim/reach.h"
#include "sim/trace.h"

struct sim_world;

enum sim_verdict { SIM_VERDICT_PASS, SIM_VERDICT_FAIL, SIM_VERDICT_ERROR };

struct sim_violation {
    char *property;
    uint64_t time_ns; /* virtual, since time 0 */
    char *node;
    char *place; /* checker, role and protocol state; no ids, times or seeds */
    char *detail;
    bool has_release;
    enum rp_release release; /* as which the node lived then; mixed clusters change it */
    bool is_tolerated;       /* an accepted exception of the violating node's release */
};

/* One file on one node that did not make it. */
struct sim_lag_sample {
    struct rp_view node_id, path;
    double committed_s; /* virtual time of the registration's commit */
    double lag_s;       /* < 0: never held by the end */
};

struct sim_lag_summary {
    uint64_t count, unbounded;         /* all samples, and those of them never held */
    double p50_s, p90_s, p99_s, max_s; /* over the bounded ones; 0 when there are none */
};

/* Sorts the samples by commit, node and path, and sums them up: percentiles by nearest rank. */
struct sim_lag_summary sim_lag_summarize(struct sim_lag_sample *samples, size_t count);
/* lag.csv of samples in the order given; see sim_world_write_lag_csv. Errors: RP_ERR_IO,
 * RP_ERR_NOMEM. */
RP_MUST_USE int sim_lag_write_csv(const struct sim_lag_sample *samples, size_t count, FILE *file);

struct sim_metric_summary {
    char *name;
    uint64_t count;
    double last, max;
};

struct sim_node_counters {
    char *node;
    struct {
        const char *name;
        uint64_t value;
    } counters[32];
    size_t counter_count;
};

/* Two nodes whose releases sign differently, and how many requests one refused the other. */
struct sim_cut_off_side {
    char *node;
    const char *release; /* constant memory */
};
struct sim_cut_off {
    struct sim_cut_off_side colon, nul; /* by the byte between signed fields (wire.md 8.1) */
    uint64_t refused_count;
};

/* What the run was not owed, because nothing could bring it back (sim/recover.h). */
struct sim_unrecoverable {
    const char *what; /* "leader", "file", or "files" for those beyond a bound; constant memory */
    char *cluster;    /* name of a further cluster; "": the scenario's own */
    char *path;       /* of a file; else "" */
    char *reason;
};

/* All strings owned by the result. */
struct sim_result {
    char *scenario; /* set by the caller of the run */
    uint64_t seed;
    enum sim_verdict verdict;
    char *error; /* of verdict `error`, else NULL */
    struct sim_fingerprint fingerprint;
    double virtual_seconds, wall_seconds; /* wall: set by the CLI */
    uint64_t events, nodes, files, bytes_replicated, bytes_hashed;
    struct sim_violation *violations;
    size_t violation_count;
    char **reached;
    size_t reached_count;
    char **missed; /* asked for by `c:sometimes`, and never so */
    size_t missed_count;
    struct sim_reach reach;              /* what it went through, counted */
    bool is_without[SIM_PROPERTY_COUNT]; /* checkers that were switched off */
    struct sim_lag_summary lag;
    struct sim_metric_summary *metrics;
    size_t metric_count;
    struct sim_node_counters *counters;
    size_t counters_count;
    struct sim_cut_off *cut_offs;
    size_t cut_off_count;
    struct sim_unrecoverable *unrecoverable;
    size_t unrecoverable_count;
    double t_conv_s;   /* the bound of `converges` (sim/converge.h); 0: closing was not reached */
    char *params_json; /* one JSON object, set by the caller */
    char *repeat;      /* the command that repeats the run, set by the caller */
    bool is_closing_short;
    struct sim_decision *decisions; /* of random trouble, in the order of their times */
    size_t decision_count;
    bool is_vacuous; /* random trouble was asked for, and did nothing, or no pull ended in it */
};

/* Borrowed from the world. */
struct sim_result *sim_world_result(struct sim_world *world);
/* Applies `expect`: what is tolerated, and whether the awaited violation was seen (cli). */

/* Version of the object below, its key `version`: docs/results.md. */
#define SIM_RESULT_VERSION 1
/* "pass", "fail", "error". */
const char *sim_verdict_name(enum sim_verdict verdict);
/* One JSON object on one line, ended by a newline; keys as docs/results.md lists them. Bytes that
 * are no UTF-8 are written as U+FFFD. Errors: RP_ERR_NOMEM, RP_ERR_IO. */
RP_MUST_USE int sim_result_write_json(const struct sim_result *result, FILE *file);
/* Every copy, in the order of commit, node and path; the caller's to free. NULL: no memory. */
struct sim_lag_sample *sim_world_lag(struct sim_world *world, size_t *count_out);
/* lag.csv: node,path,committed_s,lag_s ("" when unbounded), sorted by commit, node, path. */
RP_MUST_USE int sim_world_write_lag_csv(struct sim_world *world, FILE *file);

#endif
