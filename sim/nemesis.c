#include "sim/nemesis_internal.h"

#include <stdlib.h>

/* ---- What lasts ------------------------------------------------------------------------------- */

static bool names(const struct sim_decision *decision, const struct sim_pod *pod)
{
    for (uint32_t row = 0; row < decision->node_count; row += 1) {
        if (strcmp(decision->nodes[row], pod->id) == 0) {
            return true;
        }
    }
    return false;
}

/* A link of one end to all others is the link of any other to that one. */
static bool is_for_all(const struct sim_decision *decision)
{
    bool is_link = decision->kind == SIM_TROUBLE_LINK || decision->kind == SIM_TROUBLE_SEGMENT ||
                   decision->kind == SIM_TROUBLE_LATE;
    return decision->node_count == 0 || (is_link && decision->node_count == 1);
}

bool nemesis_is_troubled(const struct sim_world *world, enum sim_trouble kind,
                         const struct sim_pod *pod)
{
    for (const struct sim_nemesis *nemesis = world->nemeses; nemesis != NULL;
         nemesis = nemesis->next) {
        for (const struct nemesis_trouble *trouble = nemesis->troubles; trouble != NULL;
             trouble = trouble->next) {
            const struct sim_decision *decision = &trouble->decision;
            if (decision->kind == kind &&
                (pod == NULL || is_for_all(decision) || names(decision, pod))) {
                return true;
            }
        }
    }
    return false;
}

static void trouble_free(struct nemesis_trouble *trouble)
{
    sim_decision_clear(&trouble->decision);
    rp_release(&trouble->nemesis->world->alloc, trouble);
}

static void heal(void *context, uint64_t argument)
{
    struct nemesis_trouble *trouble = context;
    struct sim_nemesis *nemesis = trouble->nemesis;
    struct nemesis_trouble **link = &nemesis->troubles;
    (void)argument;
    while (*link != trouble) {
        link = &(*link)->next;
    }
    *link = trouble->next;
    nemesis_undo(nemesis->world, &trouble->decision);
    trouble_free(trouble);
}

static void last(struct sim_nemesis *nemesis, const struct sim_decision *decision)
{
    struct sim_world *world = nemesis->world;
    struct nemesis_trouble *trouble = rp_allocate_zeroed(&world->alloc, sizeof *trouble);
    RP_ASSERT(trouble != NULL);
    trouble->nemesis = nemesis;
    int error = sim_decision_copy(decision, &trouble->decision);
    RP_ASSERT(error == 0);
    struct nemesis_trouble **link = &nemesis->troubles;
    while (*link != NULL) {
        link = &(*link)->next;
    }
    *link = trouble;
    trouble->heal_event = sim_world_at(world, sim_world_now(world) + decision->duration_ns, heal,
                                       trouble, decision->index);
}

/* ---- Decisions -------------------------------------------------------------------------------- */

/* "partition/pair: reader-1, writer-1", as much of it as fits. */
static void mark_decision(struct sim_world *world, const struct sim_decision *decision)
{
    char text[256];
    int length = snprintf(text, sizeof text, "%s/%s", sim_trouble_name(decision->kind),
                          sim_variant_at(decision->kind, decision->variant)->name);
    for (uint32_t node = 0; node < decision->node_count; node += 1) {
        if (length >= 0 && (size_t)length < sizeof text) {
            length += snprintf(text + length, sizeof text - (size_t)length, "%s%s",
                               node == 0 ? ": " : ", ", decision->nodes[node]);
        }
    }
    sim_trace_mark(world->trace, sim_event_queue_now(world->queue),
                   decision->is_applied ? "decision" : "decision-void", rp_view_text(""),
                   rp_view_text(text));
}

/* Takes the decision into the result. */
static void record(struct sim_world *world, struct sim_decision *decision)
{
    struct sim_run *run = world->run;
    struct sim_result *result = &run->result;
    if (result->decision_count == run->decision_max) {
        run->decision_max = run->decision_max == 0 ? 32 : run->decision_max * 2;
        result->decisions =
            realloc(result->decisions, run->decision_max * sizeof *result->decisions);
        RP_ASSERT(result->decisions != NULL);
    }
    const uint64_t words[8] = {decision->index,
                               decision->kind,
                               decision->variant,
                               decision->is_applied,
                               decision->at_ns,
                               decision->duration_ns,
                               (uint64_t)decision->values[0],
                               (uint64_t)decision->values[1]};
    sim_trace_note_words(world->trace, "decision", words, 8);
    mark_decision(world, decision);
    result->decisions[result->decision_count++] = *decision;
    memset(decision, 0, sizeof *decision);
    if (run->watch.decided != NULL) {
        run->watch.decided(run->watch.context, world,
                           &result->decisions[result->decision_count - 1]);
    }
}

