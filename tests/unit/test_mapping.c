/* Column recognition, --map, and the mapping's forms for people and for the ledger. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "record/columns.h"
#include "record/mapping.h"
#include "record_rows.h"

#define CELLS_MAX 100

static const struct slice people[] = {
    {"First Name", 10}, {"Last Name", 9}, {"Website", 7}, {"E-Mail", 6},
    {"Work Phone", 10}, {"", 0},          {"a=b", 3},     {"PRÉNOM", 7},
};
#define PEOPLE (sizeof people / sizeof people[0])

static void print(const struct mapping *m, const struct slice *columns, struct buf *out)
{
    buf_init(out, 1 << 16);
    mapping_print(m, columns, out);
}

static void check_header(const struct row *row)
{
    struct slice columns[CELLS_MAX];
    struct mapping m;
    struct error e = {0};
    struct buf out;
    unsigned count = rows_cells(row->left, columns, CELLS_MAX);
    assert_int_equal(mapping_make(&m, columns, count, NULL, 0, &e), 0);
    assert_int_equal(m.chosen, 0);
    print(&m, columns, &out);
    if (!slice_eq(buf_slice(&out), row->right))
        fail_msg("headers.tsv:%u: %s", row->line, buf_text(&out));
    buf_deinit(&out);
}

static void test_headers(void **state)
{
    (void)state;
    assert_true(rows_each("headers.tsv", check_header) > 30);
}

/* Each name in the table is folded, stands once, and alone (or beside what it needs) means its
 * field. */
static void check_name(const struct columns_row *row, const char *name)
{
    char folded[COLUMNS_FOLDED_MAX], beside[COLUMNS_FOLDED_MAX] = "";
    columns_fold(slice_of(name), folded);
    assert_string_equal(folded, name);
    for (const struct columns_row *other = columns_table; other->names; other++)
        if (other != row && other->field == row->field && other->beside == row->beside)
            assert_false(columns_word(other->names, name));
    if (row->beside)
        sscanf(row->beside, "%63s", beside);
    struct slice columns[] = {slice_of(name), slice_of(beside)};
    struct mapping m;
    struct error e = {0};
    assert_int_equal(mapping_make(&m, columns, 2, NULL, 0, &e), 0);
    if (m.column[row->field] == 0)
        return;
    /* What means one field alone and another beside something is in two rows. */
    for (const struct columns_row *other = columns_table; other->names; other++)
        if (other->beside != row->beside && columns_word(other->names, name))
            return;
    fail_msg("\"%s\" is not recognised as %s", name, field_name(row->field));
}

static void test_table(void **state)
{
    (void)state;
    unsigned count = 0;
    for (const struct columns_row *row = columns_table; row->names; row++) {
        assert_true(row->rank <= COLUMNS_RANK_MAX);
        char *names = strdup(row->names), *rest = names, *name;
        while ((name = strsep(&rest, " "))) {
            check_name(row, name);
            count++;
        }
        free(names);
    }
    assert_true(count > 400);
}

struct map_case {
    const char *maps[2];
    const char *printed; /* NULL: an error that holds */
    const char *message;
};

static const struct map_case map_cases[] = {
    {{"domain=Website"},
     "email <- E-Mail, phone <- Work Phone, first_name <- First Name, last_name <- Last Name, "
     "domain <- Website",
     NULL},
    {{"first_name=last name", "last_name=#1"},
     "email <- E-Mail, phone <- Work Phone, first_name <- Last Name, last_name <- First Name, "
     "domain <- Website",
     NULL},
    /* A column that --map took is no longer there to be recognised. */
    {{"company=E-Mail"},
     "phone <- Work Phone, first_name <- First Name, last_name <- Last Name, company <- E-Mail, "
     "domain <- Website",
     NULL},
    {{"email=#6", "first_name=prénom"},
     "email <- #6, phone <- Work Phone, first_name <- PRÉNOM, last_name <- Last Name, domain <- "
     "Website",
     NULL},
    {{"company=a=b"},
     "email <- E-Mail, phone <- Work Phone, first_name <- First Name, last_name <- Last Name, "
     "company <- a=b, domain <- Website",
     NULL},
    {{"frist_name=First Name"},
     NULL,
     "no field \"frist_name\", did you mean first_name? A list has: email, phone,"},
    {{"raw=First Name"}, NULL, "no field \"raw\" A list has: email,"},
    {{"tech_stack=First Name"}, NULL, "no field \"tech_stack\""}, /* only answers have it */
    {{"=First Name"}, NULL, "no field \"\""},
    {{"first_name=Frist Nmae"}, NULL, "no column \"Frist Nmae\"; did you mean \"First Name\"?"},
    {{"domain=Websit"}, NULL, "did you mean \"Website\"?"},
    {{"domain=Unternehmensadresse"}, NULL, "its columns are \"First Name\", \"Last Name\","},
    {{"domain="}, NULL, "no column \"\""},
    {{"domain=#0"}, NULL, "no column #0, the list has 8"},
    {{"domain=#9"}, NULL, "no column #9, the list has 8"},
    {{"domain=#18446744073709551617"}, NULL, "no column \"#18446744073709551617\""},
    {{"domain=#x"}, NULL, "no column \"#x\""},
    {{"domain"}, NULL, "write it FIELD=COLUMN"},
    {{"domain=Website", "domain=#1"}, NULL, "--map domain is given twice"},
    {{"domain=Website", "email=website"}, NULL, "column 3 serves another field already"},
};

