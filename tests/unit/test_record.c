/* Records from cells, the set a step asks by with its reason, identities. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "record/record.h"
#include "record_rows.h"

static struct arena arena;
static struct buf scratch;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 1 << 20);
    buf_init(&scratch, 1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_deinit(&arena);
    buf_deinit(&scratch);
    return 0;
}

/* A record of a row under a header, both with bars between. */
static struct record make(const char *header, const char *row)
{
    struct slice columns[20], cells[20];
    struct mapping m;
    struct record r;
    struct error e = {0};
    unsigned count = rows_cells(slice_of(header), columns, 20);
    assert_int_equal(rows_cells(slice_of(row), cells, 20), count);
    assert_int_equal(mapping_make(&m, columns, count, NULL, 0, &e), 0);
    record_from_cells(&r, &m, cells, &arena);
    return r;
}

static void assert_value(const struct record *r, enum field f, const char *expected)
{
    if (!slice_eq(r->value[f], slice_of(expected)) || r->problem[f])
        fail_msg("%s is \"%.*s\" (%s), not \"%s\"", field_name(f), SLICE_ARG(r->value[f]),
                 r->problem[f], expected);
}

static void check_names(const struct row *row)
{
    static const enum field parts[] = {FIELD_FIRST_NAME, FIELD_LAST_NAME, FIELD_FULL_NAME};
    struct mapping m;
    struct slice cells[3], expected[3];
    struct record r;
    for (int f = 0; f < FIELD_COUNT; f++)
        m.column[f] = -1;
    for (int i = 0; i < 3; i++)
        m.column[parts[i]] = (int16_t)i;
    assert_int_equal(rows_cells(row->left, cells, 3), 3);
    unsigned count = rows_cells(row->right, expected, 3);
    record_from_cells(&r, &m, cells, &arena);
    for (unsigned i = 0; i < 3; i++) {
        struct slice want = i < count ? expected[i] : SLICE_EMPTY, have = r.value[parts[i]];
        char problem[100] = "";
        if (r.problem[parts[i]]) {
            snprintf(problem, sizeof problem, "!%s %s", field_name(parts[i]), r.problem[parts[i]]);
            have = slice_of(problem);
        }
        if (!slice_eq(have, want))
            fail_msg("names.tsv:%u: %s is \"%.*s\"", row->line, field_name(parts[i]),
                     SLICE_ARG(have));
    }
}

static void test_names(void **state)
{
    (void)state;
    assert_true(rows_each("names.tsv", check_names) > 25);
}

static void test_real_row(void **state)
{
    (void)state;
    struct record r = make("Bioguide|Full Name|First Name|Middle|Last Name|Suffix|Nickname|Website|"
                           "Phone|Address|State|Party",
                           "P000034|Frank Pallone, Jr.|Frank|J.|Pallone|Jr.||"
                           "https://pallone.house.gov|202-225-4671|2107 Rayburn|NJ|Democrat");
    assert_value(&r, FIELD_FIRST_NAME, "Frank");
    assert_value(&r, FIELD_LAST_NAME, "Pallone");
    assert_value(&r, FIELD_FULL_NAME, "Frank Pallone, Jr.");
    assert_value(&r, FIELD_DOMAIN, "pallone.house.gov");
    assert_value(&r, FIELD_PHONE, "202-225-4671");
    assert_value(&r, FIELD_EMAIL, "");
    assert_value(&r, FIELD_COMPANY, "");
}

static void test_domain_of_email(void **state)
{
    (void)state;
    struct record r = make("email|domain", "Jane@ACME.com|");
    assert_value(&r, FIELD_DOMAIN, "acme.com");
    r = make("email|domain", "jane@acme.com|n/a");
    assert_value(&r, FIELD_DOMAIN, "acme.com");
    r = make("email|domain", "jane@acme.com|other.com");
    assert_value(&r, FIELD_DOMAIN, "other.com");
    r = make("email|domain", "jane@gmail.com|");
    assert_value(&r, FIELD_EMAIL, "jane@gmail.com");
    assert_value(&r, FIELD_DOMAIN, "");
    r = make("email|domain", "jane@hotmail.co.uk|gmail.com");
    assert_value(&r, FIELD_DOMAIN, "gmail.com");
    /* What was given wrongly is not papered over, and nothing comes of a bad address. */
    r = make("email|domain", "jane@acme.com|Acme Inc");
    assert_string_equal(r.problem[FIELD_DOMAIN], "is not a domain");
    r = make("email|domain", "jane doe@acme.com|");
    assert_value(&r, FIELD_DOMAIN, "");
}

