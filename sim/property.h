/* Property checkers: they watch from outside (observers, truth) and report violations by the stable
 * names of invariants.md. "Checked at every event" means on the observation that can break it. */
#ifndef REPLISIM_SIM_PROPERTY_H
#define REPLISIM_SIM_PROPERTY_H

#include "protocol/types.h"

struct sim_world;

/* X(name, text, about): the properties checked in this build, in the order of invariants.md. */
#define SIM_PROPERTY_TABLE(X)                                                                      \
    X(SIM_PROP_INTACT_BYTES, "intact-bytes",                                                       \
      "the bytes of a visible file are those of the version it stands for")                        \
    X(SIM_PROP_ATOMIC_PUBLISH, "atomic-publish",                                                   \
      "a final name appears in one step, after all bytes came and the whole hash was compared")    \
    X(SIM_PROP_SERVE_MANIFEST_ONLY, "serve-manifest-only",                                         \
      "body bytes are sent only for a path in the server's own manifest and visible in its store") \
    X(SIM_PROP_STAGING_DISCIPLINE, "staging-discipline",                                           \
      "a staging object has one writer, and a resumed fetch finds what it goes on from")           \
    X(SIM_PROP_PATH_CONFINED, "path-confined",                                                     \
      "the store is asked only for names that were registered once")                               \
    X(SIM_PROP_EXACT_STREAM, "exact-stream",                                                       \
      "a body is the announced tail of its file, neither more nor less, on both sides")            \
    X(SIM_PROP_PUBLISH_CURRENT, "publish-current",                                                 \
      "what is published is the version that the manifest holds at that moment")                   \
    X(SIM_PROP_NO_RESURRECTION, "no-resurrection",                                                 \
      "what the manifest lost is, after the grace, neither visible nor staged")                    \
    X(SIM_PROP_NO_WRONG_DELETE, "no-wrong-delete",                                                 \
      "no node removes a file that its manifest holds and that has the right bytes")               \
    X(SIM_PROP_MANIFEST_AGREEMENT, "manifest-agreement",                                           \
      "at one applied index all manifests are equal, LSNs too")                                    \
    X(SIM_PROP_APPLY_DETERMINISTIC, "apply-deterministic",                                         \
      "a snapshot brings back the very state, and equal states have equal snapshots")              \
    X(SIM_PROP_ALL_OR_NOTHING, "all-or-nothing",                                                   \
      "a command or snapshot that is refused changes nothing")                                     \
    X(SIM_PROP_APPLY_NONBLOCKING, "apply-nonblocking",                                             \
      "while a command is applied, the store is not asked for anything")                           \
    X(SIM_PROP_MANIFEST_CLEAN, "manifest-clean",                                                   \
      "every entry has an admissible path, a hash, a size and a creation time; refusals are "      \
      "counted")                                                                                   \
    X(SIM_PROP_INDEX_CONSISTENT, "index-consistent",                                               \
      "order, count and index by database say what the entries say")                               \
    X(SIM_PROP_CALLBACK_ORDER, "callback-order",                                                   \
      "callbacks come in log order, once a change, and the last one agrees with the manifest")     \
    X(SIM_PROP_WALK_COMPLETE, "walk-complete",                                                     \
      "a life has one walk at most, and one that completes has visited every entry")               \
    X(SIM_PROP_SINGLE_FLIGHT, "single-flight", "at most one active pull for a node and path")      \
    X(SIM_PROP_OUTCOME_ACCOUNTING, "outcome-accounting",                                           \
      "every accepted announcement ends in exactly one outcome, and the counters say so")          \
    X(SIM_PROP_MISMATCH_STOPS_ATTEMPT, "mismatch-stops-attempt",                                   \
      "a mismatch ends the attempt: no further candidate is asked in it")                          \
    X(SIM_PROP_CANCEL_STOPS_WORK, "cancel-stops-work",                                             \
      "after a cancellation nothing is dialled, sent or published by what was cancelled")          \
    X(SIM_PROP_QUERY_COMPLETE, "query-complete",                                                   \
      "a node that reports ready holds everything that its catch-up owes, intact")                 \
    X(SIM_PROP_RECONCILE_CONSERVATIVE, "reconcile-conservative",                                   \
      "anti-entropy deletes only what is surely an orphan: allowed, listed, old, held by nobody")  \
    X(SIM_PROP_CRASH_DURABLE, "crash-durable",                                                     \
      "what a crash took is noticed by the next life, and no failed sync counts as a pull")        \
    X(SIM_PROP_AUTH_BEFORE_EFFECT, "auth-before-effect",                                           \
      "nothing is served that no accepted request asked for")                                      \
    X(SIM_PROP_MAC_BINDS_ALL, "mac-binds-all",                                                     \
      "whatever is accepted was signed as it came: kind, nonce, sender, path, time")               \
    X(SIM_PROP_NO_REPLAY, "no-replay",                                                             \
      "one signed tuple is accepted at most once in a server's life")                              \
    X(SIM_PROP_FRESHNESS_WINDOW, "freshness-window",                                               \
      "a timestamp is accepted if and only if it is within 300 s of the server's wall clock")      \
    X(SIM_PROP_UNIFORM_REFUSAL, "uniform-refusal",                                                 \
      "what is refused as unauthenticated is answered alike, whatever is wrong with it")           \
    X(SIM_PROP_ACK_CODE_FIXED, "ack-code-fixed",                                                   \
      "a code of the fixed set decides alone what a refused fetch means")                          \
    X(SIM_PROP_FAIL_CLOSED_START, "fail-closed-start",                                             \
      "a node without a secret serves, pulls and joins nothing")                                   \
    X(SIM_PROP_HOSTILE_CONTAINED, "hostile-contained",                                             \
      "hostile members cost bytes and time within bounds, and no forged byte becomes visible")     \
    X(SIM_PROP_BOUNDED_ALLOCATION, "bounded-allocation",                                           \
      "no memory is taken on the word of a length that has not come true")                         \
    X(SIM_PROP_CONSENSUS_AUTHENTICATED, "consensus-authenticated",                                 \
      "no consensus message of anybody but a member reaches the library, and none twice")          \
    X(SIM_PROP_RETRY_BUDGET, "retry-budget",                                                       \
      "dials of a pull stay within attempts times distinct candidates; self is never one")         \
    X(SIM_PROP_TRANSFER_BUDGET, "transfer-budget",                                                 \
      "no byte is fetched of a file that is here, twice, or beyond its size")                      \
    X(SIM_PROP_BOUNDED_STATE, "bounded-state",                                                     \
      "queues, nonces and peers stay within their computed bounds")                                \
    X(SIM_PROP_STEP_BUDGET, "step-budget",                                                         \
      "a node takes so many steps in a virtual second and for an entry of its walk, and no more")  \
    X(SIM_PROP_USES_WORKERS, "uses-workers", "no worker idles while a file waits in the queue")    \
    X(SIM_PROP_NO_STARVATION, "no-starvation",                                                     \
      "a queued pull is overtaken by no more than a queue of later ones")                          \
    X(SIM_PROP_CONVERGES, "converges",                                                             \
      "every file with an honest holder reaches every node in bounded time")                       \
    X(SIM_PROP_BECOMES_READY, "becomes-ready", "a node that holds all it owes reports ready")      \
    X(SIM_PROP_STAYS_READY, "stays-ready", "once ready, a node stays ready until it stops")        \
    X(SIM_PROP_WALK_ENDS, "walk-ends", "the walk of each life comes to its end")                   \
    X(SIM_PROP_STAYS_AVAILABLE, "stays-available",                                                 \
      "after refused input, honest heartbeats are accepted as before")                             \
    X(SIM_PROP_REGISTERS_ALL, "registers-all",                                                     \
      "every file flushed by a node that did not crash is in the manifest")                        \
    X(SIM_PROP_EVERY_WAIT_BOUNDED, "every-wait-bounded",                                           \
      "a wait for a peer ends by a limit fixed when it began, whatever comes in")                  \
    X(SIM_PROP_STOPS_IN_TIME, "stops-in-time", "an orderly stop completes within 9 seconds")       \
    X(SIM_PROP_NO_LEAKS, "no-leaks",                                                               \
      "at rest only what live objects account for is held; after the stop nothing is")             \
    X(SIM_PROP_TIMEOUTS_AS_CONFIGURED, "timeouts-as-configured",                                   \
      "no timeout fires before the time configured for the phase that it is named for")            \
    X(SIM_PROP_CONSENSUS_SAFE, "consensus-safe", "at most one leader in a term")                   \
    X(SIM_PROP_MEMORY_SAFE, "memory-safe", "nothing that a peer sends ends the process")           \
    X(SIM_PROP_LIVENESS, "liveness", "the story returned in time and no wait timed out")           \
    X(SIM_PROP_SAME_SEED_SAME_TRACE, "same-seed-same-trace",                                       \
      "the same scenario, parameters and seed give the same events in the same order")             \
    X(SIM_PROP_SCENARIO_CHECK, "scenario-check", "the scenario's own checks held")

#define SIM_PROPERTY_ENUM(name, text, about) name,
enum sim_property { SIM_PROPERTY_TABLE(SIM_PROPERTY_ENUM) SIM_PROPERTY_COUNT };
#undef SIM_PROPERTY_ENUM

const char *sim_property_name(enum sim_property property);
const char *sim_property_about(enum sim_property property);
bool sim_property_parse(struct rp_view name, enum sim_property *property_out);
/* How it is judged, in a sentence. */
const char *sim_property_judged(enum sim_property property);

/* Judged over all runs of a sweep, never by one: no names for `expect`. */
struct sim_sweep_property {
    const char *name, *about, *judged;
};
size_t sim_sweep_property_count(void);
const struct sim_sweep_property *sim_sweep_property_at(size_t index);

#endif
