/* Consensus messages for those who look at them on the wire: names, fields, bytes. Between members they
 * travel as structs; an attacker on the path sees what is made of them here (docs/wire.md, 9).
 *
 * Bytes: the envelope (who, to whom, in which sessions, the how-manieth), the fields, and a MAC over
 * all of it with the shared secret, as 64 hex digits. */
#ifndef REPLISIM_SIM_RAFT_WIRE_H
#define REPLISIM_SIM_RAFT_WIRE_H

#include "protocol/buffer.h"
#include "sim/consensus_raft.h"

/* "RequestVote", "AppendEntries", ...; the names of docs/wire.md. */
const char *sim_raft_kind_name(enum sim_raft_message_kind kind);
bool sim_raft_kind_parse(const char *name, enum sim_raft_message_kind *kind_out);

/* A well-formed message that no member made: zeroes, but for the term 1 and, of a vote, the candidate
 * or the grant. Errors: RP_ERR_NOMEM. */
RP_MUST_USE int sim_raft_message_forge(const struct rp_alloc *alloc,
                                       enum sim_raft_message_kind kind, uint64_t source,
                                       uint64_t target, const char *source_address,
                                       const char *cluster_name,
                                       struct sim_raft_message **message_out);

/* As it passes in this session, signed with the sender's secret. Errors: RP_ERR_NOMEM. */
RP_MUST_USE int sim_raft_message_encode(const struct sim_raft_message *message, uint64_t session,
                                        struct rp_view secret, struct rp_buffer *bytes_out);
/* What the bytes say, whoever made them. `*is_authentic_out`: their MAC verifies with this secret, whose
 * digest (sim_consensus_raft_params) the message then has. Errors: RP_ERR_INVALID, RP_ERR_NOMEM. */
RP_MUST_USE int sim_raft_message_decode(const struct rp_alloc *alloc, struct rp_view bytes,
                                        struct rp_view secret, uint64_t secret_digest,
                                        struct sim_raft_message **message_out,
                                        bool *is_authentic_out);

/* The numbers and flags of a message, envelope first. To set them, the message must be one's own: just
 * forged or decoded. */
size_t sim_raft_field_count(const struct sim_raft_message *message);
const char *sim_raft_field_name(const struct sim_raft_message *message, size_t field);
bool sim_raft_field_is_flag(const struct sim_raft_message *message, size_t field);
uint64_t sim_raft_field_get(const struct sim_raft_message *message, size_t field);
void sim_raft_field_set(struct sim_raft_message *message, size_t field, uint64_t value);
const char *sim_raft_message_cluster(const struct sim_raft_message *message);
const char *sim_raft_message_source_address(const struct sim_raft_message *message);
uint64_t sim_raft_message_source_session(const struct sim_raft_message *message);
uint64_t
sim_raft_message_meant_session(const struct sim_raft_message *message); /* 0: as it arrives */
uint64_t sim_raft_message_number(const struct sim_raft_message *message);

/* AppendEntries: its entries. Bytes are borrowed. */
struct sim_raft_entry_view {
    uint64_t term;
    uint64_t type; /* libraft's: 1 command, 2 barrier, 3 configuration */
    struct rp_view bytes;
};
size_t sim_raft_entry_count(const struct sim_raft_message *message);
struct sim_raft_entry_view sim_raft_entry_at(const struct sim_raft_message *message, size_t at);
/* All others are gone then. Errors: RP_ERR_NOMEM. */
RP_MUST_USE int sim_raft_entries_set(struct sim_raft_message *message,
                                     const struct sim_raft_entry_view *entries, size_t count);
/* InstallSnapshot and ReadIndex: the payload; empty for others. */
struct rp_view sim_raft_message_data(const struct sim_raft_message *message);
RP_MUST_USE int sim_raft_message_set_data(struct sim_raft_message *message, struct rp_view data);

#endif
