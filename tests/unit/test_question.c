/* From a row to a question: what is asked, what is not and why, and that the check and the identity
 * never differ. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "record_rows.h"
#include "run/question.h"

#define CELLS_MAX 16

static const struct operation *operation(const char *name)
{
    struct error e = {0};
    const struct operation *op = provider_operation(name, &e);
    if (op == NULL)
        fail_msg("%s", e.message);
    return op;
}

/* A question of one operation under one header. */
struct asked {
    struct slice columns[CELLS_MAX];
    unsigned count;
    struct mapping mapping;
    struct question question;
};

static void begin_with(struct asked *a, const struct operation *op, const char *header)
{
    struct error e = {0};
    a->count = rows_cells(slice_of(header), a->columns, CELLS_MAX);
    assert_int_equal(mapping_make(&a->mapping, a->columns, a->count, NULL, 0, &e), 0);
    question_init(&a->question, op, &a->mapping);
}

static void begin(struct asked *a, const char *op, const char *header)
{
    begin_with(a, operation(op), header);
}

/* Ask about a row of cells with bars between; NULL, or why it cannot be asked. */
static const char *ask(struct asked *a, const char *text, struct identity *id)
{
    struct slice cells[CELLS_MAX];
    struct list_row row = {.record = 1, .line = 2, .cells = cells, .text = slice_of(text)};
    const char *reason = NULL, *again = NULL;
    struct identity none;
    memset(&none, 0, sizeof none);
    *id = none;
    assert_int_equal(rows_cells(slice_of(text), cells, CELLS_MAX), a->count);
    bool yes = question_ask(&a->question, &row, id, &reason);
    assert_int_equal(yes, reason == NULL);
    assert_int_equal(yes, memcmp(id, &none, sizeof none) != 0);
    /* The same without the identity: bodies are made by this one. */
    static char kept[512];
    snprintf(kept, sizeof kept, "%s", reason ? reason : "");
    assert_int_equal(question_check(&a->question, &row, &again), yes);
    if (!yes)
        assert_string_equal(again, kept);
    return yes ? NULL : kept;
}

static void test_finder(void **state)
{
    (void)state;
    static const struct {
        const char *row, *reason; /* a part of it; NULL: it is asked */
    } rows[] = {
        {"Jane|Doe|acme.com", NULL},
        {" jane |DOE|https://www.acme.com/about", NULL},
        {"Zoë|Özgür|münchen.example", NULL},
        {"Jane||acme.com", "last_name"},
        {"|Doe|acme.com", "first_name"},
        {"Jane|Doe|", "domain"},
        {"Jane|Doe|acme", "acme"},
        {"N/A|Doe|acme.com", "first_name"},
        {"||", "first_name"},
    };
    struct asked a;
    struct identity id;
    begin(&a, "enrichso/email-finder", "First Name|Last Name|Website");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *reason = ask(&a, rows[i].row, &id);
        if ((reason == NULL) != (rows[i].reason == NULL) ||
            (reason && strstr(reason, rows[i].reason) == NULL))
            fail_msg("%s: %s", rows[i].row, reason ? reason : "asked");
    }
    question_deinit(&a.question);
}

/* The vendor's own limits, on both sides of each. */
static void test_finder_limits(void **state)
{
    (void)state;
    struct asked a;
    struct identity id;
    char row[1024], name[512];
    begin(&a, "enrichso/email-finder", "First Name|Last Name|Website");
    for (unsigned n = 99; n <= 102; n++) {
        memset(name, 'x', n);
        name[n] = '\0';
        snprintf(row, sizeof row, "%s|Doe|acme.com", name);
        assert_int_equal(ask(&a, row, &id) == NULL, n <= 100);
        snprintf(row, sizeof row, "Jane|%s|acme.com", name);
        assert_int_equal(ask(&a, row, &id) == NULL, n <= 100);
        /* Characters, not bytes. */
        name[0] = '\0';
        for (unsigned i = 0; i < n; i++)
            strcat(name, "ö");
        snprintf(row, sizeof row, "Jane|%s|acme.com", name);
        assert_int_equal(ask(&a, row, &id) == NULL, n <= 100);
    }
    question_deinit(&a.question);
}

static void test_validation(void **state)
{
    (void)state;
    struct asked a;
    struct identity id;
    begin(&a, "enrichso/email-validation", "Email");
    assert_null(ask(&a, "jane@acme.com", &id));
    assert_null(ask(&a, " <Jane@ACME.com> ", &id));
    assert_non_null(strstr(ask(&a, "jane@", &id), "jane@"));
    assert_non_null(ask(&a, "", &id));
    question_deinit(&a.question);
}

