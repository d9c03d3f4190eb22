/* A decision in the words of the scenario API (docs/scenario-api.md). No floating point: what is
 * printed is read back as exactly the number that was drawn. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/decision.h"

struct text {
    char *bytes;
    size_t length_bytes, max_bytes;
    bool is_failed;
};

static void put(struct text *text, const char *bytes, size_t length_bytes)
{
    if (text->length_bytes + length_bytes + 1 > text->max_bytes) {
        size_t max_bytes = (text->max_bytes + length_bytes) * 2 + 64;
        char *grown = realloc(text->bytes, max_bytes);
        if (grown == NULL) {
            text->is_failed = true;
            return;
        }
        text->bytes = grown;
        text->max_bytes = max_bytes;
    }
    memcpy(text->bytes + text->length_bytes, bytes, length_bytes);
    text->length_bytes += length_bytes;
    text->bytes[text->length_bytes] = '\0';
}

__attribute__((format(printf, 2, 3))) static void say(struct text *text, const char *format, ...)
{
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    put(text, line, length < 0 ? 0 : (size_t)length);
}

/* ---- Literals --------------------------------------------------------------------------------- */

static void say_string(struct text *text, const char *string)
{
    say(text, "\"");
    for (; *string != '\0'; string += 1) {
        unsigned char byte = (unsigned char)*string;
        if (byte < 0x20 || byte >= 0x7F || byte == '"' || byte == '\\') {
            say(text, "\\%03u", byte);
        } else {
            put(text, string, 1);
        }
    }
    say(text, "\"");
}

static void say_ms(struct text *text, int64_t duration_ms)
{
    if (duration_ms % 1000 == 0) {
        say(text, "\"%" PRId64 "s\"", duration_ms / 1000);
    } else {
        say(text, "\"%" PRId64 "ms\"", duration_ms);
    }
}

static void say_duration(struct text *text, const struct sim_decision *decision)
{
    say_ms(text, (int64_t)(decision->duration_ns / RP_NS_PER_MS));
}

/* A multiple of 1/1024 as a decimal fraction, exactly. */
static void say_chance(struct text *text, int64_t per_1024)
{
    if (per_1024 >= 1024) {
        say(text, "1");
        return;
    }
    char digits[24];
    (void)snprintf(digits, sizeof digits, "%010" PRId64, per_1024 * INT64_C(9765625));
    size_t length = 10;
    while (length > 1 && digits[length - 1] == '0') {
        length -= 1;
    }
    say(text, "0.%.*s", (int)length, digits);
}

static void say_at(struct text *text, rp_time_ns at_ns)
{
    uint64_t at_ms = at_ns / RP_NS_PER_MS;
    say(text, "%" PRIu64, at_ms / 1000);
    if (at_ms % 1000 != 0) {
        say(text, ".%03" PRIu64, at_ms % 1000);
    }
}

/* Nodes from `from` on: a single one, or a list; "all" when there are none. */
static void say_nodes(struct text *text, const struct sim_decision *decision, uint32_t from,
                      uint32_t end)
{
    if (from >= end) {
        say(text, "\"all\"");
        return;
    }
    say(text, end - from > 1 ? "{ " : "");
    for (uint32_t row = from; row < end; row += 1) {
        say(text, row > from ? ", " : "");
        say_string(text, decision->nodes[row]);
    }
    say(text, end - from > 1 ? " }" : "");
}

static void say_node(struct text *text, const struct sim_decision *decision)
{
    say_nodes(text, decision, 0, 1);
}

static const char *variant_name(const struct sim_decision *decision)
{
    return sim_variant_at(decision->kind, decision->variant)->name;
}

/* ---- Calls ------------------------------------------------------------------------------------ */

static void say_sleep(struct text *text, const struct sim_decision *decision)
{
    say(text, " c:sleep(");
    say_duration(text, decision);
    say(text, ") ");
}

