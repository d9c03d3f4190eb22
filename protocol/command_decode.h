/* Decoded commands: what the log's bytes mean, before anyone asks whether they are admissible.
 *
 * For the manifest and the entry pool only. A decoded command is immutable, reference-counted and
 * the same for every member and release; what a release refuses is decided at apply. */
#ifndef REPLISIM_PROTOCOL_COMMAND_DECODE_H
#define REPLISIM_PROTOCOL_COMMAND_DECODE_H

#include "protocol/command.h"
#include "protocol/manifest.h"

/* Copies the record; one reference, the caller's. Errors: RP_ERR_NOMEM. */
RP_MUST_USE int rp_file_entry_new(const struct rp_alloc *alloc, const struct rp_file_record *file,
                                  uint64_t lsn, const struct rp_file_entry **entry_out);
struct rp_digest rp_file_entry_digest(const struct rp_file_entry *entry); /* made at birth */
bool rp_file_entry_equal(const struct rp_file_entry *left, const struct rp_file_entry *right);
/* The record a flush would have had; views borrowed from the entry. */
struct rp_file_record rp_file_entry_record(const struct rp_file_entry *entry);

/* Copies the fields of `source` but its counter. Errors: RP_ERR_NOMEM. */
RP_MUST_USE int rp_node_record_new(const struct rp_alloc *alloc,
                                   const struct rp_node_record *source,
                                   const struct rp_node_record **record_out);
struct rp_digest rp_node_record_digest(const struct rp_node_record *record);
bool rp_node_record_equal(const struct rp_node_record *left, const struct rp_node_record *right);

struct rp_command_operation {
    enum rp_command_type type;
    const struct rp_file_entry *entry; /* register, update: owned */
    struct rp_view path, reason;       /* delete */
};

struct rp_command {
    uint32_t reference_count;
    const struct rp_alloc *alloc;
    uint64_t index; /* of the log, at which it was committed */
    uint8_t type;   /* 0: not even the envelope could be read */
    int error;      /* 0, or why it means nothing: RP_ERR_SYNTAX, _TYPE, _UNKNOWN_TYPE */
    bool is_batch;
    size_t operation_count;
    struct rp_command_operation *operations;
    const struct rp_node_record *node; /* add and update: owned, index and born_index set */
    struct rp_view node_id, other_id;  /* the node acted on; the former primary, compactor */
    struct rp_view new_state;
};

/* Never fails for what the bytes are: that is `error` in the result. Errors: RP_ERR_NOMEM. */
RP_MUST_USE int rp_command_decode(const struct rp_alloc *alloc, uint64_t index,
                                  struct rp_view bytes, const struct rp_command **command_out);
const struct rp_command *rp_command_retain(const struct rp_command *command);
void rp_command_release(const struct rp_command *command);

#endif
