/* A member that answers fetches badly: it has the secret, and its answers are not to be trusted.
 *
 * A decorator of a node's network port. The node under it stays honest protocol code; on its inbound
 * connections the decorator reads the fetch request that came in, and rewrites, adds to or withholds
 * what the node answers: the ack frame and the body after it. Everything else (dials, other
 * messages, connections that were open before the misdeed was set) passes unchanged, and without a
 * misdeed there is nothing but one more call in between.
 *
 *   network port <--- fault_hostile ---> node        calls of the node go left, events right
 *
 * A connection that the node closed may outlive it here, held open or fed slowly, until the peer
 * ends it, the misdeed is taken back, or the decorator is freed.
 *
 * Not modelled: lies in heartbeats, joins or consensus; an attacker without the secret (those are
 * the taps of the simulated network). */
#ifndef REPLISIM_FAULT_HOSTILE_H
#define REPLISIM_FAULT_HOSTILE_H

#include "fault/random.h"
#include "protocol/ports.h"
#include "protocol/release.h"

/* X(name, text, about, explanation): `describe TEXT`. */
#define FAULT_HOSTILE_TABLE(X)                                                                     \
    X(FAULT_HOSTILE_CORRUPT_BODY, "corrupt-body", "bytes of the body are not those of the file",   \
      "The ack is honest; the hash over the received bytes is wrong, so the pull ends as a "       \
      "mismatch.")                                                                                 \
    X(FAULT_HOSTILE_FORGERY, "self-consistent-forgery",                                            \
      "another body, with the hash of that body in the ack",                                       \
      "Ack and body agree, only the manifest says otherwise: who trusts the ack publishes a "      \
      "forgery.")                                                                                  \
    X(FAULT_HOSTILE_SHORT_BODY, "short-body", "the body ends before the announced size",           \
      "The connection is closed in order, in the middle of the body.")                             \
    X(FAULT_HOSTILE_LONG_BODY, "long-body", "more bytes than announced",                           \
      "They follow the body, or with after_bytes are pushed in between: whoever reads on takes "   \
      "what is not the file's.")                                                                   \
    X(FAULT_HOSTILE_WRONG_HASH, "wrong-hash", "the ack names another hash; the body is honest",    \
      "The manifest's hash decides, so the pull ends at the ack.")                                 \
    X(FAULT_HOSTILE_WRONG_SIZE, "wrong-size", "the ack announces a few bytes more or fewer",       \
      "The body is honest, so it is too short or too long for its ack.")                           \
    X(FAULT_HOSTILE_NEGATIVE_SIZE, "negative-size", "the ack announces a size below zero",         \
      "Arithmetic with it must not wrap.")                                                         \
    X(FAULT_HOSTILE_HUGE_SIZE, "huge-size", "the ack announces 2^63 - 1 bytes",                    \
      "Nothing may be allocated or reserved for it.")                                              \
    X(FAULT_HOSTILE_WRONG_OFFSET, "wrong-offset", "the ack echoes an offset nobody asked for",     \
      "Bytes must not be put at a place that was not requested.")                                  \
    X(FAULT_HOSTILE_STALL, "stall", "after the ack nothing more comes, and nothing closes",        \
      "The pull must end at its own time-out.")                                                    \
    X(FAULT_HOSTILE_SLOW_DRIP, "slow-drip", "the body comes byte by byte, five a second",          \
      "Each byte is in time; the whole is not. Only a limit on the whole transfer helps.")         \
    X(FAULT_HOSTILE_GARBAGE_FRAME, "garbage-frame", "random bytes in place of the ack",            \
      "Whatever they mean as a length, they must do no harm.")                                     \
    X(FAULT_HOSTILE_HUGE_FRAME, "huge-frame", "the ack's length is above the limit of a frame",    \
      "It is refused before a byte of it is read or memory is taken.")                             \
    X(FAULT_HOSTILE_ZERO_FRAME, "zero-frame", "a frame of length 0 in place of the ack",           \
      "Not even a type fits: refused.")                                                            \
    X(FAULT_HOSTILE_WRONG_TYPE, "wrong-type", "the answer is a frame of another type",             \
      "Whatever it says, it is no ack.")                                                           \
    X(FAULT_HOSTILE_MALFORMED_JSON, "malformed-json", "the ack's JSON is broken",                  \
      "The frame is whole, its text is not.")                                                      \
    X(FAULT_HOSTILE_NOT_FOUND_LIE, "not-found-lie", "\"not on this node\", though it is",          \
      "The puller goes on to the next peer.")                                                      \
    X(FAULT_HOSTILE_MANIFEST_LIE, "manifest-lie", "\"not in the manifest\", though it is",         \
      "The puller goes on to the next peer; its own manifest decides.")                            \
    X(FAULT_HOSTILE_AUTH_LIE, "auth-lie", "\"authentication failed\", though it did not",          \
      "The puller goes on to the next peer.")                                                      \
    X(FAULT_HOSTILE_BAD_OFFSET_LIE, "bad-offset-lie", "\"bad offset\", whatever was asked",        \
      "The puller may drop what it has staged, never a published file, and must not loop.")        \
    X(FAULT_HOSTILE_LEGACY_NEAR_MISS, "legacy-error-near-miss",                                    \
      "an error without a code, whose text is nearly one of the two known ones",                   \
      "Only the exact texts mean that the file is not there.")                                     \
    X(FAULT_HOSTILE_CLOSE_EARLY, "close-early", "the connection is closed without an answer",      \
      "With after_bytes the ack and so much of the body come first.")                              \
    X(FAULT_HOSTILE_RESET, "reset", "the connection is reset without an answer",                   \
      "With after_bytes the ack and so much of the body come first.")                              \
    X(FAULT_HOSTILE_NEVER_ACK, "never-ack", "no answer at all, and nothing closes",                \
      "The wait for the ack must end at its time-out.")