static void say_partition(struct text *text, const struct sim_decision *decision)
{
    uint32_t count = decision->node_count;
    bool is_oneway = decision->variant == SIM_CUT_OUT || decision->variant == SIM_CUT_IN ||
                     decision->variant == SIM_CUT_PAIR_ONE_WAY;
    if (decision->variant == SIM_CUT_ISOLATE) {
        say(text, "c.net:isolate(");
        say_node(text, decision);
    } else {
        uint32_t left = decision->variant == SIM_CUT_HALVES ? decision->left_count : 1;
        say(text, "c.net:partition(");
        if (decision->variant == SIM_CUT_IN) {
            say(text, "\"all\", ");
            say_node(text, decision);
        } else {
            say_nodes(text, decision, 0, left);
            say(text, ", ");
            say_nodes(text, decision, left, count);
        }
    }
    say(text, ", { %sfor_ = ", is_oneway ? "oneway = true, " : "");
    say_duration(text, decision);
    say(text, " })");
}

static void say_kill(struct text *text, const struct sim_decision *decision)
{
    say(text, "local n = c:node(");
    say_node(text, decision);
    say(text, ") n:kill{ host = %s }", decision->variant == SIM_KILL_HOST ? "true" : "false");
    say_sleep(text, decision);
    say(text, "n:start()");
}

static void say_stop(struct text *text, const struct sim_decision *decision)
{
    say(text, "c:node(");
    say_node(text, decision);
    say(text, "):restart{ down = ");
    say_duration(text, decision);
    say(text, ", grace = ");
    say_ms(text, decision->values[0]);
    say(text, " }");
}

static void say_rotate(struct text *text, const struct sim_decision *decision)
{
    bool is_new =
        decision->variant == SIM_ROTATE_NEW_KEEP || decision->variant == SIM_ROTATE_NEW_LOST;
    bool is_lost =
        decision->variant == SIM_ROTATE_STABLE_LOST || decision->variant == SIM_ROTATE_NEW_LOST;
    say(text, "c:node(");
    say_node(text, decision);
    say(text, "):replace{ identity = \"%s\", volume = \"%s\", grace = ", is_new ? "new" : "stable",
        is_lost ? "lost" : "keep");
    say_ms(text, decision->values[0]);
    say(text, ", start_delay = ");
    say_duration(text, decision);
    say(text, " }");
}

static void say_pause(struct text *text, const struct sim_decision *decision)
{
    say(text, "c:node(");
    say_node(text, decision);
    say(text, "):pause(");
    say_duration(text, decision);
    say(text, ")");
}

static void say_clock(struct text *text, const struct sim_decision *decision)
{
    bool is_drift =
        decision->variant == SIM_CLOCK_DRIFT || decision->variant == SIM_CLOCK_DRIFT_HARD;
    bool is_jump =
        decision->variant == SIM_CLOCK_JUMP || decision->variant == SIM_CLOCK_JUMP_OUTSIDE;
    say(text, "local n = c:node(");
    say_node(text, decision);
    say(text, ") n:clock{ %s = ", is_drift ? "drift_ppm" : is_jump ? "jump" : "skew");
    if (is_drift) {
        say(text, "%" PRId64, decision->values[0]);
    } else {
        say_ms(text, decision->values[0]);
    }
    say(text, " }");
    say_sleep(text, decision);
    if (is_jump) {
        say(text, "n:clock{ jump = ");
        say_ms(text, -decision->values[0]);
        say(text, " }");
    } else {
        say(text, "n:clock{ skew = 0, drift_ppm = 0 }");
    }
}

