/* Every call of the scenario API in one list. */
#include "sim/script_attacker.h"
#include "sim/script_story.h"

const struct script_method_table script_method_tables[] = {
    {"c", script_check_methods},
    {"c", script_cluster_methods},
    {"c", script_clusters_methods},
    {"c", script_compact_methods},
    {"c", script_consensus_methods},
    {"c", script_nemesis_methods},
    {"c", script_propose_methods},
    {"c", script_story_methods},
    {"n", script_node_methods},
    {"c.net", script_net_methods},
    {"c.rng", script_rng_methods},
    {"a", script_attacker_methods},
    {NULL, NULL},
};
