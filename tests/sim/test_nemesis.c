/* Random trouble: what is drawn, that it can be done again from its record alone, that each decision
 * reads as Lua that does the same, and what it leaves alone. */
#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/nemesis_internal.h"
#include "sim/net_internal.h"
#include "sim/recover.h"
#include "sim/script.h"

#define ROWS(table) ((int)(sizeof(table) / sizeof(table)[0]))
#define SETS_MAX    12

/* ---- Runs ------------------------------------------------------------------------------------- */

#define SAMPLE_BYTES 16384

/* What a run is asked besides its story, and what is seen in it. */
struct watch {
    const struct sim_decision *decisions; /* to be done instead of drawing */
    size_t decision_count;
    bool is_replay;
    const uint64_t *sample_s; /* virtual seconds */
    size_t sample_count;
    void (*look)(struct watch *watch, struct sim_world *world);
    char text[SAMPLE_BYTES];
    size_t text_bytes;
    uint64_t value;
    struct sim_world *world;
};

static void on_sample(void *context, uint64_t argument)
{
    struct watch *watch = context;
    (void)argument;
    watch->look(watch, watch->world);
}

static void world_begins(void *context, struct sim_world *world)
{
    struct watch *watch = context;
    watch->world = world;
    if (watch->is_replay) {
        ck_assert_int_eq(sim_nemesis_replay(world, watch->decisions, watch->decision_count), 0);
    }
    for (size_t row = 0; row < watch->sample_count; row += 1) {
        (void)sim_world_at(world, watch->sample_s[row] * RP_NS_PER_S, on_sample, watch, row);
    }
}

/* `words`: "key=value", separated by blanks; `line`: a line of a story, or NULL. */
static void run(const char *words, const char *line, uint64_t seed, struct watch *watch,
                struct script_outcome *outcome)
{
    char copy[256], line_set[2048];
    const char *sets[SETS_MAX];
    size_t set_count = 0;
    (void)snprintf(copy, sizeof copy, "%s", words);
    char *rest = copy;
    for (char *word; (word = strtok_r(rest, " ", &rest)) != NULL;) {
        for (char *sign = word; *sign != '\0'; sign += 1) {
            *sign = *sign == '+' ? ' ' : *sign; /* several kinds are one word */
        }
        sets[set_count++] = word;
    }
    if (line != NULL) {
        (void)snprintf(line_set, sizeof line_set, "line=%s", line);
        sets[set_count++] = line_set;
    }
    struct script_options options = {
        .path = REPLISIM_SOURCE_DIR "/tests/sim/stories/nemesis.lua",
        .sets = sets,
        .set_count = set_count,
        .seed = seed,
        .watch_context = watch,
        .world_begins = watch == NULL ? NULL : world_begins,
    };
    ck_assert_int_eq(script_run_file(&options, outcome), 0);
}

static void check_passes(const struct script_outcome *outcome, const char *what)
{
    const struct sim_result *result = outcome->result;
    bool has_violation = result != NULL && result->violation_count > 0;
    ck_assert_msg(outcome->end == SCRIPT_END_PASS, "%s: %s %s: %s", what, outcome->error,
                  has_violation ? result->violations[0].property : "",
                  has_violation ? result->violations[0].detail : "");
}

/* ---- Drawing ---------------------------------------------------------------------------------- */

static const char *const all_kinds[] = {
    "partition", "kill",    "rotate", "pause",  "clock",   "disk",
    "corrupt",   "hostile", "link",   "stop",   "remove",  "snapshot",
    "leader",    "segment", "late",   "refuse", "handles", "stale_dns",
};

/* Every kind alone: it comes about, and the cluster comes right again. */
START_TEST(each_kind_comes_about_and_is_survived)
{
    char words[256];
    struct script_outcome outcome;
    (void)snprintf(words, sizeof words, "kinds=%s", all_kinds[_i]);
    for (uint64_t seed = 1; seed <= 2; seed += 1) {
        run(words, NULL, seed, NULL, &outcome);
        check_passes(&outcome, words);
        const struct sim_result *result = outcome.result;
        uint64_t counts[SIM_TROUBLE_COUNT];
        enum sim_trouble kind = SIM_TROUBLE_COUNT;
        ck_assert(sim_trouble_parse(rp_view_text(all_kinds[_i]), &kind));
        sim_nemesis_count(result->decisions, result->decision_count, counts);
        ck_assert_msg(counts[kind] > 0, "%s: nothing was applied", words);
        for (size_t row = 0; row < result->decision_count; row += 1) {
            ck_assert_int_eq(result->decisions[row].kind, kind);
        }
        ck_assert(!result->is_vacuous);
        script_outcome_clear(&outcome);
    }
}
END_TEST

