/* What could not come right, in words: for the result, and for the message of a wait in vain. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/recover.h"
#include "sim/world_internal.h"

/* Files told by name; more are counted. */
#define FILES_TOLD 50

static char *copy_text(const char *bytes, size_t length)
{
    char *copy = malloc(length + 1);
    RP_ASSERT(copy != NULL);
    memcpy(copy, bytes, length);
    copy[length] = '\0';
    return copy;
}

/* "": the scenario's own. */
static const char *cluster_of(const struct sim_world *world)
{
    return sim_world_is_first(world) ? "" : world->spec.cluster.name;
}

static bool is_noted(const struct sim_world *world, const char *what, struct rp_view path)
{
    const struct sim_result *result = &world->run->result;
    size_t row = 0;
    while (row < result->unrecoverable_count &&
           !(strcmp(result->unrecoverable[row].what, what) == 0 &&
             strcmp(result->unrecoverable[row].cluster, cluster_of(world)) == 0 &&
             rp_view_equal(rp_view_text(result->unrecoverable[row].path), path))) {
        row += 1;
    }
    return row < result->unrecoverable_count;
}

static void add_note(struct sim_world *world, const char *what, struct rp_view path,
                     const char *reason)
{
    struct sim_result *result = &world->run->result;
    size_t count = result->unrecoverable_count;
    struct sim_unrecoverable *grown =
        realloc(result->unrecoverable, (count + 1) * sizeof *result->unrecoverable);
    RP_ASSERT(grown != NULL);
    result->unrecoverable = grown;
    grown[count] = (struct sim_unrecoverable){
        .what = what,
        .cluster = copy_text(cluster_of(world), strlen(cluster_of(world))),
        .path = copy_text((const char *)path.bytes, path.length_bytes),
        .reason = copy_text(reason, strlen(reason)),
    };
    result->unrecoverable_count = count + 1;
}

/* ---- The log --------------------------------------------------------------------------------- */

bool sim_recover_leader_text(struct sim_world *world, char *text_out, size_t text_bytes)
{
    struct sim_recover_log log = sim_recover_log(world);
    switch (sim_recover_leader(world)) {
    case SIM_RECOVER_LEADER_POSSIBLE: text_out[0] = '\0'; return false;
    case SIM_RECOVER_LEADER_STOPPED:
        (void)snprintf(text_out, text_bytes,
                       "no leader is possible: of %zu voters %zu run, %zu are down, %zu lost "
                       "their log",
                       log.voter_count, log.up_count, log.down_count, log.lost_count);
        return true;
    case SIM_RECOVER_LEADER_LOST: break;
    }
    (void)snprintf(text_out, text_bytes,
                   "no leader is possible any more: %zu of %zu voters lost their log",
                   log.lost_count, log.voter_count);
    return true;
}

static void note_leader(struct sim_world *world)
{
    char text[160];
    struct rp_view nothing = rp_view_text("");
    if (sim_recover_leader_text(world, text, sizeof text) && !is_noted(world, "leader", nothing)) {
        add_note(world, "leader", nothing, text);
    }
}

/* ---- Files ----------------------------------------------------------------------------------- */

/* A file that nobody who is up holds is missing on each of them, so one list says all. */
static struct sim_pod *fewest_missing(const struct sim_world *world)
{
    struct sim_pod *fewest = NULL;
    for (size_t index = 0; index < world->pod_count; index += 1) {
        struct sim_pod *pod = world->pods[index];
        if (sim_pod_is_up(pod) && !pod->is_gone &&
            (fewest == NULL || pod->missing_count < fewest->missing_count)) {
            fewest = pod;
        }
    }
    return fewest;
}

static void list_holders(const struct sim_world *world, const struct sim_truth_file *file,
                         char *text_out, size_t text_bytes)
{
    size_t used = (size_t)snprintf(text_out, text_bytes,
                                   "intact only on disks of nodes that are "
                                   "down:");
    for (size_t index = 0; index < world->pod_count; index += 1) {
        const struct sim_pod *pod = world->pods[index];
        if (!pod->is_gone && used < text_bytes && sim_truth_holds(world->truth, pod, file)) {
            used += (size_t)snprintf(text_out + used, text_bytes - used, " %s", pod->label);
        }
    }
}

static void say_why(struct sim_world *world, const struct sim_truth_file *file,
                    enum sim_recover_file status, char *text_out, size_t text_bytes)
{
    if (status == SIM_RECOVER_FILE_DOWN) {
        list_holders(world, file, text_out, text_bytes);
    } else if (file->version == NULL) {
        (void)snprintf(text_out, text_bytes, "registered, but nobody ever made these bytes");
    } else {
        (void)snprintf(text_out, text_bytes, "no honest copy is left on any disk");
    }
}

static void note_file(struct sim_world *world, const struct sim_truth_file *file)
{
    char why[256];
    enum sim_recover_file status = sim_recover_file(world, file);
    if (status == SIM_RECOVER_FILE_HELD || is_noted(world, "file", file->path)) {
        return;
    }
    say_why(world, file, status, why, sizeof why);
    add_note(world, "file", file->path, why);
}

static void note_files(struct sim_world *world)
{
    struct sim_pod *pod = fewest_missing(world);
    if (pod == NULL || pod->missing_count == 0) {
        return;
    }
    const struct sim_truth_file *files[FILES_TOLD];
    size_t count = sim_truth_missing(world->truth, pod, files, FILES_TOLD);
    for (size_t row = 0; row < count; row += 1) {
        note_file(world, files[row]);
    }
    if (pod->missing_count > FILES_TOLD && count == FILES_TOLD &&
        !is_noted(world, "files", rp_view_text(""))) {
        char text[64];
        (void)snprintf(text, sizeof text, "and maybe some of %" PRIu64 " more",
                       pod->missing_count - FILES_TOLD);
        add_note(world, "files", rp_view_text(""), text);
    }
}

void sim_recover_note(struct sim_world *world)
{
    note_leader(world);
    note_files(world);
}

void sim_recover_notes_free(struct sim_result *result)
{
    for (size_t row = 0; row < result->unrecoverable_count; row += 1) {
        free(result->unrecoverable[row].cluster);
        free(result->unrecoverable[row].path);
        free(result->unrecoverable[row].reason);
    }
    free(result->unrecoverable);
}
