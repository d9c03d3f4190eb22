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