/* Swarms: over seeds each kind is in some and missing from some, and none is empty. */
START_TEST(swarm_is_a_part_of_what_was_asked_and_never_empty)
{
    size_t with[SIM_TROUBLE_COUNT] = {0};
    struct sim_world_spec spec;
    struct sim_nemesis_spec trouble;
    char note[160];
    ck_assert_int_eq(sim_world_spec_init(&spec), 0);
    sim_nemesis_spec_init(&trouble);
    trouble.kinds[SIM_TROUBLE_LATE] = false;
    for (spec.seed = 1; spec.seed <= 64; spec.seed += 1) {
        struct sim_world *world = NULL;
        size_t count = 0;
        ck_assert_int_eq(sim_world_new(&spec, &world, note), 0);
        ck_assert_int_eq(sim_nemesis_new(world, &trouble), 0);
        for (int kind = 0; kind < SIM_TROUBLE_COUNT; kind += 1) {
            with[kind] += world->nemeses->kinds[kind];
            count += world->nemeses->kinds[kind];
        }
        ck_assert_uint_gt(count, 0);
        sim_world_free(world);
    }
    for (int kind = 0; kind < SIM_TROUBLE_COUNT; kind += 1) {
        ck_assert(kind == SIM_TROUBLE_LATE ? with[kind] == 0 : with[kind] > 8 && with[kind] < 56);
    }
    sim_world_spec_clear(&spec);
}
END_TEST

/* Of two kinds a quarter of all draws has neither: one is taken then. */
START_TEST(swarm_of_few_kinds_is_not_empty)
{
    struct sim_world_spec spec;
    struct sim_nemesis_spec trouble;
    char note[160];
    size_t kills = 0, pauses = 0;
    ck_assert_int_eq(sim_world_spec_init(&spec), 0);
    sim_nemesis_spec_init(&trouble);
    memset(trouble.kinds, 0, sizeof trouble.kinds);
    trouble.kinds[SIM_TROUBLE_KILL] = trouble.kinds[SIM_TROUBLE_PAUSE] = true;
    for (spec.seed = 1; spec.seed <= 40; spec.seed += 1) {
        struct sim_world *world = NULL;
        ck_assert_int_eq(sim_world_new(&spec, &world, note), 0);
        ck_assert_int_eq(sim_nemesis_new(world, &trouble), 0);
        bool is_kill = world->nemeses->kinds[SIM_TROUBLE_KILL];
        bool is_pause = world->nemeses->kinds[SIM_TROUBLE_PAUSE];
        ck_assert(is_kill || is_pause);
        kills += is_kill;
        pauses += is_pause;
        sim_world_free(world);
    }
    ck_assert(kills > 10 && kills < 40 && pauses > 10 && pauses < 40);
    sim_world_spec_clear(&spec);
}
END_TEST

/* ---- Replay ----------------------------------------------------------------------------------- */

static bool is_same_decision(const struct sim_decision *left, const struct sim_decision *right)
{
    bool is_same = left->index == right->index && left->source == right->source &&
                   left->kind == right->kind && left->variant == right->variant &&
                   left->is_applied == right->is_applied && left->at_ns == right->at_ns &&
                   left->duration_ns == right->duration_ns &&
                   left->node_count == right->node_count && left->left_count == right->left_count &&
                   left->values[0] == right->values[0] && left->values[1] == right->values[1] &&
                   (left->path == NULL) == (right->path == NULL) &&
                   (left->path == NULL || strcmp(left->path, right->path) == 0);
    for (uint32_t row = 0; is_same && row < left->node_count; row += 1) {
        is_same = strcmp(left->nodes[row], right->nodes[row]) == 0;
    }
    return is_same;
}

