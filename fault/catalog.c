#include "fault/catalog.h"

#include "fault/disk.h"
#include "fault/hostile.h"

#define HOSTILE_ROW(name, text, about, explanation)                                                \
    {text, "hostile peer: " about, explanation, "n:hostile{ kind = \"" text "\", p = 0.5 }"},

#define DISK_ROW(text, value, member, about, explanation, example)                                 \
    {"disk." text, about, explanation, example},

static const struct fault_kind kinds[] = {
    {"partition", "packets between two groups are lost, not refused",
     "Connections stall until their time-outs; consensus between the groups stops.",
     "c.net:partition(a, b, { for_ = \"10s\" })"},
    {"isolate", "one node is cut off from all others", "As a partition of one against the rest.",
     "c.net:isolate(n, { for_ = \"10s\" })"},
    {"link", "latency, loss, bandwidth, resets or stalls on a link",
     "Set for both ways unless oneway; lost segments are sent again after a delay.",
     "c.net:link(a, b, { latency = \"80ms\", loss = 0.01 })"},
    {"refuse", "connections to a node are refused at once", "A dial fails without waiting.",
     "c.net:refuse(n)"},
    {"blackhole", "connections to a node are never answered", "A dial runs into its time-out.",
     "c.net:blackhole(n)"},
    {"stop", "SIGTERM, an orderly shutdown, SIGKILL after the grace",
     "The node drains, leaves and closes; what is on its disk stays.", "n:stop{ grace = \"30s\" }"},
    {"kill", "the process ends where it stands; with the host, unsynced writes are lost",
     "Peers notice by time-outs; the next life starts from the disk.", "n:kill{ host = true }"},
    {"pause", "the process is frozen, as by a long collection or SIGSTOP",
     "Its overdue timers fire in order of their deadlines when it resumes.", "n:pause(\"15s\")"},
    {"replace", "the pod is rescheduled elsewhere, with a new address",
     "With a lost volume the disk is empty; with a new identity the name is new too.",
     "n:replace{ identity = \"new\", volume = \"lost\" }"},
    {"rotate", "a rolling replacement of many pods, as Kubernetes does it",
     "Each pod gets SIGTERM, then SIGKILL; its successor must be ready before the next one's turn.",
     "c:rotate{ volume = \"lost\" }"},
    {"clock", "a node's wall clock is off, jumps or drifts",
     "Requests are refused as stale beyond the authenticator's window; drift acts on timers too.",
     "n:clock{ skew = \"6m\" }"},
    {"corrupt", "bytes of a file at rest change behind the node's back",
     "Found when the file is next judged: at a start, an update or a scrub.",
     "n:corrupt(path, { kind = \"flip\" })"},
    {"remove", "a file vanishes from a disk behind the node's back",
     "Found when the file is next judged or served.", "n:remove(path)"},
    {"segment", "how the byte stream of a link is cut",
     "One byte at a time, at given sizes, or what comes within a millisecond in one piece.",
     "c.net:segment(a, b, { sizes = { 1 } })"},
    {"late", "data and closes arrive later, also when the receiver has given up",
     "A late answer must not be taken for the answer to a later question.",
     "c.net:late(a, b, \"2s\")"},
    {"reuse_handles", "the lowest free connection handle is used again at once",
     "Whoever keeps the handle of a closed connection speaks to somebody else.",
     "c.net:reuse_handles(true)"},
    {"stale_dns", "names of replaced pods are resolved to their old addresses",
     "Dials go nowhere, or with reuse to another pod that has the address now.",
     "c.net:stale_dns(\"30s\", { reuse = true })"},
    FAULT_DISK_TABLE(DISK_ROW) /* each with its comma */
    {"disk.torn", "an unsynced write is half there after a kill, by chance",
     "A resumed transfer goes on from what is there.", "n:disk{ torn = 0.5 }"},
    {"disk.lose_unsynced", "the next kill loses what was not synced, as power loss does",
     "It acts once; an orderly stop loses nothing.", "n:disk{ lose_unsynced = true }"},
    {"disk.lie_about_sync", "what is said to be synced is lost with the host",
     "The next life finds files missing and pulls them again.", "n:disk{ lie_about_sync = true }"},
    {"tamper", "an attacker on the path changes fields of frames in flight",
     "What a MAC covers is refused; answers, which carry none, may cost time.",
     "a:tamper{ type = \"FetchFile\", fields = { byte_offset = 7 } }"},
    {"drop", "an attacker on the path swallows frames", "The sender does not notice.",
     "a:drop{ type = \"HeartbeatAck\", p = 0.5 }"},
    {"replay", "an attacker sends a captured frame again, as it was or with fields changed",
     "The reply says what it was good for.", "a:replay(cap, { to = n, after = \"1s\" })"},
    {"flood", "an attacker opens many connections",
     "Silent ones, garbage, or frames that grow by a byte a second; each may hold a slot for ten.",
     "a:flood(n, { connections = 200, rate = 100, kind = \"slow-frame\" })"},
    FAULT_HOSTILE_TABLE(HOSTILE_ROW) /* each with its comma */
};

size_t fault_catalog_count(void)
{
    return sizeof kinds / sizeof kinds[0];
}

const struct fault_kind *fault_catalog_at(size_t index)
{
    return &kinds[index];
}