static void test_page_as_website(void **state)
{
    (void)state;
    struct record r = make("name|website", "Jane Doe|http://linkedin.com/in/jane-doe/");
    assert_value(&r, FIELD_LINKEDIN_URL, "https://www.linkedin.com/in/jane-doe");
    assert_value(&r, FIELD_DOMAIN, "");
    r = make("website|linkedin|email", "linkedin.com/in/x|linkedin.com/in/jane-doe|j@acme.com");
    assert_value(&r, FIELD_LINKEDIN_URL, "https://www.linkedin.com/in/jane-doe");
    assert_value(&r, FIELD_DOMAIN, "acme.com");
    r = make("website|email", "https://www.linkedin.com/company/acme|j@acme.com");
    assert_string_equal(r.problem[FIELD_DOMAIN], "is a LinkedIn page, not a company's domain");
    assert_value(&r, FIELD_LINKEDIN_URL, "");
}

/* Too little memory is a problem of the field, never a record that lacks it silently. */
static void test_small_arena(void **state)
{
    (void)state;
    struct mapping m;
    struct record r;
    struct error e = {0};
    struct slice columns[] = {{"first name", 10}, {"last name", 9}, {"email", 5}};
    struct slice cells[] = {{"Maria  E.", 9}, {"Cantwell", 8}, {"Maria@acme.com", 14}};
    struct arena none;
    field_set set = FIELD_BIT(FIRST_NAME) | FIELD_BIT(LAST_NAME);
    const char *reason = NULL;
    arena_init(&none, 0);
    assert_int_equal(mapping_make(&m, columns, 3, NULL, 0, &e), 0);
    record_from_cells(&r, &m, cells, &none);
    assert_value(&r, FIELD_LAST_NAME, "Cantwell");
    assert_non_null(r.problem[FIELD_FIRST_NAME]);
    assert_non_null(r.problem[FIELD_EMAIL]);
    assert_int_equal(record_choose(&r, &set, 1, &none, &reason), 0);
    assert_true(strlen(reason) > 0);
    arena_deinit(&none);
}

#define FIRST  FIELD_BIT(FIRST_NAME)
#define LAST   FIELD_BIT(LAST_NAME)
#define DOMAIN FIELD_BIT(DOMAIN)
#define EMAIL  FIELD_BIT(EMAIL)
#define PAGE   FIELD_BIT(LINKEDIN_URL)

static const struct {
    const char *header, *row;
    field_set sets[3];
    field_set chosen;
    const char *reason;
} choices[] = {
    {"email", "j@acme.com", {EMAIL}, EMAIL, NULL},
    {"email|linkedin", "j@acme.com|in/j", {PAGE, EMAIL}, PAGE, NULL},
    {"email|linkedin", "j@acme.com|", {PAGE, EMAIL}, EMAIL, NULL},
    {"email|linkedin", "j@acme.com|me", {PAGE, EMAIL}, EMAIL, NULL},
    {"name|email", "Jane Doe|j@acme.com", {FIRST | LAST | DOMAIN}, FIRST | LAST | DOMAIN, NULL},
    {"name|email", "Jane Doe|", {FIRST | LAST | DOMAIN}, 0, "no domain"},
    {"name|email", "|", {FIRST | LAST | DOMAIN}, 0, "no first_name, last_name, domain"},
    {"name|email", "Madonna|j@gmail.com", {FIRST | LAST | DOMAIN}, 0, "no last_name, domain"},
    {"email", "jane@", {EMAIL}, 0, "email is not an email address: \"jane@\""},
    {"name|website",
     "Madonna|Acme",
     {FIRST | LAST | DOMAIN},
     0,
     "no last_name; domain is not a domain: \"Acme\""},
    {"first name|website",
     "J\033[1m\302\233|?",
     {FIRST | LAST | DOMAIN},
     0,
     "no last_name, domain; first_name has control characters: \"J?[1m??\""},
    /* Of several sets, the one that lacks least; of those, the one with something given. */
    {"email|linkedin|name", "||Jane Doe", {PAGE, FIRST | LAST | DOMAIN}, 0, "no linkedin_url"},
    {"email|linkedin|name",
     "jane@||",
     {PAGE, EMAIL},
     0,
     "email is not an email address: \"jane@\""},
    {"email|name", "|Jane Doe", {EMAIL | PAGE, FIRST | LAST | DOMAIN}, 0, "no domain"},
    {"email",
     "äöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöü",
     {EMAIL},
     0,
     "email is not an email address: \"äöüäöüäöüäöüäöüäöüäöüäöüäöüäöü...\""},
    {"email",
     "xäöüäöüäöüäöüäöüäöüäöüäöüäöüäöüäöü",
     {EMAIL},
     0,
     "email is not an email address: \"xäöüäöüäöüäöüäöüäöüäöüäöüäöüäö...\""},
};