/* The list of a run is the run: the same events, to the last one, without a draw. */
START_TEST(replay_of_all_decisions_is_the_same_run)
{
    struct script_outcome first, again;
    struct watch watch = {.is_replay = true};
    uint64_t seed = (uint64_t)_i;
    run("", NULL, seed, NULL, &first);
    ck_assert_uint_gt(first.result->decision_count, 5);
    watch.decisions = first.result->decisions;
    watch.decision_count = first.result->decision_count;
    run("", NULL, seed, &watch, &again);
    ck_assert_uint_eq(first.result->decision_count, again.result->decision_count);
    ck_assert_int_eq(first.result->verdict, again.result->verdict);
    for (size_t row = 0; row < first.result->decision_count; row += 1) {
        ck_assert_msg(
            is_same_decision(&first.result->decisions[row], &again.result->decisions[row]),
            "decision %zu", row);
    }
    ck_assert(memcmp(&first.result->fingerprint, &again.result->fingerprint,
                     sizeof first.result->fingerprint) == 0);
    script_outcome_clear(&again);
    script_outcome_clear(&first);
}
END_TEST

static struct sim_decision *list_without(const struct sim_result *result, size_t left_out)
{
    struct sim_decision *list = calloc(result->decision_count, sizeof *list);
    size_t count = 0;
    ck_assert_ptr_nonnull(list);
    for (size_t row = 0; row < result->decision_count; row += 1) {
        if (row != left_out) {
            list[count++] = result->decisions[row];
        }
    }
    return list;
}

/* Leaving a decision out leaves the others: same times, same nodes, same numbers, all of them done. */
START_TEST(decision_left_out_leaves_the_others)
{
    struct script_outcome first, again;
    struct watch watch = {.is_replay = true};
    run("kinds=partition+link+clock+disk+pause+segment swarm=false", NULL, 3, NULL, &first);
    size_t count = first.result->decision_count;
    ck_assert_uint_gt(count, 6);
    for (size_t left_out = 0; left_out < count; left_out += count / 3) {
        struct sim_decision *list = list_without(first.result, left_out);
        watch.decisions = list;
        watch.decision_count = count - 1;
        run("kinds=partition+link+clock+disk+pause+segment swarm=false", NULL, 3, &watch, &again);
        ck_assert_uint_eq(again.result->decision_count, count - 1);
        for (size_t row = 0; row < count - 1; row += 1) {
            ck_assert_msg(is_same_decision(&list[row], &again.result->decisions[row]),
                          "without %zu: decision %zu", left_out, row);
        }
        script_outcome_clear(&again);
        free(list);
    }
    script_outcome_clear(&first);
}
END_TEST

