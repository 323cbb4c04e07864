/* Answers as bytes for the ledger, and back.
 *
 * The layout is in the header; tag 0 is the reason, tag n + 1 is field n, and tags ascend. An
 * answer has one encoding, so decoding refuses whatever encoding does not write: empty values, tags
 * out of order or unknown, long-winded numbers. A ledger's bytes may be damaged: every length is
 * checked before it is used. Any thread. */
#include "record/answer.h"

#include <assert.h>

#include "base/bits.h"

#define HEAD_LEN   6 /* u16 index, u32 length */
#define TAG_REASON 0
#define VARINT_MAX 10

static void put_varint(struct buf *out, uint64_t value)
{
    uint8_t bytes[VARINT_MAX];
    size_t n = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[n++] = (uint8_t)(value | 0x80);
    bytes[n++] = (uint8_t)value;
    buf_append(out, bytes, n);
}

static void put_value(struct buf *out, unsigned tag, struct slice value)
{
    if (value.len == 0)
        return;
    buf_append_char(out, (char)tag);
    put_varint(out, value.len);
    buf_append_slice(out, value);
}

static void put_little_endian(char *p, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        p[i] = (char)(value >> (8 * i));
}

void answer_encode(struct buf *out, unsigned index, const struct answer *a)
{
    assert(index < SHARD_RECORDS);
    assert(a->outcome > OUTCOME_NONE && a->outcome < OUTCOME_COUNT);
    size_t start = out->len;
    if (!buf_reserve(out, HEAD_LEN))
        return;
    out->len += HEAD_LEN;
    buf_append_char(out, (char)a->outcome);
    uint64_t credits = (uint64_t)a->credits;
    put_varint(out, credits << 1 ^ (a->credits < 0 ? UINT64_MAX : 0));
    put_value(out, TAG_REASON, a->reason);
    for (unsigned f = 0; f < FIELD_COUNT; f++)
        put_value(out, f + 1, a->value[f]);
    if (out->failed)
        return;
    size_t len = out->len - start - HEAD_LEN;
    if (len > UINT32_MAX) {
        out->failed = true;
        return;
    }
    put_little_endian(out->data + start, index, 2);
    put_little_endian(out->data + start + 2, len, 4);
}

static uint64_t get_little_endian(const char *p, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)(uint8_t)p[i] << (8 * i);
    return value;
}

static bool get_byte(struct slice *s, unsigned *byte)
{
    if (s->len == 0)
        return false;
    *byte = (uint8_t)s->data[0];
    *s = (struct slice){s->data + 1, s->len - 1};
    return true;
}

static bool get_varint(struct slice *s, uint64_t *value)
{
    *value = 0;
    for (unsigned i = 0, byte; i < VARINT_MAX && get_byte(s, &byte); i++) {
        /* Of the tenth byte one bit is left. */
        if (i == VARINT_MAX - 1 && byte > 1)
            return false;
        *value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (!(byte & 0x80))
            return byte != 0 || i == 0;
    }
    return false;
}

static bool get_values(struct slice s, struct answer *a)
{
    int before = -1;
    while (s.len > 0) {
        unsigned tag;
        uint64_t len;
        if (!get_byte(&s, &tag) || (int)tag <= before || tag > FIELD_COUNT ||
            !get_varint(&s, &len) || len == 0 || len > s.len)
            return false;
        struct slice value = {s.data, (size_t)len};
        *(tag == TAG_REASON ? &a->reason : &a->value[tag - 1]) = value;
        s = (struct slice){s.data + value.len, s.len - value.len};
        before = (int)tag;
    }
    return true;
}

int answer_decode(struct slice *bytes, unsigned *index, struct answer *a)
{
    if (bytes->len == 0)
        return 0;
    if (bytes->len < HEAD_LEN)
        return -1;
    uint64_t at = get_little_endian(bytes->data, 2);
    uint64_t len = get_little_endian(bytes->data + 2, 4);
    if (at >= SHARD_RECORDS || len > bytes->len - HEAD_LEN)
        return -1;

    struct slice s = {bytes->data + HEAD_LEN, (size_t)len};
    unsigned outcome;
    uint64_t credits;
    if (!get_byte(&s, &outcome) || outcome == OUTCOME_NONE || outcome >= OUTCOME_COUNT ||
        !get_varint(&s, &credits))
        return -1;
    a->outcome = (enum outcome)outcome;
    a->credits = (int64_t)(credits >> 1 ^ (credits & 1 ? UINT64_MAX : 0));
    a->reason = SLICE_EMPTY;
    for (unsigned f = 0; f < FIELD_COUNT; f++)
        a->value[f] = SLICE_EMPTY;
    if (!get_values(s, a))
        return -1;
    *index = (unsigned)at;
    *bytes = (struct slice){bytes->data + HEAD_LEN + len, bytes->len - HEAD_LEN - (size_t)len};
    return 1;
}
