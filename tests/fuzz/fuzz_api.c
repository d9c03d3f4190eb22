/* The scenario API: a story of random calls, well-typed and ill-typed, over a small cluster of any
 * release and consensus. Whatever a scenario does, its run passes, fails or ends with an error that
 * names the file; it never breaks the program, hangs or leaks, and it is the same when run again.
 *
 * Which calls there are is asked of the binding itself, so new ones are called too; SHAPES says what
 * those that it names are fond of. */
#include <stdio.h>

#include "protocol/message_table.h"
#include "sim/script.h"
#include "sim/script_story.h"
#include "tests/fuzz/input.h"

#define TEXT_BYTES_MAX 32768
#define STATEMENT_MAX  24
#define DEPTH_MAX      3
#define METHOD_MAX     256
#define HANDLE_COUNT   6
#define ERROR_NAME     "fuzz.lua"
#define ROWS(table)    (sizeof(table) / sizeof(table)[0])
#define PICK(words)    put(story, (words)[fuzz_below(story->input, ROWS(words))])

struct method {
    const char *object, *name;
};

struct story {
    struct fuzz_input *input;
    size_t statement_count;
    struct method methods[METHOD_MAX];
    size_t method_count, length_bytes;
    char text[TEXT_BYTES_MAX];
};

/* ---- Text -------------------------------------------------------------------------------------- */

static void put(struct story *story, const char *words)
{
    size_t length_bytes = strlen(words);
    RP_ASSERT(story->length_bytes + length_bytes < TEXT_BYTES_MAX);
    memcpy(story->text + story->length_bytes, words, length_bytes + 1);
    story->length_bytes += length_bytes;
}

/* Half of the text is for what is open to be closed again. */
static bool is_room(const struct story *story)
{
    return story->length_bytes < TEXT_BYTES_MAX / 2;
}

/* ---- Values ------------------------------------------------------------------------------------- */

static const char *const durations[] = {
    "'10ms'", "'1s'",     "0.5",    "1",    "'200us'", "'100ms..2s'", "'3s'",
    "0",      "'1s..1s'", "'2.5s'", "'7s'", "'0s'",    "'20ms..9s'",  "c.rng:duration('1s..2s')",
};
static const char *const signed_durations[] = {"'-5s'", "'6m'", "'-10m..10m'", "-1", "'1h'", "0"};
static const char *const sizes[] = {"'1KiB'",         "0",      "1",     "'64KiB'",
                                    "'1KiB..100KiB'", "4096.0", "'10kB'"};
static const char *const counts[] = {"1", "2", "3.0", "'1..4'", "'3..3'", "0", "7"};
static const char *const chances[] = {"0", "1", "0.5", "1e-9", "0.999"};
static const char *const rates[] = {"'1Gbit/s'", "'1MiB/s'", "'8bit/s'", "100000"};
static const char *const paths[] = {
    "'db/a.parquet'", "'db/cpu/b.parquet'", "P[1]",  "P[2]",           "'a'",
    "'../x'",         "'db/\\0.parquet'",   "''",    "'db//x'",        "'/etc/passwd'",
    "'d\\xff/\\n'",   "('d/'):rep(300)",    "P[#P]", "'db/a.parquet'",
};
static const char *const nodes[] = {"w",    "r",    "'reader-1'", "'writer-1'",   "c:leader()",
                                    "H[1]", "H[2]", "'reader-2'", "c:nodes()[1]", "H[3]"};
static const char *const node_lists[] = {"'all'", "{w, r}",          "c:nodes()",   "{}",
                                         "r",     "{r, 'writer-1'}", "c:readers()", "{H[1], H[2]}",
                                         "{{}}"};
static const char *const texts[] = {"'db'",       "'x'",    "''",    "'a\\0b'",
                                    "'reader-1'", "'zone'", "'name'"};
static const char *const booleans[] = {"true", "false"};
static const char *const patterns[] = {"'.'", "'%'", "{'db/a.parquet'}", "P", "'(a*)*b'",
                                       "{1}", "'[a'"};
