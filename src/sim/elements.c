/* Keeps elements one behind the other in one text. Any thread. */
#include "sim/elements.h"

#include <string.h>

#include "sim/shuffle.h"

#define TEXT_MAX ((size_t)8 << 20)

void elements_init(struct elements *e)
{
    *e = (struct elements){0};
    buf_init(&e->text, TEXT_MAX);
}

void elements_deinit(struct elements *e)
{
    buf_deinit(&e->text);
}

void elements_reset(struct elements *e)
{
    buf_reset(&e->text);
    e->answers = e->extra = 0;
}

void elements_add(struct elements *e)
{
    e->end[e->answers++] = e->text.len;
}

void elements_add_extra(struct elements *e)
{
    e->end[e->answers + e->extra++] = e->text.len;
}

uint32_t elements_extra(const struct call *c)
{
    if (c->fault.kind != FAULT_EXTRA)
        return 0;
    return c->fault.number < ELEMENTS_EXTRA_MAX ? (uint32_t)c->fault.number : ELEMENTS_EXTRA_MAX;
}

static void append(const struct elements *e, uint32_t i, bool *first, struct buf *out)
{
    size_t from = i > 0 ? e->end[i - 1] : 0;
    if (!*first)
        buf_append_char(out, ',');
    *first = false;
    buf_append(out, buf_slice(&e->text).data + from, e->end[i] - from);
}

void elements_print(const struct elements *e, const struct call *c, bool shuffle, struct buf *out)
{
    const struct fault *f = &c->fault;
    bool first = true;
    uint64_t seed;
    memcpy(&seed, c->post.body, sizeof seed);
    /* The elements that a fault is about begin here. */
    uint32_t odd = e->answers > 0 ? (uint32_t)(f->dice % e->answers) : 0;
    for (uint32_t at = 0; at < e->answers; at++) {
        uint32_t i = shuffle ? shuffle_at(seed, e->answers, at) : at;
        bool touched = at >= odd && at - odd < f->number;
        if (touched && f->kind == FAULT_MISSING)
            continue;
        append(e, i, &first, out);
        if (touched && f->kind == FAULT_REPEAT)
            append(e, i, &first, out);
    }
    for (uint32_t i = 0; i < e->extra; i++)
        append(e, e->answers + i, &first, out);
}
