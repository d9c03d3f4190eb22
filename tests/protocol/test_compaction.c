/* protocol/completion.c, compaction.c: behaviour.md 12.2, 3 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "protocol/command_decode.h"
#include "protocol/compaction.h"
#include "protocol/error.h"
#include "protocol/limits.h"
#include "tests/lib/test_alloc.h"

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))
#define HASH        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* ---- Fixture --------------------------------------------------------------------------------- */

static struct test_alloc memory;
static struct rp_entry_pool *pool;
static struct rp_manifest *manifest;
static struct rp_compaction_watcher *compaction;
static uint64_t log_index;
static rp_time_ns now_ns;

static void begin(enum rp_release release)
{
    test_alloc_init(&memory);
    log_index = 0;
    now_ns = 0;
    ck_assert_int_eq(rp_entry_pool_new(&memory.alloc, &pool), 0);
    ck_assert_int_eq(
        rp_manifest_new(rp_release_traits(release), &memory.alloc, pool, NULL, &manifest), 0);
    ck_assert_int_eq(rp_compaction_new(rp_release_traits(release), &memory.alloc,
                                       rp_view_text("compactor-1"), &compaction),
                     0);
}

static void end(void)
{
    rp_compaction_free(compaction);
    rp_manifest_free(manifest);
    rp_entry_pool_free(pool);
    ck_assert_uint_eq(memory.live_count, 0);
}

/* The process ended and began again: its memory is gone, the manifest and the store are not. */
static void begin_life(enum rp_release release)
{
    rp_compaction_free(compaction);
    ck_assert_int_eq(rp_compaction_new(rp_release_traits(release), &memory.alloc,
                                       rp_view_text("compactor-1"), &compaction),
                     0);
}

/* ---- Helpers --------------------------------------------------------------------------------- */

static void put_job(const char *job_id, enum rp_completion_state state, const char *output,
                    size_t source_count, bool is_found)
{
    static char names[9000][32];
    static struct rp_completion_source sources[9000];
    struct rp_completion_output outputs[1] = {{
        .path = rp_view_text(output),
        .sha256 = rp_view_text(HASH),
        .size_bytes = 30,
        .database = rp_view_text("db"),
        .measurement = rp_view_text("cpu"),
        .created_at = {1775923300, 0, 0},
    }};
    for (size_t i = 0; i < source_count; i++) {
        snprintf(names[i], sizeof names[i], "db/cpu/%04zu", i);
        sources[i].path = rp_view_text(names[i]);
    }
    struct rp_completion completion = {rp_view_text(job_id), state, outputs, 1, sources,
                                       source_count};
    struct rp_buffer json;
    rp_buffer_init(&json, &memory.alloc, RP_COMPLETION_BYTES_MAX);
    ck_assert_int_eq(rp_completion_encode(&json, &completion), 0);
    ck_assert_int_eq(rp_compaction_put(compaction, rp_buffer_view(&json), is_found), 0);
    rp_buffer_clear(&json);
}

static void commit(struct rp_view command)
{
    ck_assert_int_eq(rp_manifest_apply(manifest, ++log_index, 1, command), 0);
}

static void register_sources(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char path[32];
        snprintf(path, sizeof path, "db/cpu/%04zu", i);
        struct rp_file_record file = {.path = rp_view_text(path),
                                      .sha256 = rp_view_text(HASH),
                                      .origin_node_id = rp_view_text("writer-1"),
                                      .created_at = {1775923201, 0, 0}};
        struct rp_buffer command;
        rp_buffer_init(&command, &memory.alloc, 1 << 20);
        ck_assert_int_eq(rp_command_encode_register(&command, RP_CMD_REGISTER_FILE, &file), 0);
        commit(rp_buffer_view(&command));
        rp_buffer_clear(&command);
    }
}

static void delete_path(const char *path)
{
    struct rp_buffer command;
    rp_buffer_init(&command, &memory.alloc, 1 << 20);
    ck_assert_int_eq(rp_command_encode_delete(&command, rp_view_text(path), rp_view_text("")), 0);
    commit(rp_buffer_view(&command));
    rp_buffer_clear(&command);
}

static bool has(const char *path)
{
    return rp_manifest_file(manifest, rp_view_text(path)) != NULL;
}

