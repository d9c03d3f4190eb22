/* Tests of the calls of a scenario, as a user writes them: literals and handles in every form that
 * docs/scenario-api.md has, and what a mistake is answered with. Each row is the body of a story. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/script.h"
#include "tests/lib/case_folder.h"

#define ROWS(table) ((int)(sizeof(table) / sizeof(table)[0]))

/* ---- Helpers ------------------------------------------------------------------------------------ */

static struct case_folder cases;

static void set_up(void)
{
    case_folder_make(&cases);
}

static void tear_down(void)
{
    case_folder_remove(&cases);
}

struct story_row {
    const char *name;
    const char *body;     /* `w` is writer-1, `r` is reader-1; the body begins on line 4 */
    const char *keys;     /* of the returned table */
    const char *expected; /* of mistakes: the error after the folder */
};

static void run_story(const struct story_row *row, uint64_t seed, struct script_outcome *outcome)
{
    const char *keys = row->keys == NULL ? "" : row->keys;
    case_folder_write(&cases, "case.lua",
                      "return { name = 'x', closing = 'short', %s%s\n"
                      "run = function(c)\n"
                      "local w, r = c:node('writer-1'), c:node('reader-1')\n%s\nend }\n",
                      keys, keys[0] == '\0' ? "" : ",", row->body);
    struct script_options options = {.path = cases.path, .seed = seed};
    ck_assert_int_eq(script_run_file(&options, outcome), 0);
}

/* ---- What a user may write ------------------------------------------------------------------------ */

