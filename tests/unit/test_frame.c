/* Pieces of output: any tool reads them, the same bytes give the same piece, bombs are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <zlib.h>
#include <zstd.h>

#include "output/frame.h"

#define TEXT_LEN ((size_t)3 << 20)

static struct slice text; /* compressible, without a period */

static uint32_t random_state = 1;

static uint32_t next_random(void)
{
    random_state = random_state * 1664525 + 1013904223;
    return random_state >> 8;
}

static int make_text(void **state)
{
    (void)state;
    char *data = malloc(TEXT_LEN);
    size_t at = 0;

    while (at + 64 < TEXT_LEN)
        at += (size_t)sprintf(data + at, "{\"record\":%u,\"email\":\"p%u@example.com\"}\n",
                              next_random() % 100000, next_random() % 1000);
    text = (struct slice){data, at};
    return 0;
}

static int free_text(void **state)
{
    (void)state;
    free((char *)text.data);
    return 0;
}

/* Compress, cutting into calls of at most `cut` bytes; 0: cuts at random. */
static void press(struct frame *f, struct slice bytes, size_t cut, struct buf *out)
{
    struct error e;

    while (bytes.len > 0) {
        size_t len = cut ? cut : next_random() % 300000;
        len = len < bytes.len ? len : bytes.len;
        assert_int_equal(frame_add(f, (struct slice){bytes.data, len}, out, &e), 0);
        bytes.data += len;
        bytes.len -= len;
    }
    assert_int_equal(frame_end(f, out, &e), 0);
}

static void unzip(struct slice gzip, struct buf *out)
{
    z_stream z = {.next_in = (z_const Bytef *)gzip.data, .avail_in = (uInt)gzip.len};
    int rc = Z_OK;

    assert_int_equal(inflateInit2(&z, MAX_WBITS + 16), Z_OK);
    while (z.avail_in > 0 || rc == Z_OK) {
        char *to = buf_reserve(out, 1 << 16);
        z.next_out = (Bytef *)to;
        z.avail_out = 1 << 16;
        rc = inflate(&z, Z_NO_FLUSH);
        assert_true(rc == Z_OK || rc == Z_STREAM_END);
        out->len += (1 << 16) - z.avail_out;
        if (rc == Z_STREAM_END && z.avail_in > 0)
            inflateReset(&z);
    }
    inflateEnd(&z);
}

static void expand(enum frame_packing packing, struct slice bytes, struct buf *out)
{
    struct error e = {0};

    switch (packing) {
    case FRAME_PLAIN:
        buf_append_slice(out, bytes);
        break;
    case FRAME_ZSTD:
        if (frame_unpack(bytes, 64 << 20, out, &e) != 0)
            fail_msg("%s", e.message);
        break;
    case FRAME_GZIP:
        unzip(bytes, out);
        break;
    }
}

/* However the bytes are cut into calls, and whatever the frame compressed before (a resumed run has
 * a new one), the piece is the same; at levels of every kind of match finder. */
static void test_cuts_do_not_show(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 100, 131071, 131072, 131073, 300000, 0 /* all */};
    static const size_t cuts[] = {1000, 65536, 131072, 131073, 0, 0, 0, TEXT_LEN};
    static const int levels[] = {0, 1, 6};

    for (int packing = FRAME_PLAIN; packing <= FRAME_GZIP; packing++) {
        for (size_t l = 0; l < sizeof(levels) / sizeof(*levels); l++) {
            struct frame *used = frame_create((enum frame_packing)packing, levels[l]);
            for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
                struct slice bytes = {text.data, sizes[s] ? sizes[s] : text.len};
                struct frame *fresh = frame_create((enum frame_packing)packing, levels[l]);
                struct buf want, got, back;
                buf_init(&want, 16 << 20);
                buf_init(&got, 16 << 20);
                buf_init(&back, 16 << 20);
                press(fresh, bytes, TEXT_LEN, &want);
                for (size_t c = 0; c < sizeof(cuts) / sizeof(*cuts); c++) {
                    buf_reset(&got);
                    press(used, bytes, cuts[c], &got);
                    assert_int_equal(got.len, want.len);
                    assert_memory_equal(got.data, want.data, want.len);
                }
                expand((enum frame_packing)packing, buf_slice(&want), &back);
                assert_true(slice_eq(buf_slice(&back), bytes));
                frame_destroy(fresh);
                buf_deinit(&want);
                buf_deinit(&got);
                buf_deinit(&back);
            }
            frame_destroy(used);
        }
    }
}