static void test_choose(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
        struct record r = make(choices[i].header, choices[i].row);
        const char *reason = NULL;
        unsigned count = 0;
        while (count < 3 && choices[i].sets[count])
            count++;
        field_set set = record_choose(&r, choices[i].sets, count, &arena, &reason);
        assert_true(set == choices[i].chosen);
        if (set == 0 && strcmp(reason, choices[i].reason) != 0)
            fail_msg("%s: %s", choices[i].row, reason);
    }
}

static struct identity of(const char *header, const char *row, field_set fields)
{
    struct record r = make(header, row);
    return record_identity(&r, fields, &scratch);
}

static bool same(struct identity a, struct identity b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

#define PERSON "first name|last name|domain"
#define ASKED  (FIRST | LAST | DOMAIN)

static void test_identity(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool same;
    } cases[] = {
        {"Jane|Doe|acme.com", "jane|DOE|https://www.ACME.com/x", true},
        {"Jane|Doe|acme.com", " Jane |Doe\t|acme.com.", true},
        {"Mary  Ann|Doe|acme.com", "mary\u00a0ann|doe|acme.com", true},
        {"JOSÉ|MÜLLER|acme.com", "josé|müller|acme.com", true},
        {"José|Müller|acme.com", "Jose|Muller|acme.com", false},
        {"Jane|Doe|acme.com", "Jane|Doe|acme.de", false},
        {"Jane|Doe|acme.com", "Doe|Jane|acme.com", false},
        {"Jane A|Doe|acme.com", "Jane|A Doe|acme.com", false},
        {"JaneD|oe|acme.com", "Jane|Doe|acme.com", false},
        {"|Jane|acme.com", "Jane||acme.com", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (same(of(PERSON, cases[i].a, ASKED), of(PERSON, cases[i].b, ASKED)) != cases[i].same)
            fail_msg("%s against %s", cases[i].a, cases[i].b);
}

/* What a vendor echoes comes as it pleases and is not normalised. */
static void test_identity_of_echo(void **state)
{
    (void)state;
    struct record echo = {.value = {[FIELD_FIRST_NAME] = SLICE_LIT("  MARIA\t\tE. "),
                                    [FIELD_LAST_NAME] = SLICE_LIT("Cantwell"),
                                    [FIELD_DOMAIN] = SLICE_LIT("Acme.com")}};
    assert_true(same(record_identity(&echo, ASKED, &scratch),
                     of(PERSON, "maria e.|cantwell|acme.com", ASKED)));
    /* The byte between the fields cannot be smuggled in, in ASCII or beside anything else. */
    struct record a = {.value = {[FIELD_FIRST_NAME] = SLICE_LIT("a\x1f"
                                                                "b")}};
    struct record b = {
        .value = {[FIELD_FIRST_NAME] = SLICE_LIT("a"), [FIELD_LAST_NAME] = SLICE_LIT("b\x1f")}};
    assert_false(same(record_identity(&a, FIRST | LAST, &scratch),
                      record_identity(&b, FIRST | LAST, &scratch)));
    a.value[FIELD_FIRST_NAME] = SLICE_LIT("\u00e4\x1f"
                                          "b");
    b.value[FIELD_FIRST_NAME] = SLICE_LIT("\u00e4");
    assert_false(same(record_identity(&a, FIRST | LAST, &scratch),
                      record_identity(&b, FIRST | LAST, &scratch)));
    /* Empty is as good as blank. */
    a.value[FIELD_FIRST_NAME] = SLICE_LIT(" \t\xc2\xa0 ");
    b.value[FIELD_FIRST_NAME] = SLICE_LIT("  ");
    b.value[FIELD_LAST_NAME] = SLICE_EMPTY;
    assert_true(same(record_identity(&a, FIRST | LAST, &scratch),
                     record_identity(&b, FIRST | LAST, &scratch)));
}

/* The same text in another field, or as part of another set, is another question: a phone number
 * that is asked for by address and by page must not be taken for one that is known. */
static void test_identity_by_fields(void **state)
{
    (void)state;
    static const field_set alone[] = {EMAIL,
                                      DOMAIN,
                                      PAGE,
                                      FIRST,
                                      LAST,
                                      FIELD_BIT(COMPANY),
                                      FIELD_BIT(PHONE),
                                      FIELD_BIT(FULL_NAME),
                                      FIELD_BIT(MISMATCH)};
    enum { COUNT = sizeof alone / sizeof alone[0] };
    struct record r = {0};
    struct identity id[COUNT];
    for (int f = 0; f < FIELD_COUNT; f++)
        r.value[f] = SLICE_LIT("acme.com");
    for (size_t i = 0; i < COUNT; i++) {
        id[i] = record_identity(&r, alone[i], &scratch);
        for (size_t k = 0; k < i; k++)
            assert_false(same(id[i], id[k]));
        /* Each field beside it makes another question, also where it is empty. */
        for (size_t k = 0; k < COUNT; k++) {
            if (k == i)
                continue;
            struct record beside = r;
            for (int f = 0; f < FIELD_COUNT; f++)
                if (alone[k] == (field_set)1 << f)
                    beside.value[f] = SLICE_EMPTY;
            assert_false(same(id[i], record_identity(&beside, alone[i] | alone[k], &scratch)));
            assert_true(same(id[i], record_identity(&beside, alone[i], &scratch)));
        }
    }
    /* A field outside the set has no part in it, the last one of all neither. */
    struct record other = r;
    other.value[FIELD_MISMATCH] = other.value[FIELD_PHONE] = SLICE_LIT("something else");
    assert_true(
        same(record_identity(&r, ASKED, &scratch), record_identity(&other, ASKED, &scratch)));
    assert_false(same(record_identity(&r, ASKED | FIELD_BIT(MISMATCH), &scratch),
                      record_identity(&other, ASKED | FIELD_BIT(MISMATCH), &scratch)));
}

/* The hash is kept in ledgers and caches: it must not change. These are XXH3-128, in canonical
 * form, of the set of fields in 8 bytes, lowest first, and of "jane@acme.com" or of
 * "jane\x1fdoe\x1facme.com" behind it, computed apart from this code. */
static void assert_hash(struct identity id, const char *hex)
{
    char text[33];
    for (int i = 0; i < 16; i++)
        sprintf(text + 2 * i, "%02x", id.hash[i]);
    assert_string_equal(text, hex);
}

static void test_identity_is_stable(void **state)
{
    (void)state;
    assert_hash(of("email", "Jane@acme.com", EMAIL), "7d9cfe3ef35d09d07feddc9a4127a34b");
    assert_hash(of(PERSON, "Jane|Doe|acme.com", ASKED), "0f56371f23b5a5c339b7526789cd2106");
}

static void test_identity_all_ascii(void **state)
{
    (void)state;
    /* Each byte folds as C's own functions say. */
    for (int c = 1; c < 128; c++) {
        char upper[] = {'x', (char)c, 'x', 0}, lower[] = {'x', (char)c, 'x', 0};
        if (c >= 'A' && c <= 'Z')
            lower[1] = (char)(c + 32);
        if (c < 32)
            lower[1] = ' ';
        struct record a = {.value = {[FIELD_EMAIL] = slice_of(upper)}};
        struct record b = {.value = {[FIELD_EMAIL] = slice_of(lower)}};
        assert_true(
            same(record_identity(&a, EMAIL, &scratch), record_identity(&b, EMAIL, &scratch)));
        assert_int_equal(scratch.data[sizeof(field_set) + 1], lower[1]);
    }
}

static void test_identity_without_memory(void **state)
{
    (void)state;
    static const struct identity none;
    struct buf small;
    struct record r = make("email", "jane@acme.com");
    /* Neither for the set of fields, nor for the text behind it. */
    for (size_t room = 4; room <= 12; room += 8) {
        buf_init(&small, room);
        assert_true(same(record_identity(&r, EMAIL, &small), none));
        buf_deinit(&small);
    }
}

#define IT(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IT(test_names),
        IT(test_real_row),
        IT(test_domain_of_email),
        IT(test_page_as_website),
        IT(test_small_arena),
        IT(test_choose),
        IT(test_identity),
        IT(test_identity_of_echo),
        IT(test_identity_by_fields),
        IT(test_identity_is_stable),
        IT(test_identity_all_ascii),
        IT(test_identity_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