/* One look, a second later; what it wanted in words: "R1D3" for a batch of one register and three
 * deletes, "output" and "file" for removals. Proposals are committed when `error` is 0. */
static char told[256];

static void tell_batch(struct rp_view bytes)
{
    const struct rp_command *command;
    ck_assert_int_eq(rp_command_decode(&memory.alloc, 1, bytes, &command), 0);
    ck_assert_uint_eq(command->type, RP_CMD_BATCH_FILE_OPS);
    size_t registers = 0;
    for (size_t i = 0; i < command->operation_count; i++) {
        registers += command->operations[i].entry != NULL;
        ck_assert_msg((i < registers) == (command->operations[i].entry != NULL),
                      "registers come first");
    }
    size_t used = strlen(told);
    snprintf(told + used, sizeof told - used, "R%dD%d ", (int)registers,
             (int)(command->operation_count - registers));
    rp_command_release(command);
}

static const char *look(bool is_current, int error)
{
    struct rp_compaction_action action;
    told[0] = '\0';
    now_ns += RP_COMPACTION_LOOK_NS;
    rp_compaction_look(compaction, now_ns, manifest, is_current);
    while (rp_compaction_next(compaction, &action)) {
        if (action.kind == RP_COMPACTION_DO_PROPOSE) {
            uint64_t ticket = action.ticket;
            tell_batch(action.command);
            if (error == 0) {
                commit(action.command);
            }
            rp_compaction_answered(compaction, ticket, error, now_ns);
        } else if (action.kind == RP_COMPACTION_DO_REMOVE_OUTPUT) {
            strcat(told, "output ");
        } else {
            strcat(told, "file ");
            rp_compaction_removed(compaction, action.job_id, 0);
        }
    }
    return told;
}

/* ---- Completion files ------------------------------------------------------------------------ */

/* Everything that was written is read back. */
START_TEST(file_survives_the_round_trip)
{
    struct rp_arena arena;
    struct rp_buffer json;
    struct rp_completion read;
    struct rp_completion_output outputs[2] = {
        {.path = rp_view_text("db/a"), .sha256 = rp_view_text(HASH), .size_bytes = INT64_MAX},
        {.path = rp_view_text("db/\"b\""),
         .database = rp_view_text("db"),
         .created_at = {1775923201, 500, 0}},
    };
    struct rp_completion_source sources[1] = {{rp_view_text("db/\x01")}};
    struct rp_completion written = {
        rp_view_text("job-1"), (enum rp_completion_state)_i, outputs, 2, sources, 1};
    test_alloc_init(&memory);
    rp_arena_init(&arena, &memory.alloc);
    rp_buffer_init(&json, &memory.alloc, 1 << 20);
    ck_assert_int_eq(rp_completion_encode(&json, &written), 0);
    ck_assert_int_eq(rp_completion_decode(rp_buffer_view(&json), &arena, &read), 0);
    rp_buffer_clear(&json); /* nothing is borrowed from it */
    ck_assert(rp_view_equal(read.job_id, written.job_id));
    ck_assert_int_eq(read.state, _i);
    ck_assert_uint_eq(read.output_count, 2);
    ck_assert_int_eq(read.outputs[0].size_bytes, INT64_MAX);
    ck_assert(rp_view_equal(read.outputs[1].path, outputs[1].path));
    ck_assert_int_eq(read.outputs[1].created_at.nsec, 500);
    ck_assert_uint_eq(read.source_count, 1);
    ck_assert(rp_view_equal(read.sources[0].path, sources[0].path));
    rp_arena_clear(&arena);
    ck_assert_uint_eq(memory.live_count, 0);
}
END_TEST

