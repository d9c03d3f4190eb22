#include "protocol/manifest_state.h"

#include "protocol/digest.h"
#include "protocol/error.h"
#include "protocol/json.h"
#include "protocol/limits.h"
#include "protocol/panic.h"
#include "protocol/path.h"

/* ---- States ---------------------------------------------------------------------------------- */

int rp_state_new(const struct rp_alloc *alloc, struct rp_state **state_out)
{
    struct rp_state *state = rp_allocate_zeroed(alloc, sizeof *state);
    if (state == NULL) {
        return RP_ERR_NOMEM;
    }
    state->reference_count = 1;
    state->alloc = alloc;
    *state_out = state;
    return 0;
}

struct rp_state *rp_state_retain(struct rp_state *state)
{
    state->reference_count += 1;
    return state;
}

struct rp_tree rp_state_tree(const struct rp_state *state, enum rp_tree_order order)
{
    struct rp_tree tree = {state->alloc, order};
    return tree;
}

void rp_state_release(struct rp_state *state)
{
    if (state == NULL) {
        return;
    }
    RP_ASSERT(state->reference_count > 0);
    state->reference_count -= 1;
    if (state->reference_count > 0) {
        return;
    }
    struct rp_tree tree = rp_state_tree(state, RP_TREE_BY_PATH);
    rp_tree_release(&tree, state->files);
    rp_tree_release(&tree, state->by_database);
    rp_tree_release(&tree, state->deleted);
    rp_tree_release(&tree, state->deleted_by_age);
    rp_node_table_release(state->alloc, state->nodes);
    rp_release(state->alloc, state);
}

static int copy_state(const struct rp_state *source, struct rp_state **copy_out)
{
    int error = rp_state_new(source->alloc, copy_out);
    if (error == 0) {
        (*copy_out)->files = rp_tree_retain(source->files);
        (*copy_out)->by_database = rp_tree_retain(source->by_database);
        (*copy_out)->deleted = rp_tree_retain(source->deleted);
        (*copy_out)->deleted_by_age = rp_tree_retain(source->deleted_by_age);
        (*copy_out)->nodes = rp_node_table_retain(source->nodes);
    }
    return error;
}

struct rp_digest rp_state_digest(const struct rp_state *state)
{
    struct rp_digest digest = rp_tree_digest(state->files);
    if (state->nodes != NULL) {
        digest.low += state->nodes->digest.low;
        digest.high += state->nodes->digest.high;
    }
    return digest;
}

static bool same_roles(const struct rp_node_table *left, const struct rp_node_table *right)
{
    return rp_view_equal(rp_node_table_primary_writer(left), rp_node_table_primary_writer(right)) &&
           rp_view_equal(rp_node_table_active_compactor(left),
                         rp_node_table_active_compactor(right));
}

bool rp_state_equal(const struct rp_state *left, const struct rp_state *right)
{
    size_t count = left->nodes == NULL ? 0 : left->nodes->count;
    if (count != (right->nodes == NULL ? 0 : right->nodes->count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!rp_node_record_equal(left->nodes->records[i], right->nodes->records[i])) {
            return false;
        }
    }
    if (count > 0 && !same_roles(left->nodes, right->nodes)) {
        return false;
    }
    return rp_tree_equal(left->files, right->files) && rp_tree_equal(left->deleted, right->deleted);
}

const struct rp_node_record *rp_state_node(const struct rp_state *state, struct rp_view id)
{
    return rp_node_table_find(state->nodes, id);
}

/* ---- Changes of a state that nobody else holds ----------------------------------------------- */

static struct rp_tree_key key_of(const struct rp_file_entry *entry)
{
    struct rp_tree_key key = {entry->database, entry->path, entry->lsn};
    return key;
}

/* The same entries by path and in another order. */
struct pair {
    const struct rp_alloc *alloc;
    enum rp_tree_order order;            /* of the second */
    const struct rp_tree_node **by_path; /* in the state */
    const struct rp_tree_node **in_order;
};

static struct pair files_of(struct rp_state *state)
{
    struct pair pair = {state->alloc, RP_TREE_BY_DATABASE, &state->files, &state->by_database};
    return pair;
}

static struct pair deleted_of(struct rp_state *state)
{
    struct pair pair = {state->alloc, RP_TREE_BY_AGE, &state->deleted, &state->deleted_by_age};
    return pair;
}

