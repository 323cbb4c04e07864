/* Prints answers.
 *
 * The document shows results with `email` and `confidence` or `status`; it does not show a miss,
 * which here has both empty, as its `subStatus` is. The OpenAPI description has `found`, and no
 * email when that is false. Pure. */
#include "sim/rows.h"

#include "wire/json_write.h"

static const char *const mail_hosts[] = {"GOOGLE", "MICROSOFT", "SMTP"};

static void print_names(struct buf *out, bool *first, const struct question *q)
{
    json_write_member_string(out, first, "firstName", q->field[0]);
    json_write_member_string(out, first, "lastName", q->field[1]);
    json_write_member_string(out, first, "domain", q->field[2]);
}

static void print_email(struct buf *out, bool *first, const struct question *q,
                        XXH128_hash_t digest)
{
    /* Nothing to escape: what is found has a plausible domain and a local part of letters and
     * digits. */
    json_write_key(out, first, "email");
    buf_append_char(out, '"');
    truth_email(q, digest, out);
    buf_append_char(out, '"');
}

static void print_finder_document(struct buf *out, const struct question *q, XXH128_hash_t digest,
                                  const struct verdict *v)
{
    bool first = true;
    const char *confidence = "";
    if (v->found) {
        print_email(out, &first, q, digest);
        confidence =
            v->confidence == CONFIDENCE_DEFINITIVE ? "high" : truth_confidence_name(v->confidence);
    } else {
        json_write_member_string(out, &first, "email", SLICE_EMPTY);
    }
    json_write_member_string(out, &first, "confidence", slice_of(confidence));
    print_names(out, &first, q);
}

static void print_finder_openapi(struct buf *out, const struct question *q, XXH128_hash_t digest,
                                 const struct verdict *v)
{
    bool first = true;
    print_names(out, &first, q);
    json_write_member_bool(out, &first, "found", v->found);
    if (v->found) {
        print_email(out, &first, q, digest);
        json_write_member_string(out, &first, "confidence",
                                 slice_of(truth_confidence_name(v->confidence)));
        json_write_member_bool(out, &first, "isCatchAll", v->catch_all);
        json_write_member_string(out, &first, "provider", slice_of(mail_hosts[v->mail_host]));
    }
    json_write_member_string(
        out, &first, "message",
        v->found ? SLICE_LIT("Email found")
                 : SLICE_LIT("No professional email could be found for this person"));
}

static void print_validation_document(struct buf *out, const struct question *q,
                                      const struct verdict *v, bool single)
{
    bool first = true;
    json_write_member_string(out, &first, "email", q->field[0]);
    json_write_member_string(out, &first, "status", slice_of(truth_status_name(v->status)));
    if (!single)
        return;
    json_write_member_string(out, &first, "subStatus", SLICE_EMPTY);
    json_write_member_bool(out, &first, "freeEmail", v->free_mail);
    json_write_member_bool(out, &first, "disposable", v->disposable);
    json_write_member_bool(out, &first, "catchAll", v->catch_all);
}

static const char *validation_message(enum verdict_status status)
{
    switch (status) {
    case VERDICT_VALID:
        return "The mailbox exists and is accepting mail";
    case VERDICT_INVALID:
        return "The mailbox does not exist on this server";
    case VERDICT_RISKY:
        return "Delivery cannot be confirmed";
    case VERDICT_CATCH_ALL:
        return "The domain accepts all addresses, so delivery cannot be guaranteed";
    }
    return "";
}

static void print_validation_openapi(struct buf *out, const struct question *q,
                                     const struct verdict *v)
{
    bool first = true;
    /* This form has no word for a domain that takes everything but the flag. */
    enum verdict_status result = v->status == VERDICT_CATCH_ALL ? VERDICT_RISKY : v->status;
    json_write_member_string(out, &first, "email", q->field[0]);
    json_write_member_string(out, &first, "result", slice_of(truth_status_name(result)));
    json_write_member_string(out, &first, "message", slice_of(validation_message(v->status)));
    json_write_member_bool(out, &first, "isCatchAll", v->catch_all);
    json_write_member_string(out, &first, "provider", slice_of(mail_hosts[v->mail_host]));
    json_write_member_string(out, &first, "confidence",
                             slice_of(truth_confidence_name(v->confidence)));
}

void rows_print(struct buf *out, const struct question *q, XXH128_hash_t digest,
                const struct verdict *v, bool openapi, bool single)
{
    if (q->service->kind == SERVICE_FINDER && openapi)
        print_finder_openapi(out, q, digest, v);
    else if (q->service->kind == SERVICE_FINDER)
        print_finder_document(out, q, digest, v);
    else if (openapi)
        print_validation_openapi(out, q, v);
    else
        print_validation_document(out, q, v, single);
}