static void say_disk(struct text *text, const struct sim_decision *decision)
{
    const char *key = variant_name(decision);
    say(text, "local n = c:node(");
    say_node(text, decision);
    say(text, ") n:disk{ %s = ", key);
    switch ((enum sim_disk_variant)decision->variant) {
    case SIM_DISK_FREE: say(text, "%" PRId64, decision->values[0]); break;
    case SIM_DISK_SLOW: say_ms(text, decision->values[0]); break;
    case SIM_DISK_STUCK: say_duration(text, decision); break;
    case SIM_DISK_FULL:
    case SIM_DISK_LOSE_UNSYNCED:
    case SIM_DISK_LIE_ABOUT_SYNC:
    case SIM_DISK_NO_APPEND: say(text, "true"); break;
    case SIM_DISK_READ_ERROR:
    case SIM_DISK_WRITE_ERROR:
    case SIM_DISK_SHORT_WRITE:
    case SIM_DISK_SYNC_ERROR:
    case SIM_DISK_STAT_ERROR:
    case SIM_DISK_LIST_ERROR:
    case SIM_DISK_TORN: say_chance(text, decision->values[0]); break;
    }
    say(text, " }");
    say_sleep(text, decision);
    say(text, "n:disk{ %s = false }", key);
}

static void say_damage(struct text *text, const struct sim_decision *decision)
{
    bool is_removal = decision->kind == SIM_TROUBLE_REMOVE;
    say(text, "local n = c:node(");
    say_node(text, decision);
    say(text, ") n:%s(", is_removal ? "remove" : "corrupt");
    say_string(text, decision->path == NULL ? "" : decision->path);
    if (!is_removal) {
        say(text, ", { kind = \"%s\" }", variant_name(decision));
    }
    say(text, ")");
    say_sleep(text, decision);
    say(text, "n:scrub()");
}

static void say_hostile(struct text *text, const struct sim_decision *decision)
{
    say(text, "c:node(");
    say_node(text, decision);
    say(text, "):hostile{ kind = \"%s\", p = ", variant_name(decision));
    say_chance(text, decision->values[0]);
    if (decision->values[1] >= 0) {
        say(text, ", after_bytes = %" PRId64, decision->values[1]);
    }
    say(text, ", for_ = ");
    say_duration(text, decision);
    say(text, " }");
}

static void say_ends(struct text *text, const struct sim_decision *decision)
{
    say_nodes(text, decision, 0, decision->node_count > 0 ? 1 : 0);
    say(text, ", ");
    say_nodes(text, decision, 1, decision->node_count);
}

static void say_link(struct text *text, const struct sim_decision *decision)
{
    say(text, "c.net:link(");
    say_ends(text, decision);
    say(text, ", { %s = ", variant_name(decision));
    switch ((enum sim_link_variant)decision->variant) {
    case SIM_LINK_LATENCY:
    case SIM_LINK_JITTER: say_ms(text, decision->values[0]); break;
    case SIM_LINK_BANDWIDTH: say(text, "\"%" PRId64 "B/s\"", decision->values[0]); break;
    case SIM_LINK_STALL: say_duration(text, decision); break;
    case SIM_LINK_LOSS:
    case SIM_LINK_RESET:
    case SIM_LINK_CORRUPT:
    case SIM_LINK_DUPLICATE:
    case SIM_LINK_REORDER: say_chance(text, decision->values[0]); break;
    }
    say(text, " })");
    if (decision->variant != SIM_LINK_STALL) {
        say_sleep(text, decision);
        say(text, "c.net:link(");
        say_ends(text, decision);
        say(text, ", {})");
    }
}

static void say_segment(struct text *text, const struct sim_decision *decision)
{
    say(text, "c.net:segment(");
    say_ends(text, decision);
    switch ((enum sim_segment_variant)decision->variant) {
    case SIM_SEGMENT_BYTES: say(text, ", { sizes = { 1 } })"); break;
    case SIM_SEGMENT_SIZES:
        say(text, ", { sizes = { %" PRId64 ", %" PRId64 " } })", decision->values[0],
            decision->values[1]);
        break;
    case SIM_SEGMENT_COALESCE: say(text, ", { coalesce = true })"); break;
    }
    say_sleep(text, decision);
    say(text, "c.net:segment(");
    say_ends(text, decision);
    say(text, ", {})");
}

