#include "tests/sim/sweep_runs.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Jansson cannot hold each seed: it is written into the text. */
void run_refresh(struct made_run *made)
{
    free(made->line);
    char *rest = json_dumps(made->result, JSON_COMPACT);
    ck_assert_ptr_nonnull(rest);
    size_t size_bytes =
        (size_t)snprintf(NULL, 0, "{\"seed\":%" PRIu64 ",%s", made->run.seed, rest + 1) + 1;
    made->line = malloc(size_bytes);
    ck_assert_ptr_nonnull(made->line);
    snprintf(made->line, size_bytes, "{\"seed\":%" PRIu64 ",%s", made->run.seed, rest + 1);
    free(rest);
    made->run.line = made->line;
}

static json_t *make_result(const struct made_run *made)
{
    uint64_t seed = made->run.seed;
    int verdict = sweep_end_code(made->run.end);
    char fingerprint[33], repeat[200];
    snprintf(fingerprint, sizeof fingerprint, "%016" PRIx64 "%016" PRIx64, seed, ~seed);
    snprintf(repeat, sizeof repeat, "replisim run %s --seed %" PRIu64, made->path, seed);
    return json_pack(
        "{ss ss ss sf sI si si sI s[] s[ss] s{s{si} s{si}} s{si} ss s{si si sf sf sf sf}"
        " s{s{si si} s{si}} s{s{si si sn}} s[{ss ss sI sb ss}]}",
        "scenario", made->scenario, "verdict",
        verdict == 0   ? "pass"
        : verdict == 1 ? "fail"
                       : "error",
        "fingerprint", fingerprint, "virtual_seconds", 60.0 + (double)(seed % 7), "events",
        (json_int_t)(1000 + seed % 100), "nodes", 3, "files", 20, "bytes_replicated",
        (json_int_t)(seed % 1000 * 512), "violations", "reached", "origin-absent", "late-join",
        "reach", "states", "pull.begun", (int)(seed % 5), "faults", "kill", 2, "params", "readers",
        3, "repeat", repeat, "lag_seconds", "count", 40, "unbounded", (int)(seed % 2), "p50", 0.01,
        "p90", 0.02, "p99", 0.03, "max", 0.04, "counters", "reader-1", "pulled", (int)(seed % 50),
        "failed", 1, "reader-2", "pulled", 7, "metrics", "backlog", "count", 12, "last", 0, "max",
        "decisions", "kind", "kill", "variant", "crash", "at_ns", (json_int_t)2500000000, "applied",
        1, "lua", "c:kill(\"reader-1\")");
}

void run_make(struct made_run *made, const char *name, uint64_t seed, enum sweep_end end)
{
    *made = (struct made_run){0};
    snprintf(made->path, sizeof made->path, "scenarios/%s.lua", name);
    snprintf(made->scenario, sizeof made->scenario, "%s", name);
    made->run = (struct sweep_run){
        .path = made->path, .scenario = made->scenario, .seed = seed, .end = end, .wall_s = 0.125};
    made->result = make_result(made);
    made->extra =
        json_pack("{s[{ss si si sf sf sf sf s[[fi] [fi]]}] s[ss] s[[ssi]]}", "lag", "node",
                  "reader-1", "count", 20, "unbounded", (int)(seed % 2), "p50", 0.01, "p90", 0.02,
                  "p99", 0.03, "max", 0.04, "buckets", 0.001, 12, 0.002, (int)(seed % 9), "states",
                  "9f2c", "77aa", "cells", "kill", "pull.begun", 3);
    ck_assert_ptr_nonnull(made->result);
    ck_assert_ptr_nonnull(made->extra);
    made->run.result = made->result;
    made->run.extra = made->extra;
    if (end == SWEEP_END_FAIL) {
        run_set_violation(made, "query-complete", "reader/walk-done/pull-failed", "lacks a file");
    } else if (end != SWEEP_END_PASS) {
        run_set_error(made, "ended by signal 11 at 0x55aa1234");
    }
    run_refresh(made);
}

void run_set_violation(struct made_run *made, const char *property, const char *place,
                       const char *detail)
{
    json_t *row = json_pack("{ss sf ss ss ss sb}", "property", property, "time_s", 12.5, "node",
                            "reader-2", "place", place, "detail", detail, "tolerated", 0);
    ck_assert_ptr_nonnull(row);
    json_array_append_new(json_object_get(made->result, "violations"), row);
    run_refresh(made);
}

void run_set_error(struct made_run *made, const char *error)
{
    json_object_set_new(made->result, "error", json_string(error));
    run_refresh(made);
}

void run_clear(struct made_run *made)
{
    free(made->line);
    json_decref(made->result);
    json_decref(made->extra);
    *made = (struct made_run){0};
}