static void set_roots(const struct pair *pair, const struct rp_tree_node *by_path,
                      const struct rp_tree_node *in_order)
{
    struct rp_tree tree = {pair->alloc, RP_TREE_BY_PATH};
    rp_tree_release(&tree, *pair->by_path);
    rp_tree_release(&tree, *pair->in_order);
    *pair->by_path = by_path;
    *pair->in_order = in_order;
}

/* The second tree without `before` (NULL: nothing) and with `entry` (likewise). */
static int reindex(const struct pair *pair, const struct rp_file_entry *before,
                   const struct rp_file_entry *entry, const struct rp_tree_node **index_out)
{
    struct rp_tree tree = {pair->alloc, pair->order};
    const struct rp_tree_node *index = rp_tree_retain(*pair->in_order);
    const struct rp_file_entry *ignored;
    if (before != NULL) {
        const struct rp_tree_node *without;
        int error = rp_tree_remove(&tree, index, key_of(before), &without, &ignored);
        rp_tree_release(&tree, index);
        if (error != 0) {
            return error;
        }
        index = without;
    }
    if (entry != NULL) {
        const struct rp_tree_node *with;
        int error = rp_tree_put(&tree, index, entry, &with, &ignored);
        rp_tree_release(&tree, index);
        if (error != 0) {
            return error;
        }
        index = with;
    }
    *index_out = index;
    return 0;
}

static int pair_put(const struct pair *pair, const struct rp_file_entry *entry,
                    const struct rp_file_entry **before_out)
{
    struct rp_tree tree = {pair->alloc, RP_TREE_BY_PATH};
    const struct rp_tree_node *by_path;
    const struct rp_tree_node *in_order;
    const struct rp_file_entry *before;
    int error = rp_tree_put(&tree, *pair->by_path, entry, &by_path, &before);
    if (error != 0) {
        return error;
    }
    error = reindex(pair, before, entry, &in_order);
    if (error != 0) {
        rp_tree_release(&tree, by_path);
        return error;
    }
    *before_out = rp_file_entry_retain(before);
    set_roots(pair, by_path, in_order);
    return 0;
}

static int pair_remove(const struct pair *pair, struct rp_view path,
                       const struct rp_file_entry **before_out)
{
    struct rp_tree tree = {pair->alloc, RP_TREE_BY_PATH};
    struct rp_tree_key key = {rp_view_make(NULL, 0), path, 0};
    const struct rp_tree_node *by_path;
    const struct rp_tree_node *in_order;
    const struct rp_file_entry *before;
    int error = rp_tree_remove(&tree, *pair->by_path, key, &by_path, &before);
    if (error != 0) {
        return error;
    }
    error = reindex(pair, before, NULL, &in_order);
    if (error != 0) {
        rp_tree_release(&tree, by_path);
        return error;
    }
    *before_out = rp_file_entry_retain(before);
    set_roots(pair, by_path, in_order);
    return 0;
}

/* ---- Deletions ------------------------------------------------------------------------------- */

static int forget_deletion(struct rp_state *state, struct rp_view path)
{
    struct pair pair = deleted_of(state);
    const struct rp_file_entry *before = NULL;
    if (rp_tree_count(state->deleted) == 0) {
        return 0;
    }
    int error = pair_remove(&pair, path, &before);
    rp_file_entry_release(before);
    return error;
}