#define FAULT_HOSTILE_ENUM(name, text, about, explanation) name,
enum fault_hostile_kind {
    FAULT_HOSTILE_NONE,
    FAULT_HOSTILE_TABLE(FAULT_HOSTILE_ENUM) FAULT_HOSTILE_KIND_COUNT
};
#undef FAULT_HOSTILE_ENUM

const char *fault_hostile_name(enum fault_hostile_kind kind); /* "none" for NONE */
bool fault_hostile_parse(struct rp_view name, enum fault_hostile_kind *kind_out);
/* It acts on the body, so `after_bytes` means something to it. */
bool fault_hostile_has_place(enum fault_hostile_kind kind);

struct fault_hostile_spec {
    enum fault_hostile_kind kind; /* not NONE */
    fault_chance chance;          /* of each fetch */
    bool has_after_bytes;
    uint64_t after_bytes; /* the misdeed begins after so much of the body */
    /* Which paths; NULL: all. Borrowed until the next fault_hostile_set. */
    void *context;
    bool (*matches)(void *context, struct rp_view path);
};

struct fault_hostile_params {
    const struct rp_alloc *alloc; /* borrowed, as all ports */
    struct rp_net_port net;       /* the one to decorate */
    struct rp_clock_port clock;   /* paces a drip */
    struct fault_random random;
    const struct rp_traits *traits; /* acks are rewritten in the words of the node's release */
    /* Each misdeed, as it begins; may be NULL. */
    void *context;
    void (*noted)(void *context, enum fault_hostile_kind kind, struct rp_view path);
};

struct fault_hostile;

/* Errors: RP_ERR_NOMEM. */
RP_MUST_USE int fault_hostile_new(const struct fault_hostile_params *params,
                                  struct fault_hostile **hostile_out);
/* Forgets what it held without a call to the port. After the node is freed. NULL is fine. */
void fault_hostile_free(struct fault_hostile *hostile);
/* For the node. Borrowed. */
const struct rp_net_port *fault_hostile_port(const struct fault_hostile *hostile);
/* For the port: pass on to the node's own events, which are borrowed. Once, before the first call. */
const struct rp_net_events *fault_hostile_events(struct fault_hostile *hostile,
                                                 const struct rp_net_events *node_events);
/* From now on, for requests that come; a copy is kept. NULL: honest again, and what was held back or
 * fed slowly is closed. Not from within a call of the node. */
void fault_hostile_set(struct fault_hostile *hostile, const struct fault_hostile_spec *spec);
/* Connections that the decorator keeps open although the node closed them. */
size_t fault_hostile_held_count(const struct fault_hostile *hostile);

#endif