/* Rows that mean the same question have one identity; others have others. */
static void test_identity(void **state)
{
    (void)state;
    static const struct {
        const char *row;
        int group;
    } rows[] = {
        {"Jane|Doe|acme.com|1", 1},
        {"JANE| doe |www.acme.com|2", 1},
        {"jane|doe|https://acme.com/x?y=1|3", 1},
        {"Jane|Doe|acme.org|1", 2},
        {"Doe|Jane|acme.com|1", 3},
        {"Jan|eDoe|acme.com|1", 4},
        {"Jané|Doe|acme.com|1", 5},
    };
    struct asked a;
    struct identity id[8];
    begin(&a, "enrichso/email-finder", "First Name|Last Name|Website|Note");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (ask(&a, rows[i].row, &id[i]) != NULL)
            fail_msg("%s is not asked", rows[i].row);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t k = 0; k < i; k++)
            assert_int_equal(memcmp(&id[i], &id[k], sizeof id[i]) == 0,
                             rows[i].group == rows[k].group);
    question_deinit(&a.question);
}

/* What the body says of a row is what its identity is made of. */
static void test_body_and_identity(void **state)
{
    (void)state;
    struct asked a;
    struct identity id;
    struct buf body;
    buf_init(&body, 4096);
    struct body_writer w = {.operation = operation("enrichso/email-finder"), .out = &body};
    begin(&a, "enrichso/email-finder", "Full Name|Website");
    assert_null(ask(&a, "Doe, Jane|http://WWW.Acme.com/", &id));
    assert_true(w.operation->body_item(&w, &a.question.record, a.question.set));
    assert_string_equal(buf_text(&body),
                        "{\"firstName\":\"Jane\",\"lastName\":\"Doe\",\"domain\":\"acme.com\"}");
    question_deinit(&a.question);

    struct identity split;
    begin(&a, "enrichso/email-finder", "First Name|Last Name|Website");
    assert_null(ask(&a, "Jane|Doe|acme.com", &split));
    assert_memory_equal(&id, &split, sizeof id);
    question_deinit(&a.question);
    buf_deinit(&body);
}

/* Whether two rows are the same question to an operation. */
static bool one_question(const struct operation *op, const char *header, const char *row,
                         const char *other)
{
    struct asked a;
    struct identity id[2];
    begin_with(&a, op, header);
    const char *reason = ask(&a, row, &id[0]);
    if (reason == NULL)
        reason = ask(&a, other, &id[1]);
    if (reason != NULL)
        fail_msg("\"%s\" or \"%s\" is not asked: %s", row, other, reason);
    question_deinit(&a.question);
    return memcmp(&id[0], &id[1], sizeof id[0]) == 0;
}

#define EMAIL FIELD_BIT(EMAIL)
#define PAGE  FIELD_BIT(LINKEDIN_URL)

/* The first set that a record has is what it is asked by; what else is known of it has no part in
 * its identity, unless the operation says so. */
static void test_sets(void **state)
{
    (void)state;
    static const char header[] = "email|linkedin|company domain";
    static const field_set sets[] = {EMAIL, PAGE, 0}, page_first[] = {PAGE, EMAIL, 0};
    static const struct {
        const char *row;
        field_set by, by_page_first; /* 0: not asked */
    } rows[] = {
        {"jane@acme.com|linkedin.com/in/jane|", EMAIL, PAGE},
        {"jane@acme.com||", EMAIL, EMAIL},
        {"|linkedin.com/in/jane|", PAGE, PAGE},
        {"jane@|linkedin.com/in/jane|", PAGE, PAGE},
        {"jane@acme.com|me|", EMAIL, EMAIL},
        {"jane@|me|", 0, 0},
        {"||acme.com", 0, 0},
    };
    struct operation op = {.provider = provider_table[0], .name = "test", .accepts = sets};
    struct operation other = op;
    other.accepts = page_first;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int k = 0; k < 2; k++) {
            struct asked a;
            struct identity id;
            field_set by = k == 0 ? rows[i].by : rows[i].by_page_first;
            begin_with(&a, k == 0 ? &op : &other, header);
            assert_int_equal(a.question.sets, 2);
            assert_int_equal(ask(&a, rows[i].row, &id) == NULL, by != 0);
            assert_true(a.question.set == by);
            question_deinit(&a.question);
        }
    }
    static const char both[] = "jane@acme.com|linkedin.com/in/jane|acme.com";
    assert_true(one_question(&op, header, both, "jane@acme.com||"));
    assert_true(one_question(&op, header, both, "jane@acme.com|linkedin.com/in/joe|acme.org"));
    assert_false(one_question(&op, header, both, "|linkedin.com/in/jane|acme.com"));
    assert_true(one_question(&other, header, both, "|linkedin.com/in/jane|"));
    /* Where all that is known is sent along, absence is a part of the question too. */
    op.identity = EMAIL | PAGE;
    assert_false(one_question(&op, header, both, "jane@acme.com||"));
    assert_false(one_question(&op, header, both, "jane@acme.com|linkedin.com/in/joe|acme.com"));
    assert_true(one_question(&op, header, both, "JANE@acme.com|in/jane|acme.org"));
    assert_true(one_question(&op, header, "|in/jane|", "|linkedin.com/in/jane/|acme.org"));
    assert_false(one_question(&op, header, "|in/jane|", both));
}