static const char *const bytes[] = {"'abc'", "'\\0\\0\\0\\1\\x20'", "('x'):rep(2000)", "''",
                                    "'\\xff\\xff\\xff\\xff'"};
static const char *const conditions[] = {"true", "false", "nil", "1", "r:up()", "c:now() > 1"};
static const char *const lists[] = {"{1, 2, 3}", "P", "c:nodes()", "{'a'}", "LEN", "CYC"};

static const char *const strange[] = {
    "nil",
    "true",
    "-1",
    "1.5",
    "0/0",
    "1/0",
    "-1/0",
    "math.mininteger",
    "2^53",
    "9007199254740993",
    "1e300",
    "'-5s'",
    "'5s..1s'",
    "'1e5s'",
    "'99999999999999999999s'",
    "'10EiB'",
    "'\\0'",
    "{}",
    "{1, 2, 3}",
    "{{}}",
    "CYC",
    "META",
    "LEN",
    "NEG",
    "NOLEN",
    "TEXT",
    "PAIRS",
    "print",
    "c",
    "c.net",
    "c.rng",
    "A",
    "H[1]",
    "H",
    "function() end",
    "function() error('no') end",
    "function() error({}) end",
    "function() c:sleep('10ms') return true end",
    "string.rep('A', 70000)",
    "coroutine",
    "{[c] = 1}",
    "{[1.5] = 2, x = {}}",
    "setmetatable({}, {__index = c})",
    "utf8.char(0x10ffff)",
    "'all'",
    "'1..'",
    "'..'",
    "'5s..'",
};

static void put_function(struct story *story, int depth);
static void put_statements(struct story *story, int depth);

static void put_strange(struct story *story)
{
    PICK(strange);
}

static const char *const hostile_kinds[] = {
    "corrupt-body",
    "self-consistent-forgery",
    "short-body",
    "long-body",
    "wrong-hash",
    "wrong-size",
    "negative-size",
    "huge-size",
    "wrong-offset",
    "stall",
    "slow-drip",
    "garbage-frame",
    "huge-frame",
    "zero-frame",
    "wrong-type",
    "malformed-json",
    "not-found-lie",
    "manifest-lie",
    "auth-lie",
    "bad-offset-lie",
    "legacy-error-near-miss",
    "close-early",
    "reset",
    "never-ack",
    "no-such",
};
static const char *const releases[] = {"current", "arc", "phase3", "phase2"};
static const char *const command_types[] = {
    "RegisterFile",  "UpdateFile",   "DeleteFile",      "BatchFileOps",
    "AddNode",       "UpdateNode",   "RemoveNode",      "UpdateNodeState",
    "PromoteWriter", "DemoteWriter", "AssignCompactor", "NoSuch",
};
static const char *const message_types[] = {
    "FetchFile",
    "FetchFileAck",
    "JoinRequest",
    "JoinResponse",
    "LeaderInfo",
    "Heartbeat",
    "HeartbeatAck",
    "LeaveNotify",
    "ReplicateSync",
    "ReplicateSyncAck",
    "ForwardApply",
    "ForwardApplyAck",
    "RequestVote",
    "AppendEntries",
    "RequestVoteResult",
    "AppendEntriesResult",
    "TimeoutNow",
    "InstallSnapshot",
    "NoSuch",
};
static const char *const roles[] = {"reader", "writer", "compactor", "king"};
static const char *const choices[] = {"new",     "stable",   "lost",      "keep",
                                      "flip",    "truncate", "zero",      "swap",
                                      "connect", "garbage",  "slow-frame"};

static void put_quoted(struct story *story, const char *const *words, size_t count)
{
    put(story, "'");
    put(story, words[fuzz_below(story->input, count)]);
    put(story, "'");
}