#define OUTPUTS "\"outputs\":[{\"path\":\"db/a\"}]"
static const struct {
    const char *name, *json;
    int error;
} HOSTILE[] = {
    {"nothing", "", RP_ERR_SYNTAX},
    {"null", "null", RP_ERR_INVALID},
    {"a list", "[]", RP_ERR_TYPE},
    {"cut", "{\"job_id\":\"j\",\"state\":\"output_wri", RP_ERR_SYNTAX},
    {"no state", "{\"job_id\":\"j\"," OUTPUTS "}", RP_ERR_INVALID},
    {"odd state", "{\"job_id\":\"j\",\"state\":\"done\"," OUTPUTS "}", RP_ERR_INVALID},
    {"state is a number", "{\"job_id\":\"j\",\"state\":2," OUTPUTS "}", RP_ERR_TYPE},
    {"no job", "{\"state\":\"output_written\"," OUTPUTS "}", RP_ERR_INVALID},
    {"job is a path", "{\"job_id\":\"../j\",\"state\":\"output_written\"," OUTPUTS "}",
     RP_ERR_INVALID},
    {"no outputs", "{\"job_id\":\"j\",\"state\":\"output_written\",\"outputs\":[]}",
     RP_ERR_INVALID},
    {"outputs null", "{\"job_id\":\"j\",\"state\":\"output_written\",\"outputs\":null}",
     RP_ERR_INVALID},
    {"outputs a map", "{\"job_id\":\"j\",\"state\":\"output_written\",\"outputs\":{}}",
     RP_ERR_TYPE},
    {"output null", "{\"job_id\":\"j\",\"state\":\"output_written\",\"outputs\":[null]}",
     RP_ERR_INVALID},
    {"negative size",
     "{\"job_id\":\"j\",\"state\":\"output_written\",\"outputs\":[{\"path\":\"a\",\"size_bytes\":-"
     "1}]"
     "}",
     RP_ERR_INVALID},
    {"huge size",
     "{\"job_id\":\"j\",\"state\":\"output_written\",\"outputs\":[{\"path\":\"a\",\"size_bytes\":"
     "99999999999999999999}]}",
     RP_ERR_TYPE},
    {"odd time",
     "{\"job_id\":\"j\",\"state\":\"output_written\",\"outputs\":[{\"path\":\"a\",\"created_at\":"
     "\"now\"}]}",
     RP_ERR_TYPE},
    {"empty source", "{\"job_id\":\"j\",\"state\":\"output_written\"," OUTPUTS ",\"sources\":[{}]}",
     RP_ERR_INVALID},
    {"source is a text",
     "{\"job_id\":\"j\",\"state\":\"output_written\"," OUTPUTS ",\"sources\":[\"a\"]}",
     RP_ERR_TYPE},
};

/* Hostile contents on the disk: one clear refusal, the machine as before, nothing kept. */
START_TEST(hostile_file_is_refused)
{
    begin(RP_RELEASE_CURRENT);
    int error = rp_compaction_put(compaction, rp_view_text(HOSTILE[_i].json), true);
    ck_assert_msg(error == HOSTILE[_i].error, "%s: %d", HOSTILE[_i].name, error);
    ck_assert_uint_eq(rp_compaction_job_count(compaction), 0);
    end();
}
END_TEST

/* Too many sources for the limit, and a file beyond its limit. */
START_TEST(oversized_file_is_refused)
{
    begin(RP_RELEASE_CURRENT);
    struct rp_buffer json;
    rp_buffer_init(&json, &memory.alloc, RP_COMPLETION_BYTES_MAX + 100);
    const char *head = "{\"job_id\":\"j\",\"state\":\"output_written\"," OUTPUTS ",\"sources\":[";
    ck_assert_int_eq(rp_buffer_append(&json, rp_view_text(head)), 0);
    for (unsigned i = 0; i <= RP_COMPLETION_SOURCES_MAX; i++) {
        ck_assert_int_eq(rp_buffer_append(&json, rp_view_text(i == 0 ? "{\"path\":\"a\"}"
                                                                     : ",{\"path\":\"a\"}")),
                         0);
    }
    ck_assert_int_eq(rp_buffer_append(&json, rp_view_text("]}")), 0);
    ck_assert_int_eq(rp_compaction_put(compaction, rp_buffer_view(&json), true), RP_ERR_TYPE);
    while (json.length_bytes <= RP_COMPLETION_BYTES_MAX) {
        ck_assert_int_eq(rp_buffer_append(&json, rp_view_text("                ")), 0);
    }
    ck_assert_int_eq(rp_compaction_put(compaction, rp_buffer_view(&json), true), RP_ERR_TOO_LARGE);
    rp_buffer_clear(&json);
    end();
}
END_TEST