/* Byte by byte, and pieces of other content in between. */
static void test_single_bytes(void **state)
{
    (void)state;
    struct slice bytes = {text.data + 1000, 200000};

    for (int packing = FRAME_PLAIN; packing <= FRAME_GZIP; packing++) {
        struct frame *a = frame_create((enum frame_packing)packing, 0);
        struct frame *b = frame_create((enum frame_packing)packing, 0);
        struct buf want, got;
        buf_init(&want, 16 << 20);
        buf_init(&got, 16 << 20);
        press(a, bytes, TEXT_LEN, &want);
        for (unsigned i = 0; i < 20; i++) {
            buf_reset(&got);
            press(b, (struct slice){text.data + i * 7919, i * 100003}, 0, &got);
        }
        buf_reset(&got);
        press(b, bytes, 1, &got);
        assert_true(slice_eq(buf_slice(&got), buf_slice(&want)));
        frame_destroy(a);
        frame_destroy(b);
        buf_deinit(&want);
        buf_deinit(&got);
    }
}

static void test_pieces_follow_one_another(void **state)
{
    (void)state;
    for (int packing = FRAME_PLAIN; packing <= FRAME_GZIP; packing++) {
        struct frame *f = frame_create((enum frame_packing)packing, 0);
        struct buf out, back;
        struct error e;
        buf_init(&out, 16 << 20);
        buf_init(&back, 16 << 20);
        press(f, (struct slice){text.data, 1000000}, 0, &out);
        /* A piece without bytes is no piece. */
        size_t len = out.len;
        assert_int_equal(frame_end(f, &out, &e), 0);
        assert_int_equal(frame_add(f, SLICE_EMPTY, &out, &e), 0);
        assert_int_equal(frame_end(f, &out, &e), 0);
        assert_int_equal(out.len, len);
        press(f, (struct slice){text.data + 1000000, 500000}, 0, &out);
        expand((enum frame_packing)packing, buf_slice(&out), &back);
        assert_true(slice_eq(buf_slice(&back), (struct slice){text.data, 1500000}));
        frame_destroy(f);
        buf_deinit(&out);
        buf_deinit(&back);
    }
}

/* The header of gzip tells neither time nor system; the frame of zstd has its checksum. */
static void test_headers(void **state)
{
    (void)state;
    struct frame *gzip = frame_create(FRAME_GZIP, 0);
    struct frame *zstd = frame_create(FRAME_ZSTD, 0);
    struct buf out;

    buf_init(&out, 1 << 20);
    press(gzip, SLICE_LIT("hello"), 1, &out);
    assert_memory_equal(out.data, "\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
    buf_reset(&out);
    press(gzip, SLICE_LIT("again"), 1, &out);
    assert_memory_equal(out.data, "\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
    buf_reset(&out);
    press(zstd, SLICE_LIT("hello"), 1, &out);
    assert_memory_equal(out.data, "\x28\xb5\x2f\xfd", 4);
    assert_true(out.data[4] & 4); /* Content_Checksum_flag */
    assert_int_equal(ZSTD_findFrameCompressedSize(out.data, out.len), out.len);
    frame_destroy(gzip);
    frame_destroy(zstd);
    buf_deinit(&out);
}

static void test_no_room_then_again(void **state)
{
    (void)state;
    for (int packing = FRAME_PLAIN; packing <= FRAME_GZIP; packing++) {
        struct frame *f = frame_create((enum frame_packing)packing, 0);
        struct buf small, out, back;
        struct error e = {0};
        buf_init(&small, 1000);
        buf_init(&out, 16 << 20);
        buf_init(&back, 16 << 20);
        int code = frame_add(f, text, &small, &e);
        assert_int_equal(code ? code : frame_end(f, &small, &e), ERR_INTERNAL);
        assert_non_null(strstr(e.message, "1000"));
        /* The next piece has nothing of the one that failed. */
        press(f, SLICE_LIT("afterwards"), 3, &out);
        expand((enum frame_packing)packing, buf_slice(&out), &back);
        assert_true(slice_eq(buf_slice(&back), SLICE_LIT("afterwards")));
        frame_destroy(f);
        buf_deinit(&small);
        buf_deinit(&out);
        buf_deinit(&back);
    }
}

static void test_pack(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 1000, 131072, 1000000};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        struct buf packed, back;
        struct error e = {0};
        struct slice bytes = {text.data, sizes[i]};
        buf_init(&packed, 16 << 20);
        /* A limit that is just enough, for the unpacker and for its buffer. */
        buf_init(&back, sizes[i]);
        assert_int_equal(frame_pack(bytes, &packed, &e), 0);
        assert_true(packed.len > 0);
        if (frame_unpack(buf_slice(&packed), sizes[i], &back, &e) != 0)
            fail_msg("%zu: %s", sizes[i], e.message);
        assert_true(slice_eq(buf_slice(&back), bytes));
        buf_deinit(&back);
        /* One byte too many for it. */
        buf_init(&back, 16 << 20);
        buf_append_text(&back, "kept");
        if (sizes[i] > 0)
            assert_int_equal(frame_unpack(buf_slice(&packed), sizes[i] - 1, &back, &e), ERR_DATA);
        assert_true(slice_eq(buf_slice(&back), SLICE_LIT("kept")));
        /* Every cut is noticed, and nothing is left of it. */
        for (size_t cut = 0; cut < packed.len; cut += 1 + packed.len / 200) {
            int code = frame_unpack((struct slice){packed.data, cut}, 16 << 20, &back, &e);
            assert_int_equal(code, ERR_DATA);
            assert_true(slice_eq(buf_slice(&back), SLICE_LIT("kept")));
        }
        /* So is a changed byte: the checksum. */
        packed.data[packed.len - 1] ^= 1;
        assert_int_equal(frame_unpack(buf_slice(&packed), 16 << 20, &back, &e), ERR_DATA);
        buf_deinit(&packed);
        buf_deinit(&back);
    }
}

