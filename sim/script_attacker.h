/* What the files of the attacker share; private to them.
 *
 *   script_attacker.c  the object; send, replay, and the exchange behind them
 *   script_rule.c      on the path: capture, tamper, drop, whatever kind of message it is about
 *   script_tap.c       what passes: frames, found in streams
 *   script_tap_raft.c  what passes: consensus messages
 *   script_flood.c     floods */
#ifndef REPLISIM_SIM_SCRIPT_ATTACKER_H
#define REPLISIM_SIM_SCRIPT_ATTACKER_H

#include "sim/net.h"
#include "sim/consensus_raft.h"
#include "sim/script_story.h"

#define SCRIPT_ATTACKER_TYPE "attacker"

struct script_flood;
struct script_stream;

struct script_capture {
    struct script_capture *next;
    struct script_task *task;
    sim_site from, to;
    uint16_t type; /* script_any_type; when has_type, else that of any frame */
    bool has_type, is_over;
};

/* In Lua's memory, referenced by the registry until it is stopped. Its user values: the changes and
 * the function that judges. */
struct script_rule {
    struct script_rule *next;
    int reference;
    bool is_drop, has_type, has_match;
    uint16_t type;
    sim_site from, to;
    sim_chance chance;
    rp_time_ns until_ns; /* 0: until stopped */
};

/* In Lua's memory; what it owns is freed by its __gc, after the run. */
struct script_attacker {
    struct script *script;
    struct sim_world *world;      /* whose ids it goes by */
    struct script_attacker *next; /* of the script */
    sim_site site;
    uint32_t number;
    uint32_t dial_count;
    struct sim_rng rng;
    struct script_flood *floods; /* owned; newest first */
    /* On the path. */
    bool is_on_path, is_tapped;
    bool is_blind; /* what passes is encrypted */
    sim_site left, right;
    struct sim_net_tap tap;
    struct script_stream *streams;   /* owned: one a direction of a connection */
    struct script_rule *rules;       /* in Lua's memory; in order of the calls */
    struct script_capture *captures; /* on coroutines' stacks */
};

struct script_attacker *script_take_attacker(lua_State *lua);
/* A new endpoint at an address that nobody has at this moment: several floods and exchanges go on side
 * by side. The network's. Errors: RP_ERR_INVALID (all addresses are taken), RP_ERR_NOMEM. */
int script_attacker_attach(struct script_attacker *attacker, struct sim_endpoint **endpoint_out);
/* The site of the node named by `key` of the options; SIM_SITE_NONE when it is not there. */
sim_site script_take_site(lua_State *lua, int options, const char *key);

/* ---- script_rule.c ----------------------------------------------------------------------------- */

/* A whole message on its way between the two sites. */
struct script_passing {
    struct script_attacker *attacker;
    const struct sim_net_passage *passage;
    uint16_t type; /* script_any_type */
    /* Each pushes one value: its bytes, its fields, and the bytes with the changes of the table. */
    void (*push_bytes)(lua_State *lua, const struct script_passing *passing);
    void (*push_fields)(lua_State *lua, const struct script_passing *passing);
    void (*push_changed)(lua_State *lua, const struct script_passing *passing, int changes);
    /* A capture takes it; NULL: nobody has to know. */
    void (*kept)(const struct script_passing *passing);
};

int script_attacker_capture(lua_State *lua);
int script_attacker_tamper(lua_State *lua);
int script_attacker_drop(lua_State *lua);
/* Gives it to those who wait for such a one. */
void script_give_captures(const struct script_passing *passing);
/* Does the rule look at this passage? `type` negative: not known yet. */
bool script_rule_concerns(const struct script_rule *rule, const struct script_attacker *attacker,
                          const struct sim_net_passage *passage, int type);
/* True: the rule acts, and what goes out instead is on top of the main state's stack, "" for nothing. */
bool script_rule_acts(const struct script_rule *rule, const struct script_passing *passing);
void script_rules_stop(struct script_attacker *attacker); /* no rule any more */

/* ---- script_tap.c ------------------------------------------------------------------------------ */

/* From its birth on it sees what passes between its two sites. */
void script_tap_begin(struct script_attacker *attacker);
void script_tap_end(struct script_attacker *attacker); /* it sees nothing any more */

/* ---- script_tap_raft.c ------------------------------------------------------------------------- */

/* A datagram passes. */
void script_tap_datagram(struct script_attacker *attacker, const struct sim_net_passage *passage,
                         struct rp_chunk *chunk);
/* `return script_send_raft(...)`: the message of the table at 3, to that node, in the name of its `as`. */
int script_send_raft(lua_State *lua, struct script_attacker *attacker, struct sim_pod *pod,
                     enum sim_raft_message_kind kind);
/* The capture at 2 goes to that node again, with the options at 3. Pushes nil. */
int script_replay_raft(lua_State *lua, struct script_attacker *attacker, struct sim_pod *pod);

/* ---- script_flood.c ------------------------------------------------------------------------------ */

int script_attacker_flood(lua_State *lua);
void script_flood_stop(struct script_attacker *attacker);

#endif
