#include "sim/decision.h"

#include <stdlib.h>
#include <string.h>

#include "fault/hostile.h"
#include "protocol/error.h"

#define LENGTH(table) (sizeof(table) / sizeof(table)[0])

/* ---- Kinds ------------------------------------------------------------------------------------ */

static const struct {
    const char *name, *about;
} kinds[SIM_TROUBLE_COUNT] = {
#define KIND_ROW(kind, text, about) [kind] = {text, about},
    SIM_TROUBLE_TABLE(KIND_ROW)
#undef KIND_ROW
};

const char *sim_trouble_name(enum sim_trouble kind)
{
    return kinds[kind].name;
}

const char *sim_trouble_about(enum sim_trouble kind)
{
    return kinds[kind].about;
}

bool sim_trouble_parse(struct rp_view name, enum sim_trouble *kind_out)
{
    for (int kind = 0; kind < SIM_TROUBLE_COUNT; kind += 1) {
        if (rp_view_equal(name, rp_view_text(kinds[kind].name))) {
            *kind_out = (enum sim_trouble)kind;
            return true;
        }
    }
    return false;
}

/* ---- Variants: in the order of the enums of sim/decision.h ------------------------------------ */

static const struct sim_variant partitions[] = {
    {"halves", {NULL}, true, true, false},      {"isolate", {NULL}, true, true, false},
    {"one-way-out", {NULL}, true, true, false}, {"one-way-in", {NULL}, true, true, false},
    {"pair", {NULL}, false, true, false},       {"pair-one-way", {NULL}, false, true, false},
};
static const struct sim_variant kills[] = {
    {"pod", {NULL}, true, true, false},
    {"host", {NULL}, true, true, false},
};
static const struct sim_variant rotations[] = {
    {"stable-keep", {"grace_ms"}, true, true, false},
    {"stable-lost", {"grace_ms"}, true, true, false},
    {"new-keep", {"grace_ms"}, true, true, false},
    {"new-lost", {"grace_ms"}, true, true, false},
};
static const struct sim_variant pauses[] = {{"pause", {NULL}, true, true, false}};
static const struct sim_variant clocks[] = {
    {"skew", {"skew_ms"}, false, true, false},
    {"jump", {"jump_ms"}, false, true, false},
    {"drift", {"drift_ppm"}, false, true, false},
    {"skew-outside", {"skew_ms"}, true, true, false},
    {"jump-outside", {"jump_ms"}, true, true, false},
    {"drift-hard", {"drift_ppm"}, false, true, false},
};
static const struct sim_variant disks[] = {
    {"full", {NULL}, false, true, false},
    {"free", {"free_bytes"}, false, true, false},
    {"slow", {"slow_ms"}, false, true, false},
    {"stuck", {NULL}, false, true, false},
    {"read_error", {"per_1024"}, false, true, false},
    {"write_error", {"per_1024"}, false, true, false},
    {"short_write", {"per_1024"}, false, true, false},
    {"sync_error", {"per_1024"}, false, true, false},
    {"stat_error", {"per_1024"}, false, true, false},
    {"list_error", {"per_1024"}, false, true, false},
    {"torn", {"per_1024"}, false, true, false},
    {"lose_unsynced", {NULL}, false, true, false},
    {"lie_about_sync", {NULL}, false, true, false},
    {"no_append", {NULL}, false, true, false},
};
static const struct sim_variant damages[] = {
    {"flip", {NULL}, false, true, true},
    {"truncate", {NULL}, false, true, true},
    {"zero", {NULL}, false, true, true},
    {"swap", {NULL}, false, true, true},
};
#define HOSTILE_ROW(kind, text, about, explanation)                                                \
    {text, {"per_1024", "after_bytes"}, false, true, false},
