/* One shard as a piece of output. Pure but for reading the list; any thread, each with a struct of
 * its own. */
#include "run/piece.h"

#include <stdio.h>
#include <string.h>

#include "wire/json_write.h"

#define PIECE_BYTES_MAX ((size_t)1 << 30)
#define PIECE_BLOCK     ((size_t)256 << 10)

int piece_init(struct piece *p, const struct recipe *recipe, struct error *e)
{
    memset(p, 0, sizeof *p);
    p->recipe = recipe;
    collect_init(&p->collected);
    question_init(&p->question, recipe->operation, recipe->mapping);
    buf_init(&p->bytes, PIECE_BYTES_MAX);
    buf_init(&p->rejects, PIECE_BYTES_MAX);
    buf_init(&p->lines, PIECE_BYTES_MAX);
    p->frame = frame_create(recipe->packing, 0);
    return p->frame != NULL ? 0 : error_set(e, ERR_INTERNAL, "no memory to compress the output");
}

void piece_deinit(struct piece *p)
{
    collect_deinit(&p->collected);
    question_deinit(&p->question);
    buf_deinit(&p->bytes);
    buf_deinit(&p->rejects);
    buf_deinit(&p->lines);
    frame_destroy(p->frame);
}

static void reject(struct piece *p, const struct list_row *row, const struct answer *a)
{
    struct buf *out = &p->rejects;
    bool first = true;
    buf_append_char(out, '{');
    json_write_member_i64(out, &first, "record", (int64_t)row->record);
    json_write_member_i64(out, &first, "line", (int64_t)row->line);
    json_write_member_string(out, &first, "outcome", slice_of(outcome_name(a->outcome)));
    json_write_member_string(out, &first, "reason", a->reason);
    json_write_member_string(out, &first, "text", row->text);
    buf_append_text(out, "}\n");
}

static int flush(struct piece *p, struct error *e)
{
    if (p->lines.failed)
        return error_set(e, ERR_INTERNAL, "no memory for the output");
    int rc = frame_add(p->frame, buf_slice(&p->lines), &p->bytes, e);
    buf_reset(&p->lines);
    return rc;
}

static bool differ(struct piece *p, enum field f, const struct answer *a)
{
    struct record theirs = {0};
    theirs.value[f] = a->value[f];
    if (a->value[f].len == 0 || p->question.record.value[f].len == 0)
        return false;
    struct identity ours =
        record_identity(&p->question.record, (field_set)1 << f, &p->question.scratch);
    struct identity other = record_identity(&theirs, (field_set)1 << f, &p->question.scratch);
    return memcmp(&ours, &other, sizeof ours) != 0;
}

/* A name in the answer that is not quite the record's ("Bob", "Robert"): said, because whether it is
 * the same person is for people to judge. Rows that were matched by the name itself need no look. */
static struct slice mismatch_of(struct piece *p, const struct list_row *row, const struct answer *a,
                                char *text, size_t size)
{
    static const enum field names[] = {FIELD_FIRST_NAME, FIELD_LAST_NAME, FIELD_FULL_NAME};
    const char *reason;
    int len = 0;
    if (!question_check(&p->question, row, &reason))
        return SLICE_EMPTY;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (differ(p, names[i], a))
            len += snprintf(text + len, size - (size_t)len, "%s\"%s\"", len == 0 ? "[" : ",",
                            field_name(names[i]));
    if (len == 0)
        return SLICE_EMPTY;
    len += snprintf(text + len, size - (size_t)len, "]");
    return (struct slice){text, (size_t)len};
}

static int on_row(void *arg, const struct list_row *row, struct error *e)
{
    struct piece *p = arg;
    const struct operation *op = p->recipe->operation;
    unsigned index = (unsigned)(row->record - p->first_record);
    uint32_t first = p->collected.firsts[index];
    struct answer answer = {0};
    struct render_row line = {
        .record = row->record, .cells = row->cells, .json = row->json, .answer = &answer};
    const char *reason;
    if (first == 0) {
        if (question_check(&p->question, row, &reason))
            return error_set(e, ERR_INTERNAL,
                             "record %llu was invalid when it was planned and is"
                             " not now",
                             (unsigned long long)row->record);
        answer.outcome = OUTCOME_INVALID;
        answer.reason = slice_of(reason);
    } else {
        if (!collect_answer(&p->collected, index, &answer))
            return error_set(e, ERR_INTERNAL, "record %llu has no answer",
                             (unsigned long long)row->record);
        line.provider = op->provider->name;
        line.operation = op->name;
        line.batch = p->collected.answer[index].batch;
        line.duplicate_of = first == row->record ? 0 : first;
        p->priced += line.duplicate_of == 0 ? answer.credits : 0;
    }
    char mismatch[128];
    if (answer.outcome == OUTCOME_FOUND && op->delivery != DELIVERY_PAGES)
        answer.value[FIELD_MISMATCH] = mismatch_of(p, row, &answer, mismatch, sizeof mismatch);
    p->outcomes[answer.outcome]++;
    if (answer.outcome != OUTCOME_FOUND && answer.outcome != OUTCOME_NOT_FOUND)
        reject(p, row, &answer);
    render_row(p->recipe->render, &line, &p->lines);
    return p->lines.len >= PIECE_BLOCK ? flush(p, e) : 0;
}

int piece_make(struct piece *p, const struct list_shard *place, struct error *e)
{
    memset(p->outcomes, 0, sizeof p->outcomes);
    p->priced = 0;
    p->first_record = place->first_record;
    buf_reset(&p->bytes);
    buf_reset(&p->rejects);
    buf_reset(&p->lines);
    if (place->number == 0)
        render_header(p->recipe->render, &p->lines);
    int rc = list_read(p->recipe->list, place, on_row, p, e);
    if (rc == 0)
        rc = flush(p, e);
    if (rc == 0)
        rc = frame_end(p->frame, &p->bytes, e);
    if (rc == 0 && (p->bytes.failed || p->rejects.failed))
        rc = error_set(e, ERR_INTERNAL, "no memory for the output of shard %u", place->number);
    return rc;
}
