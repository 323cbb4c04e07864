/* The lines of an account's journal, member by member: what is written can be read back as the same
 * value. Readers are false when a member is missing or cannot be. */
#ifndef TRANCHE_SIM_LINES_H
#define TRANCHE_SIM_LINES_H

#include <stdbool.h>

#include "base/buf.h"
#include "sim/account.h"
#include "wire/json.h"

void lines_write_post(struct buf *out, bool *first, const struct account_post *p);
bool lines_read_post(struct json_value line, const struct vendor *vendor, struct account_post *p);

void lines_write_truth(struct buf *out, bool *first, const struct truth *t);
bool lines_read_truth(struct json_value line, struct truth *t);

/* All but what the post says too. */
void lines_write_batch(struct buf *out, bool *first, const struct account_batch *b);
bool lines_read_batch(struct json_value line, struct account_batch *b);

/* Likewise, and without its text and callback, which are read apart. */
void lines_write_job(struct buf *out, bool *first, const struct account_job *job);
bool lines_read_job(struct json_value line, struct account_job *job);

/* The fields as they were sent. Those that are read live until the next parse. */
void lines_write_question(struct buf *out, bool *first, const struct question *q);
bool lines_read_question(struct json_value line, const struct service *service, struct question *q);

bool lines_read_u32(struct json_value line, const char *name, uint32_t *out);

#endif
