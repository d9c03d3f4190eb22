/* Which call is what. A call that is not listed here fails sim.shrink_record. */
#include "sim/script_call.h"

#include <string.h>

static const struct {
    const char *object, *method;
    enum script_call call;
} calls[] = {
    {"c", "sleep", SCRIPT_CALL_TIME},
    {"c", "now", SCRIPT_CALL_LOOK},
    {"c", "go", SCRIPT_CALL_TIME},
    {"c", "at", SCRIPT_CALL_TIME},
    {"c", "every", SCRIPT_CALL_TIME},
    {"c", "wait", SCRIPT_CALL_JUDGE},
    {"c", "settle", SCRIPT_CALL_WAIT},
    {"c", "always", SCRIPT_CALL_JUDGE},
    {"c", "eventually", SCRIPT_CALL_JUDGE},
    {"c", "check", SCRIPT_CALL_JUDGE},
    {"c", "sometimes", SCRIPT_CALL_LOOK},
    {"c", "metric", SCRIPT_CALL_LOOK},
    {"c", "node", SCRIPT_CALL_LOOK},
    {"c", "nodes", SCRIPT_CALL_LOOK},
    {"c", "writers", SCRIPT_CALL_LOOK},
    {"c", "readers", SCRIPT_CALL_LOOK},
    {"c", "compactors", SCRIPT_CALL_LOOK},
    {"c", "leader", SCRIPT_CALL_LOOK},
    {"c", "manifest", SCRIPT_CALL_LOOK},
    {"c", "events", SCRIPT_CALL_LOOK},
    {"c", "add", SCRIPT_CALL_WORK},
    {"c", "flush", SCRIPT_CALL_WORK},
    {"c", "delete", SCRIPT_CALL_WORK},
    {"c", "compact", SCRIPT_CALL_WORK},
    {"c", "reconcile", SCRIPT_CALL_WORK},
    {"c", "cluster", SCRIPT_CALL_WORK},
    {"c", "rotate", SCRIPT_CALL_FAULT},
    {"c", "attacker", SCRIPT_CALL_FAULT},
    {"c", "snapshot", SCRIPT_CALL_FAULT},
    {"c", "truncate_log", SCRIPT_CALL_FAULT},
    {"c", "transfer_leader", SCRIPT_CALL_FAULT},
    {"c", "force_election", SCRIPT_CALL_FAULT},
    {"c", "nemesis", SCRIPT_CALL_RANDOM},
    {"n", "up", SCRIPT_CALL_LOOK},
    {"n", "ready", SCRIPT_CALL_LOOK},
    {"n", "has", SCRIPT_CALL_LOOK},
    {"n", "sha256", SCRIPT_CALL_LOOK},
    {"n", "holds_all", SCRIPT_CALL_LOOK},
    {"n", "files", SCRIPT_CALL_LOOK},
    {"n", "stats", SCRIPT_CALL_LOOK},
    {"n", "status", SCRIPT_CALL_LOOK},
    {"n", "query", SCRIPT_CALL_LOOK},
    {"n", "flush", SCRIPT_CALL_WORK},
    {"n", "rewrite", SCRIPT_CALL_WORK},
    {"n", "propose", SCRIPT_CALL_WORK},
    {"n", "put", SCRIPT_CALL_WORK},
    {"n", "scrub", SCRIPT_CALL_FAULT},
    {"n", "stop", SCRIPT_CALL_FAULT},
    {"n", "kill", SCRIPT_CALL_FAULT},
    {"n", "start", SCRIPT_CALL_FAULT},
    {"n", "restart", SCRIPT_CALL_FAULT},
    {"n", "pause", SCRIPT_CALL_FAULT},
    {"n", "replace", SCRIPT_CALL_FAULT},
    {"n", "clock", SCRIPT_CALL_FAULT},
    {"n", "disk", SCRIPT_CALL_FAULT},
    {"n", "hostile", SCRIPT_CALL_FAULT},
    {"n", "corrupt", SCRIPT_CALL_FAULT},
    {"n", "remove", SCRIPT_CALL_FAULT},
    {"n", "stop_at", SCRIPT_CALL_FAULT},
    {"n", "kill_at", SCRIPT_CALL_FAULT},
    {"c.net", "partition", SCRIPT_CALL_FAULT},
    {"c.net", "isolate", SCRIPT_CALL_FAULT},
    {"c.net", "heal", SCRIPT_CALL_FAULT},
    {"c.net", "link", SCRIPT_CALL_FAULT},
    {"c.net", "late", SCRIPT_CALL_FAULT},
    {"c.net", "segment", SCRIPT_CALL_FAULT},
    {"c.net", "refuse", SCRIPT_CALL_FAULT},
    {"c.net", "blackhole", SCRIPT_CALL_FAULT},
    {"c.net", "reuse_handles", SCRIPT_CALL_FAULT},
    {"c.net", "stale_dns", SCRIPT_CALL_FAULT},
    {"c.rng", "int", SCRIPT_CALL_LOOK},
    {"c.rng", "chance", SCRIPT_CALL_LOOK},
    {"c.rng", "pick", SCRIPT_CALL_LOOK},
    {"c.rng", "shuffle", SCRIPT_CALL_LOOK},
    {"c.rng", "duration", SCRIPT_CALL_LOOK},
    {"a", "send", SCRIPT_CALL_FAULT},
    {"a", "capture", SCRIPT_CALL_FAULT},
    {"a", "replay", SCRIPT_CALL_FAULT},
    {"a", "tamper", SCRIPT_CALL_FAULT},
    {"a", "drop", SCRIPT_CALL_FAULT},
    {"a", "flood", SCRIPT_CALL_FAULT},
    {"a", "stop", SCRIPT_CALL_FAULT},
};

enum script_call script_call_of(const char *object, const char *method)
{
    for (size_t row = 0; row < sizeof calls / sizeof calls[0]; row += 1) {
        if (strcmp(calls[row].object, object) == 0 && strcmp(calls[row].method, method) == 0) {
            return calls[row].call;
        }
    }
    return SCRIPT_CALL_UNKNOWN;
}

enum script_call script_call_named(const char *method, size_t length)
{
    enum script_call gravest = SCRIPT_CALL_UNKNOWN;
    for (size_t row = 0; row < sizeof calls / sizeof calls[0]; row += 1) {
        if (strlen(calls[row].method) == length && memcmp(calls[row].method, method, length) == 0 &&
            calls[row].call < gravest) {
            gravest = calls[row].call;
        }
    }
    return gravest;
}

const char *script_call_text(enum script_call call)
{
    static const char *const texts[] = {
#define CALL_TEXT(name, text) [name] = text,
        SCRIPT_CALL_TABLE(CALL_TEXT)
#undef CALL_TEXT
    };
    return texts[call];
}