/* A command, or a message of the wire: its type and some keys, of which few are right. */
static void put_fields(struct story *story, bool is_command)
{
    static const char *const keys[] = {
        "path",        "sha256",    "size_bytes",   "node_id",      "id",         "role",
        "address",     "new_state", "reason",       "nonce",        "timestamp",  "hmac",
        "byte_offset", "term",      "as",           "payload",      "file",       "state",
        "nodes",       "success",   "command_json", "cluster_name", "created_at", "no_such",
    };
    static const char *const values[] = {
        "P[1]",          "'db/z.parquet'", "7",  "-1",   "'reader-1'", "''",     "math.maxinteger",
        "true",          "('a'):rep(64)",  "{}", "'{}'", "'reader'",   "'dead'", "{{id = 'x'}}",
        "'1.2.3.4:9100'"};
    put(story, "{type = ");
    if (is_command) {
        put_quoted(story, command_types, ROWS(command_types));
    } else {
        put_quoted(story, message_types, ROWS(message_types));
    }
    for (size_t count = fuzz_below(story->input, 6); count > 0; count -= 1) {
        put(story, ", ");
        PICK(keys);
        put(story, " = ");
        PICK(values);
    }
    put(story, is_command && fuzz_flag(story->input)
                   ? ", ops = {{type = 'DeleteFile', path = P[1]}, {type = 'RegisterFile', path = "
                     "'db/q'}, CYC}}"
                   : "}");
}

/* One of a kind: see SHAPES. */
static void put_kind(struct story *story, char kind, int depth)
{
    switch (kind) {
    case 'd': PICK(durations); break;
    case 'j': PICK(signed_durations); break;
    case 's': PICK(sizes); break;
    case 'c': PICK(counts); break;
    case '%': PICK(chances); break;
    case 'g': PICK(rates); break;
    case 'p': PICK(paths); break;
    case 'n': PICK(nodes); break;
    case 'N': PICK(node_lists); break;
    case 't': PICK(texts); break;
    case 'b': PICK(booleans); break;
    case 'm': PICK(patterns); break;
    case 'y': PICK(bytes); break;
    case 'q': PICK(conditions); break;
    case 'l': PICK(lists); break;
    case 'h': put_quoted(story, hostile_kinds, ROWS(hostile_kinds)); break;
    case 'r': put_quoted(story, releases, ROWS(releases)); break;
    case 'o': put_quoted(story, roles, ROWS(roles)); break;
    case 'w': put_quoted(story, choices, ROWS(choices)); break;
    case 'T': put_quoted(story, message_types, ROWS(message_types)); break;
    case 'C': put_fields(story, true); break;
    case 'M': put_fields(story, false); break;
    case 'f': put_function(story, depth); break;
    case 'k': put(story, "CAP"); break;
    case 'K': put(story, "{replication_pull_workers = 1, query_gate_on_catchup = true}"); break;
    default: put_strange(story); break;
    }
}

/* ---- Calls --------------------------------------------------------------------------------------- */

