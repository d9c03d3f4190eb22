/* Nodes of two releases whose MACs differ refuse each other's every word (wire.md 8.1): who is cut
 * off from whom, for set-up, for what a run may ask of such nodes, and for the result. */
#include <stdlib.h>

#include "protocol/release.h"
#include "sim/world_internal.h"

static enum rp_mac_delimiter delimiter_of(enum rp_release release)
{
    return rp_release_traits(release)->mac_delimiter;
}

bool sim_world_can_talk(const struct sim_pod *left, const struct sim_pod *right)
{
    return delimiter_of(left->release) == delimiter_of(right->release);
}

bool sim_world_is_outside(struct sim_world *world, const struct sim_pod *pod)
{
    if (pod->node == NULL || pod->state != SIM_POD_UP) {
        return false;
    }
    if (pod->judgement == RP_CONFIG_STANDALONE) {
        return true;
    }
    if (!world->has_mixed_macs) {
        return false;
    }
    struct rp_consensus_status status = pod->ports.consensus.status(pod->ports.consensus.state);
    const struct sim_pod *leader = sim_world_leader(world);
    return !status.has_leader && leader != NULL && !sim_world_can_talk(pod, leader);
}

void sim_world_note_release(struct sim_world *world, const struct sim_pod *pod)
{
    world->has_mixed_macs = world->has_mixed_macs || !sim_world_can_talk(pod, world->pods[0]);
}

/* ---- Refusals ---------------------------------------------------------------------------------- */

/* Releases are part of it: a pod may come back as another. */
struct cut_off_key {
    uint64_t colon, nul; /* numbers of the pods */
    uint64_t colon_release, nul_release;
};

struct cut_off {
    struct cut_off_key key;
    uint64_t refused_count;
};

static struct cut_off *find_cut_off(struct sim_world *world, const struct cut_off_key *key)
{
    struct rp_view name = rp_view_make(key, sizeof *key);
    struct cut_off *pair = rp_table_get(&world->cut_offs, name);
    if (pair != NULL) {
        return pair;
    }
    pair = rp_allocate_zeroed(&world->alloc, sizeof *pair);
    RP_ASSERT(pair != NULL);
    pair->key = *key;
    int error =
        rp_table_put(&world->cut_offs, rp_view_make(&pair->key, sizeof pair->key), pair, NULL);
    RP_ASSERT(error == 0);
    return pair;
}

/* The id is what the refused request claims: attackers lie, so this explains and judges nothing. */
void sim_world_cut_off_see(struct sim_world *world, struct sim_pod *pod,
                           const struct rp_observation *observation)
{
    if (observation->kind != RP_SEE_REQUEST_REFUSED || observation->peer_id.length_bytes == 0 ||
        !world->has_mixed_macs) {
        return;
    }
    struct sim_pod *peer = sim_world_pod(world, observation->peer_id);
    if (peer == NULL || sim_world_can_talk(pod, peer)) {
        return;
    }
    bool is_colon = delimiter_of(pod->release) == RP_MAC_COLON;
    const struct sim_pod *colon = is_colon ? pod : peer, *nul = is_colon ? peer : pod;
    struct cut_off_key key = {colon->number, nul->number, (uint64_t)colon->release,
                              (uint64_t)nul->release};
    find_cut_off(world, &key)->refused_count += 1;
}

/* ---- The result --------------------------------------------------------------------------------- */

static int order_of_keys(const void *left_pointer, const void *right_pointer)
{
    const struct cut_off *left = *(struct cut_off *const *)left_pointer;
    const struct cut_off *right = *(struct cut_off *const *)right_pointer;
    const uint64_t lefts[] = {left->key.colon, left->key.nul, left->key.colon_release,
                              left->key.nul_release};
    const uint64_t rights[] = {right->key.colon, right->key.nul, right->key.colon_release,
                               right->key.nul_release};
    for (size_t row = 0; row < 4; row += 1) {
        if (lefts[row] != rights[row]) {
            return lefts[row] < rights[row] ? -1 : 1;
        }
    }
    return 0;
}

static void set_side(const struct sim_world *world, struct sim_cut_off_side *side, uint64_t number,
                     uint64_t release)
{
    const char *id = world->run->pods[number]->label;
    size_t size_bytes = strlen(id) + 1;
    side->node = malloc(size_bytes);
    RP_ASSERT(side->node != NULL);
    memcpy(side->node, id, size_bytes);
    side->release = rp_release_name((enum rp_release)release);
}

void sim_world_sum_up_cut_offs(struct sim_world *world)
{
    struct sim_result *result = &world->run->result;
    size_t count = rp_table_count(&world->cut_offs), cursor = 0, used = 0;
    struct cut_off **pairs = calloc(count + 1, sizeof(struct cut_off *));
    struct sim_cut_off *longer =
        realloc(result->cut_offs, (result->cut_off_count + count + 1) * sizeof *longer);
    RP_ASSERT(pairs != NULL && longer != NULL);
    result->cut_offs = longer;
    for (struct cut_off *pair; (pair = rp_table_next(&world->cut_offs, &cursor)) != NULL;) {
        pairs[used++] = pair;
    }
    qsort(pairs, used, sizeof(struct cut_off *), order_of_keys);
    for (size_t row = 0; row < used; row += 1) {
        struct sim_cut_off *told = &result->cut_offs[result->cut_off_count++];
        set_side(world, &told->colon, pairs[row]->key.colon, pairs[row]->key.colon_release);
        set_side(world, &told->nul, pairs[row]->key.nul, pairs[row]->key.nul_release);
        told->refused_count = pairs[row]->refused_count;
    }
    free(pairs);
}

void sim_world_free_cut_offs(struct sim_world *world)
{
    size_t cursor = 0;
    for (struct cut_off *pair; (pair = rp_table_next(&world->cut_offs, &cursor)) != NULL;) {
        rp_release(&world->alloc, pair);
    }
    rp_table_clear(&world->cut_offs);
}