/* A reply that cannot be compressed fits into its own length and a little; less is an error. */
static void test_pack_tight(void **state)
{
    (void)state;
    const size_t len = (size_t)8 << 20;
    char *noise = malloc(len);
    struct buf packed, back;
    struct error e = {0};

    for (size_t i = 0; i < len; i++)
        noise[i] = (char)(next_random() >> 7);
    buf_init(&packed, len + 4096);
    buf_init(&back, len);
    if (frame_pack((struct slice){noise, len}, &packed, &e) != 0)
        fail_msg("%s", e.message);
    assert_int_equal(frame_unpack(buf_slice(&packed), len, &back, &e), 0);
    assert_true(slice_eq(buf_slice(&back), (struct slice){noise, len}));
    buf_deinit(&packed);
    buf_init(&packed, len / 2);
    assert_int_equal(frame_pack((struct slice){noise, len}, &packed, &e), ERR_INTERNAL);
    buf_deinit(&packed);
    buf_deinit(&back);
    free(noise);
}

static void test_unpack_rubbish(void **state)
{
    (void)state;
    struct buf packed, back;
    struct error e = {0};

    buf_init(&packed, 1 << 20);
    buf_init(&back, 1 << 20);
    assert_int_equal(frame_unpack(SLICE_LIT("{\"not\":\"zstd\"}"), 1 << 20, &back, &e), ERR_DATA);
    assert_int_equal(frame_pack(SLICE_LIT("x"), &packed, &e), 0);
    buf_append_text(&packed, "rubbish behind it");
    assert_int_equal(frame_unpack(buf_slice(&packed), 1 << 20, &back, &e), ERR_DATA);
    assert_int_equal(back.len, 0);
    buf_deinit(&packed);
    buf_deinit(&back);
}

/* A gigabyte of zeros is some 30 KB of zstd that say nothing of it. */
static void test_bomb(void **state)
{
    (void)state;
    struct frame *f = frame_create(FRAME_ZSTD, 0);
    char *zeros = calloc(1, 1 << 20);
    struct buf bomb, back;
    struct error e = {0};

    buf_init(&bomb, 16 << 20);
    buf_init(&back, SIZE_MAX);
    for (int i = 0; i < 256; i++)
        assert_int_equal(frame_add(f, (struct slice){zeros, 1 << 20}, &bomb, &e), 0);
    assert_int_equal(frame_end(f, &bomb, &e), 0);
    assert_true(bomb.len < 100000);
    assert_int_equal(frame_unpack(buf_slice(&bomb), 1 << 20, &back, &e), ERR_DATA);
    assert_int_equal(back.len, 0);
    assert_true(back.cap <= 2 << 20);
    frame_destroy(f);
    free(zeros);
    buf_deinit(&bomb);
    buf_deinit(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cuts_do_not_show),
        cmocka_unit_test(test_single_bytes),
        cmocka_unit_test(test_pieces_follow_one_another),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_no_room_then_again),
        cmocka_unit_test(test_pack),
        cmocka_unit_test(test_pack_tight),
        cmocka_unit_test(test_unpack_rubbish),
        cmocka_unit_test(test_bomb),
    };

    return cmocka_run_group_tests(tests, make_text, free_text);
}