/* Arguments by kind, a letter each; options as {key:kind ...}. */
static const struct {
    const char *object, *name, *arguments;
} SHAPES[] = {
    {"c", "sleep", "d"},
    {"c", "go", "f"},
    {"c", "at", "df"},
    {"c", "every", "df"},
    {"c", "wait", "fdt"},
    {"c", "settle", "d"},
    {"c", "always", "tf{every:d}"},
    {"c", "eventually", "tfd"},
    {"c", "check", "qt"},
    {"c", "sometimes", "tq"},
    {"c", "metric", "tc"},
    {"c", "node", "n"},
    {"c", "nodes", "{role:o up:b zone:t release:r}"},
    {"c", "add", "{role:o id:t volume:w release:r config:K zone:t}"},
    {"c", "flush", "{files:c bytes:s every:d database:t measurement:t path:p sparse:b from:t}"},
    {"c", "delete", "p"},
    {"c", "compact", "{inputs:c}"},
    {"c", "events", "n"},
    {"c", "rotate",
     "{nodes:N max_unavailable:c grace:d identity:w volume:w start_delay:d ready_timeout:d "
     "release:r config:K}"},
    {"c", "snapshot", "n"},
    {"c", "transfer_leader", "n"},
    {"c", "reconcile", "n{act:b}"},
    {"c", "cluster", "{name:t share_secret:b writers:c readers:c release:r}"},
    {"c", "attacker", "{on_path:N}"},
    {"c", "nemesis", "{faults:l every:d heal:d until_:d max_down:c}"},
    {"n", "stop", "{grace:d}"},
    {"n", "kill", "{host:b}"},
    {"n", "start", "{release:r config:K}"},
    {"n", "restart", "{down:d grace:d release:r config:K}"},
    {"n", "pause", "d"},
    {"n", "replace", "{identity:w volume:w grace:d address:w release:r config:K start_delay:d}"},
    {"n", "clock", "{skew:j drift_ppm:j jump:j}"},
    {"n", "has", "p"},
    {"n", "sha256", "p"},
    {"n", "propose", "C"},
    {"n", "query", "{prefix:p}"},
    {"n", "disk",
     "{full:b free:s slow:d stuck:d read_error:% write_error:% short_write:% sync_error:% "
     "stat_error:% list_error:% torn:% lose_unsynced:b lie_about_sync:b no_append:b}"},
    {"n", "hostile", "{kind:h p:% for_:d paths:m after_bytes:s}"},
    {"n", "corrupt", "p{kind:w}"},
    {"n", "remove", "p"},
    {"n", "put", "ps"},
    {"n", "flush", "{files:c bytes:s every:d database:t measurement:t path:p sparse:b}"},
    {"n", "rewrite", "p{bytes:s}"},
    {"n", "stop_at", "{event:c}"},
    {"n", "kill_at", "{event:c}"},
    {"c.net", "partition", "NN{oneway:b for_:d}"},
    {"c.net", "isolate", "n{for_:d}"},
    {"c.net", "link",
     "NN{latency:d jitter:d loss:% bandwidth:g reset:% corrupt:% duplicate:% reorder:% stall:d "
     "oneway:b}"},
    {"c.net", "late", "NNd"},
    {"c.net", "segment", "NN{sizes:l coalesce:b}"},
    {"c.net", "refuse", "n"},
    {"c.net", "blackhole", "n"},
    {"c.net", "reuse_handles", "b"},
    {"c.net", "stale_dns", "d{reuse:b}"},
    {"c.rng", "int", "cc"},
    {"c.rng", "chance", "%"},
    {"c.rng", "pick", "l"},
    {"c.rng", "shuffle", "l"},
    {"c.rng", "duration", "d"},
    {"a", "send", "nM"},
    {"a", "capture", "{type:T from:n to:n}"},
    {"a", "replay", "k{to:n after:d fields:l}"},
    {"a", "tamper", "{type:T from:n to:n fields:l match:f for_:d p:%}"},
    {"a", "drop", "{type:T from:n to:n match:f for_:d p:%}"},
    {"a", "flood", "n{connections:c rate:c kind:w}"},
};

static const char *shape_of(const struct method *method)
{
    for (size_t row = 0; row < ROWS(SHAPES); row += 1) {
        if (strcmp(SHAPES[row].object, method->object) == 0 &&
            strcmp(SHAPES[row].name, method->name) == 0) {
            return SHAPES[row].arguments;
        }
    }
    return "";
}

/* One in eight is something else. */
static void put_value(struct story *story, char kind, int depth)
{
    if (fuzz_below(story->input, 8) == 7) {
        put_strange(story);
    } else {
        put_kind(story, kind, depth);
    }
}