/* The name carries the job, and can never be registered where paths are validated. */
START_TEST(name_is_reserved)
{
    struct rp_buffer name;
    struct rp_view job;
    test_alloc_init(&memory);
    rp_buffer_init(&name, &memory.alloc, 1 << 10);
    ck_assert_int_eq(rp_completion_name(rp_view_text("writer-1.7"), &name), 0);
    ck_assert(rp_completion_parse_name(rp_buffer_view(&name), &job));
    ck_assert(rp_view_equal(job, rp_view_text("writer-1.7")));
    ck_assert_int_eq(rp_completion_name(rp_view_text("a/b"), &name), RP_ERR_INVALID);
    ck_assert_int_eq(rp_completion_name(rp_view_text(""), &name), RP_ERR_INVALID);
    ck_assert(!rp_completion_parse_name(rp_view_text("compaction:"), &job));
    ck_assert(!rp_completion_parse_name(rp_view_text("compaction:a/b"), &job));
    ck_assert(!rp_completion_parse_name(rp_view_text("db/compaction:a"), &job));
    rp_buffer_clear(&name);
    begin(RP_RELEASE_ARC);
    struct rp_file_record file = {.path = rp_view_text("compaction:writer-1.7"),
                                  .created_at = {1775923201, 0, 0}};
    struct rp_buffer command;
    rp_buffer_init(&command, &memory.alloc, 1 << 20);
    ck_assert_int_eq(rp_command_encode_register(&command, RP_CMD_REGISTER_FILE, &file), 0);
    ck_assert_int_eq(rp_manifest_apply(manifest, 1, 1, rp_buffer_view(&command)), RP_ERR_INVALID);
    rp_buffer_clear(&command);
    end();
}
END_TEST

/* ---- The reference's watcher ----------------------------------------------------------------- */

/* TestPhase4_CompletionManifestToFSM: outputs once per job, then the sources, then the file goes. */
START_TEST(watched_job_registers_once_then_deletes)
{
    begin(RP_RELEASE_ARC);
    register_sources(3);
    put_job("j", RP_COMPLETION_WRITING_OUTPUT, "db/cpu/out", 3, false);
    ck_assert_str_eq(look(true, 0), "");
    put_job("j", RP_COMPLETION_OUTPUT_WRITTEN, "db/cpu/out", 3, false);
    ck_assert_str_eq(look(true, 0), "R1D0 ");
    ck_assert_str_eq(look(true, 0), "");
    put_job("j", RP_COMPLETION_SOURCES_DELETED, "db/cpu/out", 3, false);
    ck_assert_str_eq(look(true, 0), "R0D3 file ");
    ck_assert(has("db/cpu/out"));
    ck_assert(!has("db/cpu/0000"));
    const struct rp_file_entry *entry = rp_manifest_file(manifest, rp_view_text("db/cpu/out"));
    ck_assert(rp_view_equal(entry->origin_node_id, rp_view_text("compactor-1")));
    ck_assert_int_eq(entry->created_at.unix_s, 1775923300);
    ck_assert_uint_eq(rp_compaction_job_count(compaction), 0);
    end();
}
END_TEST

/* Later than the fourth pull request: one batch when both are due, registers first. What was done is
 * known to the life that did it: after a restart the outputs are registered a second time. */
START_TEST(watched_job_is_one_batch_and_forgets_with_its_life)
{
    begin(RP_RELEASE_ARC);
    register_sources(2);
    put_job("j", RP_COMPLETION_SOURCES_DELETED, "db/cpu/out", 2, true);
    ck_assert_str_eq(look(false, 0), "R1D2 file ");
    begin_life(RP_RELEASE_ARC);
    put_job("j", RP_COMPLETION_SOURCES_DELETED, "db/cpu/out", 2, true);
    ck_assert_str_eq(look(false, 0), "R1D2 file ");
    end();
}
END_TEST

/* ---- Ours ------------------------------------------------------------------------------------ */

/* Done when the manifest shows it: one batch, then a look that finds nothing left. */
START_TEST(job_is_done_when_seen)
{
    begin(RP_RELEASE_CURRENT);
    register_sources(3);
    put_job("j", RP_COMPLETION_OUTPUT_WRITTEN, "db/cpu/out", 3, false);
    ck_assert_str_eq(look(false, 0), "R1D3 ");
    ck_assert_int_eq(rp_compaction_progress(compaction, rp_view_text("j")), RP_COMPACTION_OPEN);
    ck_assert_str_eq(look(false, 0), "file ");
    ck_assert(has("db/cpu/out") && !has("db/cpu/0002"));
    end();
}
END_TEST

