#include "protocol/manifest_tree.h"

#include "protocol/command_decode.h"
#include "protocol/error.h"
#include "protocol/panic.h"

/* An inner node's slot holds a child and that child's first entry, which the child keeps alive. */
struct slot {
    const struct rp_tree_node *child;  /* owned; NULL in a leaf */
    const struct rp_file_entry *first; /* owned in a leaf, borrowed from the child above */
};

struct rp_tree_node {
    uint32_t reference_count;
    uint16_t slot_count;
    uint16_t level; /* 0: leaf */
    size_t entry_count;
    struct rp_digest digest;
    struct slot slots[];
};

/* ---- Nodes ----------------------------------------------------------------------------------- */

/* References are counted in otherwise immutable memory. */
static struct rp_tree_node *mutable_node(const struct rp_tree_node *node)
{
    union {
        const struct rp_tree_node *shared;
        struct rp_tree_node *own;
    } pointer = {node};
    return pointer.own;
}

const struct rp_tree_node *rp_tree_retain(const struct rp_tree_node *root)
{
    if (root != NULL) {
        mutable_node(root)->reference_count += 1;
    }
    return root;
}

void rp_tree_release(const struct rp_tree *tree, const struct rp_tree_node *root)
{
    if (root == NULL) {
        return;
    }
    struct rp_tree_node *node = mutable_node(root);
    RP_ASSERT(node->reference_count > 0);
    node->reference_count -= 1;
    if (node->reference_count > 0) {
        return;
    }
    for (size_t i = 0; i < node->slot_count; i++) {
        if (node->level == 0) {
            rp_file_entry_release(node->slots[i].first);
        } else {
            rp_tree_release(tree, node->slots[i].child);
        }
    }
    rp_release(tree->alloc, node);
}

static void add_slot(struct rp_tree_node *node, struct slot slot)
{
    struct rp_digest digest;
    if (node->level == 0) {
        rp_file_entry_retain(slot.first);
        digest = rp_file_entry_digest(slot.first);
        node->entry_count += 1;
    } else {
        rp_tree_retain(slot.child);
        digest = slot.child->digest;
        node->entry_count += slot.child->entry_count;
    }
    node->digest.low += digest.low;
    node->digest.high += digest.high;
    node->slots[node->slot_count] = slot;
    node->slot_count = (uint16_t)(node->slot_count + 1);
}

/* Takes references of its own. NULL: out of memory. */
static const struct rp_tree_node *make_node(const struct rp_tree *tree, uint16_t level,
                                            const struct slot *slots, size_t count)
{
    struct rp_tree_node *node =
        rp_allocate_zeroed(tree->alloc, sizeof *node + count * sizeof node->slots[0]);
    if (node == NULL) {
        return NULL;
    }
    node->reference_count = 1;
    node->level = level;
    for (size_t i = 0; i < count; i++) {
        add_slot(node, slots[i]);
    }
    return node;
}

static struct slot slot_of(const struct rp_tree_node *node)
{
    struct slot slot = {node, node->slots[0].first};
    return slot;
}

size_t rp_tree_count(const struct rp_tree_node *root)
{
    return root == NULL ? 0 : root->entry_count;
}

struct rp_digest rp_tree_digest(const struct rp_tree_node *root)
{
    struct rp_digest none = {0, 0};
    return root == NULL ? none : root->digest;
}

/* ---- Order ----------------------------------------------------------------------------------- */

static int compare(const struct rp_tree *tree, const struct rp_file_entry *entry,
                   struct rp_tree_key key)
{
    if (tree->order == RP_TREE_BY_DATABASE) {
        int order = rp_view_compare(entry->database, key.database);
        if (order != 0) {
            return order;
        }
    }
    if (tree->order == RP_TREE_BY_AGE && entry->lsn != key.lsn) {
        return entry->lsn < key.lsn ? -1 : 1;
    }
    return rp_view_compare(entry->path, key.path);
}

