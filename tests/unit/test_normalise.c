/* Values in canonical form, through the record they end in; and name_split's and text_clean's own
 * edges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "record/mailbox.h"
#include "record/normalise.h"
#include "record/record.h"
#include "record/text.h"
#include "record_rows.h"

static struct arena arena;
static enum field field;
static const char *file;

static struct mapping only(enum field f)
{
    struct mapping m;
    for (int i = 0; i < FIELD_COUNT; i++)
        m.column[i] = -1;
    m.column[f] = 0;
    m.chosen = 0;
    return m;
}

/* The cell is copied to the heap, so that a read past its end is seen by the sanitizer. */
static struct record from_cell(struct slice cell)
{
    struct record r;
    struct mapping m = only(field);
    char *copy = malloc(cell.len + (cell.len == 0));
    if (cell.len > 0)
        memcpy(copy, cell.data, cell.len);
    record_from_cells(&r, &m, &(struct slice){copy, cell.len}, &arena);
    /* Values may borrow from the cell. */
    for (int f = 0; f < FIELD_COUNT; f++)
        if (r.value[f].len > 0)
            r.value[f] = arena_copy(&arena, r.value[f]);
    free(copy);
    return r;
}

static void check_value(const struct row *row)
{
    arena_reset(&arena);
    struct record r = from_cell(row->left);
    struct slice value = r.value[field];
    const char *problem = r.problem[field];
    if (row->right.len > 0 && row->right.data[0] == '!') {
        if (!problem ||
            !slice_eq(slice_of(problem), (struct slice){row->right.data + 1, row->right.len - 1}))
            fail_msg("%s:%u: \"%.*s\", %s", file, row->line, SLICE_ARG(value), problem);
        assert_true(value.len > 0);
        return;
    }
    if (problem || !slice_eq(value, row->right))
        fail_msg("%s:%u: \"%.*s\", %s", file, row->line, SLICE_ARG(value), problem);
    if (value.len == 0)
        return;
    struct record again = from_cell(value);
    if (again.problem[field] || !slice_eq(again.value[field], value))
        fail_msg("%s:%u: not canonical: \"%.*s\"", file, row->line, SLICE_ARG(again.value[field]));
}

static void check_file(const char *name, enum field f, unsigned least)
{
    file = name;
    field = f;
    arena_init(&arena, 1 << 20);
    assert_true(rows_each(name, check_value) >= least);
    arena_deinit(&arena);
}

static void test_email(void **state)
{
    (void)state;
    check_file("emails.tsv", FIELD_EMAIL, 50);
}

static void test_domain(void **state)
{
    (void)state;
    check_file("domains.tsv", FIELD_DOMAIN, 60);
}

static void test_linkedin(void **state)
{
    (void)state;
    check_file("linkedin.tsv", FIELD_LINKEDIN_URL, 45);
}

static void test_phone(void **state)
{
    (void)state;
    check_file("phones.tsv", FIELD_PHONE, 14);
}

static void check_limit(normalise_fn *fn, const char *before, char fill, size_t len,
                        const char *after, bool good)
{
    char text[2000];
    size_t n = (size_t)sprintf(text, "%s", before);
    memset(text + n, fill, len);
    /* Labels of at most 63. */
    for (size_t i = 32; i < len; i += 32)
        if (fn != normalise_linkedin)
            text[n + i] = '.';
    strcpy(text + n + len, after);
    struct slice out;
    const char *problem = fn(slice_of(text), 0, &arena, &out);
    if (good == (problem != NULL))
        fail_msg("%zu bytes: %s", strlen(text), problem);
}

static void test_limits(void **state)
{
    (void)state;
    arena_init(&arena, 1 << 20);
    check_limit(normalise_email, "j@", 'a', 254 - 6, ".com", true);
    check_limit(normalise_email, "j@", 'a', 255 - 6, ".com", false);
    check_limit(normalise_domain, "", 'a', 253 - 4, ".com", true);
    check_limit(normalise_domain, "", 'a', 254 - 4, ".com", false);
    check_limit(normalise_linkedin, "in/", 'a', NORMALISE_LINKEDIN_MAX - 28, "", true);
    check_limit(normalise_linkedin, "in/", 'a', NORMALISE_LINKEDIN_MAX - 27, "", false);
    arena_deinit(&arena);
}

/* Each line that does not need memory must do without; each one that does must say so when there is
 * none. */
