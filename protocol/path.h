/* Paths: what a fetch may name, what the manifest admits, and how the reference's local storage maps
 * names (behaviour.md 5.2, 1.4, 8). Lengths are explicit; a NUL is just a byte that is refused. */
#ifndef REPLISIM_PROTOCOL_PATH_H
#define REPLISIM_PROTOCOL_PATH_H

#include "protocol/buffer.h"
#include "protocol/release.h"
#include "protocol/types.h"

enum rp_path_verdict {
    RP_PATH_OK,
    RP_PATH_EMPTY,
    RP_PATH_NUL,
    RP_PATH_ABSOLUTE,
    RP_PATH_NOT_CLEAN,
    RP_PATH_TRAVERSAL,
    RP_PATH_TOO_LONG,
    RP_PATH_SCHEME,
    RP_PATH_NO_SLASH, /* `current`: a bare name could pass for a command hash (design.md) */
    RP_PATH_VERDICT_COUNT
};

/* The request sanitiser, the same in every release (behaviour.md 5.2). */
enum rp_path_verdict rp_path_sanitise(struct rp_view path);
/* The refusal's text for the ack, as the reference words it; arena or constant memory.
 * Errors: RP_ERR_NOMEM. */
RP_MUST_USE int rp_path_sanitise_text(struct rp_view path, enum rp_path_verdict verdict,
                                      struct rp_arena *arena, struct rp_view *text_out);
/* Manifest admission of the release (behaviour.md 1.4, trait `admission`). */
enum rp_path_verdict rp_path_admit(const struct rp_traits *traits, struct rp_view path);
/* "empty", "nul", "absolute", "not_clean", "traversal", "too_long", "scheme", "no_slash", "ok". */
const char *rp_path_verdict_name(enum rp_path_verdict verdict);

/* Canonical form (behaviour.md 5.2) appended to `out`; "." for the empty path. */
RP_MUST_USE int rp_path_clean(struct rp_view path, struct rp_buffer *out);

/* Objects have the names of their paths (trait `store_names`). */
bool rp_path_is_stored_as_is(const struct rp_traits *traits);
/* What stands behind a name while a write to it goes on and is seen there (trait `staging`): stat
 * falls back to it, and the file system's limit counts it. Empty: nothing is seen. */
struct rp_view rp_path_part_suffix(const struct rp_traits *traits);
/* Under which name the reference's local storage keeps a streamed write, relative to its root
 * (behaviour.md 8, trait `store_names`). `root_length_bytes`: length of the root's full name, which
 * counts toward the file system's limit. False: it would refuse. */
RP_MUST_USE int rp_path_stored_name(const struct rp_traits *traits, struct rp_view path,
                                    size_t root_length_bytes, struct rp_buffer *name_out,
                                    bool *is_refused_out);
/* As it, for any object: `suffix_bytes` will stand behind the name (0: a buffer written whole, whose
 * temporary name is short, and everything that reads). */
RP_MUST_USE int rp_path_local_name(const struct rp_traits *traits, struct rp_view path,
                                   size_t root_length_bytes, size_t suffix_bytes,
                                   struct rp_buffer *name_out, bool *is_refused_out);

#endif