/* ---- Lua -------------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void note(struct watch *watch, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(watch->text + watch->text_bytes, SAMPLE_BYTES - watch->text_bytes,
                           format, arguments);
    va_end(arguments);
    ck_assert(length >= 0 && (size_t)length < SAMPLE_BYTES - watch->text_bytes);
    watch->text_bytes += (size_t)length;
}

static void note_pod(struct watch *watch, struct sim_pod *pod)
{
    const struct sim_disk_faults faults = sim_store_faults(pod->store);
    const struct fault_disk_spec *disk = &faults.calls;
    struct rp_view path = rp_view_text("db/cpu/first.parquet");
    note(watch, "%s state=%d frozen=%d gone=%d life=%llu wall=%lld clock=%llu first=%d\n", pod->id,
         (int)pod->state, pod->is_frozen, pod->is_gone, (unsigned long long)pod->life,
         (long long)sim_clock_wall(pod->clock), (unsigned long long)sim_clock_now(pod->clock),
         sim_pod_has(pod, path));
    note(watch, " hostile=%d kind=%d p=%llu after=%d/%llu folder=%llu\n", pod->is_hostile,
         (int)pod->hostile_spec.kind, (unsigned long long)pod->hostile_spec.chance,
         pod->hostile_spec.has_after_bytes, (unsigned long long)pod->hostile_spec.after_bytes,
         (unsigned long long)pod->folder_count);
    const uint64_t numbers[] = {disk->is_full,          disk->has_free_bytes, disk->slow_ns,
                                disk->stuck_ns,         disk->read_error,     disk->write_error,
                                disk->sync_error,       disk->stat_error,     disk->list_error,
                                disk->short_write,      faults.torn,          faults.loses_unsynced,
                                faults.lies_about_sync, disk->has_no_append};
    for (int row = 0; row < ROWS(numbers); row += 1) {
        note(watch, "%s%llu", row == 0 ? " disk=" : ",", (unsigned long long)numbers[row]);
    }
    note(watch, "\n");
}

static void note_link(struct watch *watch, struct sim_net *net, sim_site from, sim_site to)
{
    const struct net_link *link = net_link(net, from, to);
    const struct sim_link_faults *faults = &link->faults;
    const uint64_t numbers[] = {
        faults->has_latency,
        faults->latency_ns.low,
        faults->latency_ns.high,
        faults->jitter_ns.low,
        faults->jitter_ns.high,
        faults->has_loss,
        faults->loss,
        faults->reset,
        faults->corrupt,
        faults->duplicate,
        faults->reorder,
        faults->late_ns,
        link->segment.is_coalesced,
        link->stalled_until_ns,
        link->segment.size_count,
        link->segment.sizes_bytes[0],
        link->segment.sizes_bytes[1],
        faults->bandwidth_bytes_per_s,
        sim_net_is_cut(net, from, to),
    };
    note(watch, "%u-%u", from, to);
    for (int row = 0; row < ROWS(numbers); row += 1) {
        note(watch, ",%llu", (unsigned long long)numbers[row]);
    }
    note(watch, "\n");
}

/* All that a fault can change, in words. */
static void look_at_faults(struct watch *watch, struct sim_world *world)
{
    struct sim_net *net = world->net;
    for (size_t index = 0; index < world->pod_count; index += 1) {
        note_pod(watch, world->pods[index]);
    }
    for (sim_site from = 0; from < sim_net_site_count(net); from += 1) {
        note(watch, "inbound %d\n", (int)net->sites[from].inbound);
        for (sim_site to = 0; to < sim_net_site_count(net); to += 1) {
            if (from != to) {
                note_link(watch, net, from, to);
            }
        }
    }
    const struct sim_pod *leader = sim_world_leader(world);
    note(watch, "leader %s handles %d reuse %d\n\n", leader == NULL ? "" : leader->id,
         net->is_handle_reused, world->run->is_address_reused);
}

static const struct sim_decision *sample_decision(struct sim_decision *decision,
                                                  enum sim_trouble kind, size_t variant)
{
    memset(decision, 0, sizeof *decision);
    decision->kind = kind;
    decision->variant = (uint32_t)variant;
    decision->is_applied = true;
    decision->at_ns = 5 * RP_NS_PER_S + 250 * RP_NS_PER_MS;
    if (sim_variant_at(kind, variant)->is_lasting) {
        decision->duration_ns = 4 * RP_NS_PER_S + 5 * RP_NS_PER_MS;
    }
    bool is_everywhere = kind == SIM_TROUBLE_HANDLES || kind == SIM_TROUBLE_STALE_DNS ||
                         (kind == SIM_TROUBLE_SNAPSHOT && variant == SIM_SNAPSHOT_TRUNCATE) ||
                         (kind == SIM_TROUBLE_LEADER && variant == SIM_LEADER_ELECTION) ||
                         (kind == SIM_TROUBLE_LINK && variant % 3 == 0);
    bool is_pair =
        (kind == SIM_TROUBLE_PARTITION && (variant == SIM_CUT_HALVES || variant >= SIM_CUT_PAIR)) ||
        (kind == SIM_TROUBLE_LINK && variant % 3 == 1) || kind == SIM_TROUBLE_SEGMENT;
    if (!is_everywhere) {
        ck_assert_int_eq(sim_decision_add_node(decision, rp_view_text("reader-1")), 0);
    }
    if (is_pair) {
        ck_assert_int_eq(sim_decision_add_node(decision, rp_view_text("writer-2")), 0);
    }
    if (kind == SIM_TROUBLE_PARTITION && variant == SIM_CUT_HALVES) {
        ck_assert_int_eq(sim_decision_add_node(decision, rp_view_text("reader-3")), 0);
        decision->left_count = 2;
    }
    decision->values[0] = kind == SIM_TROUBLE_CLOCK ? -7003 : 77;
    decision->values[1] = kind == SIM_TROUBLE_HOSTILE && variant % 2 == 0 ? -1 : 1234;
    decision->path =
        sim_variant_at(kind, variant)->has_path ? strdup("db/cpu/first.parquet") : NULL;
    return decision;
}

/* Every kind, every variant: what the nemesis does and what its line of Lua does are the same, in the
 * middle of it, and when it is over; and it is not what a run without it is like. */
