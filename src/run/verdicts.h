/* What email addresses were found to be, and what asking cost: the durable memory of
 * `tranche serve-verification`, in one file of mode 0600 that is only appended to.
 *
 * The file holds no address: each is an HMAC-SHA-256 under a random key of the file's own. */
#ifndef TRANCHE_RUN_VERDICTS_H
#define TRANCHE_RUN_VERDICTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

#define VERDICTS_STATUS_MAX 23     /* bytes of [a-z0-9_-] */
#define VERDICTS_MAX        500000 /* kept at once; further ones are counted and forgotten */

struct verdicts;
struct verdict_id {
    uint8_t hash[16];
};

/* Open the file, or begin it. Verdicts older than age_ms are forgotten; credits never are. One
 * process at a time: ERR_STOPPED names the other. ERR_CONFIG for a file that others can read,
 * ERR_DATA for one that is no such file or is damaged, ERR_CANTCREATE, ERR_IO. */
int verdicts_open(struct verdicts **out, const char *path, int64_t age_ms, int64_t now_ms,
                  struct error *e);
void verdicts_close(struct verdicts *v);

/* email: in canonical form. */
struct verdict_id verdicts_id(const struct verdicts *v, struct slice email);
/* The vendor's word ("valid"), valid until the next call; NULL when it is not known, or too old. */
const char *verdicts_find(const struct verdicts *v, struct verdict_id id, int64_t now_ms);
/* Credits of all that was asked since the file began, the highest they can be. */
int64_t verdicts_spent(const struct verdicts *v);
size_t verdicts_count(const struct verdicts *v);

/* The three below are durable when they return 0. After an error nothing can be written any more,
 * and each further call fails with the same message.
 *
 * ask: the address is about to be asked about for `price` credits, which are spent from now on.
 * When the process dies before one of the other two, they stay spent. */
int verdicts_ask(struct verdicts *v, struct verdict_id id, int64_t price, int64_t now_ms,
                 struct error *e);
/* It was answered, for `credits` instead. status: by verdicts_status_valid, or NULL: an answer that
 * is no verdict. */
int verdicts_answer(struct verdicts *v, struct verdict_id id, int64_t price, int64_t credits,
                    const char *status, int64_t now_ms, struct error *e);
/* Surely nothing was spent. */
int verdicts_release(struct verdicts *v, struct verdict_id id, int64_t price, int64_t now_ms,
                     struct error *e);

bool verdicts_status_valid(struct slice status);

#endif