static void test_no_memory(void **state)
{
    (void)state;
    static const struct {
        normalise_fn *fn;
        const char *text;
        unsigned flags;
        bool needs;
    } cases[] = {
        {normalise_email, "jane@acme.com", 0, false},
        {normalise_email, "Jane@acme.com", TEXT_UPPER, true},
        {normalise_email, "j\xc3\xb6rg@acme.com", TEXT_NON_ASCII, true},
        {normalise_domain, "https://www.acme.com/", 0, false},
        {normalise_domain, "ACME.com", TEXT_UPPER, true},
        {normalise_linkedin, "in/jane", 0, true},
        {normalise_linkedin, "https://www.linkedin.com/in/jane/", 0, false},
        {normalise_phone, "+14155551234", 0, false},
        {normalise_phone, "+1 415 555 1234", 0, true},
        {normalise_text, "Jane", 0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct slice out = SLICE_EMPTY;
        arena_init(&arena, 0);
        const char *problem = cases[i].fn(slice_of(cases[i].text), cases[i].flags, &arena, &out);
        if (problem != (cases[i].needs ? normalise_no_memory : NULL))
            fail_msg("%s: %s", cases[i].text, problem);
        arena_deinit(&arena);
    }
    struct slice out;
    arena_init(&arena, 0);
    assert_true(text_clean(SLICE_LIT("a  b"), &arena, &out) & TEXT_NO_MEMORY);
    assert_int_equal(out.len, 0);
    arena_deinit(&arena);
}

static void test_mailboxes(void **state)
{
    (void)state;
    static const char *const yes[] = {
        "gmail.com",    "googlemail.com", "outlook.com", "hotmail.com",  "hotmail.co.uk",
        "hotmail.fr",   "live.com",       "live.nl",     "yahoo.com",    "yahoo.co.jp",
        "yahoo.com.br", "icloud.com",     "me.com",      "mac.com",      "aol.com",
        "gmx.de",       "gmx.net",        "web.de",      "proton.me",    "protonmail.com",
        "qq.com",       "163.com",        "126.com",     "mail.ru",      "yandex.ru",
        "ya.ru",        "t-online.de",    "orange.fr",   "comcast.net",  "zonnet.nl",
        "msn.com",      "free.fr",        "laposte.net", "libero.it",    "seznam.cz",
        "naver.com",    "zoho.com",       "ymail.com",   "fastmail.com", "rediffmail.com",
    };
    static const char *const no[] = {
        "acme.com",           "gmail",          "",
        "gmail.com.acme.com", "mygmail.com",    "livenation.com",
        "live.acme.co.uk",    "yahooinc.com",   "google.com",
        "microsoft.com",      "yandex-team.ru",
    };
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
        if (!mailbox_provider(slice_of(yes[i])))
            fail_msg("%s is a mailbox provider", yes[i]);
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        if (mailbox_provider(slice_of(no[i])))
            fail_msg("%s is no mailbox provider", no[i]);
}

static void test_clean_borrows(void **state)
{
    (void)state;
    struct slice out, in = SLICE_LIT("  Maria Cantwell ");
    arena_init(&arena, 0);
    assert_int_equal(text_clean(in, &arena, &out), TEXT_UPPER);
    assert_ptr_equal(out.data, in.data + 2);
    assert_int_equal(out.len, 14);
    arena_deinit(&arena);
}

/* Any bytes at all: nothing is read past the end, what comes out is canonical or refused. */
static void test_random_bytes(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "@",
        ".",
        "/",
        "in/",
        "www.",
        "https://",
        "linkedin.com",
        "mailto:",
        "<",
        ">",
        " ",
        "\t",
        "-",
        ":",
        "?",
        "+",
        "12345678",
        "(0)",
        "a",
        "Z",
        "\xc3",
        "\xc3\xb6",
        "\xe2\x80\x8b",
        "\xf0",
        "\xff",
        "\x1f",
        "\x7f",
        "pub/",
        "com",
        ",",
        "\xc2\xa0",
    };
    static const enum field fields[] = {FIELD_EMAIL,     FIELD_PHONE,   FIELD_LINKEDIN_URL,
                                        FIELD_FULL_NAME, FIELD_COMPANY, FIELD_DOMAIN};
    srand(7);
    arena_init(&arena, 1 << 20);
    for (unsigned round = 0; round < 60000; round++) {
        char text[200];
        size_t len = 0;
        for (int n = rand() % 12; n > 0; n--) {
            const char *piece = pieces[(size_t)rand() % (sizeof pieces / sizeof pieces[0])];
            len += (size_t)sprintf(text + len, "%s", piece);
        }
        arena_reset(&arena);
        field = fields[round % (sizeof fields / sizeof fields[0])];
        struct record r = from_cell((struct slice){text, len});
        if (r.problem[field] || r.value[field].len == 0)
            continue;
        struct record again = from_cell(r.value[field]);
        if (again.problem[field] || !slice_eq(again.value[field], r.value[field]))
            fail_msg("%s: \"%.*s\" becomes \"%.*s\", then \"%.*s\"", field_name(field), (int)len,
                     text, SLICE_ARG(r.value[field]), SLICE_ARG(again.value[field]));
    }
    arena_deinit(&arena);
}

/* What an NDJSON list has for a name must be a text. */
static void objects_are_no_text(void **state)
{
    struct slice out;

    (void)state;
    assert_null(normalise_text(SLICE_LIT("Ann [acting]"), 0, NULL, &out));
    assert_null(normalise_text(SLICE_LIT("[Ann"), 0, NULL, &out));
    assert_null(normalise_text(SLICE_LIT("{"), 0, NULL, &out));
    assert_string_equal(normalise_text(SLICE_LIT("{\"a\":1}"), 0, NULL, &out), "is not text");
    assert_string_equal(normalise_text(SLICE_LIT("[]"), 0, NULL, &out), "is not text");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_email),        cmocka_unit_test(test_domain),
        cmocka_unit_test(test_linkedin),     cmocka_unit_test(test_phone),
        cmocka_unit_test(test_limits),       cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_mailboxes),    cmocka_unit_test(test_clean_borrows),
        cmocka_unit_test(test_random_bytes),
        cmocka_unit_test(objects_are_no_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