/* A life ended after its batch was committed: the next one sees that and registers nothing again,
 * not even when the output is deleted by now. It waits until its manifest is current. */
START_TEST(job_survives_a_restart_without_registering_twice)
{
    begin(RP_RELEASE_CURRENT);
    register_sources(2);
    put_job("j", RP_COMPLETION_SOURCES_DELETED, "db/cpu/out", 2, false);
    ck_assert_str_eq(look(true, 0), "R1D2 ");
    if (_i == 1) {
        delete_path("db/cpu/out");
    }
    begin_life(RP_RELEASE_CURRENT);
    put_job("j", RP_COMPLETION_SOURCES_DELETED, "db/cpu/out", 2, true);
    ck_assert_str_eq(look(false, 0), "");
    ck_assert_str_eq(look(true, 0), "file ");
    ck_assert_int_eq(has("db/cpu/out"), _i == 0);
    end();
}
END_TEST

/* A life ended while the output was being written: what there is of it goes, and the sources stay. */
START_TEST(unfinished_output_is_given_up)
{
    begin(RP_RELEASE_CURRENT);
    register_sources(2);
    put_job("j", RP_COMPLETION_WRITING_OUTPUT, "db/cpu/out", 2, true);
    ck_assert_str_eq(look(true, 0), "output file ");
    ck_assert(has("db/cpu/0000") && !has("db/cpu/out"));
    end();
}
END_TEST

/* Retention took all the sources before the batch could go: their data may not come back. */
START_TEST(output_of_deleted_sources_is_given_up)
{
    begin(RP_RELEASE_CURRENT);
    register_sources(2);
    put_job("j", RP_COMPLETION_OUTPUT_WRITTEN, "db/cpu/out", 2, false);
    ck_assert_str_eq(look(true, RP_ERR_NO_LEADER), "R1D2 ");
    delete_path("db/cpu/0000");
    ck_assert_str_eq(look(true, RP_ERR_NO_LEADER), "R1D1 ");
    delete_path("db/cpu/0001");
    ck_assert_str_eq(look(true, 0), "output file ");
    end();
}
END_TEST

/* TestCompactionBridge_BatchFileOps_EmptyOps, and a job that replaces nothing: only what there is to
 * do is proposed. */
START_TEST(job_without_sources_only_registers)
{
    begin(_i == 0 ? RP_RELEASE_CURRENT : RP_RELEASE_ARC);
    put_job("j", RP_COMPLETION_SOURCES_DELETED, "db/cpu/out", 0, false);
    ck_assert_str_eq(look(true, 0), _i == 0 ? "R1D0 " : "R1D0 file ");
    ck_assert_str_eq(look(true, 0), _i == 0 ? "file " : "");
    ck_assert(has("db/cpu/out"));
    end();
}
END_TEST

/* A batch beyond what a frame takes: ours cuts it, registers first; the reference's fails for ever. */
START_TEST(large_batch_is_cut)
{
    begin(_i == 0 ? RP_RELEASE_CURRENT : RP_RELEASE_ARC);
    register_sources(9000);
    put_job("j", RP_COMPLETION_SOURCES_DELETED, "db/cpu/out", 9000, false);
    ck_assert_uint_eq(rp_compaction_open_count(compaction), 1);
    if (_i == 1) {
        ck_assert_str_eq(look(true, 0), "");
        ck_assert_int_eq(rp_compaction_last_error(compaction), RP_ERR_TOO_LARGE);
        ck_assert_uint_eq(rp_compaction_open_count(compaction), 0);
        ck_assert_uint_eq(rp_compaction_job_count(compaction), 1);
        end();
        return;
    }
    ck_assert_str_eq(look(true, 0), "R1D4499 ");
    ck_assert(has("db/cpu/out"));
    for (int i = 0; i < 60 && rp_compaction_job_count(compaction) > 0; i++) {
        ck_assert_msg(strstr(look(true, 0), "R1") == NULL, "registered twice");
    }
    ck_assert_uint_eq(rp_manifest_file_count(manifest), 1);
    ck_assert_uint_eq(rp_compaction_job_count(compaction), 0);
    end();
}
END_TEST

