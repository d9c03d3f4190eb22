#include "sim/cli/describe.h"

#include <stdio.h>
#include <string.h>

#include "fault/catalog.h"
#include "protocol/fetch_client.h"
#include "sim/cli/cli.h"
#include "sim/decision.h"

/* ---- Ack codes ------------------------------------------------------------------------------- */

static const struct {
    enum rp_ack_code code;
    const char *about, *then;
} codes[] = {
    {RP_ACK_CODE_AUTH, "stale, replayed, or a MAC that does not verify",
     "The same answer in bytes whatever was wrong. The client asks the next peer."},
    {RP_ACK_CODE_INVALID_PATH, "the path is not admissible",
     "Absolute, with a traversal, a NUL, or not in canonical form."},
    {RP_ACK_CODE_RAFT, "the server has no consensus or no manifest yet",
     "It has just started, or stands alone. The client asks the next peer."},
    {RP_ACK_CODE_MANIFEST, "the path is not in the server's own manifest",
     "It may be behind in its log, or the file was deleted: not on this peer."},
    {RP_ACK_CODE_BACKEND, "the server's disk failed or did not answer in time",
     "The client asks the next peer."},
    {RP_ACK_CODE_NOT_FOUND, "the server knows the file, and its disk does not have it",
     "Not on this peer: the client asks the next one at once."},
    {RP_ACK_CODE_BAD_OFFSET, "the offset asked for is not within the file",
     "The client starts the file again from its beginning."},
};
#define CODE_COUNT (sizeof codes / sizeof codes[0])

size_t cli_code_count(void)
{
    return CODE_COUNT;
}

const char *cli_code_name(size_t index)
{
    return rp_ack_code_name(codes[index].code);
}

const char *cli_code_about(size_t index)
{
    return codes[index].about;
}

bool cli_describe_code(const char *name)
{
    for (size_t i = 0; i < CODE_COUNT; i++) {
        if (strcmp(name, cli_code_name(i)) == 0) {
            cli_describe_heading(name, "ack code of a refused fetch");
            printf("  %s\n  %s\n", codes[i].about, codes[i].then);
            printf(
                "  Since phase3: phase2 has texts alone. A code, when there is one, decides alone\n"
                "  (property ack-code-fixed).\n");
            return true;
        }
    }
    return false;
}

/* ---- Groups of faults ------------------------------------------------------------------------ */

static const struct {
    const char *name, *about, *example;
    const char *const *members; /* ended by NULL; or NULL: all faults whose about begins so */
    const char *prefix; /* of names (disk.) or of abouts (hostile peer:); NULL: of nemesis */
} groups[] = {
    {"disk", "Storage faults of one node, from now on; `false` ends one, `n:disk{}` ends all.",
     "n:disk{ full = true }", NULL, "disk."},
    {"hostile", "A member with the shared secret that answers fetches badly, each with chance p.",
     "n:hostile{ kind = \"corrupt-body\", p = 0.5, for_ = \"1m\" }", NULL, "hostile peer: "},
    {"nemesis",
     "Random trouble: a subset of its kinds, drawn from the seed; what it did is recorded.",
     "c:nemesis{ faults = { \"partition\", \"kill\" }, every = \"5s..30s\", until_ = \"10m\" }",
     NULL, NULL},
    {"attacker",
     "Somebody without the secret: on the path between two nodes it sees and changes what passes,\n"
     "  elsewhere it can only dial.",
     "local a = c:attacker{ on_path = { x, y } }",
     (const char *const[]){"tamper", "drop", "replay", "flood", NULL}, NULL},
};
#define GROUP_COUNT (sizeof groups / sizeof groups[0])

size_t cli_group_count(void)
{
    return GROUP_COUNT;
}

const char *cli_group_name(size_t index)
{
    return groups[index].name;
}

static bool begins_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* What the nemesis draws, with the variants of each kind. */
static void print_troubles(void)
{
    for (int row = 0; row < SIM_TROUBLE_COUNT; row++) {
        enum sim_trouble kind = (enum sim_trouble)row;
        size_t count = sim_variant_count(kind);
        printf("    %-12s %s", sim_trouble_name(kind), sim_trouble_about(kind));
        for (size_t variant = 0; count > 1 && variant < count; variant++) {
            printf("%s%s", variant % 5 == 0 ? "\n                   " : ", ",
                   sim_variant_at(kind, variant)->name);
        }
        printf("\n");
    }
}

static void print_members(size_t group)
{
    if (groups[group].members == NULL && groups[group].prefix == NULL) {
        print_troubles();
    }
    for (size_t i = 0; groups[group].members != NULL && groups[group].members[i] != NULL; i++) {
        printf("    %s\n", groups[group].members[i]);
    }
    for (size_t i = 0; groups[group].prefix != NULL && i < fault_catalog_count(); i++) {
        const struct fault_kind *kind = fault_catalog_at(i);
        if (begins_with(kind->name, groups[group].prefix)) {
            printf("    %-24s %s\n", kind->name, kind->about);
        } else if (begins_with(kind->about, groups[group].prefix)) {
            printf("    %-24s %s\n", kind->name, kind->about + strlen(groups[group].prefix));
        }
    }
}

bool cli_describe_group(const char *name)
{
    for (size_t i = 0; i < GROUP_COUNT; i++) {
        if (strcmp(name, groups[i].name) == 0) {
            cli_describe_heading(name, "group of faults");
            printf("  %s\n  in a scenario: %s\n  kinds:\n", groups[i].about, groups[i].example);
            print_members(i);
            return true;
        }
    }
    return false;
}
