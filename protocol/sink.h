/* Where the bytes of one pull go (behaviour.md 8; trait `staging`).
 *
 * Three kinds, one table of functions each:
 *
 *   PRIVATE    a staging object that nobody sees, opened with the first byte, gone after a mismatch;
 *              publish is sync, rename, sync. It may stay open between two tries of one pull.
 *   TEMP       a file of a random name in the same folder, opened before the first byte, removed
 *              after any error, else renamed, with as many bytes as came.
 *   PART_FILE  `<path>.part`, opened and emptied before the first byte, kept after any error. A
 *              resume appends to the one that is there and renames only what is complete. It is
 *              never removed, and stat shows it where the final name is absent.
 *
 * The two latter are adapters above the port's file_ calls. The sink publishes only when it is told
 * to: after the fetch ended well and the manifest was asked.
 *
 * One call at a time. An operation either answers at once by its result, or later, from an event,
 * by `done`; each comment says which. Cancelling makes the outstanding one answer soon. */
#ifndef REPLISIM_PROTOCOL_SINK_H
#define REPLISIM_PROTOCOL_SINK_H

#include "protocol/buffer.h"
#include "protocol/command.h"
#include "protocol/node_call.h"
#include "protocol/release.h"

struct node_sink;

struct node_sink_kind {
    bool (*begin)(struct node_sink *sink);
    void (*write)(struct node_sink *sink);
    int (*publish)(struct node_sink *sink, bool is_whole);
    bool (*drop)(struct node_sink *sink);
};

/* Never NULL; constant memory. */
const struct node_sink_kind *node_sink_kind_of(const struct rp_traits *traits);

struct node_sink {
    const struct node_sink_kind *kind;
    struct rp_node *node;
    struct node_call call;
    void (*done)(void *owner, int error); /* of the outstanding operation */
    void *owner;
    const struct rp_file_entry *entry; /* borrowed from the try */
    rp_store_handle writer;
    struct rp_buffer name;   /* TEMP, PART_FILE: of the staging file */
    struct rp_chunk pending; /* PRIVATE: to be written once the writer is open; a reference */
    uint64_t offset_bytes;   /* where the try goes on */
    uint64_t size_bytes;     /* in the staging object */
    size_t taken_bytes;      /* of the last write */
    int open_error;
    bool is_stale;      /* PRIVATE: what is staged belongs to an earlier try */
    bool is_publishing; /* PRIVATE: an empty file is opened only to be published */
    bool has_file;      /* TEMP, PART_FILE: the staging file is there, open or not */
    bool is_removing;   /* what is on its way out is not called back */
    bool is_cancelled;
    struct rp_store_stat published;
};

void node_sink_init(struct node_sink *sink, struct rp_node *node, void *owner);
/* Frees memory; makes no port call. */
void node_sink_clear(struct node_sink *sink);

/* A try begins at `offset_bytes` of the entry, which outlives the try. True: `done` comes, always
 * with 0; false: ready. That the opening failed shows in node_sink_error and by every write. */
bool node_sink_begin(struct node_sink *sink, const struct rp_file_entry *entry,
                     uint64_t offset_bytes, void (*done)(void *owner, int error));
/* 0, or why there is nothing to write into; RP_ERR_UNSUPPORTED: the store cannot append. */
int node_sink_error(const struct node_sink *sink);
/* 0: `done` comes, and taken_bytes tells how much was taken (maybe less than all). Else refused. */
RP_MUST_USE int node_sink_write(struct node_sink *sink, struct rp_chunk chunk,
                                void (*done)(void *owner, int error));
/* Under the final name; `is_whole`: the bytes that came are those that were asked for. 0: `done`
 * comes, and `published` tells of the object; else refused. On failure PRIVATE leaves nothing. */
RP_MUST_USE int node_sink_publish(struct node_sink *sink, bool is_whole,
                                  void (*done)(void *owner, int error));
/* The try failed, or its pull ended: leaves what the kind leaves. True: `done` comes (its error only
 * says that something stayed behind), unless a next try has begun meanwhile; false: nothing had to
 * be done. Not while busy. */
bool node_sink_drop(struct node_sink *sink, void (*done)(void *owner, int error));
bool node_sink_is_busy(const struct node_sink *sink); /* an answer of this try is outstanding */
bool node_sink_holds(const struct node_sink *sink);   /* something is open */
void node_sink_cancel(struct node_sink *sink);

/* `<path>.part` in memory of the node, until the next call; empty when memory is short, or where the
 * release has no part files. */
struct rp_view node_part_name(struct rp_node *node, struct rp_view path);

#endif