START_TEST(lua_of_a_decision_brings_the_same_fault)
{
    static const uint64_t sample_s[] = {6, 8, 40};
    static const char *const words = "length=60 files=4";
    enum sim_trouble kind = (enum sim_trouble)_i;
    struct script_outcome outcome;
    struct watch *watches = calloc(3, sizeof *watches);
    ck_assert_ptr_nonnull(watches);
    for (size_t variant = 0; variant < sim_variant_count(kind); variant += 1) {
        struct sim_decision decision;
        (void)sample_decision(&decision, kind, variant);
        char *line = sim_decision_lua(&decision);
        ck_assert_ptr_nonnull(line);
        for (int way = 0; way < 3; way += 1) {
            watches[way] = (struct watch){.sample_s = sample_s,
                                          .sample_count = 3,
                                          .look = look_at_faults,
                                          .is_replay = true,
                                          .decisions = &decision,
                                          .decision_count = way == 0};
            run(words, way == 1 ? line : NULL, 1, &watches[way], &outcome);
            check_passes(&outcome, line);
            if (way == 0) {
                ck_assert_uint_eq(outcome.result->decision_count, 1);
                ck_assert_msg(outcome.result->decisions[0].is_applied, "%s", line);
            }
            script_outcome_clear(&outcome);
        }
        ck_assert_msg(strcmp(watches[0].text, watches[1].text) == 0, "%s:\n%s\n---\n%s", line,
                      watches[0].text, watches[1].text);
        bool is_seen = kind != SIM_TROUBLE_SNAPSHOT && kind != SIM_TROUBLE_LEADER &&
                       (kind != SIM_TROUBLE_STALE_DNS || variant == SIM_STALE_REUSE);
        ck_assert_msg(!is_seen || strcmp(watches[0].text, watches[2].text) != 0, "%s", line);
        free(line);
        sim_decision_clear(&decision);
    }
    free(watches);
}
END_TEST

/* Names and paths with quotes, line ends and bytes of no text stay what they are. */
START_TEST(lua_quotes_whatever_a_name_holds)
{
    struct sim_decision decision = {.kind = SIM_TROUBLE_REMOVE,
                                    .at_ns = 12 * RP_NS_PER_S + 34 * RP_NS_PER_MS};
    decision.path = strdup("a/\"\\\n\xff.parquet");
    ck_assert_int_eq(sim_decision_add_node(&decision, rp_view_text("reader-2")), 0);
    char *line = sim_decision_lua(&decision);
    ck_assert_str_eq(line, "c:at(12.034, function() local n = c:node(\"reader-2\") n:remove("
                           "\"a/\\034\\092\\010\\255.parquet\") c:sleep(\"0s\") n:scrub() end)");
    free(line);
    sim_decision_clear(&decision);
}
END_TEST

/* ---- Bounds ----------------------------------------------------------------------------------- */

static void look_at_down(struct watch *watch, struct sim_world *world)
{
    uint64_t down_count = 0;
    for (size_t index = 0; index < world->pod_count; index += 1) {
        const struct sim_pod *pod = world->pods[index];
        bool is_unborn = pod->life == 0 && pod->boot_event == 0;
        down_count += !pod->is_gone && !is_unborn && (pod->state != SIM_POD_UP || pod->is_frozen);
    }
    watch->value = watch->value < down_count ? down_count : watch->value;
}

static const struct {
    const char *name, *words;
    uint64_t bound;
} bounds[] = {
    {"one", "kinds=kill+stop+pause+rotate swarm=false every=300ms max_down=1", 1},
    {"two", "kinds=kill+stop+pause+rotate swarm=false every=300ms max_down=2", 2},
    {"none", "kinds=kill+stop+pause+rotate+link swarm=false max_down=0", 0},
};

/* docs/scenario-api.md: never more nodes down or frozen than asked for, and as many at some time. */
START_TEST(no_more_nodes_are_down_than_asked_for)
{
    uint64_t sample_s[60];
    for (uint64_t row = 0; row < 60; row += 1) {
        sample_s[row] = row + 1;
    }
    for (uint64_t seed = 1; seed <= 3; seed += 1) {
        struct watch watch = {.sample_s = sample_s, .sample_count = 60, .look = look_at_down};
        struct script_outcome outcome;
        run(bounds[_i].words, NULL, seed, &watch, &outcome);
        check_passes(&outcome, bounds[_i].name);
        ck_assert_uint_eq(watch.value, bounds[_i].bound);
        script_outcome_clear(&outcome);
    }
}
END_TEST

