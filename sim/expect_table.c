/* What the reference is known not to hold, one row a release and property, and the paragraph that
 * says so (of behaviour where no other page is named; wire: of the wire protocol). A row is written
 * down only for what the release does by itself: a defect that merely follows from another
 * property's row is not excused twice. */
#include "sim/expect.h"

struct exception {
    enum rp_release release;
    enum sim_property property;
    const char *paragraph;
};

#define ALL(property, paragraph)                                                                   \
    {RP_RELEASE_PHASE2, property, paragraph}, {RP_RELEASE_PHASE3, property, paragraph},            \
    {                                                                                              \
        RP_RELEASE_ARC, property, paragraph                                                        \
    }

static const struct exception EXCEPTIONS[] = {
    /* ---- Files ---- */
    {RP_RELEASE_PHASE2, SIM_PROP_INTACT_BYTES, "7.3: any file of that name counts as present"},
    {RP_RELEASE_PHASE3, SIM_PROP_INTACT_BYTES, "7.3: any file of that name counts as present"},
    {RP_RELEASE_ARC, SIM_PROP_INTACT_BYTES, "7.3: any file of that size counts as present"},
    {RP_RELEASE_ARC, SIM_PROP_ATOMIC_PUBLISH,
     "8: a tail is appended to whatever the part file holds, and published"},
    ALL(SIM_PROP_SERVE_MANIFEST_ONLY, "15, row 14: a transfer goes on after the deletion"),
    ALL(SIM_PROP_PUBLISH_CURRENT, "7.5, 7.8: the manifest is not asked again before the rename"),
    {RP_RELEASE_PHASE2, SIM_PROP_NO_RESURRECTION, "12.1: local copies stay"},
    {RP_RELEASE_PHASE3, SIM_PROP_NO_RESURRECTION, "12.1: local copies stay"},
    {RP_RELEASE_ARC, SIM_PROP_NO_RESURRECTION,
     "7.8, 12.1: pulled after the deletion; a full queue and a stop forget deletions"},
    {RP_RELEASE_PHASE2, SIM_PROP_NO_WRONG_DELETE,
     "7.5: a mismatch removes what is under the final name"},
    {RP_RELEASE_PHASE3, SIM_PROP_NO_WRONG_DELETE,
     "7.5: a mismatch removes what is under the final name"},
    {RP_RELEASE_ARC, SIM_PROP_NO_WRONG_DELETE,
     "7.5, 12.1: a mismatch removes what is under the final name; deletions are not looked at "
     "again"},
    ALL(SIM_PROP_PATH_CONFINED, "8: names are mapped, so two may be one"),
    ALL(SIM_PROP_EXACT_STREAM, "5.1: the whole local file is sent, whatever was announced"),
    ALL(SIM_PROP_CRASH_DURABLE, "7.2, 8: nothing is synced, and own files are never looked at"),
    /* ---- The manifest ---- */
    {RP_RELEASE_PHASE2, SIM_PROP_MANIFEST_CLEAN, "1.3: that there is a path is all that is asked"},
    {RP_RELEASE_PHASE3, SIM_PROP_MANIFEST_CLEAN, "1.3: that there is a path is all that is asked"},
    {RP_RELEASE_ARC, SIM_PROP_MANIFEST_CLEAN, "1.3: neither size nor hash is looked at"},
    ALL(SIM_PROP_CALLBACK_ORDER, "1.6: a restore calls nobody back"),
    {RP_RELEASE_ARC, SIM_PROP_WALK_COMPLETE, "10.2: a page without entries ends the walk"},
    /* ---- Pulls ---- */
    {RP_RELEASE_PHASE2, SIM_PROP_SINGLE_FLIGHT, "7.2: each announcement is a pull of its own"},
    ALL(SIM_PROP_OUTCOME_ACCOUNTING,
        "7.3, 7.9: no outcome without peers; what is queued at the stop is abandoned"),
    ALL(SIM_PROP_CANCEL_STOPS_WORK, "5.1, 6.2: a transfer in progress does not see a cancellation"),
    ALL(SIM_PROP_EVERY_WAIT_BOUNDED, "wire 6; 15, row 3: nothing bounds the reading of the body"),
    {RP_RELEASE_ARC, SIM_PROP_RECONCILE_CONSERVATIVE,
     "12.3: the entry goes when the origin's own copy is missing, at once and unasked"},
    /* ---- Readiness ---- */
    {RP_RELEASE_PHASE2, SIM_PROP_QUERY_COMPLETE, "10, 11: there is no catch-up to wait for"},
    {RP_RELEASE_PHASE3, SIM_PROP_QUERY_COMPLETE,
     "10.1, 11: no barrier on followers; ready when the walk ended, whatever was pulled"},
    {RP_RELEASE_ARC, SIM_PROP_QUERY_COMPLETE,
     "10.1, 7.3: no barrier on followers; a pull without peers does not keep the gate shut"},
    {RP_RELEASE_ARC, SIM_PROP_BECOMES_READY,
     "10.2, 11: a failure or drop stays counted when the file is deleted or pulled otherwise"},
    /* ---- Liveness ---- */
    ALL(SIM_PROP_CONVERGES, "7.3; 15, row 9: a pull that was given up is not tried again"),
    ALL(SIM_PROP_REGISTERS_ALL,
        "2, 3, 13.4: one try, none where the node does not lead, none late"),
    ALL(SIM_PROP_STOPS_IN_TIME, "7.9, 13.4: the stop waits for workers without a limit"),
    ALL(SIM_PROP_NO_LEAKS, "13.4: running fetch handlers are not waited for"),
    /* ---- Security ---- */
    ALL(SIM_PROP_NO_REPLAY, "wire 8.5: fetch, join, leave and heartbeat nonces are not remembered"),
    {RP_RELEASE_PHASE2, SIM_PROP_AUTH_BEFORE_EFFECT, "wire 8.1: heartbeats carry no MAC"},
    {RP_RELEASE_PHASE3, SIM_PROP_AUTH_BEFORE_EFFECT, "wire 8.1: heartbeats carry no MAC"},
    {RP_RELEASE_PHASE2, SIM_PROP_MAC_BINDS_ALL,
     "wire 8.1: no label, and a delimiter that names may contain"},
    {RP_RELEASE_PHASE3, SIM_PROP_MAC_BINDS_ALL,
     "wire 8.1: no label, and a delimiter that names may contain"},
    ALL(SIM_PROP_UNIFORM_REFUSAL,
        "wire 5: a join of another cluster is told so before its MAC is looked at"),
    {RP_RELEASE_PHASE2, SIM_PROP_FAIL_CLOSED_START,
     "13.2: an empty secret is refused only where files are replicated"},
    {RP_RELEASE_PHASE3, SIM_PROP_FAIL_CLOSED_START,
     "13.2: an empty secret is refused only where files are replicated"},
    ALL(SIM_PROP_FRESHNESS_WINDOW, "wire 8.2: one stamp wraps"),
};

const char *sim_expect_exception(enum rp_release release, enum sim_property property)
{
    for (size_t row = 0; row < sizeof EXCEPTIONS / sizeof EXCEPTIONS[0]; row += 1) {
        if (EXCEPTIONS[row].release == release && EXCEPTIONS[row].property == property) {
            return EXCEPTIONS[row].paragraph;
        }
    }
    return NULL;
}
