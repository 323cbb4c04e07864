/* Brings questions into the form in which the vendor compares them.
 *
 * The vendor removes duplicates without regard to case; white space at the ends is no difference
 * either. Any thread. */
#include "sim/question.h"

#include "wire/json_write.h"
#include "wire/utf8.h"

const struct service_facts question_services[SERVICES] = {
    [SERVICE_FINDER] = {.name = "email-finder",
                        .list = "leads",
                        .items_max = 500000,
                        .price = 10,
                        .fields = 3,
                        .field = {"firstName", "lastName", "domain"},
                        .field_max = {100, 100, 253}},
    [SERVICE_VALIDATION] = {.name = "email-validation",
                            .list = "emails",
                            .items_max = 500000,
                            .price = 1,
                            .fields = 1,
                            .field = {"email"},
                            .field_max = {254}},
};

/* ASCII in lower case, straight into reserved room; false, with nothing appended, when there is
 * anything else. */
static bool lower_ascii(struct buf *out, struct slice text)
{
    char *to = buf_reserve(out, text.len);
    unsigned char seen = 0;
    if (!to)
        return true;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        seen |= c;
        to[i] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    if (seen >= 0x80)
        return false;
    out->len += text.len;
    return true;
}

void question_normalise(struct question *q, struct buf *scratch)
{
    unsigned fields = question_services[q->service].fields;
    size_t begin[QUESTION_FIELDS_MAX], end[QUESTION_FIELDS_MAX];
    buf_reset(scratch);
    for (unsigned i = 0; i < fields; i++) {
        uint16_t len = 0;
        buf_append(scratch, &len, sizeof len);
        begin[i] = scratch->len;
        if (!lower_ascii(scratch, slice_trim(q->field[i])))
            utf8_lower(scratch, utf8_trim(q->field[i]));
        end[i] = scratch->len;
        len = (uint16_t)(end[i] - begin[i]);
        if (!scratch->failed)
            memcpy(scratch->data + begin[i] - sizeof len, &len, sizeof len);
    }
    q->key = scratch->failed ? SLICE_EMPTY : buf_slice(scratch);
    for (unsigned i = 0; i < fields; i++)
        q->normal[i] = scratch->failed ? SLICE_EMPTY
                                       : (struct slice){q->key.data + begin[i], end[i] - begin[i]};
}

struct slice question_domain(const struct question *q)
{
    if (q->service == SERVICE_FINDER)
        return q->normal[2];
    struct slice email = q->normal[0];
    const char *at = email.len ? memrchr(email.data, '@', email.len) : NULL;
    return at ? (struct slice){at + 1, (size_t)(email.data + email.len - at - 1)} : SLICE_EMPTY;
}

void question_print(const struct question *q, struct buf *out)
{
    const struct service_facts *facts = &question_services[q->service];
    bool first = true;
    buf_append_char(out, '{');
    for (unsigned i = 0; i < facts->fields; i++)
        json_write_member_string(out, &first, facts->field[i], q->normal[i]);
    buf_append_char(out, '}');
}