static void look_for_lost(struct watch *watch, struct sim_world *world)
{
    const struct sim_truth_file *files[512];
    size_t count = sim_truth_page(world->truth, 0, files, 512);
    for (size_t row = 0; row < count; row += 1) {
        watch->value += sim_recover_file(world, files[row]) != SIM_RECOVER_FILE_HELD;
    }
}

static uint64_t lost_count(const char *words, uint64_t seed)
{
    static const uint64_t sample_s[] = {95};
    struct watch watch = {.sample_s = sample_s, .sample_count = 1, .look = look_for_lost};
    struct script_outcome outcome;
    run(words, NULL, seed, &watch, &outcome);
    script_outcome_clear(&outcome);
    return watch.value;
}

/* What destroys, densely: each registered file has a copy left in the end; unless all is allowed. */
START_TEST(what_cannot_come_back_is_not_taken)
{
    static const char *const words =
        "kinds=remove+corrupt+rotate+disk+kill swarm=false every=200ms..1s recoverable=true "
        "writers=2 readers=1";
    static const char *const without =
        "kinds=remove+corrupt swarm=false every=200ms recoverable=false writers=1 readers=1";
    ck_assert_uint_eq(lost_count(words, (uint64_t)_i), 0);
    ck_assert_uint_gt(lost_count(without, (uint64_t)_i), 0);
}
END_TEST

/* ---- Vacuity, errors -------------------------------------------------------------------------- */

static const struct {
    const char *name, *words;
    bool is_vacuous;
} vacuities[] = {
    {"trouble and pulls", "", false},
    {"over before the first decision", "until_=1s", true},
    {"nothing that could be done", "kinds=kill max_down=0", true},
    {"nothing to replicate", "files=0", true},
    {"no nemesis", "asks=false", false},
};

START_TEST(run_that_was_spared_says_so)
{
    struct script_outcome outcome;
    run(vacuities[_i].words, NULL, 1, NULL, &outcome);
    check_passes(&outcome, vacuities[_i].name);
    ck_assert_msg(outcome.result->is_vacuous == vacuities[_i].is_vacuous, "%s", vacuities[_i].name);
    script_outcome_clear(&outcome);
}
END_TEST

static const struct {
    const char *line, *error;
} mistakes[] = {
    {"c:nemesis{ faults = { 'partitoin' } }", "kind 'partitoin' is unknown"},
    {"c:nemesis{ faults = {} }", "faults is a list of kinds"},
    {"c:nemesis{ faults = 'kill' }", "faults is a list of kinds"},
    {"c:nemesis{ fault = { 'kill' } }", "fault"},
    {"c:nemesis{ every = 0 }", "every: at least 1ms"},
    {"c:nemesis{ heal = '10us..1s' }", "heal: at least 1ms"},
    {"c:nemesis{ until_ = 0 }", "until_ is a time of the run"},
    {"c:nemesis{ max_down = -1 }", "max_down"},
    {"c:nemesis{ swarm = 1 }", "swarm"},
    {"c:nemesis(1)", "c:nemesis"},
};

/* The API page: whatever is wrong with the call is an error with its line. */
START_TEST(mistake_in_the_call_is_an_error_with_its_line)
{
    struct script_outcome outcome;
    run("", mistakes[_i].line, 1, NULL, &outcome);
    ck_assert_int_eq(outcome.end, SCRIPT_END_ERROR);
    ck_assert_msg(strstr(outcome.error, mistakes[_i].error) != NULL, "%s: %s", mistakes[_i].line,
                  outcome.error);
    ck_assert_msg(strstr(outcome.error, ":2:") != NULL, "%s: %s", mistakes[_i].line, outcome.error);
    script_outcome_clear(&outcome);
}
END_TEST

/* ---- As many nodes as a run may have ------------------------------------------------------------ */