static int forget_oldest(struct rp_state *state)
{
    while (rp_tree_count(state->deleted) > RP_DELETION_MEMORY_MAX) {
        struct rp_tree_walk walk;
        rp_tree_walk_first(&walk, state->deleted_by_age);
        const struct rp_file_entry *oldest = rp_file_entry_retain(rp_tree_walk_next(&walk));
        int error = forget_deletion(state, oldest->path);
        rp_file_entry_release(oldest);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

int rp_state_remember(struct rp_state *state, const struct rp_traits *traits, struct rp_view path,
                      uint64_t index)
{
    if (traits->deletion_memory == RP_DELETIONS_FORGOTTEN) {
        return 0;
    }
    struct pair pair = deleted_of(state);
    struct rp_file_record record = {.path = path};
    const struct rp_file_entry *deletion;
    const struct rp_file_entry *before = NULL;
    int error = rp_file_entry_new(state->alloc, &record, index, &deletion);
    if (error != 0) {
        return error;
    }
    error = pair_put(&pair, deletion, &before);
    rp_file_entry_release(before);
    rp_file_entry_release(deletion);
    return error == 0 ? forget_oldest(state) : error;
}

/* ---- Files and nodes ------------------------------------------------------------------------- */

int rp_state_put_file(struct rp_state *state, const struct rp_file_entry *entry,
                      const struct rp_file_entry **before_out)
{
    struct pair pair = files_of(state);
    int error = forget_deletion(state, entry->path);
    return error == 0 ? pair_put(&pair, entry, before_out) : error;
}

static int set_table(struct rp_state *state, struct rp_node_table *table)
{
    rp_node_table_release(state->alloc, state->nodes);
    state->nodes = table;
    return 0;
}

int rp_state_set_roles(struct rp_state *state, struct rp_view primary_writer,
                       struct rp_view active_compactor)
{
    struct rp_node_table *table;
    int error = rp_node_table_with_roles(state->alloc, state->nodes, primary_writer,
                                         active_compactor, &table);
    return error == 0 ? set_table(state, table) : error;
}

static int replace_node(struct rp_state *state, struct rp_view id,
                        const struct rp_node_record *record,
                        const struct rp_node_record **before_out)
{
    struct rp_node_table *table;
    const struct rp_node_record *before = rp_node_record_retain(rp_state_node(state, id));
    int error = rp_node_table_replace(state->alloc, state->nodes, id, record, &table);
    if (error != 0) {
        rp_node_record_release(before);
        return error;
    }
    *before_out = before;
    return set_table(state, table);
}

int rp_state_put_node(struct rp_state *state, const struct rp_node_record *record,
                      const struct rp_node_record **before_out)
{
    return replace_node(state, record->id, record, before_out);
}

/* ---- Admission ------------------------------------------------------------------------------- */

static bool is_hash(struct rp_view text)
{
    if (text.length_bytes != RP_SHA256_HEX) {
        return false;
    }
    for (size_t i = 0; i < text.length_bytes; i++) {
        uint8_t c = text.bytes[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
            return false;
        }
    }
    return true;
}

static bool is_zero_time(struct rp_wall_time time)
{
    return time.unix_s == RP_TIME_ZERO_UNIX_S && time.nsec == 0;
}

static bool admits(const struct rp_traits *traits, const struct rp_file_entry *entry,
                   bool is_restored)
{
    bool is_strict = traits->admission == RP_ADMIT_STRICT;
    if (rp_path_admit(traits, entry->path) != RP_PATH_OK) {
        return false;
    }
    if ((is_strict || !is_restored) && is_zero_time(entry->created_at)) {
        return false;
    }
    return !is_strict || (is_hash(entry->sha256) && entry->size_bytes >= 0);
}

bool rp_state_admits(const struct rp_traits *traits, const struct rp_file_entry *entry)
{
    return admits(traits, entry, false);
}

bool rp_state_admits_restored(const struct rp_traits *traits, const struct rp_file_entry *entry)
{
    return admits(traits, entry, true);
}

/* ---- Effects --------------------------------------------------------------------------------- */

static int effects_new(const struct rp_alloc *alloc, const struct rp_command *command,
                       size_t count_max, struct rp_effects **effects_out)
{
    struct rp_effects *effects =
        rp_allocate_zeroed(alloc, sizeof *effects + count_max * sizeof effects->items[0]);
    if (effects == NULL) {
        return RP_ERR_NOMEM;
    }
    effects->reference_count = 1;
    effects->alloc = alloc;
    effects->command = rp_command_retain(command);
    *effects_out = effects;
    return 0;
}

struct rp_effects *rp_effects_retain(struct rp_effects *effects)
{
    if (effects != NULL) {
        effects->reference_count += 1;
    }
    return effects;
}

void rp_effects_release(struct rp_effects *effects)
{
    if (effects == NULL) {
        return;
    }
    RP_ASSERT(effects->reference_count > 0);
    effects->reference_count -= 1;
    if (effects->reference_count > 0) {
        return;
    }
    for (size_t i = 0; i < effects->count; i++) {
        rp_file_entry_release(effects->items[i].file);
        rp_file_entry_release(effects->items[i].file_before);
        rp_node_record_release(effects->items[i].node);
        rp_node_record_release(effects->items[i].node_before);
    }
    rp_command_release(effects->command);
    rp_release(effects->alloc, effects);
}

static struct rp_effect *add_effect(struct rp_effects *effects, enum rp_effect_kind kind)
{
    struct rp_effect *effect = &effects->items[effects->count];
    effect->kind = kind;
    effects->count += 1;
    return effect;
}

/* ---- Commands -------------------------------------------------------------------------------- */

struct change {
    struct rp_state *next;
    struct rp_effects *effects;
    const struct rp_traits *traits;
    uint64_t index;
    bool has_new_roles; /* which no callback tells of */
};

/* fd4a73a: the whole batch is judged before anything of it is applied. */
static int precheck_files(const struct rp_command *command, const struct rp_traits *traits)
{
    for (size_t i = 0; i < command->operation_count; i++) {
        const struct rp_command_operation *operation = &command->operations[i];
        bool is_fine = operation->entry == NULL ? operation->path.length_bytes > 0
                                                : rp_state_admits(traits, operation->entry);
        if (!is_fine) {
            return RP_ERR_INVALID;
        }
    }
    return 0;
}

static int apply_register(struct change *change, const struct rp_file_entry *entry)
{
    const struct rp_file_entry *before;
    int error = rp_state_put_file(change->next, entry, &before);
    if (error == 0) {
        struct rp_effect *effect = add_effect(change->effects, RP_EFFECT_FILE_REGISTERED);
        effect->file = rp_file_entry_retain(entry);
        effect->file_before = before;
    }
    return error;
}

/* An absent path is a success without effect. */
static int apply_delete(struct change *change, const struct rp_command_operation *operation)
{
    struct pair pair = files_of(change->next);
    const struct rp_file_entry *before = NULL;
    int error = pair_remove(&pair, operation->path, &before);
    if (error == 0 && before != NULL) {
        error = rp_state_remember(change->next, change->traits, operation->path, change->index);
    }
    if (error != 0) {
        rp_file_entry_release(before);
        return error;
    }
    if (before != NULL) {
        struct rp_effect *effect = add_effect(change->effects, RP_EFFECT_FILE_DELETED);
        effect->file_before = before;
        effect->reason = operation->reason;
    }
    return error;
}

static int apply_files(struct change *change, const struct rp_command *command)
{
    int error = precheck_files(command, change->traits);
    for (size_t i = 0; error == 0 && i < command->operation_count; i++) {
        const struct rp_command_operation *operation = &command->operations[i];
        error = operation->entry != NULL ? apply_register(change, operation->entry)
                                         : apply_delete(change, operation);
    }
    return error;
}

static int set_node(struct change *change, const struct rp_node_record *record)
{
    const struct rp_node_record *before;
    int error = rp_state_put_node(change->next, record, &before);
    if (error == 0) {
        struct rp_effect *effect = add_effect(change->effects, RP_EFFECT_NODE_CHANGED);
        effect->node = rp_node_record_retain(record);
        effect->node_before = before;
    }
    return error;
}

/* A raft id keeps the index at which it was first recorded for its node: its order of birth. */
static int apply_node(struct change *change, const struct rp_node_record *record)
{
    if (record->id.length_bytes == 0) {
        return RP_ERR_INVALID;
    }
    const struct rp_node_record *before = rp_state_node(change->next, record->id);
    if (before == NULL || before->raft_id == 0 || before->raft_id != record->raft_id) {
        return set_node(change, record);
    }
    struct rp_node_record kept = *record;
    kept.born_index = before->born_index;
    const struct rp_node_record *copy;
    int error = rp_node_record_new(change->next->alloc, &kept, &copy);
    if (error == 0) {
        error = set_node(change, copy);
        rp_node_record_release(copy);
    }
    return error;
}

static int apply_remove_node(struct change *change, struct rp_view id)
{
    const struct rp_node_record *before;
    if (rp_state_node(change->next, id) == NULL) {
        return 0;
    }
    int error = replace_node(change->next, id, NULL, &before);
    if (error == 0) {
        add_effect(change->effects, RP_EFFECT_NODE_REMOVED)->node_before = before;
    }
    return error;
}

/* The record of `id` with another state or another part among the writers. */
static int alter_node(struct change *change, struct rp_view id, const struct rp_view *state,
                      const struct rp_view *writer_state)
{
    const struct rp_node_record *before = rp_state_node(change->next, id);
    if (before == NULL) {
        return RP_ERR_NOT_FOUND;
    }
    struct rp_node_record altered = *before;
    altered.state = state != NULL ? *state : before->state;
    altered.writer_state = writer_state != NULL ? *writer_state : before->writer_state;
    const struct rp_node_record *copy;
    int error = rp_node_record_new(change->next->alloc, &altered, &copy);
    if (error == 0) {
        error = set_node(change, copy);
        rp_node_record_release(copy);
    }
    return error;
}

static struct rp_view primary_id(const struct rp_state *state)
{
    return rp_node_table_primary_writer(state->nodes);
}

static struct rp_view compactor_id(const struct rp_state *state)
{
    return rp_node_table_active_compactor(state->nodes);
}

static int apply_promote(struct change *change, const struct rp_command *command)
{
    struct rp_view primary = rp_view_text("primary");
    struct rp_view standby = rp_view_text("standby");
    int error = alter_node(change, command->node_id, NULL, &primary);
    bool has_other = command->other_id.length_bytes > 0 &&
                     !rp_view_equal(command->other_id, command->node_id) &&
                     rp_state_node(change->next, command->other_id) != NULL;
    if (error == 0 && has_other) {
        error = alter_node(change, command->other_id, NULL, &standby);
    }
    return error != 0
               ? error
               : rp_state_set_roles(change->next, command->node_id, compactor_id(change->next));
}

static int apply_demote(struct change *change, struct rp_view id)
{
    struct rp_view standby = rp_view_text("standby");
    int error = alter_node(change, id, NULL, &standby);
    if (error == 0 && rp_view_equal(primary_id(change->next), id)) {
        error = rp_state_set_roles(change->next, rp_view_make(NULL, 0), compactor_id(change->next));
    }
    return error;
}

/* An empty id leaves the role empty. */
static int apply_assign(struct change *change, struct rp_view id)
{
    if (id.length_bytes > 0 && rp_state_node(change->next, id) == NULL) {
        return RP_ERR_NOT_FOUND;
    }
    change->has_new_roles = true;
    return rp_state_set_roles(change->next, primary_id(change->next), id);
}

static int apply_by_type(struct change *change, const struct rp_command *command)
{
    switch (command->type) {
    case RP_CMD_ADD_NODE:
    case RP_CMD_UPDATE_NODE: return apply_node(change, command->node);
    case RP_CMD_REMOVE_NODE: return apply_remove_node(change, command->node_id);
    case RP_CMD_UPDATE_NODE_STATE:
        return alter_node(change, command->node_id, &command->new_state, NULL);
    case RP_CMD_PROMOTE_WRITER: return apply_promote(change, command);
    case RP_CMD_DEMOTE_WRITER: return apply_demote(change, command->node_id);
    case RP_CMD_ASSIGN_COMPACTOR: return apply_assign(change, command->node_id);
    default: return apply_files(change, command);
    }
}

static int judge(const struct rp_command *command, const struct rp_traits *traits)
{
    if (command->type >= traits->first_command_type_unknown) {
        return RP_ERR_UNKNOWN_TYPE;
    }
    return command->error;
}

static void keep_state(struct rp_state *state, int refusal, struct rp_applied *applied_out)
{
    applied_out->next = rp_state_retain(state);
    applied_out->effects = NULL;
    applied_out->refusal = refusal;
}

int rp_state_apply(struct rp_state *state, const struct rp_command *command,
                   const struct rp_traits *traits, struct rp_applied *applied_out)
{
    int refusal = judge(command, traits);
    if (refusal != 0) {
        keep_state(state, refusal, applied_out);
        return 0;
    }
    /* A promotion changes two nodes at most, a file command as many files as it has operations. */
    size_t effect_max = command->operation_count > 2 ? command->operation_count : 2;
    struct change change = {.traits = traits, .index = command->index};
    int error = copy_state(state, &change.next);
    if (error == 0) {
        error = effects_new(state->alloc, command, effect_max, &change.effects);
    }
    if (error == 0) {
        error = apply_by_type(&change, command);
    }
    if (error == 0 && (change.effects->count > 0 || change.has_new_roles)) {
        applied_out->next = change.next;
        applied_out->effects = change.effects;
        applied_out->refusal = 0;
        return 0;
    }
    rp_effects_release(change.effects);
    rp_state_release(change.next);
    if (error != RP_ERR_NOMEM) {
        keep_state(state, error, applied_out);
        error = 0;
    }
    return error;
}