static const struct sim_variant hostiles[] = {FAULT_HOSTILE_TABLE(HOSTILE_ROW)};
#undef HOSTILE_ROW
static const struct sim_variant links[] = {
    {"latency", {"latency_ms"}, false, true, false},
    {"jitter", {"jitter_ms"}, false, true, false},
    {"loss", {"per_1024"}, false, true, false},
    {"bandwidth", {"bytes_per_s"}, false, true, false},
    {"reset", {"per_1024"}, false, true, false},
    {"corrupt", {"per_1024"}, false, true, false},
    {"duplicate", {"per_1024"}, false, true, false},
    {"reorder", {"per_1024"}, false, true, false},
    {"stall", {NULL}, false, true, false},
};
static const struct sim_variant stops[] = {{"stop", {"grace_ms"}, true, true, false}};
static const struct sim_variant removals[] = {{"remove", {NULL}, false, true, true}};
static const struct sim_variant snapshots[] = {
    {"snapshot", {NULL}, false, false, false},
    {"truncate", {NULL}, false, false, false},
};
static const struct sim_variant leaders[] = {
    {"transfer", {NULL}, false, false, false},
    {"election", {NULL}, false, false, false},
};
static const struct sim_variant segments[] = {
    {"bytes", {NULL}, false, true, false},
    {"sizes", {"size_bytes", "next_bytes"}, false, true, false},
    {"coalesce", {NULL}, false, true, false},
};
static const struct sim_variant lates[] = {{"late", {"late_ms"}, false, true, false}};
static const struct sim_variant refusals[] = {
    {"refuse", {NULL}, false, true, false},
    {"blackhole", {NULL}, false, true, false},
};
static const struct sim_variant handles[] = {{"reuse", {NULL}, false, true, false}};
static const struct sim_variant stale_names[] = {
    {"stale", {NULL}, false, true, false},
    {"reuse", {NULL}, false, true, false},
};

static const struct {
    const struct sim_variant *rows;
    size_t count;
} variants[SIM_TROUBLE_COUNT] = {
#define VARIANTS(kind, table) [kind] = {table, LENGTH(table)}
    VARIANTS(SIM_TROUBLE_PARTITION, partitions), VARIANTS(SIM_TROUBLE_KILL, kills),
    VARIANTS(SIM_TROUBLE_ROTATE, rotations),     VARIANTS(SIM_TROUBLE_PAUSE, pauses),
    VARIANTS(SIM_TROUBLE_CLOCK, clocks),         VARIANTS(SIM_TROUBLE_DISK, disks),
    VARIANTS(SIM_TROUBLE_CORRUPT, damages),      VARIANTS(SIM_TROUBLE_HOSTILE, hostiles),
    VARIANTS(SIM_TROUBLE_LINK, links),           VARIANTS(SIM_TROUBLE_STOP, stops),
    VARIANTS(SIM_TROUBLE_REMOVE, removals),      VARIANTS(SIM_TROUBLE_SNAPSHOT, snapshots),
    VARIANTS(SIM_TROUBLE_LEADER, leaders),       VARIANTS(SIM_TROUBLE_SEGMENT, segments),
    VARIANTS(SIM_TROUBLE_LATE, lates),           VARIANTS(SIM_TROUBLE_REFUSE, refusals),
    VARIANTS(SIM_TROUBLE_HANDLES, handles),      VARIANTS(SIM_TROUBLE_STALE_DNS, stale_names),
#undef VARIANTS
};

size_t sim_variant_count(enum sim_trouble kind)
{
    return variants[kind].count;
}

const struct sim_variant *sim_variant_at(enum sim_trouble kind, size_t variant)
{
    return &variants[kind].rows[variant];
}

/* ---- Records ---------------------------------------------------------------------------------- */

static char *copy_text(const void *bytes, size_t length_bytes)
{
    char *copy = malloc(length_bytes + 1);
    if (copy != NULL) {
        memcpy(copy, bytes, length_bytes);
        copy[length_bytes] = '\0';
    }
    return copy;
}

int sim_decision_add_node(struct sim_decision *decision, struct rp_view node_id)
{
    char **grown = realloc(decision->nodes, (decision->node_count + 1) * sizeof *grown);
    if (grown == NULL) {
        return RP_ERR_NOMEM;
    }
    decision->nodes = grown;
    grown[decision->node_count] = copy_text(node_id.bytes, node_id.length_bytes);
    if (grown[decision->node_count] == NULL) {
        return RP_ERR_NOMEM;
    }
    decision->node_count += 1;
    return 0;
}

int sim_decision_copy(const struct sim_decision *source, struct sim_decision *target)
{
    *target = *source;
    target->nodes = NULL;
    target->node_count = 0;
    target->path = NULL;
    int error = 0;
    for (uint32_t row = 0; row < source->node_count && error == 0; row += 1) {
        error = sim_decision_add_node(target, rp_view_text(source->nodes[row]));
    }
    if (error == 0 && source->path != NULL) {
        target->path = copy_text(source->path, strlen(source->path));
        error = target->path == NULL ? RP_ERR_NOMEM : 0;
    }
    if (error != 0) {
        sim_decision_clear(target);
    }
    return error;
}

void sim_decision_clear(struct sim_decision *decision)
{
    for (uint32_t row = 0; row < decision->node_count; row += 1) {
        free(decision->nodes[row]);
    }
    free(decision->nodes);
    free(decision->path);
    memset(decision, 0, sizeof *decision);
}