/* Behind the brace; some of the keys. Returns what follows the closing one. */
static const char *put_options(struct story *story, const char *shape, int depth)
{
    put(story, "{");
    while (*shape != '}' && *shape != '\0') {
        size_t length = strcspn(shape, ":");
        if (fuzz_below(story->input, 3) == 0) {
            char key[40];
            (void)snprintf(key, sizeof key, "%.*s = ", (int)length, shape);
            put(story, key);
            put_value(story, shape[length + 1], depth);
            put(story, ", ");
        }
        shape += length + 2;
        shape += *shape == ' ';
    }
    put(story, fuzz_below(story->input, 16) == 15 ? "no_such = 1}" : "}");
    return *shape == '\0' ? shape : shape + 1;
}

static void put_arguments(struct story *story, const char *comma, const char *shape, int depth)
{
    while (*shape != '\0' && fuzz_below(story->input, 12) != 11) {
        put(story, comma);
        comma = ", ";
        if (*shape != '{') {
            put_value(story, *shape, depth);
            shape += 1;
        } else {
            shape = put_options(story, shape + 1, depth);
        }
    }
    if (fuzz_below(story->input, 16) == 15) {
        put(story, comma);
        put_strange(story);
    }
}

static void put_receiver(struct story *story, const char *object)
{
    static const char *const receivers[] = {"w", "r", "H[1]", "H[2]", "c:leader()"};
    static const char *const attackers[] = {"A", "B"};
    if (strcmp(object, "n") == 0) {
        PICK(receivers);
    } else if (strcmp(object, "a") == 0) {
        PICK(attackers);
    } else {
        put(story, object);
    }
}

static void put_call(struct story *story, int depth)
{
    const struct method *method = &story->methods[fuzz_byte(story->input) % story->method_count];
    size_t form = fuzz_below(story->input, 16);
    if (form == 15) { /* the method of one on another */
        put_receiver(story, method->object);
        put(story, ".");
        put(story, method->name);
        put(story, "(");
        put_strange(story);
    } else {
        put_receiver(story, method->object);
        put(story, ":");
        put(story, method->name);
        put(story, "(");
    }
    put_arguments(story, form == 15 ? ", " : "", shape_of(method), depth);
    put(story, ")");
}

/* ---- Functions and statements ------------------------------------------------------------------------ */

static void put_function(struct story *story, int depth)
{
    static const char *const bodies[] = {
        "return true",
        "return false",
        "return c:now() > 0.5",
        "error('told')",
        "error(CYC)",
        "c:sleep('10ms') return true",
        "return r:up()",
        "return ...",
        "n = (n or 0) + 1 return n > 3",
        "return c.rng:chance(0.5)",
        "f = ... if type(f) == 'table' then f.path = 7 end return f",
    };
    put(story, "function(...) ");
    if (depth < DEPTH_MAX && fuzz_below(story->input, 3) == 2) {
        put_statements(story, depth + 1);
        put(story, " return true");
    } else {
        PICK(bodies);
    }
    put(story, " end");
}

/* The library, asked for too much. */
static const char *const loose[] = {
    "string.rep(('x'):rep(1000), 1e5)",
    "('a'):rep(1000):find(('a?'):rep(100) .. ('a'):rep(100))",
    "string.format('%s %q %99.99f %d', META, 'x', 1/3, 2^53)",
    "string.format('%' .. ('9'):rep(99) .. 'd', 1)",
    "table.sort({3, 2, 1}, function(a, b) c:sleep(0.01) return a < b end)",
    "table.concat(LEN, ',', 1, math.maxinteger)",
    "table.move({1, 2}, 1, math.maxinteger, 2)",
    "table.unpack({}, 1, 1e7)",
    "table.insert(P, -5, 1)",
    "string.pack(('i16'):rep(50), 1)",
    "load('return ' .. ('('):rep(300))()",
    "load(function() return nil end)",
    "require('no.such')",
    "require('../../etc/passwd')",
    "setmetatable({}, {__gc = function() end})",
    "setmetatable({}, {__mode = 'k'})",
    "print(CYC, META, TEXT, c, r, A, 0/0)",
    "tostring(TEXT)",
    "for k, v in pairs(PAIRS) do P[#P + 1] = k end",
    "for k in next, H do H[k] = nil end",
    "math.random(math.mininteger, math.maxinteger)",
    "math.randomseed(0/0)",
    "utf8.codepoint('\\xff', 1, -1)",
    "collectgarbage('collect')",
    "c.foo = 1",
    "r.id = 'x'",
    "c.params.x = c",
    "pcall(error)",
    "xpcall(function() error(META) end, function(e) return e.x end)",
    "select(-1, 1)",
    "rawset(c, 1, 1)",
    "setmetatable(c, {})",
    "local function deep() return 1 + deep() end deep()",
    "local co = coroutine",
    "for i = 1, 1e5 do n = i end",
    "P[#P + 1] = c:manifest()[1] and c:manifest()[1].path",
    "H[#H + 1] = c:nodes()[#c:nodes()]",
    "n = r.no_such",
};