/* What cannot be used is as good as not given: it is neither sent, nor a part of the identity. */
static void test_problems_are_left_out(void **state)
{
    (void)state;
    static const char header[] = "email|linkedin|company domain";
    static const field_set sets[] = {EMAIL, 0};
    struct operation op = {.provider = provider_table[0],
                           .name = "test",
                           .accepts = sets,
                           .identity = EMAIL | PAGE | FIELD_BIT(DOMAIN)};
    struct asked a;
    struct identity id;
    begin_with(&a, &op, header);
    assert_null(ask(&a, "jane@acme.com|no page|no domain", &id));
    assert_int_equal(a.question.record.value[FIELD_LINKEDIN_URL].len, 0);
    assert_int_equal(a.question.record.value[FIELD_DOMAIN].len, 0);
    assert_non_null(a.question.record.problem[FIELD_DOMAIN]);
    assert_true(slice_eq(a.question.record.value[FIELD_EMAIL], SLICE_LIT("jane@acme.com")));
    question_deinit(&a.question);
    assert_true(one_question(&op, header, "jane@acme.com|no page|no domain",
                             "jane@acme.com|none such|another one"));
    /* A domain that was not given comes of the address, one that was given wrongly does not. */
    assert_false(one_question(&op, header, "jane@acme.com||", "jane@acme.com||no domain"));
}

/* A check may put a record into the form in which it is asked; that form has the identity. */
static const char *domain_is_company(const struct operation *op, struct record *r)
{
    assert_string_equal(op->name, "test");
    if (r->value[FIELD_DOMAIN].len > 0)
        r->value[FIELD_COMPANY] = r->value[FIELD_DOMAIN];
    return slice_eq(r->value[FIELD_COMPANY], SLICE_LIT("none.example")) ? "nobody is there" : NULL;
}

static void test_check_changes(void **state)
{
    (void)state;
    static const char header[] = "company|company domain";
    static const field_set sets[] = {FIELD_BIT(DOMAIN), FIELD_BIT(COMPANY), 0};
    struct operation op = {.provider = provider_table[0],
                           .name = "test",
                           .accepts = sets,
                           .identity = FIELD_BIT(COMPANY),
                           .check = domain_is_company};
    struct asked a;
    struct identity id;
    begin_with(&a, &op, header);
    assert_null(ask(&a, "Acme Inc.|www.acme.com", &id));
    assert_true(slice_eq(a.question.record.value[FIELD_COMPANY], SLICE_LIT("acme.com")));
    assert_string_equal(ask(&a, "Acme Inc.|none.example", &id), "nobody is there");
    assert_string_equal(ask(&a, "none.example|", &id), "nobody is there");
    question_deinit(&a.question);
    assert_true(one_question(&op, header, "Acme Inc.|acme.com", "acme.com|"));
    assert_true(one_question(&op, header, "Acme Inc.|acme.com", "|https://acme.com/"));
    assert_false(one_question(&op, header, "Acme Inc.|acme.com", "Acme Inc.|"));
    assert_false(one_question(&op, header, "Acme Inc.|acme.com", "Acme Inc.|acme.org"));
}

/* A vendor's echo, of the same set and in its own spelling, is recognised; of another set it is
 * somebody else. */
static void test_identity_of_echo(void **state)
{
    (void)state;
    static const field_set sets[] = {EMAIL, PAGE, 0};
    struct operation op = {.provider = provider_table[0], .name = "test", .accepts = sets};
    struct asked a;
    struct identity id, echoed;
    struct buf scratch;
    struct record echo = {.value = {[FIELD_EMAIL] = SLICE_LIT(" Jane@ACME.com ")}};
    buf_init(&scratch, 4096);
    begin_with(&a, &op, "email|linkedin");
    assert_null(ask(&a, "jane@acme.com|in/jane", &id));
    echoed = question_identity(&op, &echo, EMAIL, &scratch);
    assert_memory_equal(&id, &echoed, sizeof id);
    echoed = question_identity(&op, &echo, PAGE, &scratch);
    assert_memory_not_equal(&id, &echoed, sizeof id);
    /* With an identity of its own the set does not matter. */
    op.identity = EMAIL | PAGE;
    echo.value[FIELD_LINKEDIN_URL] = SLICE_LIT("https://www.linkedin.com/in/jane");
    assert_null(ask(&a, "jane@acme.com|in/jane", &id));
    for (int i = 0; i < 2; i++) {
        echoed = question_identity(&op, &echo, sets[i], &scratch);
        assert_memory_equal(&id, &echoed, sizeof id);
    }
    question_deinit(&a.question);
    buf_deinit(&scratch);
}

