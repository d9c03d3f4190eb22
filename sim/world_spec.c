#include <stdlib.h>

#include "protocol/error.h"
#include "sim/alloc.h"
#include "sim/world_internal.h"

/* The defaults of a world, and copies of what a scenario declared. */

#define GIB (UINT64_C(1) << 30)

static char *copy_text(const char *text)
{
    if (text == NULL) {
        return NULL;
    }
    size_t size = strlen(text) + 1;
    char *copy = malloc(size);
    return copy == NULL ? NULL : memcpy(copy, text, size);
}

/* A simulated cluster replicates unless the scenario says otherwise. */
static int init_config(struct rp_config *config)
{
    static const struct {
        const char *key;
        const char *value;
    } SETTINGS[] = {
        {"enabled", "true"},
        {"replication_enabled", "true"},
        {"shared_secret", "the secret of the simulated cluster"},
    };
    int error = rp_config_init(config, sim_libc_alloc());
    for (size_t row = 0; error == 0 && row < sizeof SETTINGS / sizeof SETTINGS[0]; row += 1) {
        char note[160];
        error = rp_config_set_text(config, rp_view_text(SETTINGS[row].key),
                                   rp_view_text(SETTINGS[row].value), note);
    }
    return error;
}

int sim_world_spec_init(struct sim_world_spec *spec)
{
    memset(spec, 0, sizeof *spec);
    spec->seed = 1;
    spec->cluster.name = copy_text("prod");
    spec->cluster.writer_count = 1;
    spec->cluster.reader_count = 3;
    spec->cluster.voter_max = 5;
    spec->cluster.consensus_delay_ns = (struct sim_range){5 * RP_NS_PER_MS, 50 * RP_NS_PER_MS};
    spec->cluster.release = RP_RELEASE_CURRENT;
    spec->cluster.has_clustering_license = true;
    spec->network.latency_ns = (struct sim_range){200 * RP_NS_PER_US, 2 * RP_NS_PER_MS};
    spec->network.bandwidth_bytes_per_s = UINT64_C(1250000000);
    spec->storage.read_bytes_per_s = 2 * GIB;
    spec->storage.write_bytes_per_s = GIB;
    spec->storage.latency_ns = (struct sim_range){50 * RP_NS_PER_US, 200 * RP_NS_PER_US};
    spec->storage.capacity_bytes = 1024 * GIB;
    spec->limit_ns = 30 * 60 * RP_NS_PER_S;
    return spec->cluster.name == NULL ? RP_ERR_NOMEM : init_config(&spec->cluster.config);
}

static void clear_exception(struct sim_node_spec *exception)
{
    free(exception->id);
    free(exception->zone);
    if (exception->config != NULL) {
        rp_config_clear(exception->config);
        free(exception->config);
    }
}

void sim_world_spec_clear(struct sim_world_spec *spec)
{
    for (size_t row = 0; row < spec->cluster.exception_count; row += 1) {
        clear_exception(&spec->cluster.exceptions[row]);
    }
    free(spec->cluster.exceptions);
    free(spec->cluster.name);
    free(spec->cluster.leader);
    rp_config_clear(&spec->cluster.config);
    memset(spec, 0, sizeof *spec);
}

static int copy_exception(const struct sim_node_spec *source, struct sim_node_spec *target)
{
    *target = *source;
    target->config = NULL;
    target->id = copy_text(source->id);
    target->zone = copy_text(source->zone);
    if (source->config == NULL) {
        return 0;
    }
    target->config = calloc(1, sizeof *target->config);
    return target->config == NULL ? RP_ERR_NOMEM : rp_config_copy(source->config, target->config);
}

int sim_world_spec_copy(const struct sim_world_spec *source, struct sim_world_spec *target)
{
    *target = *source;
    target->cluster.name = copy_text(source->cluster.name);
    target->cluster.leader = copy_text(source->cluster.leader);
    target->cluster.exceptions = NULL;
    target->cluster.exception_count = 0;
    int error = rp_config_copy(&source->cluster.config, &target->cluster.config);
    if (source->cluster.exception_count != 0 && error == 0) {
        target->cluster.exceptions =
            calloc(source->cluster.exception_count, sizeof *target->cluster.exceptions);
        error = target->cluster.exceptions == NULL ? RP_ERR_NOMEM : 0;
    }
    for (size_t row = 0; error == 0 && row < source->cluster.exception_count; row += 1) {
        error = copy_exception(&source->cluster.exceptions[row], &target->cluster.exceptions[row]);
        target->cluster.exception_count += 1;
    }
    return error;
}