static void test_maps(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof map_cases / sizeof map_cases[0]; i++) {
        const struct map_case *c = &map_cases[i];
        struct mapping m;
        struct error e = {0};
        int code = mapping_make(&m, people, PEOPLE, c->maps, c->maps[1] ? 2 : 1, &e);
        if (c->message) {
            assert_int_equal(code, ERR_USAGE);
            assert_int_equal(e.code, ERR_USAGE);
            if (!strstr(e.message, c->message))
                fail_msg("--map %s: %s", c->maps[0], e.message);
            continue;
        }
        if (code != 0)
            fail_msg("--map %s: %s", c->maps[0], e.message);
        struct buf out;
        print(&m, people, &out);
        assert_string_equal(buf_text(&out), c->printed);
        buf_deinit(&out);
    }
}

static void test_chosen(void **state)
{
    (void)state;
    const char *maps[] = {"email=#1", "domain=#2"};
    struct mapping m;
    struct error e = {0};
    assert_int_equal(mapping_make(&m, people, PEOPLE, maps, 2, &e), 0);
    assert_int_equal(m.chosen, FIELD_BIT(EMAIL) | FIELD_BIT(DOMAIN));
}

static void test_no_columns(void **state)
{
    (void)state;
    const char *maps[] = {"email=x"};
    struct mapping m;
    struct error e = {0};
    assert_int_equal(mapping_make(&m, NULL, 0, NULL, 0, &e), 0);
    for (int f = 0; f < FIELD_COUNT; f++)
        assert_int_equal(m.column[f], -1);
    assert_int_equal(mapping_make(&m, NULL, 0, maps, 1, &e), ERR_USAGE);
}

/* A header is a stranger's: what is shown of it cannot disturb a terminal, and is cut. */
static void test_hostile_header(void **state)
{
    (void)state;
    char text[3000];
    memset(text, 'x', sizeof text);
    memcpy(text, "\033[31m\302\233", 7);
    struct slice columns[] = {{text, sizeof text}, {"email", 5}};
    const char *good[] = {"domain=#1"}, *bad[] = {"domain=yyy"};
    struct mapping m;
    struct error e = {0};
    struct buf out;
    assert_int_equal(mapping_make(&m, columns, 2, good, 1, &e), 0);
    print(&m, columns, &out);
    assert_true(out.len < 120);
    assert_null(memchr(out.data, '\033', out.len));
    assert_null(memchr(out.data, '\302', out.len));
    buf_deinit(&out);
    assert_int_equal(mapping_make(&m, columns, 2, bad, 1, &e), ERR_USAGE);
    assert_null(strchr(e.message, '\033'));
}

/* What records of a list can have, counting what is derived; nothing comes of fields that only
 * answers have. */
static void test_can_give(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        field_set set;
        bool can;
    } rows[] = {
        {"email", FIELD_BIT(EMAIL), true},
        {"email", FIELD_BIT(EMAIL) | FIELD_BIT(DOMAIN), true},
        {"email", FIELD_BIT(EMAIL) | FIELD_BIT(LINKEDIN_URL), false},
        {"website", FIELD_BIT(DOMAIN), true},
        {"website", FIELD_BIT(EMAIL), false},
        {"full name", FIELD_BIT(FIRST_NAME) | FIELD_BIT(LAST_NAME), true},
        {"first name|last name", FIELD_BIT(FULL_NAME), true},
        {"first name", FIELD_BIT(FULL_NAME), false},
        {"full name|email", FIELD_BIT(FIRST_NAME) | FIELD_BIT(DOMAIN), true},
        {"full name|company", FIELD_BIT(FULL_NAME) | FIELD_BIT(COMPANY), true},
        {"full name|company", FIELD_BIT(FULL_NAME) | FIELD_BIT(DOMAIN), false},
        {"first name|last name|company|website|email|linkedin|phone", FIELD_BIT(MISMATCH), false},
        {"email", FIELD_BIT(EMAIL) | FIELD_BIT(VENDOR_ID), false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct slice columns[CELLS_MAX];
        struct mapping m;
        struct error e = {0};
        unsigned count = rows_cells(slice_of(rows[i].header), columns, CELLS_MAX);
        assert_int_equal(mapping_make(&m, columns, count, NULL, 0, &e), 0);
        if (mapping_can_give(&m, rows[i].set) != rows[i].can)
            fail_msg("row %zu: %s", i, rows[i].header);
    }
}

static void test_json_round_trip(void **state)
{
    (void)state;
    struct mapping m, back;
    struct error e = {0};
    struct buf out;
    assert_int_equal(mapping_make(&m, people, PEOPLE, NULL, 0, &e), 0);
    buf_init(&out, 1 << 16);
    mapping_json(&m, &out);
    assert_string_equal(buf_text(&out),
                        "{\"email\":3,\"phone\":4,\"first_name\":0,\"last_name\":1,\"domain\":2}");
    assert_int_equal(mapping_parse(&back, buf_slice(&out), &e), 0);
    assert_memory_equal(back.column, m.column, sizeof m.column);
    buf_deinit(&out);
}

static void test_json_bad(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "{",
        "{\"email\":-1}",
        "{\"email\":40000}",
        "\"email\"",
        "{\"mail\":1}",
        "{\"email\":null}",
        "{\"email\":1.5}",
        "{\"email\":1,\"email\":2}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct mapping m;
        struct error e = {0};
        if (mapping_parse(&m, slice_of(bad[i]), &e) != ERR_DATA)
            fail_msg("%s was taken", bad[i]);
        assert_non_null(strstr(e.message, "column mapping"));
    }
    struct mapping m;
    struct error e = {0};
    assert_int_equal(mapping_parse(&m, slice_of("{}"), &e), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),    cmocka_unit_test(test_table),
        cmocka_unit_test(test_maps),       cmocka_unit_test(test_chosen),
        cmocka_unit_test(test_no_columns), cmocka_unit_test(test_hostile_header),
        cmocka_unit_test(test_can_give),   cmocka_unit_test(test_json_round_trip),
        cmocka_unit_test(test_json_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
