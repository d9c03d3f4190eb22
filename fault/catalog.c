#include "fault/catalog.h"

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
};

size_t fault_catalog_count(void)
{
    return sizeof kinds / sizeof kinds[0];
}

const struct fault_kind *fault_catalog_at(size_t index)
{
    return &kinds[index];
}