static void put_call_kept(struct story *story, int depth)
{
    static const char *const places[] = {
        "H[1] = ", "H[2] = ", "A = ", "B = ", "CAP = ", "P = ", "n = "};
    PICK(places);
    put_call(story, depth);
    put(story, " or ");
    put(story, "n");
}

static void put_statement(struct story *story, int depth)
{
    static const char *const kept[] = {"H[1] = c:add{}",
                                       "H[2] = r:replace{identity = 'stable'}",
                                       "H[3] = r:replace{}",
                                       "A = c:attacker{on_path = {w, r}}",
                                       "P = c:flush{files = 2, bytes = '10KiB'}",
                                       "CAP = A:capture{type = 'Heartbeat'}",
                                       "c:sleep('1s')",
                                       "r:kill() r:start()"};
    story->statement_count += 1;
    switch (fuzz_below(story->input, 12)) {
    case 0: PICK(kept); break;
    case 1: put_call_kept(story, depth); break;
    case 2: PICK(loose); break;
    case 3:
        put(story, "c:go(");
        put_function(story, depth);
        put(story, ")");
        break;
    case 4:
        put(story, "local x <close> = setmetatable({}, {__close = ");
        put_function(story, depth);
        put(story, "})");
        break;
    case 5:
        put(story, "for i = 1, 3 do ");
        put_call(story, depth);
        put(story, " end");
        break;
    default: put_call(story, depth); break;
    }
}

/* Most are caught, so that the story goes on. */
static void put_statements(struct story *story, int depth)
{
    for (size_t count = 1 + fuzz_below(story->input, 6); count > 0; count -= 1) {
        if (story->statement_count >= STATEMENT_MAX || !is_room(story)) {
            return;
        }
        bool is_caught = fuzz_below(story->input, 24) != 23;
        put(story, is_caught ? "pcall(function() " : "do ");
        put_statement(story, depth);
        put(story, is_caught ? " end)\n" : " end\n");
    }
}

/* ---- The file ------------------------------------------------------------------------------------------- */

