#include "sim/property.h"

#include "protocol/panic.h"

static const struct {
    const char *name;
    const char *about;
} texts[SIM_PROPERTY_COUNT] = {
#define SIM_PROPERTY_TEXT(id, name, about) [id] = {name, about},
    SIM_PROPERTY_TABLE(SIM_PROPERTY_TEXT)
#undef SIM_PROPERTY_TEXT
};

const char *sim_property_name(enum sim_property property)
{
    RP_ASSERT((unsigned)property < SIM_PROPERTY_COUNT);
    return texts[property].name;
}

const char *sim_property_about(enum sim_property property)
{
    RP_ASSERT((unsigned)property < SIM_PROPERTY_COUNT);
    return texts[property].about;
}

bool sim_property_parse(struct rp_view name, enum sim_property *property_out)
{
    for (int row = 0; row < SIM_PROPERTY_COUNT; row += 1) {
        if (rp_view_equal(name, rp_view_text(texts[row].name))) {
            *property_out = (enum sim_property)row;
            return true;
        }
    }
    return false;
}

const char *sim_property_judged(enum sim_property property)
{
    switch (property) {
    case SIM_PROP_SAME_SEED_SAME_TRACE:
        return "Judged by two runs: replisim run --check-determinism, and the test "
               "determinism.builds.";
    case SIM_PROP_MEMORY_SAFE:
        return "Checked in every run, unasked; memory itself by builds with sanitizers.";
    case SIM_PROP_LIVENESS:
    case SIM_PROP_SCENARIO_CHECK: return "Judged by the scenario's own waits and checks.";
    default: return "Checked in every run, unasked.";
    }
}

static const struct sim_sweep_property SWEEP[] = {
    {"reach-floors",
     "a sweep has judged by every checker, and brought about every fault, state and ack code",
     "Judged over a sweep: the counts under `reach` of its results are added up and compared with "
     "their floors."},
    {"checkers-bite", "every checker is needed: without it a defect would go unseen",
     "Judged over a sweep of mutants: each checker kills one at least, which survives where it is "
     "off (replisim run --without)."},
    {"quiet-without-mutants", "no checker speaks where nothing is wrong",
     "Judged over a sweep without mutants: what it finds is expected, or an exception that names "
     "property, release and paragraph."},
};

size_t sim_sweep_property_count(void)
{
    return sizeof SWEEP / sizeof SWEEP[0];
}

const struct sim_sweep_property *sim_sweep_property_at(size_t index)
{
    RP_ASSERT(index < sizeof SWEEP / sizeof SWEEP[0]);
    return &SWEEP[index];
}
