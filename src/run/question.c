/* From a row to a question. Any thread, each with a struct of its own. */
#include "run/question.h"

#include "record/normalise.h"

/* A row is at most LIST_LINE_MAX, and normalised values are about as long. */
#define QUESTION_ARENA_MAX (4 * LIST_LINE_MAX)

void question_init(struct question *q, const struct operation *op, const struct mapping *m)
{
    q->operation = op;
    q->mapping = m;
    q->sets = 0;
    while (op->accepts[q->sets] != 0)
        q->sets++;
    arena_init(&q->arena, QUESTION_ARENA_MAX);
    buf_init(&q->scratch, QUESTION_ARENA_MAX);
}

void question_deinit(struct question *q)
{
    arena_deinit(&q->arena);
    buf_deinit(&q->scratch);
}

bool question_check(struct question *q, const struct list_row *row, const char **reason)
{
    *reason = row->bad;
    if (row->bad != NULL)
        return false;
    arena_reset(&q->arena);
    record_from_cells(&q->record, q->mapping, row->cells, &q->arena);
    /* An operation that asks by LinkedIn address asks about people; a company's page may stand beside
     * what else there is. */
    struct slice url = q->record.value[FIELD_LINKEDIN_URL];
    if (url.len > 0 && q->record.problem[FIELD_LINKEDIN_URL] == NULL && !normalise_is_profile(url))
        q->record.problem[FIELD_LINKEDIN_URL] = "is not a person's page";
    q->set = record_choose(&q->record, q->operation->accepts, q->sets, &q->arena, reason);
    if (q->set == 0)
        return false;
    for (int f = 0; f < FIELD_COUNT; f++)
        if (q->record.problem[f] != NULL)
            q->record.value[f] = SLICE_EMPTY;
    if (q->operation->check != NULL)
        *reason = q->operation->check(q->operation, &q->record);
    return *reason == NULL;
}

struct identity question_identity(const struct operation *op, const struct record *r, field_set set,
                                  struct buf *scratch)
{
    return record_identity(r, op->identity != 0 ? op->identity : set, scratch);
}

bool question_ask(struct question *q, const struct list_row *row, struct identity *id,
                  const char **reason)
{
    if (!question_check(q, row, reason))
        return false;
    *id = question_identity(q->operation, &q->record, q->set, &q->scratch);
    return true;
}

static void print_set(field_set set, struct buf *out)
{
    bool first = true;
    for (int f = 0; f < FIELD_COUNT; f++) {
        if ((set >> f & 1) == 0)
            continue;
        buf_append_format(out, "%s%s", first ? "" : " + ", field_name((enum field)f));
        first = false;
    }
}

int question_possible(const char *list, const struct operation *op, const struct mapping *m,
                      const struct slice *columns, unsigned count, struct error *e)
{
    struct buf has, needs;
    for (const field_set *set = op->accepts; *set != 0; set++)
        if (mapping_can_give(m, *set))
            return 0;
    buf_init(&has, 4096);
    buf_init(&needs, 4096);
    for (unsigned i = 0; i < count && has.len < 400; i++)
        buf_append_format(&has, "%s%.*s", i > 0 ? ", " : "", SLICE_ARG(columns[i]));
    for (const field_set *set = op->accepts; *set != 0; set++) {
        buf_append_text(&needs, set == op->accepts ? "" : ", or ");
        print_set(*set, &needs);
    }
    error_set(e, ERR_DATA,
              "%s has no usable columns: %s/%s needs %s; the header has: %s. Name them with --map"
              " FIELD=COLUMN; the first line of a list is its header, never a record",
              list, op->provider->name, op->name, buf_text(&needs), buf_text(&has));
    buf_deinit(&has);
    buf_deinit(&needs);
    return e->code;
}