static void put_head(struct story *story)
{
    static const char *const odd[] = {
        "",
        "",
        "",
        " expect = { accept = {'arc'} },",
        " expect = { violates = 'converges' },",
        " network = { loss = 0.01, latency = '1ms..20ms' },",
        " network = META,",
        " expect = { accept = LEN },",
        " phase = 0/0,",
        " params = CYC,",
        " breaks = { arc = 'query-complete' },",
    };
    static const char *const clusters[] = {
        "",
        "",
        "",
        "",
        "",
        ", tls = true",
        ", voters = '1..3'",
        ", compactors = 1",
        ", leader = 'reader-1'",
        ", zones = { ['reader-1'] = 'a' }",
        ", license = { clustering = false }",
        ", releases = { ['reader-1'] = 'arc' }",
        ", configs = { ['reader-1'] = { shared_secret = '' } }",
        ", config = META",
        ", config = { ['reconciliation.enabled'] = true }",
        ", writers = 2",
        ", readers = '1..4'",
        ", writers = 0",
        ", releases = CYC",
    };
    put(story,
        "local CYC = {} CYC[1], CYC.x = CYC, CYC\n"
        "local function fails() error({}) end\n"
        "local META = setmetatable({}, {__index = fails, __newindex = fails, __call = fails,\n"
        " __tostring = fails, __len = fails, __eq = fails, __concat = fails, __close = fails})\n"
        "local LEN = setmetatable({}, {__len = function() return math.maxinteger end})\n"
        "local NEG = setmetatable({}, {__len = function() return -1 end})\n"
        "local NOLEN = setmetatable({}, {__len = function() return {} end})\n"
        "local TEXT = setmetatable({}, {__tostring = function() return 5 end, __name = 'c'})\n"
        "local PAIRS = setmetatable({}, {__pairs = function() return next, {a = 1}, nil end})\n"
        "local H, P, A, B, CAP, n = {}, {}\n"
        "return { name = 'fuzz', limit = '20s', closing = ");
    put(story, fuzz_below(story->input, 4) == 3 ? "'full'," : "'short',");
    put(story, " storage = { read = '4MiB/s', write = '4MiB/s', capacity = '32MiB' },");
    PICK(odd);
    put(story, "\ncluster = { readers = 2, release = ");
    put_quoted(story, releases, ROWS(releases));
    put(story, ", consensus = ");
    put(story, fuzz_flag(story->input) ? "'ideal'" : "'raft'");
    PICK(clusters);
    put(story, " },\nrun = function(c)\n local w, r = c:node('writer-1'), c:node('reader-1')\n"
               " H[1], H[2], A = w, r, c:attacker{on_path = {w, r}}\n");
}

static void find_methods(struct story *story)
{
    const struct script_method_table *table = script_method_tables;
    for (; table->object != NULL; table += 1) {
        for (const luaL_Reg *row = table->methods; row->name != NULL; row += 1) {
            RP_ASSERT(story->method_count < METHOD_MAX);
            story->methods[story->method_count++] = (struct method){table->object, row->name};
        }
    }
}

static void write_story(struct story *story)
{
    find_methods(story);
    put_head(story);
    while (fuzz_left(story->input) > 0 && story->statement_count < STATEMENT_MAX &&
           is_room(story)) {
        put_statements(story, 0);
    }
    put(story, "end }\n");
}

/* ---- The run ---------------------------------------------------------------------------------------------- */

/* The outcome's fingerprint; zeros when nothing ran. */
static void run_story(const struct story *story, uint64_t seed, char fingerprint_out[33])
{
    struct script_outcome outcome;
    struct script_options options = {
        .path = "no-such-folder/" ERROR_NAME, .text = story->text, .seed = seed};
    int error = script_run_file(&options, &outcome);
    if (error != 0 || outcome.end == SCRIPT_END_BROKEN) {
        fprintf(stderr, "%s\n", outcome.error);
    }
    RP_ASSERT(error == 0 && outcome.end != SCRIPT_END_BROKEN);
    RP_ASSERT((outcome.end == SCRIPT_END_ERROR) == (outcome.error[0] != '\0'));
    RP_ASSERT(outcome.error[0] == '\0' || strstr(outcome.error, ERROR_NAME) != NULL);
    (void)snprintf(fingerprint_out, 33, "%032d", 0);
    if (outcome.result != NULL) {
        sim_fingerprint_text(outcome.result->fingerprint, fingerprint_out);
    }
    script_outcome_clear(&outcome);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = fuzz_input_of(data, size);
    struct story *story = calloc(1, sizeof *story);
    char first[33], again[33];
    RP_ASSERT(story != NULL);
    story->input = &input;
    uint64_t seed = 1 + fuzz_below(&input, 4);
    bool is_twice = fuzz_below(&input, 16) == 15;
    write_story(story);
    if (getenv("FUZZ_API_SHOW") != NULL) {
        fputs(story->text, stderr);
    }
    run_story(story, seed, first);
    if (is_twice) {
        run_story(story, seed, again);
        RP_ASSERT(strcmp(first, again) == 0);
    }
    free(story);
    return 0;
}