/* All that there may be, so many of them gone before they ever ran. */
static void fill_up(struct watch *watch, struct sim_world *world)
{
    struct sim_pod *pod = NULL;
    (void)watch;
    for (unsigned number = 0; sim_world_node_count(world) < SIM_NODE_COUNT_MAX; number += 1) {
        char id[32];
        (void)snprintf(id, sizeof id, "gone-%u", number);
        struct sim_add_spec spec = {.role = "reader", .id = id};
        ck_assert_int_eq(sim_world_new_pod(world, &spec, &pod), 0);
        pod->is_gone = true;
    }
    struct sim_add_spec more = {.role = "reader"};
    ck_assert_int_eq(sim_world_new_pod(world, &more, &pod), RP_ERR_FULL);
}

static const uint64_t first_s[] = {1};

/* Under a new name a pod is one node more: there is none left, and nothing of it is done. */
START_TEST(trouble_keeps_to_the_nodes_that_a_run_may_have)
{
    struct watch watch = {.sample_s = first_s, .sample_count = 1, .look = fill_up};
    struct script_outcome outcome;
    uint64_t refused_count = 0, applied_count = 0;
    run("kinds=rotate every=2s until_=40s length=60 files=10", NULL, 1, &watch, &outcome);
    check_passes(&outcome, "rotations");
    for (size_t row = 0; row < outcome.result->decision_count; row += 1) {
        const struct sim_decision *decision = &outcome.result->decisions[row];
        bool is_new =
            decision->variant == SIM_ROTATE_NEW_KEEP || decision->variant == SIM_ROTATE_NEW_LOST;
        ck_assert(!is_new || !decision->is_applied);
        refused_count += is_new && decision->node_count > 0;
        applied_count += decision->is_applied;
    }
    ck_assert_uint_gt(refused_count, 0);
    ck_assert_uint_gt(applied_count, 0);
    script_outcome_clear(&outcome);
}
END_TEST

static const struct {
    const char *line, *error;
} full_rows[] = {
    {"c:sleep(2) c:rotate{ identity = 'new' }", "c:rotate: more than 2000 nodes"},
    {"c:sleep(2) c:node('reader-1'):replace()", "n:replace: the run has all its nodes"},
    {"c:sleep(2) c:add{ role = 'reader' }", "c:add: more than 2000 nodes"},
    {"c:go(function() c:rotate{ identity = 'new', start_delay = 0 } end)",
     "has no successor: the run has all its nodes"},
};

/* What a story asks for beyond that is an error; a rotation in the middle, a violation. */
START_TEST(calls_keep_to_the_nodes_that_a_run_may_have)
{
    struct watch watch = {.sample_s = first_s, .sample_count = 1, .look = fill_up};
    struct script_outcome outcome;
    run("files=0 length=120", full_rows[_i].line, 1, &watch, &outcome);
    const struct sim_result *result = outcome.result;
    const char *text = outcome.end == SCRIPT_END_ERROR ? outcome.error
                       : result->violation_count > 0   ? result->violations[0].detail
                                                       : "";
    ck_assert_msg(strstr(text, full_rows[_i].error) != NULL, "%s: %s", full_rows[_i].line, text);
    script_outcome_clear(&outcome);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim.nemesis");
    TCase *tc = tcase_create("nemesis");
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, each_kind_comes_about_and_is_survived, 0, ROWS(all_kinds));
    tcase_add_test(tc, swarm_is_a_part_of_what_was_asked_and_never_empty);
    tcase_add_test(tc, swarm_of_few_kinds_is_not_empty);
    tcase_add_loop_test(tc, replay_of_all_decisions_is_the_same_run, 1, 4);
    tcase_add_test(tc, decision_left_out_leaves_the_others);
    tcase_add_loop_test(tc, lua_of_a_decision_brings_the_same_fault, 0, SIM_TROUBLE_COUNT);
    tcase_add_test(tc, lua_quotes_whatever_a_name_holds);
    tcase_add_loop_test(tc, no_more_nodes_are_down_than_asked_for, 0, ROWS(bounds));
    tcase_add_loop_test(tc, what_cannot_come_back_is_not_taken, 1, 4);
    tcase_add_loop_test(tc, run_that_was_spared_says_so, 0, ROWS(vacuities));
    tcase_add_loop_test(tc, mistake_in_the_call_is_an_error_with_its_line, 0, ROWS(mistakes));
    tcase_add_test(tc, trouble_keeps_to_the_nodes_that_a_run_may_have);
    tcase_add_loop_test(tc, calls_keep_to_the_nodes_that_a_run_may_have, 0, ROWS(full_rows));
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed_count = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed_count == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
