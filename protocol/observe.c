#include "protocol/observe.h"

const char *rp_observation_name(enum rp_observation_kind kind)
{
    static const char *const NAMES[] = {
#define RP_OBSERVATION_TEXT(name, text) [name] = text,
        RP_OBSERVATION_TABLE(RP_OBSERVATION_TEXT)
#undef RP_OBSERVATION_TEXT
    };
    return (unsigned)kind < RP_OBSERVATION_KIND_COUNT ? NAMES[kind] : "unknown";
}