static void say_late(struct text *text, const struct sim_decision *decision)
{
    say(text, "c.net:late(");
    say_ends(text, decision);
    say(text, ", ");
    say_ms(text, decision->values[0]);
    say(text, ")");
    say_sleep(text, decision);
    say(text, "c.net:late(");
    say_ends(text, decision);
    say(text, ", 0)");
}

static void say_refuse(struct text *text, const struct sim_decision *decision)
{
    say(text, "c.net:%s(", variant_name(decision));
    say_node(text, decision);
    say(text, ")");
    say_sleep(text, decision);
    say(text, "c.net:%s(", variant_name(decision));
    say_node(text, decision);
    say(text, ", false)");
}

static void say_handles(struct text *text, const struct sim_decision *decision)
{
    say(text, "c.net:reuse_handles(true)");
    say_sleep(text, decision);
    say(text, "c.net:reuse_handles(false)");
}

static void say_stale_names(struct text *text, const struct sim_decision *decision)
{
    say(text, "c.net:stale_dns(");
    say_duration(text, decision);
    say(text, ", { reuse = %s })", decision->variant == SIM_STALE_REUSE ? "true" : "false");
    say_sleep(text, decision);
    say(text, "c.net:stale_dns(0)");
}

/* Asked for, not waited for: under trouble it may not come. */
static void say_consensus(struct text *text, const struct sim_decision *decision)
{
    bool is_snapshot = decision->kind == SIM_TROUBLE_SNAPSHOT;
    if (decision->node_count > 0) {
        say(text, "c:%s(", is_snapshot ? "snapshot" : "transfer_leader");
        say_node(text, decision);
        say(text, ", { wait = false })");
    } else {
        say(text, "c:%s{ wait = false }", is_snapshot ? "truncate_log" : "force_election");
    }
}

static void say_call(struct text *text, const struct sim_decision *decision)
{
    switch (decision->kind) {
    case SIM_TROUBLE_PARTITION: say_partition(text, decision); break;
    case SIM_TROUBLE_KILL: say_kill(text, decision); break;
    case SIM_TROUBLE_ROTATE: say_rotate(text, decision); break;
    case SIM_TROUBLE_PAUSE: say_pause(text, decision); break;
    case SIM_TROUBLE_CLOCK: say_clock(text, decision); break;
    case SIM_TROUBLE_DISK: say_disk(text, decision); break;
    case SIM_TROUBLE_CORRUPT:
    case SIM_TROUBLE_REMOVE: say_damage(text, decision); break;
    case SIM_TROUBLE_HOSTILE: say_hostile(text, decision); break;
    case SIM_TROUBLE_LINK: say_link(text, decision); break;
    case SIM_TROUBLE_STOP: say_stop(text, decision); break;
    case SIM_TROUBLE_SNAPSHOT:
    case SIM_TROUBLE_LEADER: say_consensus(text, decision); break;
    case SIM_TROUBLE_SEGMENT: say_segment(text, decision); break;
    case SIM_TROUBLE_LATE: say_late(text, decision); break;
    case SIM_TROUBLE_REFUSE: say_refuse(text, decision); break;
    case SIM_TROUBLE_HANDLES: say_handles(text, decision); break;
    case SIM_TROUBLE_STALE_DNS: say_stale_names(text, decision); break;
    case SIM_TROUBLE_COUNT: break;
    }
}

char *sim_decision_lua(const struct sim_decision *decision)
{
    struct text text = {.bytes = NULL};
    say(&text, "c:at(");
    say_at(&text, decision->at_ns);
    say(&text, ", function() ");
    say_call(&text, decision);
    say(&text, " end)");
    if (text.is_failed) {
        free(text.bytes);
        return NULL;
    }
    return text.bytes;
}