/* How many slots begin at or before `key`. */
static size_t slots_up_to(const struct rp_tree *tree, const struct rp_tree_node *node,
                          struct rp_tree_key key)
{
    size_t low = 0;
    size_t high = node->slot_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(tree, node->slots[middle].first, key) <= 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static size_t child_for(const struct rp_tree *tree, const struct rp_tree_node *node,
                        struct rp_tree_key key)
{
    size_t count = slots_up_to(tree, node, key);
    return count == 0 ? 0 : count - 1;
}

/* In a leaf: where `key` is, or where it belongs. */
static size_t leaf_position(const struct rp_tree *tree, const struct rp_tree_node *leaf,
                            struct rp_tree_key key, bool *is_present_out)
{
    size_t count = slots_up_to(tree, leaf, key);
    *is_present_out = count > 0 && compare(tree, leaf->slots[count - 1].first, key) == 0;
    return *is_present_out ? count - 1 : count;
}

const struct rp_file_entry *rp_tree_find(const struct rp_tree *tree,
                                         const struct rp_tree_node *root, struct rp_tree_key key)
{
    const struct rp_tree_node *node = root;
    if (node == NULL) {
        return NULL;
    }
    while (node->level > 0) {
        node = node->slots[child_for(tree, node, key)].child;
    }
    bool is_present;
    size_t position = leaf_position(tree, node, key, &is_present);
    return is_present ? node->slots[position].first : NULL;
}

/* ---- Change ---------------------------------------------------------------------------------- */

/* What takes a node's place: nothing, one node, or two after a split. References are the holder's. */
struct successors {
    const struct rp_tree_node *nodes[2];
    size_t count;
};

static void drop_successors(const struct rp_tree *tree, struct successors *successors)
{
    for (size_t i = 0; i < successors->count; i++) {
        rp_tree_release(tree, successors->nodes[i]);
    }
    successors->count = 0;
}

static int make_successors(const struct rp_tree *tree, uint16_t level, const struct slot *slots,
                           size_t count, struct successors *out)
{
    size_t node_count = count == 0 ? 0 : count <= RP_TREE_FANOUT ? 1 : 2;
    size_t first_count = node_count == 2 ? count / 2 : count;
    size_t starts[3] = {0, first_count, count};
    out->count = 0;
    for (size_t i = 0; i < node_count; i++) {
        const struct rp_tree_node *node =
            make_node(tree, level, slots + starts[i], starts[i + 1] - starts[i]);
        if (node == NULL) {
            drop_successors(tree, out);
            return RP_ERR_NOMEM;
        }
        out->nodes[out->count] = node;
        out->count += 1;
    }
    return 0;
}

/* The slots of `node` with the one at `position` (`removed` of them) replaced by `added`. */
static size_t splice(const struct rp_tree_node *node, size_t position, size_t removed,
                     const struct slot *added, size_t added_count, struct slot *slots_out)
{
    size_t count = 0;
    for (size_t i = 0; i < position; i++) {
        slots_out[count++] = node->slots[i];
    }
    for (size_t i = 0; i < added_count; i++) {
        slots_out[count++] = added[i];
    }
    for (size_t i = position + removed; i < node->slot_count; i++) {
        slots_out[count++] = node->slots[i];
    }
    return count;
}

static struct rp_tree_key key_of(const struct rp_file_entry *entry)
{
    struct rp_tree_key key = {entry->database, entry->path, entry->lsn};
    return key;
}

static int put_below(const struct rp_tree *tree, const struct rp_tree_node *node,
                     const struct rp_file_entry *entry, struct successors *out,
                     const struct rp_file_entry **replaced_out)
{
    struct slot slots[RP_TREE_FANOUT + 1];
    if (node->level == 0) {
        bool is_present;
        size_t position = leaf_position(tree, node, key_of(entry), &is_present);
        struct slot added = {NULL, entry};
        *replaced_out = is_present ? node->slots[position].first : NULL;
        size_t count = splice(node, position, is_present ? 1 : 0, &added, 1, slots);
        return make_successors(tree, 0, slots, count, out);
    }
    size_t position = child_for(tree, node, key_of(entry));
    struct successors below;
    int error = put_below(tree, node->slots[position].child, entry, &below, replaced_out);
    if (error != 0) {
        return error;
    }
    struct slot added[2] = {0};
    for (size_t i = 0; i < below.count; i++) {
        added[i] = slot_of(below.nodes[i]);
    }
    size_t count = splice(node, position, 1, added, below.count, slots);
    error = make_successors(tree, node->level, slots, count, out);
    drop_successors(tree, &below);
    return error;
}

/* One root above both successors of a split. */
static int join_roots(const struct rp_tree *tree, struct successors *successors,
                      const struct rp_tree_node **root_out)
{
    if (successors->count < 2) {
        *root_out = successors->count == 0 ? NULL : successors->nodes[0];
        return 0;
    }
    struct slot slots[2] = {slot_of(successors->nodes[0]), slot_of(successors->nodes[1])};
    uint16_t level = (uint16_t)(successors->nodes[0]->level + 1);
    RP_ASSERT(level < RP_TREE_DEPTH_MAX);
    const struct rp_tree_node *root = make_node(tree, level, slots, 2);
    drop_successors(tree, successors);
    if (root == NULL) {
        return RP_ERR_NOMEM;
    }
    *root_out = root;
    return 0;
}

int rp_tree_put(const struct rp_tree *tree, const struct rp_tree_node *root,
                const struct rp_file_entry *entry, const struct rp_tree_node **root_out,
                const struct rp_file_entry **replaced_out)
{
    struct successors successors;
    const struct rp_file_entry *replaced = NULL;
    int error;
    if (root == NULL) {
        struct slot only = {NULL, entry};
        error = make_successors(tree, 0, &only, 1, &successors);
    } else {
        error = put_below(tree, root, entry, &successors, &replaced);
    }
    if (error == 0) {
        error = join_roots(tree, &successors, root_out);
    }
    if (error == 0) {
        *replaced_out = replaced;
    }
    return error;
}

/* The neighbour that fits into one node with the changed child, or the child's own position. */
static size_t merge_partner(const struct rp_tree_node *node, size_t position, size_t child_slots)
{
    if (position > 0 &&
        node->slots[position - 1].child->slot_count + child_slots <= RP_TREE_FANOUT) {
        return position - 1;
    }
    if (position + 1 < node->slot_count &&
        node->slots[position + 1].child->slot_count + child_slots <= RP_TREE_FANOUT) {
        return position + 1;
    }
    return position;
}

/* `child` and the neighbour at `partner` in one node. NULL: out of memory. */
static const struct rp_tree_node *merge(const struct rp_tree *tree, const struct rp_tree_node *node,
                                        size_t position, size_t partner,
                                        const struct rp_tree_node *child)
{
    struct slot slots[RP_TREE_FANOUT];
    const struct rp_tree_node *neighbour = node->slots[partner].child;
    const struct rp_tree_node *first = partner < position ? neighbour : child;
    const struct rp_tree_node *second = partner < position ? child : neighbour;
    memcpy(slots, first->slots, first->slot_count * sizeof slots[0]);
    memcpy(slots + first->slot_count, second->slots, second->slot_count * sizeof slots[0]);
    return make_node(tree, child->level, slots, (size_t)first->slot_count + second->slot_count);
}

static int remove_below(const struct rp_tree *tree, const struct rp_tree_node *node,
                        struct rp_tree_key key, const struct rp_tree_node **node_out);

static int remove_in_child(const struct rp_tree *tree, const struct rp_tree_node *node,
                           size_t position, const struct rp_tree_node *child,
                           const struct rp_tree_node **node_out)
{
    struct slot slots[RP_TREE_FANOUT + 1];
    size_t partner = child == NULL ? position : merge_partner(node, position, child->slot_count);
    size_t removed = partner == position ? 1 : 2;
    size_t start = partner < position ? partner : position;
    const struct rp_tree_node *merged = NULL;
    if (partner != position) {
        merged = merge(tree, node, position, partner, child);
        if (merged == NULL) {
            return RP_ERR_NOMEM;
        }
        child = merged;
    }
    struct slot added = {NULL, NULL};
    if (child != NULL) {
        added = slot_of(child);
    }
    size_t count = splice(node, start, removed, &added, child == NULL ? 0 : 1, slots);
    struct successors successors;
    int error = make_successors(tree, node->level, slots, count, &successors);
    rp_tree_release(tree, merged);
    if (error == 0) {
        *node_out = successors.count == 0 ? NULL : successors.nodes[0];
    }
    return error;
}

/* `key` is present. */
static int remove_below(const struct rp_tree *tree, const struct rp_tree_node *node,
                        struct rp_tree_key key, const struct rp_tree_node **node_out)
{
    if (node->level == 0) {
        struct slot slots[RP_TREE_FANOUT];
        struct successors successors;
        bool is_present;
        size_t position = leaf_position(tree, node, key, &is_present);
        RP_ASSERT(is_present);
        size_t count = splice(node, position, 1, NULL, 0, slots);
        int error = make_successors(tree, 0, slots, count, &successors);
        if (error == 0) {
            *node_out = successors.count == 0 ? NULL : successors.nodes[0];
        }
        return error;
    }
    size_t position = child_for(tree, node, key);
    const struct rp_tree_node *child = NULL;
    int error = remove_below(tree, node->slots[position].child, key, &child);
    if (error == 0) {
        error = remove_in_child(tree, node, position, child, node_out);
        rp_tree_release(tree, child);
    }
    return error;
}

int rp_tree_remove(const struct rp_tree *tree, const struct rp_tree_node *root,
                   struct rp_tree_key key, const struct rp_tree_node **root_out,
                   const struct rp_file_entry **removed_out)
{
    const struct rp_file_entry *removed = rp_tree_find(tree, root, key);
    if (removed == NULL) {
        *root_out = rp_tree_retain(root);
        *removed_out = NULL;
        return 0;
    }
    const struct rp_tree_node *next = NULL;
    int error = remove_below(tree, root, key, &next);
    if (error != 0) {
        return error;
    }
    while (next != NULL && next->level > 0 && next->slot_count == 1) {
        const struct rp_tree_node *only = rp_tree_retain(next->slots[0].child);
        rp_tree_release(tree, next);
        next = only;
    }
    *root_out = next;
    *removed_out = removed;
    return 0;
}

/* ---- Walk ------------------------------------------------------------------------------------ */

static void descend_first(struct rp_tree_walk *walk, const struct rp_tree_node *node)
{
    for (;;) {
        walk->depth += 1;
        RP_ASSERT(walk->depth < RP_TREE_DEPTH_MAX);
        walk->nodes[walk->depth] = node;
        walk->slots[walk->depth] = 0;
        if (node->level == 0) {
            return;
        }
        node = node->slots[0].child;
    }
}

/* From a leaf that is used up to the next one. */
static void climb(struct rp_tree_walk *walk)
{
    while (walk->depth >= 0 && walk->slots[walk->depth] >= walk->nodes[walk->depth]->slot_count) {
        walk->depth -= 1;
        if (walk->depth >= 0) {
            walk->slots[walk->depth] = (uint16_t)(walk->slots[walk->depth] + 1);
        }
    }
    if (walk->depth >= 0 && walk->nodes[walk->depth]->level > 0) {
        const struct rp_tree_node *node = walk->nodes[walk->depth];
        descend_first(walk, node->slots[walk->slots[walk->depth]].child);
    }
}

void rp_tree_walk_first(struct rp_tree_walk *walk, const struct rp_tree_node *root)
{
    walk->depth = -1;
    if (root != NULL) {
        descend_first(walk, root);
    }
}

void rp_tree_walk_after(struct rp_tree_walk *walk, const struct rp_tree *tree,
                        const struct rp_tree_node *root, struct rp_tree_key key)
{
    walk->depth = -1;
    for (const struct rp_tree_node *node = root; node != NULL;) {
        size_t slot = node->level == 0 ? slots_up_to(tree, node, key) : child_for(tree, node, key);
        walk->depth += 1;
        RP_ASSERT(walk->depth < RP_TREE_DEPTH_MAX);
        walk->nodes[walk->depth] = node;
        walk->slots[walk->depth] = (uint16_t)slot;
        node = node->level == 0 ? NULL : node->slots[slot].child;
    }
    climb(walk);
}

const struct rp_file_entry *rp_tree_walk_next(struct rp_tree_walk *walk)
{
    if (walk->depth < 0) {
        return NULL;
    }
    const struct rp_file_entry *entry =
        walk->nodes[walk->depth]->slots[walk->slots[walk->depth]].first;
    walk->slots[walk->depth] = (uint16_t)(walk->slots[walk->depth] + 1);
    climb(walk);
    return entry;
}

bool rp_tree_equal(const struct rp_tree_node *left, const struct rp_tree_node *right)
{
    if (left == right) {
        return true;
    }
    if (rp_tree_count(left) != rp_tree_count(right)) {
        return false;
    }
    struct rp_tree_walk left_walk;
    struct rp_tree_walk right_walk;
    rp_tree_walk_first(&left_walk, left);
    rp_tree_walk_first(&right_walk, right);
    for (;;) {
        const struct rp_file_entry *left_entry = rp_tree_walk_next(&left_walk);
        const struct rp_file_entry *right_entry = rp_tree_walk_next(&right_walk);
        if (left_entry == NULL || right_entry == NULL) {
            return left_entry == right_entry;
        }
        if (!rp_file_entry_equal(left_entry, right_entry)) {
            return false;
        }
    }
}

/* ---- Soundness ------------------------------------------------------------------------------- */

static bool slot_is_sound(const struct rp_tree *tree, const struct rp_tree_node *node, size_t i)
{
    const struct slot *slot = &node->slots[i];
    if (i > 0 && compare(tree, node->slots[i - 1].first, key_of(slot->first)) >= 0) {
        return false;
    }
    if (node->level == 0) {
        return slot->child == NULL;
    }
    return slot->child->level + 1 == node->level && slot->child->slots[0].first == slot->first &&
           rp_tree_is_sound(tree, slot->child);
}

bool rp_tree_is_sound(const struct rp_tree *tree, const struct rp_tree_node *root)
{
    if (root == NULL) {
        return true;
    }
    size_t count = 0;
    struct rp_digest sum = {0, 0};
    for (size_t i = 0; i < root->slot_count; i++) {
        if (!slot_is_sound(tree, root, i)) {
            return false;
        }
        struct rp_digest digest = root->level == 0 ? rp_file_entry_digest(root->slots[i].first)
                                                   : root->slots[i].child->digest;
        count += root->level == 0 ? 1 : root->slots[i].child->entry_count;
        sum.low += digest.low;
        sum.high += digest.high;
    }
    return root->slot_count > 0 && root->slot_count <= RP_TREE_FANOUT &&
           count == root->entry_count && sum.low == root->digest.low &&
           sum.high == root->digest.high;
}