static const struct story_row naturals[] = {
    {"a clock's range", "w:clock{skew = '-6m..-1m'} r:clock{jump = '-10s..5s', drift_ppm = -3}",
     NULL, NULL},
    {"a tick's interval is drawn each time",
     "local last, gaps = 0, {}\n"
     "c:every('1s..9s', function() gaps[#gaps + 1] = c:now() - last last = c:now() end)\n"
     "c:sleep('1m')\n"
     "for _, gap in ipairs(gaps) do c:check(gap >= 1 and gap <= 9, 'gap ' .. gap) end\n"
     "c:check(gaps[1] ~= gaps[2] and gaps[2] ~= gaps[3], 'drawn once')",
     NULL, NULL},
    {"ticks that passed while the function slept are skipped",
     "local times = {}\n"
     "c:every(1, function() times[#times + 1] = c:now() c:sleep('2500ms') end)\n"
     "c:sleep('10s')\n"
     "c:check(times[1] == 1 and times[2] == 4 and times[3] == 7, 'other ticks')",
     NULL, NULL},
    {"a watch's interval may be a range",
     "local count = 0\n"
     "c:always('seen', function() count = count + 1 return true end, {every = '1s..2s'})\n"
     "c:sleep('20s') c:check(count >= 10 and count <= 21, count .. ' times')",
     NULL, NULL},
    {"a wait has a time-out of its own", "c:wait(function() return c:now() >= 3 end)", NULL, NULL},
    {"conditions may measure, check and draw",
     "c:wait(function() c:metric('m', 1) c:check(true, 'x') c:sometimes('s', true)\n"
     "return c.rng:int(1, 3) > 0 and c:now() >= 1 end, '5s', 'time')",
     NULL, NULL},
    {"a pod joins without a word",
     "local n = c:add()\n"
     "c:check(n.id == 'reader-4' and not n:up() and not n:ready(), 'it had booted already')\n"
     "c:wait(function() return n:ready() end)",
     NULL, NULL},
    {"what is down has a status",
     "c:check(r:status().ready and r:status().completed_at > 0, 'status of a ready node')\n"
     "r:kill() c:check(r:status().ready == false and r:status().completed_at == 0, 'status')\n"
     "c:check(r:stats().pulled == 0 and not r:ready() and r:query().gated, 'the rest')",
     NULL, NULL},
    {"all counters of the puller",
     "local s = r:stats()\n"
     "for name in ([[enqueued skipped_self skipped_local pulled failed dropped checksum_mismatch\n"
     "peer_lookup_failure queue_depth skipped_dup catchup_started_at catchup_completed_at\n"
     "catchup_entries_walked catchup_enqueued catchup_skipped_local bad_offset_server\n"
     "bad_offset_backend inflight_count catchup_inflight catchup_failed catchup_dropped]])\n"
     ":gmatch('%S+') do c:check(math.type(s[name]) == 'integer', name .. ' is missing') end",
     NULL, NULL},
    {"a list is shuffled in place, and given back",
     "local list = {}\n"
     "for i = 1, 20 do list[i] = i end\n"
     "local same = c.rng:shuffle(list)\n"
     "c:check(same == list, 'another list')\n"
     "c:check(table.concat(list) ~= '1234567891011121314151617181920', 'in order')\n"
     "table.sort(list) for i = 1, 20 do c:check(list[i] == i, 'something is missing') end",
     NULL, NULL},
    {"lists where one node is enough",
     "c.net:isolate({r, 'reader-2'}, {for_ = '1s..2s'}) c.net:refuse('all')\n"
     "c.net:blackhole{w} c.net:heal()",
     NULL, NULL},
    {"a compaction takes as long as it may",
     "c:flush{files = 2} c:settle() c.net:isolate(w)\n"
     "local path, why = c:compact{inputs = 2, timeout = '20s'}\n"
     "c:check(path == nil and why == 'timed out' and c:now() < 60, tostring(why))\n"
     "c.net:heal() c:settle() c:check(#c:manifest() == 1, 'it did not go on')",
     NULL, NULL},
    {"one size", "c.net:segment(w, 'all', {sizes = '1..3', coalesce = false}) c.net:heal()", NULL,
     NULL},
    {"a capture of any type",
     "local a, cap = c:attacker{on_path = {w, r}}\n"
     "c:go(function() cap = a:capture() end)\n"
     "c:sleep('20s') c:check(cap.type and cap.bytes and cap.fields, 'nothing passed')",
     NULL, NULL},
    {"ranges of counts",
     "local a = c:attacker{}\n"
     "a:flood(w, {connections = '3..7', rate = '10..20'}) c:sleep(1)\n"
     "c:rotate{nodes = c:readers(), max_unavailable = '1..2', grace = '1s..2s'}\n"
     "r:kill_at{event = '1000000..2000000'} r:stop_at{event = 1e6}",
     "limit = '10m..20m', cluster = {voters = '3..4', readers = '2..3'}", NULL},
    {"a reader that leads registers its own files",
     "c:transfer_leader(r) c:check(#r:flush{files = 2} == 2, 'flushed') c:settle()\n"
     "c:check(#c:manifest() == 2, 'registered')",
     NULL, NULL},
    {"nothing is everything of a disk", "r:disk{full = true} r:disk() w:flush() c:settle()", NULL,
     NULL},
    {"a restart is done when the process runs again",
     "r:restart{down = '1s'} c:check(r:up(), 'down') r:restart() c:check(r:up(), 'down')", NULL,
     NULL},
    {"a configuration key in full", "",
     "cluster = {config = {['cluster.replication_pull_workers'] = 2}}", NULL},
    {"load goes on while the only writer restarts",
     "local paths = {}\n"
     "c:go(function() for i = 1, 40 do paths[i] = c:flush{}[1] c:sleep('500ms') end end)\n"
     "c:sleep(1) w:kill() c:sleep(2) w:start() c:sleep(2) w:restart() c:sleep('1m')\n"
     "c:check(#paths > 35, #paths .. ' flushed') c:settle()",
     NULL, NULL},
    {"load goes on through a rotation of all, on handles too",
     "c:go(function() for i = 1, 40 do w:flush{} c:sleep('500ms') end end)\n"
     "c:rotate{start_delay = '1s..2s'} c:sleep('1m') c:settle()\n"
     "c:check(#c:manifest() > 35, #c:manifest() .. ' registered')",
     NULL, NULL},
    {"what the old release lost while it stopped is not the new one's doing",
     "c:go(function() for i = 1, 30 do c:flush{} c:sleep('500ms') end end)\n"
     "c:rotate{release = 'current'} c:sleep('30s')",
     "cluster = {release = 'arc'}, expect = {accept = {'arc'}}", NULL},
    {"what is asked of a pod that is about to boot waits for it",
     "local p = c:flush{files = 4}[1] c:settle() w:kill() w:start() c:flush{} w:kill() w:start() "
     "w:flush{}\n"
     "w:kill() w:start() w:rewrite(p) w:kill() w:start() c:delete(p) c:settle()\n"
     "c:check(#c:manifest() >= 3, #c:manifest() .. ' files')",
     NULL, NULL},
    {"what is asked of a leader waits for one",
     "w:kill() c:truncate_log() c:leader():kill() w:start() c:force_election()\n"
     "c:leader():restart() c:transfer_leader(w) c:check(c:leader() == w, 'leader')",
     "cluster = {readers = 4}", NULL},
    {"files are compacted right after their flush",
     "c:flush{files = 4} c:check(c:compact{inputs = 4}, 'compacted') c:settle()\n"
     "c:check(#c:manifest() == 1, #c:manifest() .. ' files')",
     "cluster = {compactors = 1}", NULL},
    {"random damage is healed like other trouble, so all settles",
     "c:nemesis{faults = {'corrupt', 'remove'}, swarm = false, every = '1s', heal = '1s..3s', "
     "until_ = '30s'}\n"
     "c:flush{files = 20} c:sleep('40s') c:settle('2m')",
     NULL, NULL},
    {"a file is on a disk before it is registered and after it is deleted",
     "local p = c:flush{}[1] c:check(w:has(p) and not r:has(p), 'flushed') c:settle()\n"
     "c.net:isolate(r) c:delete(p) c:sleep('10s')\n"
     "c:check(r:has(p) and not w:has(p), 'deleted') r:corrupt(p) c:check(not r:has(p), 'damaged')",
     NULL, NULL},
    {"files are looked through when they are told to be",
     "local p = c:flush{files = 5} c:settle() r:corrupt(p[2]) r:remove(p[4])\n"
     "c:sleep('1m') c:check(not r:has(p[2]) and not r:has(p[4]), 'nothing was damaged')\n"
     "r:scrub() c:settle()",
     NULL, NULL},
    {"compactors", "c:check(c:compactors()[2].id == 'compactor-2', 'order')",
     "cluster = {compactors = 2}", NULL},
};