/* A row that could not be read is not asked, whatever its cells hold, and says why. */
static void test_bad_row(void **state)
{
    (void)state;
    struct asked a;
    struct slice cells[3];
    struct identity id;
    const char *reason = NULL;
    begin(&a, "enrichso/email-finder", "First Name|Last Name|Website");
    rows_cells(slice_of("Jane|Doe|acme.com"), cells, 3);
    struct list_row row = {
        .record = 1, .cells = cells, .bad = "not UTF-8 in column 1 (First Name)"};
    assert_false(question_ask(&a.question, &row, &id, &reason));
    assert_string_equal(reason, row.bad);
    assert_false(question_check(&a.question, &row, &reason));
    assert_string_equal(reason, row.bad);
    row.bad = NULL;
    assert_true(question_ask(&a.question, &row, &id, &reason));
    question_deinit(&a.question);
}

/* Many rows with one question: memory is used again. */
static void test_many_rows(void **state)
{
    (void)state;
    struct asked a;
    struct identity id, last;
    char row[128];
    memset(&last, 0, sizeof last);
    begin(&a, "enrichso/email-finder", "Full Name|Website");
    for (unsigned i = 0; i < 200000; i++) {
        snprintf(row, sizeof row, "Jane Doe%u|https://www.acme%u.com/", i, i % 1000);
        assert_null(ask(&a, row, &id));
        assert_memory_not_equal(&id, &last, sizeof id);
        last = id;
    }
    question_deinit(&a.question);
}

static void test_possible(void **state)
{
    (void)state;
    static const struct {
        const char *operation, *header;
        const char *parts[4]; /* of the message; none: it is possible */
    } rows[] = {
        {"enrichso/email-finder", "First Name|Last Name|Website", {NULL}},
        {"enrichso/email-finder", "Full Name|Domain", {NULL}},
        {"enrichso/email-finder", "First Name|Last Name|Email", {NULL}}, /* its domain */
        {"enrichso/email-validation", "id|E-Mail", {NULL}},
        {"enrichso/email-finder",
         "First Name|Last Name|Colour",
         {"enrichso/email-finder", "first_name + last_name + domain", "Colour", "--map"}},
        {"enrichso/email-validation", "Colour|Size", {"needs email", "Colour, Size", "people.csv"}},
        /* Several sets: one that the columns can give will do, else all are named. */
        {"enrichso/phone-finder", "LinkedIn", {NULL}},
        {"enrichso/phone-finder", "email", {NULL}},
        {"enrichso/phone-finder", "Colour|Size", {"needs linkedin_url, or email;"}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct asked a;
        struct error e = {0};
        begin(&a, rows[i].operation, rows[i].header);
        int rc = question_possible("people.csv", a.question.operation, &a.mapping, a.columns,
                                   a.count, &e);
        assert_int_equal(rc, rows[i].parts[0] ? ERR_DATA : 0);
        for (int k = 0; k < 4 && rows[i].parts[k]; k++)
            if (strstr(e.message, rows[i].parts[k]) == NULL)
                fail_msg("\"%s\" does not say \"%s\"", e.message, rows[i].parts[k]);
        question_deinit(&a.question);
    }
}

/* A list of a thousand columns does not make a message of a thousand names. */
static void test_possible_wide(void **state)
{
    (void)state;
    static struct slice columns[LIST_COLUMNS_MAX];
    static char names[LIST_COLUMNS_MAX][32];
    struct mapping m;
    struct error e = {0};
    for (unsigned i = 0; i < LIST_COLUMNS_MAX; i++) {
        snprintf(names[i], sizeof names[i], "measurement number %u", i);
        columns[i] = slice_of(names[i]);
    }
    assert_int_equal(mapping_make(&m, columns, LIST_COLUMNS_MAX, NULL, 0, &e), 0);
    assert_int_equal(question_possible("wide.csv", operation("enrichso/email-finder"), &m, columns,
                                       LIST_COLUMNS_MAX, &e),
                     ERR_DATA);
    assert_non_null(strstr(e.message, "measurement number 1"));
    assert_non_null(strstr(e.message, "--map"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finder),
        cmocka_unit_test(test_finder_limits),
        cmocka_unit_test(test_validation),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_body_and_identity),
        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_problems_are_left_out),
        cmocka_unit_test(test_check_changes),
        cmocka_unit_test(test_identity_of_echo),
        cmocka_unit_test(test_bad_row),
        cmocka_unit_test(test_many_rows),
        cmocka_unit_test(test_possible),
        cmocka_unit_test(test_possible_wide),
    };
    return cmocka_run_group_tests_name("question", tests, NULL, NULL);
}