/* ---- Errors ---------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    int error, shown;
} ERRORS[] = {
    {"no leader known", RP_ERR_NO_LEADER, RP_ERR_NOT_LEADER},
    {"leader unreachable", RP_ERR_UNREACHABLE, RP_ERR_NOT_LEADER},
    {"leader refuses", RP_ERR_REFUSED, RP_ERR_NOT_LEADER},
    {"not the leader", RP_ERR_NOT_LEADER, RP_ERR_NOT_LEADER},
    {"timed out", RP_ERR_TIMEOUT, RP_ERR_TIMEOUT},
    {"refused by apply", RP_ERR_INVALID, RP_ERR_INVALID},
    {"lost leadership", RP_ERR_LEADERSHIP_LOST, RP_ERR_LEADERSHIP_LOST},
};

/* TestCompactionBridge: leader errors are one class, others are unchanged; every one keeps the file,
 * and what follows succeeds (TestPhase4_ForwardingFailureKeepsManifestUntilRecovery). */
START_TEST(error_keeps_the_job_until_it_succeeds)
{
    static const enum rp_release releases[] = {RP_RELEASE_ARC, RP_RELEASE_CURRENT};
    for (int i = 0; i < 2; i++) {
        begin(releases[i]);
        register_sources(2);
        put_job("j", RP_COMPLETION_SOURCES_DELETED, "db/cpu/out", 2, false);
        ck_assert_msg(strcmp(look(true, ERRORS[_i].error), "R1D2 ") == 0, "%s", ERRORS[_i].name);
        ck_assert_int_eq(rp_compaction_last_error(compaction), ERRORS[_i].shown);
        ck_assert_uint_eq(rp_compaction_job_count(compaction), 1);
        ck_assert(has("db/cpu/0000") && !has("db/cpu/out"));
        for (int tries = 0; tries < 8 && rp_compaction_job_count(compaction) > 0; tries++) {
            (void)look(true, 0);
        }
        ck_assert_uint_eq(rp_compaction_job_count(compaction), 0);
        ck_assert_int_eq(rp_compaction_last_error(compaction), 0);
        ck_assert(has("db/cpu/out"));
        end();
    }
}
END_TEST

/* What may have been committed is not sent again at once: it would be registered twice. */
START_TEST(unknown_fate_is_waited_out)
{
    begin(RP_RELEASE_CURRENT);
    register_sources(1);
    put_job("j", RP_COMPLETION_OUTPUT_WRITTEN, "db/cpu/out", 1, false);
    ck_assert_str_eq(look(true, RP_ERR_TIMEOUT), "R1D1 ");
    for (int i = 0; i < 4; i++) {
        ck_assert_str_eq(look(true, 0), "");
    }
    ck_assert_str_eq(look(true, 0), "R1D1 ");
    end();
}
END_TEST

/* TestCompactionBridge_RegisterRespectsDeadline: after the last pass's time nothing is proposed. */
START_TEST(stop_ends_proposing)
{
    begin(_i == 0 ? RP_RELEASE_CURRENT : RP_RELEASE_ARC);
    register_sources(1);
    put_job("j", RP_COMPLETION_SOURCES_DELETED, "db/cpu/out", 1, false);
    rp_compaction_stop(compaction, 3 * RP_NS_PER_S);
    ck_assert_str_eq(look(true, RP_ERR_NO_LEADER), "R1D1 ");
    ck_assert_str_eq(look(true, RP_ERR_NO_LEADER), "R1D1 ");
    ck_assert_str_eq(look(true, 0), "");
    ck_assert_uint_eq(rp_compaction_job_count(compaction), 1);
    end();
}
END_TEST

/* A file that cannot be removed is asked for again at the next look, not before. */
START_TEST(failed_removal_is_asked_again)
{
    struct rp_compaction_action action;
    begin(RP_RELEASE_CURRENT);
    put_job("j", RP_COMPLETION_WRITING_OUTPUT, "db/cpu/out", 1, true);
    rp_compaction_look(compaction, 1, manifest, true);
    ck_assert(rp_compaction_next(compaction, &action));
    ck_assert_int_eq(action.kind, RP_COMPACTION_DO_REMOVE_OUTPUT);
    ck_assert(rp_compaction_next(compaction, &action));
    ck_assert_int_eq(action.kind, RP_COMPACTION_DO_REMOVE);
    rp_compaction_removed(compaction, action.job_id, RP_ERR_IO);
    ck_assert(!rp_compaction_next(compaction, &action));
    rp_compaction_look(compaction, 2, manifest, true);
    ck_assert(rp_compaction_next(compaction, &action));
    ck_assert_int_eq(action.kind, RP_COMPACTION_DO_REMOVE);
    rp_compaction_look(compaction, 3, manifest, true);
    ck_assert_msg(!rp_compaction_next(compaction, &action), "it is under way");
    rp_compaction_removed(compaction, action.job_id, RP_ERR_NOT_FOUND);
    rp_compaction_removed(compaction, rp_view_text("j"), 0);
    ck_assert_uint_eq(rp_compaction_job_count(compaction), 0);
    end();
}
END_TEST