/* docs/scenario-api.md: what is written there, or is but a step away from it, runs. */
START_TEST(natural_story_passes)
{
    const struct story_row *row = &naturals[_i];
    struct script_outcome outcome;
    for (uint64_t seed = 1; seed <= 3; seed += 1) {
        run_story(row, seed, &outcome);
        const struct sim_result *result = outcome.result;
        ck_assert_msg(outcome.end == SCRIPT_END_PASS, "%s: %s%s", row->name, outcome.error,
                      result != NULL && result->violation_count > 0 ? result->violations[0].detail
                                                                    : "");
        script_outcome_clear(&outcome);
    }
}
END_TEST

/* ---- Mistakes --------------------------------------------------------------------------------------- */

static const struct story_row mistakes[] = {
    {"a dot for a colon", "c.flush{files = 3}", NULL, "c:flush: call it with a colon, as in c:flu"},
    {"of a check", "c.check(false, 'x')", NULL, "c:check: call it with a colon"},
    {"of a node", "w.stop()", NULL, "n:stop: call it with a colon"},
    {"of a question", "w.up()", NULL, "a call of a node is written with a colon, as in n:up()"},
    {"of the network", "c.net.partition(w, r)", NULL,
     "net:partition: call it with a colon, as in "},
    {"of chance", "c.rng.int(1, 2)", NULL, "rng:int: call it with a colon, as in c.rng:int(...)"},
    {"a call misspelt", "c:flsuh{}", NULL,
     "c.flsuh: there is no such call or field (did you mean 'flush'?)"},
    {"of a node", "w:isready()", NULL, "n.isready: there is no such call or field"},
    {"of the network", "c.net:partitoin(w, r)", NULL,
     "c.net.partitoin: there is no such call or field (did you mean 'partition'?)"},
    {"a reader's flush", "r:flush{}", NULL,
     "n:flush: reader-1 is a reader, whose files the leader does not register; flush on a writer"},
    {"a key misspelt", "c:flush{file = 3}", NULL,
     "flush.file: unknown key (did you mean 'files'?)"},
    {"a key cut short", "r:disk{writeerror = 1}", NULL,
     "n:disk.writeerror: unknown key (did you mean 'write_error'?)"},
    {"a key of the configuration misspelt", "c:add{config = {replication_pull_wokers = 1}}", NULL,
     "c:add: config.replication_pull_wokers: unknown key (did you mean "
     "'replication_pull_workers'?)"},
    {"a key from elsewhere", "c:rotate{ids = {r}}", NULL, "c:rotate.ids: unknown key"},
    {"no function", "c:wait(true)", NULL, "c:wait: expected a function, got boolean"},
    {"no function either", "c:go('x')", NULL, "c:go: expected a function, got string"},
    {"a range the wrong way", "c:sleep('5s..1s')", NULL, "c:sleep: '5s..1s' is not a duration"},
    {"half a range", "w:clock{skew = '-5s..1'}", NULL, "n:clock: skew: '-5s..1' is not a duration"},
    {"back in time", "c:sleep('-5s')", NULL, "c:sleep: '-5s' is not a duration"},
    {"no interval", "c:every(0, print)", NULL, "c:every: the interval is zero"},
    {"an event that is over", "r:kill_at{event = 1}", NULL,
     "n:kill_at: event: 1 is over: this life"},
    {"a role misspelt", "c:nodes{role = 'raeder'}", NULL,
     "c:nodes: role 'raeder' is unknown (did you mean 'reader'?)"},
    {"a path to itself", "c:attacker{on_path = {w, w}}", NULL,
     "c:attacker: on_path: from a node to"},
    {"a number for bytes", "c:attacker{}:send(w, 5)", NULL, "a:send: expected bytes, or a table"},
    {"a plural forgotten", "c:cluster{name = 'o', reader = 3}", NULL,
     "c:cluster.reader: unknown key (did you mean 'readers'?)"},
    {"a flush by who is gone", "r:replace{identity = 'new', grace = 0} r:rewrite('x')", NULL,
     "n:rewrite: the node is gone"},
    {"a count beyond its bound", "c:attacker{}:flood(w, {rate = '1..2000000'})", NULL,
     "a:flood: rate: 2000000 is above the limit of 1000000"},
};