static void carry_out(struct sim_nemesis *nemesis, struct sim_decision *decision)
{
    struct sim_world *world = nemesis->world;
    const struct sim_variant *variant = sim_variant_at(decision->kind, decision->variant);
    decision->is_applied = decision->is_applied && nemesis_apply(world, decision);
    if (decision->is_applied && variant->is_lasting) {
        last(nemesis, decision);
    }
    nemesis->decision_count += 1;
    record(world, decision);
}

/* ---- Drawing ---------------------------------------------------------------------------------- */

static void tick(void *context, uint64_t argument);

static rp_time_ns whole_ms(rp_time_ns time_ns)
{
    return (time_ns + RP_NS_PER_MS - 1) / RP_NS_PER_MS * RP_NS_PER_MS;
}

static void wait_for_next(struct sim_nemesis *nemesis)
{
    struct sim_world *world = nemesis->world;
    rp_time_ns every_ns = sim_rng_range(&nemesis->rng, nemesis->spec.every_ns);
    rp_time_ns at_ns = whole_ms(sim_world_now(world) + every_ns);
    if (at_ns < nemesis->spec.until_ns && nemesis->decision_count < NEMESIS_DECISIONS_MAX) {
        nemesis->tick_event = sim_world_at(world, at_ns, tick, nemesis, nemesis->decision_count);
    }
}

static enum sim_trouble draw_kind(struct sim_nemesis *nemesis)
{
    uint64_t count = 0;
    for (int kind = 0; kind < SIM_TROUBLE_COUNT; kind += 1) {
        count += nemesis->kinds[kind];
    }
    uint64_t chosen = sim_rng_below(&nemesis->rng, count);
    int kind = 0;
    while (!nemesis->kinds[kind] || chosen > 0) {
        chosen -= nemesis->kinds[kind];
        kind += 1;
    }
    return (enum sim_trouble)kind;
}

/* Of a trouble that no duration has it is 0. */
static void draw_duration(struct sim_nemesis *nemesis, struct sim_decision *decision)
{
    rp_time_ns heal_ns = whole_ms(sim_rng_range(&nemesis->rng, nemesis->spec.heal_ns));
    rp_time_ns left_ns = nemesis->spec.until_ns - decision->at_ns;
    heal_ns = heal_ns < left_ns ? heal_ns : left_ns / RP_NS_PER_MS * RP_NS_PER_MS;
    if (sim_variant_at(decision->kind, decision->variant)->is_lasting) {
        decision->duration_ns = heal_ns;
    }
}

static void draw_decision(struct sim_nemesis *nemesis)
{
    struct sim_world *world = nemesis->world;
    struct sim_decision decision;
    for (int try = 0; try < NEMESIS_TRIES; try += 1) {
        memset(&decision, 0, sizeof decision);
        enum sim_trouble kind = draw_kind(nemesis);
        decision.kind = kind;
        decision.is_applied = nemesis_draw(nemesis, kind, &decision);
        if (decision.is_applied || try + 1 == NEMESIS_TRIES) {
            break;
        }
        sim_decision_clear(&decision);
    }
    decision.index = (uint32_t)world->run->result.decision_count;
    decision.source = nemesis->number;
    decision.at_ns = sim_world_now(world);
    draw_duration(nemesis, &decision);
    carry_out(nemesis, &decision);
}

static void tick(void *context, uint64_t argument)
{
    struct sim_nemesis *nemesis = context;
    (void)argument;
    nemesis->tick_event = 0;
    draw_decision(nemesis);
    wait_for_next(nemesis);
}

static void draw_swarm(struct sim_nemesis *nemesis)
{
    const bool *asked = nemesis->spec.kinds;
    size_t asked_count = 0, count = 0;
    for (int kind = 0; kind < SIM_TROUBLE_COUNT; kind += 1) {
        asked_count += asked[kind];
        nemesis->kinds[kind] =
            asked[kind] && (!nemesis->spec.is_swarm || sim_rng_below(&nemesis->rng, 2) == 1);
        count += nemesis->kinds[kind];
    }
    uint64_t chosen = sim_rng_below(&nemesis->rng, asked_count);
    for (int kind = 0; count == 0 && kind < SIM_TROUBLE_COUNT; kind += 1) {
        nemesis->kinds[kind] = asked[kind] && chosen == 0;
        count += nemesis->kinds[kind];
        chosen -= asked[kind] && chosen > 0;
    }
}

/* ---- Replay ----------------------------------------------------------------------------------- */

static void replay_tick(void *context, uint64_t argument);

static void wait_for_given(struct sim_nemesis *nemesis)
{
    struct sim_world *world = nemesis->world;
    size_t row = nemesis->replayed_next;
    while (row < world->run->replayed_count &&
           world->run->replayed[row].source != nemesis->number) {
        row += 1;
    }
    nemesis->replayed_next = row;
    if (row < world->run->replayed_count) {
        nemesis->tick_event = sim_world_at(world, world->run->replayed[row].at_ns, replay_tick,
                                           nemesis, nemesis->decision_count);
    }
}

