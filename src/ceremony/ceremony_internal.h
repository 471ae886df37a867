/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ASSAY_CEREMONY_INTERNAL_H
#define ASSAY_CEREMONY_INTERNAL_H

#include "ceremony/ceremony.h"
#include "codec/codec.h"

struct json_t;

/* Members of an object, copied into keep. ASSAY_E_ENCODING if they are not there, of another kind or too long;
 * ASSAY_F_MEMORY. */
assay_err ceremony_text(const char **out, assay_arena *keep, const struct json_t *object, const char *key,
                        size_t len_max);
assay_err ceremony_hex(uint8_t *out, size_t len, const struct json_t *object, const char *key);
assay_err ceremony_load(struct json_t **out, assay_bytes text, const char *schema);

/* One member as an object, in a list (key NULL) or alone; and back, checked. */
void ceremony_member_put(assay_json *json, const char *key, const assay_ceremony_member *member);
assay_err ceremony_member_get(assay_ceremony_member *out, assay_arena *keep, const struct json_t *object);
/* Are they the same in every word? */
bool ceremony_member_same(const assay_ceremony_member *a, const assay_ceremony_member *b);
/* Are all its texts such as may stand in others' configurations, log lines and URLs? */
bool ceremony_member_plain(const assay_ceremony_member *member);
/* A host as it stands before ":port": a name, a number, or one of IPv6 in brackets. */
bool ceremony_host_plain(const char *host);
/* The owner's signature over all that the member says. */
assay_err ceremony_member_sign_bytes(assay_buf *out, const assay_ceremony_member *member, assay_arena scratch);

/* DIR/name as a path in keep. */
assay_err ceremony_path(const char **out, assay_arena *keep, const char *directory, const char *name);
/* DIR/join.json, as its directory's owner made it. */
assay_err ceremony_member_of(assay_ceremony_member *out, assay_arena *keep, const char *directory);

#endif