/* The k-th allocation fails, for every k: the job is kept or was never taken, nothing leaks, and with
 * memory again it succeeds. */
START_TEST(lack_of_memory_keeps_the_job)
{
    static const char JSON[] =
        "{\"job_id\":\"j\",\"state\":\"output_written\",\"outputs\":[{\"path\":\"db/cpu/out\","
        "\"sha256\":\"" HASH "\",\"created_at\":\"2026-04-11T16:00:00Z\"}],"
        "\"sources\":[{\"path\":\"db/cpu/0000\"}]}";
    bool has_failed = true;
    for (size_t k = 1; has_failed; k++) {
        struct rp_compaction_action action;
        ck_assert_uint_lt(k, 200);
        begin(RP_RELEASE_CURRENT);
        register_sources(1);
        memory.call_count = 0;
        memory.fail_at = k;
        int error = rp_compaction_put(compaction, rp_view_text(JSON), false);
        ck_assert(error == 0 || error == RP_ERR_NOMEM);
        ck_assert_uint_eq(rp_compaction_job_count(compaction), error == 0 ? 1 : 0);
        rp_compaction_look(compaction, ++now_ns, manifest, true);
        bool is_proposed = rp_compaction_next(compaction, &action);
        has_failed = memory.call_count >= k;
        memory.fail_at = 0;
        if (is_proposed) {
            rp_compaction_answered(compaction, action.ticket, RP_ERR_NO_LEADER, now_ns);
        }
        ck_assert(has_failed || is_proposed);
        if (error != 0) {
            ck_assert_int_eq(rp_compaction_put(compaction, rp_view_text(JSON), false), 0);
        }
        ck_assert_str_eq(look(true, 0), "R1D1 ");
        ck_assert_str_eq(look(true, 0), "file ");
        end();
    }
}
END_TEST

/* ---- Main ------------------------------------------------------------------------------------ */

int main(void)
{
    Suite *suite = suite_create("compaction");
    TCase *tc = tcase_create("completion");
    tcase_add_loop_test(tc, file_survives_the_round_trip, 0, 3);
    tcase_add_loop_test(tc, hostile_file_is_refused, 0, ROWS(HOSTILE));
    tcase_add_test(tc, oversized_file_is_refused);
    tcase_add_test(tc, name_is_reserved);
    suite_add_tcase(suite, tc);
    TCase *watcher = tcase_create("watcher");
    tcase_set_timeout(watcher, 60);
    tcase_add_test(watcher, watched_job_registers_once_then_deletes);
    tcase_add_test(watcher, watched_job_is_one_batch_and_forgets_with_its_life);
    tcase_add_test(watcher, job_is_done_when_seen);
    tcase_add_loop_test(watcher, job_survives_a_restart_without_registering_twice, 0, 2);
    tcase_add_test(watcher, unfinished_output_is_given_up);
    tcase_add_test(watcher, output_of_deleted_sources_is_given_up);
    tcase_add_loop_test(watcher, job_without_sources_only_registers, 0, 2);
    tcase_add_loop_test(watcher, large_batch_is_cut, 0, 2);
    tcase_add_loop_test(watcher, error_keeps_the_job_until_it_succeeds, 0, ROWS(ERRORS));
    tcase_add_test(watcher, unknown_fate_is_waited_out);
    tcase_add_loop_test(watcher, stop_ends_proposing, 0, 2);
    tcase_add_test(watcher, failed_removal_is_asked_again);
    tcase_add_test(watcher, lack_of_memory_keeps_the_job);
    suite_add_tcase(suite, watcher);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