static void replay_tick(void *context, uint64_t argument)
{
    struct sim_nemesis *nemesis = context;
    struct sim_world *world = nemesis->world;
    struct sim_decision decision;
    (void)argument;
    nemesis->tick_event = 0;
    int error = sim_decision_copy(&world->run->replayed[nemesis->replayed_next], &decision);
    RP_ASSERT(error == 0);
    carry_out(nemesis, &decision);
    nemesis->replayed_next += 1;
    wait_for_given(nemesis);
}

int sim_nemesis_replay(struct sim_world *world, const struct sim_decision *decisions, size_t count)
{
    struct sim_decision *copies = calloc(count + 1, sizeof *copies);
    int error = copies == NULL ? RP_ERR_NOMEM : 0;
    for (size_t row = 0; row < count && error == 0; row += 1) {
        error = sim_decision_copy(&decisions[row], &copies[row]);
    }
    for (size_t row = 0; copies != NULL && error != 0 && row < count; row += 1) {
        sim_decision_clear(&copies[row]);
    }
    if (error != 0) {
        free(copies);
        return error;
    }
    world->run->replayed = copies;
    world->run->replayed_count = count;
    return 0;
}

/* ---- Birth and end ---------------------------------------------------------------------------- */

void sim_nemesis_spec_init(struct sim_nemesis_spec *spec)
{
    memset(spec, 0, sizeof *spec);
    for (int kind = 0; kind < SIM_TROUBLE_COUNT; kind += 1) {
        spec->kinds[kind] = true;
    }
    spec->is_swarm = true;
    spec->every_ns = (struct sim_range){5 * RP_NS_PER_S, 30 * RP_NS_PER_S};
    spec->heal_ns = (struct sim_range){5 * RP_NS_PER_S, 20 * RP_NS_PER_S};
    spec->until_ns = RP_TIME_NEVER;
    spec->down_max = 1;
}

static bool is_usable(const struct sim_nemesis_spec *spec)
{
    bool has_kind = false;
    for (int kind = 0; kind < SIM_TROUBLE_COUNT; kind += 1) {
        has_kind = has_kind || spec->kinds[kind];
    }
    return has_kind && spec->every_ns.low >= RP_NS_PER_MS && spec->heal_ns.low >= RP_NS_PER_MS &&
           spec->every_ns.low <= spec->every_ns.high && spec->heal_ns.low <= spec->heal_ns.high;
}

int sim_nemesis_new(struct sim_world *world, const struct sim_nemesis_spec *spec)
{
    if (!is_usable(spec)) {
        return RP_ERR_INVALID;
    }
    struct sim_nemesis *nemesis = rp_allocate_zeroed(&world->alloc, sizeof *nemesis);
    if (nemesis == NULL) {
        return RP_ERR_NOMEM;
    }
    struct sim_nemesis **link = &world->nemeses;
    while (*link != NULL) {
        link = &(*link)->next;
    }
    *link = nemesis;
    nemesis->number = world->run->nemesis_count++;
    nemesis->world = world;
    nemesis->spec = *spec;
    sim_rng_init(&nemesis->rng, sim_world_seed(world), "nemesis", rp_view_text(""),
                 nemesis->number);
    if (world->run->replayed != NULL) {
        wait_for_given(nemesis);
    } else {
        draw_swarm(nemesis);
        wait_for_next(nemesis);
    }
    return 0;
}

static void end(struct sim_nemesis *nemesis)
{
    struct sim_world *world = nemesis->world;
    sim_world_cancel(world, nemesis->tick_event);
    nemesis->tick_event = 0;
    while (nemesis->troubles != NULL) {
        struct nemesis_trouble *trouble = nemesis->troubles;
        sim_world_cancel(world, trouble->heal_event);
        heal(trouble, 0);
    }
}

void sim_nemesis_end_all(struct sim_world *world)
{
    for (struct sim_nemesis *nemesis = world->nemeses; nemesis != NULL; nemesis = nemesis->next) {
        end(nemesis);
    }
}

void sim_nemesis_free_all(struct sim_world *world)
{
    while (world->nemeses != NULL) {
        struct sim_nemesis *nemesis = world->nemeses;
        world->nemeses = nemesis->next;
        while (nemesis->troubles != NULL) {
            struct nemesis_trouble *trouble = nemesis->troubles;
            nemesis->troubles = trouble->next;
            trouble_free(trouble);
        }
        rp_release(&world->alloc, nemesis);
    }
}

void sim_nemesis_count(const struct sim_decision *decisions, size_t count,
                       uint64_t counts_out[SIM_TROUBLE_COUNT])
{
    memset(counts_out, 0, SIM_TROUBLE_COUNT * sizeof *counts_out);
    for (size_t row = 0; row < count; row += 1) {
        counts_out[decisions[row].kind] += decisions[row].is_applied;
    }
}