/* docs/scenario-api.md, Values: one line with file, line, and what was meant. */
START_TEST(mistake_is_answered_at_its_line)
{
    const struct story_row *row = &mistakes[_i];
    struct script_outcome outcome;
    char expected[256];
    (void)snprintf(expected, sizeof expected, "%s:4: %s", cases.path, row->expected);
    run_story(row, 1, &outcome);
    ck_assert_msg(outcome.end == SCRIPT_END_ERROR, "%s: end %d", row->name, outcome.end);
    ck_assert_msg(strncmp(outcome.error, expected, strlen(expected)) == 0, "%s: '%s'", row->name,
                  outcome.error);
    script_outcome_clear(&outcome);
}
END_TEST

/* ---- Ends in the middle -------------------------------------------------------------------------- */

static const struct story_row abandoned[] = {
    {"a proposal", "r:kill() c:go(function() r:propose{type = 'DeleteFile', path = 'x'} end)", NULL,
     NULL},
    {"anti-entropy", "r:kill() c:go(function() c:reconcile(r) end)", NULL, NULL},
    {"a replacement", "c:go(function() r:replace{grace = 0} end)", NULL, NULL},
    {"a new identity", "c:go(function() r:replace{identity = 'new', start_delay = '1h'} end)", NULL,
     NULL},
    {"a stop", "r:kill() c:go(function() r:stop() end)", NULL, NULL},
    {"a flush", "c:go(function() c:flush{files = 10, every = '1s'} end)", NULL, NULL},
    {"a rotation", "c:go(function() c:rotate() end)", NULL, NULL},
    {"an exchange", "c:go(function() c:attacker():send(w, 'x') end)", NULL, NULL},
};

/* The story fails while something is on its way to it: the run ends then and there, and its memory is
 * given back (which the sanitizers see). */
START_TEST(abandoned_call_leaves_nothing)
{
    struct story_row row = abandoned[_i];
    struct script_outcome outcome;
    char body[512];
    (void)snprintf(body, sizeof body, "%s c:sleep(0) error('enough')", row.body);
    row.body = body;
    run_story(&row, 1, &outcome);
    ck_assert_msg(outcome.end == SCRIPT_END_ERROR, "%s: end %d", row.name, outcome.end);
    ck_assert_msg(strstr(outcome.error, "enough") != NULL, "%s: %s", row.name, outcome.error);
    script_outcome_clear(&outcome);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim.script_calls");
    TCase *tc = tcase_create("calls");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, natural_story_passes, 0, ROWS(naturals));
    tcase_add_loop_test(tc, mistake_is_answered_at_its_line, 0, ROWS(mistakes));
    tcase_add_loop_test(tc, abandoned_call_leaves_nothing, 0, ROWS(abandoned));
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed_count = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed_count == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
