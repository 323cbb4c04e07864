/* Lines of output: member order, quoting, defusing, numbers, choice of format. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "output/render.h"
#include "wire/json.h"

#define COLUMNS 3

static const struct slice names[COLUMNS] = {SLICE_LIT("Name"), SLICE_LIT("City, State"),
                                            SLICE_LIT("=id")};
static const struct slice keys[COLUMNS] = {SLICE_LIT("Name"), SLICE_LIT("City, State"),
                                           SLICE_LIT("=id")};
static const struct slice plain_cells[COLUMNS] = {SLICE_LIT("Jane Doe"), SLICE_LIT("Berlin"),
                                                  SLICE_LIT("7")};

static struct answer found_answer(void)
{
    struct answer a = {.outcome = OUTCOME_FOUND, .credits = 10};

    a.value[FIELD_EMAIL] = SLICE_LIT("jane@example.com");
    a.value[FIELD_EMAIL_STATUS] = SLICE_LIT("valid");
    a.value[FIELD_EMAILS] = SLICE_LIT("[{\"email\":\"jane@example.com\"}]");
    a.value[FIELD_PHONE] = SLICE_LIT("+14155551234");
    a.value[FIELD_FIRST_NAME] = SLICE_LIT("Jane");
    a.value[FIELD_CONFIDENCE] = SLICE_LIT("0.97");
    a.value[FIELD_RAW] = SLICE_LIT("{\"id\":1,\n \"x\":null}\r\n");
    return a;
}

static struct render_row row_of(const struct answer *a)
{
    return (struct render_row){.record = 1,
                               .cells = plain_cells,
                               .provider = "enrichso",
                               .operation = "email-finder",
                               .batch = 42,
                               .answer = a};
}

static struct render renderer(enum render_format format)
{
    return (struct render){.format = format, .names = names, .keys = keys, .columns = COLUMNS};
}

/* The text lives until the next call. */
static const char *render(const struct render *r, const struct render_row *row)
{
    static struct buf out;

    buf_deinit(&out);
    buf_init(&out, 1 << 20);
    render_row(r, row, &out);
    assert_false(out.failed);
    return buf_text(&out);
}

static const char *header(const struct render *r)
{
    static struct buf out;

    buf_deinit(&out);
    buf_init(&out, 1 << 20);
    render_header(r, &out);
    assert_false(out.failed);
    return buf_text(&out);
}

static void test_ndjson_found(void **state)
{
    (void)state;
    struct answer a = found_answer();
    struct render r = renderer(RENDER_NDJSON);
    struct render_row row = row_of(&a);
    const char *data = "\"data\":{\"email\":\"jane@example.com\",\"email_status\":\"valid\","
                       "\"emails\":[{\"email\":\"jane@example.com\"}],\"phone\":\"+14155551234\","
                       "\"first_name\":\"Jane\",\"confidence\":0.97}";
    char want[1024];

    snprintf(want, sizeof(want),
             "{\"record\":1,\"outcome\":\"found\",\"input\":{\"Name\":\"Jane Doe\","
             "\"City, State\":\"Berlin\",\"=id\":\"7\"},\"provider\":\"enrichso\","
             "\"operation\":\"email-finder\",%s,\"credits\":10,\"duplicate_of\":null,"
             "\"reason\":null}\n",
             data);
    assert_string_equal(render(&r, &row), want);

    /* raw and batch come last, on the same line whatever the vendor's line breaks. */
    r.raw = true;
    snprintf(want, sizeof(want),
             "{\"record\":1,\"outcome\":\"found\",\"input\":{\"Name\":\"Jane Doe\","
             "\"City, State\":\"Berlin\",\"=id\":\"7\"},\"provider\":\"enrichso\","
             "\"operation\":\"email-finder\",%s,\"credits\":10,\"duplicate_of\":null,"
             "\"reason\":null,\"batch\":42,\"raw\":{\"id\":1,  \"x\":null}  }\n",
             data);
    assert_string_equal(render(&r, &row), want);
}

static void test_ndjson_not_asked(void **state)
{
    (void)state;
    struct answer a = {.outcome = OUTCOME_INVALID, .reason = SLICE_LIT("no \"domain\"\n")};
    struct render r = renderer(RENDER_NDJSON);
    struct render_row row = {.record = 4097, .cells = plain_cells, .answer = &a};

    r.raw = true;
    assert_string_equal(render(&r, &row),
                        "{\"record\":4097,\"outcome\":\"invalid\",\"input\":{\"Name\":\"Jane Doe\","
                        "\"City, State\":\"Berlin\",\"=id\":\"7\"},\"provider\":null,"
                        "\"operation\":null,\"data\":{},\"credits\":0,\"duplicate_of\":null,"
                        "\"reason\":\"no \\\"domain\\\"\\n\",\"batch\":null,\"raw\":null}\n");
}

static void test_ndjson_duplicate(void **state)
{
    (void)state;
    struct answer a = {.outcome = OUTCOME_NOT_FOUND, .credits = 5, .reason = SLICE_LIT("no match")};
    struct render r = renderer(RENDER_NDJSON);
    struct render_row row = row_of(&a);

    /* An NDJSON list's own object goes out as it came in; a duplicate costs nothing. */
    row.json = SLICE_LIT("{\"a\": 1, \"b\":[true]}");
    row.duplicate_of = 12;
    assert_string_equal(render(&r, &row),
                        "{\"record\":1,\"outcome\":\"not_found\",\"input\":{\"a\": 1, \"b\":[true]}"
                        ",\"provider\":\"enrichso\",\"operation\":\"email-finder\",\"data\":{},"
                        "\"credits\":0,\"duplicate_of\":12,\"reason\":\"no match\"}\n");
}

static void test_reason_never_missing(void **state)
{
    (void)state;
    struct render r = renderer(RENDER_NDJSON);

    for (int o = OUTCOME_FOUND; o < OUTCOME_COUNT; o++) {
        struct answer a = {.outcome = (enum outcome)o, .reason = SLICE_EMPTY};
        struct render_row row = row_of(&a);
        char want[64];
        if (o == OUTCOME_FOUND)
            snprintf(want, sizeof(want), "\"reason\":null}\n");
        else
            snprintf(want, sizeof(want), "\"reason\":\"%s\"}\n", outcome_name((enum outcome)o));
        assert_non_null(strstr(render(&r, &row), want));
    }
}

static void test_bad_utf8(void **state)
{
    (void)state;
    static const struct slice cells[COLUMNS] = {SLICE_LIT("J\xff"), SLICE_LIT("a\xc3\xa9"),
                                                SLICE_LIT("")};
    struct answer a = {.outcome = OUTCOME_INVALID, .reason = SLICE_LIT("not UTF-8")};
    struct render_row row = {.record = 1, .cells = cells, .answer = &a};
    struct render ndjson = renderer(RENDER_NDJSON);
    struct render csv = renderer(RENDER_CSV);

    assert_non_null(strstr(render(&ndjson, &row), "{\"Name\":\"J\xef\xbf\xbd\",\"City, State\":"
                                                  "\"a\xc3\xa9\",\"=id\":\"\"}"));
    assert_string_equal(render(&csv, &row), "J\xff,a\xc3\xa9,,invalid,,,,,,,,,,0,not UTF-8\n");
}

static void test_scalars(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool bare;
    } cases[] = {
        {"0", true},     {"97", true},     {"0.97", true},  {"-1.5", true},      {"1e5", true},
        {"1E-5", true},  {"true", true},   {"false", true}, {"01", false},       {"-01", false},
        {"1.", false},   {".5", false},    {"+1", false},   {"1e", false},       {"-", false},
        {"True", false}, {"high", false},  {"null", false}, {"1 ", false},       {"NaN", false},
        {"0x10", false}, {"1.2.3", false}, {"--1", false},  {"1e+", false},      {"-0.0", true},
        {"1e+05", true}, {"00", false},    {"0e0", true},   {"Infinity", false},
    };
    struct render r = renderer(RENDER_NDJSON);
    struct json *j = json_create(16);

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct answer a = {.outcome = OUTCOME_FOUND};
        struct render_row row = row_of(&a);
        char want[64];
        struct json_value root;
        struct error e;
        a.value[FIELD_CONFIDENCE] = slice_of(cases[i].text);
        snprintf(want, sizeof(want),
                 cases[i].bare ? "{\"confidence\":%s}" : "{\"confidence\":\"%s\"}", cases[i].text);
        const char *line = render(&r, &row);
        if (!strstr(line, want))
            fail_msg("%s: %s", cases[i].text, line);
        assert_int_equal(json_parse(j, slice_of(line), &root, &e), 0);
    }
    json_destroy(j);
}

static void test_header(void **state)
{
    (void)state;
#define FIXED                                                                                      \
    "enriched_outcome,enriched_provider,enriched_email,enriched_email_status,enriched_phone,"      \
    "enriched_linkedin_url,enriched_job_title,enriched_company,enriched_company_domain,"           \
    "enriched_confidence,enriched_credits,enriched_reason"
    struct render r = renderer(RENDER_CSV);

    assert_string_equal(header(&r), "Name,\"City, State\",=id," FIXED "\n");
    /* More columns come in the order of fields, and a fixed one is not repeated. */
    r.more =
        FIELD_BIT(EMAIL_SUB_STATUS) | FIELD_BIT(PHONES) | FIELD_BIT(EMAIL) | FIELD_BIT(COMPANY);
    assert_string_equal(header(&r), "Name,\"City, State\",=id," FIXED
                                    ",enriched_phones,enriched_email_sub_status\n");
    r.more = 0;
    r.safe = RENDER_SAFE_ALL;
    assert_string_equal(header(&r), "Name,\"City, State\",'=id," FIXED "\n");
    r.safe = RENDER_SAFE_VENDOR;
    r.format = RENDER_TSV;
    const char *tsv = header(&r);
    assert_ptr_equal(strstr(tsv, "Name\tCity, State\t=id\tenriched_outcome\t"), tsv);
    r.format = RENDER_NDJSON;
    assert_string_equal(header(&r), "");
    /* An NDJSON list has keys only. */
    r.format = RENDER_CSV;
    r.names = NULL;
    assert_string_equal(header(&r), "Name,\"City, State\",=id," FIXED "\n");
}

static void test_csv_row(void **state)
{
    (void)state;
    struct answer a = found_answer();
    struct render r = renderer(RENDER_CSV);
    struct render_row row = row_of(&a);

    assert_string_equal(render(&r, &row), "Jane Doe,Berlin,7,found,enrichso,jane@example.com,valid,"
                                          "+14155551234,,,,,0.97,10,\n");
    r.more = FIELD_BIT(EMAILS) | FIELD_BIT(FIRST_NAME);
    row.duplicate_of = 3;
    assert_string_equal(render(&r, &row),
                        "Jane Doe,Berlin,7,found,enrichso,jane@example.com,valid,+14155551234,,,,,"
                        "0.97,0,,\"[{\"\"email\"\":\"\"jane@example.com\"\"}]\",Jane\n");
    r.format = RENDER_TSV;
    r.more = FIELD_BIT(FIRST_NAME);
    assert_string_equal(render(&r, &row),
                        "Jane Doe\tBerlin\t7\tfound\tenrichso\tjane@example.com\tvalid\t"
                        "+14155551234\t\t\t\t\t0.97\t0\t\tJane\n");
}

/* A company's figures have columns of their own, numbers and lists as they are. The fields behind
 * the thirty-second are fields like others. */
static void test_account_columns(void **state)
{
    (void)state;
    static const char columns[] =
        ",enriched_industry,enriched_employee_count,enriched_employee_range,enriched_revenue_band,"
        "enriched_founded_year,enriched_hq_country,enriched_hq_city,enriched_tech_stack,"
        "enriched_funding_stage,enriched_last_funding_date,enriched_total_raised_usd,"
        "enriched_company_linkedin_url,enriched_account_fields\n";
    struct render r = renderer(RENDER_CSV);
    struct answer a = {.outcome = OUTCOME_FOUND, .credits = 5};
    struct render_row row = row_of(&a);

    r.more = FIELDS_ACCOUNT;
    assert_string_equal(strstr(header(&r), ",enriched_industry"), columns);
    /* No column but what was asked for, on either side of the thirty-second. */
    r.more = FIELD_BIT(MISMATCH) | FIELD_BIT(TOTAL_RAISED_USD) | FIELD_BIT(EMAILS);
    assert_string_equal(strstr(header(&r), ",enriched_reason"),
                        ",enriched_reason,enriched_emails,enriched_total_raised_usd,"
                        "enriched_mismatch\n");

    a.value[FIELD_INDUSTRY] = SLICE_LIT("Software, Cloud");
    a.value[FIELD_EMPLOYEE_COUNT] = SLICE_LIT("150");
    a.value[FIELD_EMPLOYEE_RANGE] = SLICE_LIT("-1+1");
    a.value[FIELD_FOUNDED_YEAR] = SLICE_LIT("1998");
    a.value[FIELD_TECH_STACK] = SLICE_LIT("[\"C\",\"SQL\"]");
    a.value[FIELD_TOTAL_RAISED_USD] = SLICE_LIT("12500000");
    a.value[FIELD_ACCOUNT_FIELDS] = SLICE_LIT("{\"x\":1}");
    /* Beside them, and no column: */
    a.value[FIELD_VENDOR_ID] = SLICE_LIT("acc_1");
    a.value[FIELD_EMAILS] = SLICE_LIT("[]");
    r.more = FIELDS_ACCOUNT;
    assert_string_equal(render(&r, &row),
                        "Jane Doe,Berlin,7,found,enrichso,,,,,,,,,5,,\"Software, Cloud\",150,'-1+1,"
                        ",1998,,,\"[\"\"C\"\",\"\"SQL\"\"]\",,,12500000,,\"{\"\"x\"\":1}\"\n");
    r.format = RENDER_NDJSON;
    assert_non_null(strstr(
        render(&r, &row),
        "\"data\":{\"emails\":[],\"industry\":\"Software, Cloud\",\"employee_count\":150,"
        "\"employee_range\":\"-1+1\",\"founded_year\":1998,\"tech_stack\":[\"C\",\"SQL\"],"
        "\"total_raised_usd\":12500000,\"account_fields\":{\"x\":1},\"vendor_id\":\"acc_1\"},"));
}

/* Each field alone has one column where it is asked for, with its own value and name. */
static void test_each_column(void **state)
{
    (void)state;
    struct answer a = {.outcome = OUTCOME_FOUND};
    struct render_row row = row_of(&a);
    char values[FIELD_COUNT][24], want[64];

    for (int f = 0; f < FIELD_COUNT; f++) {
        snprintf(values[f], sizeof values[f], "value%d", f);
        a.value[f] = slice_of(values[f]);
    }
    struct render r = renderer(RENDER_CSV);
    char *fixed = strdup(header(&r)), *cells = strdup(render(&r, &row));
    for (int f = 0; f < FIELD_COUNT; f++) {
        r.more = (field_set)1 << f;
        snprintf(want, sizeof want, "enriched_%s", field_name((enum field)f));
        const char *head = header(&r);
        bool is_fixed = strcmp(head, fixed) == 0;
        assert_memory_equal(head, fixed, strlen(fixed) - 1);
        assert_non_null(strstr(head, want));
        if (!is_fixed) {
            snprintf(want, sizeof want, ",enriched_%s\n", field_name((enum field)f));
            assert_string_equal(head + strlen(fixed) - 1, want);
        }
        const char *line = render(&r, &row);
        assert_memory_equal(line, cells, strlen(cells) - 1);
        snprintf(want, sizeof want, is_fixed ? "\n" : ",value%d\n", f);
        assert_string_equal(line + strlen(cells) - 1, want);
    }
    free(fixed);
    free(cells);
}

/* The list's own cell, as a comma and a tab file has it. */
static void test_quoting(void **state)
{
    (void)state;
    static const struct {
        const char *cell, *csv, *tsv;
    } cases[] = {
        {"", "", ""},
        {"plain", "plain", "plain"},
        {" padded ", " padded ", " padded "},
        {"a,b", "\"a,b\"", "a,b"},
        {"a\tb", "a\tb", "\"a\tb\""},
        {"a;b", "a;b", "a;b"},
        {"say \"hi\"", "\"say \"\"hi\"\"\"", "\"say \"\"hi\"\"\""},
        {"\"", "\"\"\"\"", "\"\"\"\""},
        {"\"\"", "\"\"\"\"\"\"", "\"\"\"\"\"\""},
        {"a\nb", "\"a\nb\"", "\"a\nb\""},
        {"a\rb", "\"a\rb\"", "\"a\rb\""},
        {"=1+1", "=1+1", "=1+1"},
        {"'x", "'x", "'x"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct slice cell = slice_of(cases[i].cell);
        struct answer a = {.outcome = OUTCOME_FOUND};
        struct render_row row = {.record = 1, .cells = &cell, .answer = &a};
        struct render r = {.format = RENDER_CSV, .names = names, .keys = keys, .columns = 1};
        char want[128];
        snprintf(want, sizeof(want), "%s,found,,,,,,,,,,0,\n", cases[i].csv);
        assert_string_equal(render(&r, &row), want);
        r.format = RENDER_TSV;
        snprintf(want, sizeof(want), "%s\tfound\t\t\t\t\t\t\t\t\t\t0\t\n", cases[i].tsv);
        assert_string_equal(render(&r, &row), want);
    }
}

static void test_defusing(void **state)
{
    (void)state;
    static const struct {
        const char *cell, *safe;
    } cases[] = {
        {"=HYPERLINK(1)", "'=HYPERLINK(1)"},
        {"=1,2", "\"'=1,2\""},
        {"=\"x\"", "\"'=\"\"x\"\"\""},
        {"@SUM(A1)", "'@SUM(A1)"},
        {"+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"},
        {"-2+3", "'-2+3"},
        {"\tx", "'\tx"},
        {"\rx", "\"'\rx\""},
        {"+14155551234", "+14155551234"},
        {"+1234567", "+1234567"},
        {"+123456789012345", "+123456789012345"},
        {"-12.5", "-12.5"},
        {"-1e5", "-1e5"},
        {"+", "'+"},
        {"-", "'-"},
        {"--1", "'--1"},
        {"+1 415 555", "'+1 415 555"},
        {"-1.", "'-1."},
        {"", ""},
        {"x=1", "x=1"},
        {"Jane", "Jane"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct slice cell = slice_of(cases[i].cell);
        struct answer a = {.outcome = OUTCOME_FAILED, .reason = cell};
        struct render_row row = {.record = 1, .cells = &cell, .answer = &a};
        struct render r = {.format = RENDER_CSV, .names = names, .keys = keys, .columns = 1};
        struct answer own = {.outcome = OUTCOME_FOUND};
        char want[256];

        a.value[FIELD_JOB_TITLE] = cell;
        a.value[FIELD_FULL_NAME] = cell;
        r.more = FIELD_BIT(FULL_NAME);
        const char *line = render(&r, &row);
        snprintf(want, sizeof(want), ",failed,,,,,,%s,,,,0,%s,%s\n", cases[i].safe,
                 cell.len ? cases[i].safe : "failed", cases[i].safe);
        if (!strstr(line, want))
            fail_msg("got %s wanted %s", line, want);

        r.safe = RENDER_SAFE_OFF;
        if (cases[i].safe[0] == '\'')
            assert_null(strstr(render(&r, &row), cases[i].safe));

        /* The list's own cells only where that was asked for. */
        row.answer = &own;
        r.more = 0;
        r.safe = RENDER_SAFE_ALL;
        snprintf(want, sizeof(want), "%s,found,,,,,,,,,,0,\n", cases[i].safe);
        assert_string_equal(render(&r, &row), want);

        r.format = RENDER_NDJSON;
        assert_null(strstr(render(&r, &row), "'=")); /* never altered */
    }
}

/* Every byte as a one-byte cell between others: what is written reads back as it was. */
static void test_every_byte(void **state)
{
    (void)state;
    for (int c = 1; c < 256; c++) {
        char text[3] = {'x', (char)c, '\0'};
        struct slice cell = {text, 2};
        struct answer a = {.outcome = OUTCOME_FOUND};
        struct render_row row = {.record = 1, .cells = &cell, .answer = &a};
        struct render r = {.format = RENDER_CSV, .names = names, .keys = keys, .columns = 1};
        const char *line = render(&r, &row);
        bool quoted = line[0] == '"';
        assert_int_equal(quoted, c == ',' || c == '"' || c == '\n' || c == '\r');
        assert_memory_equal(line + quoted, text, 2);
    }
}

static void test_no_room(void **state)
{
    (void)state;
    struct answer a = found_answer();
    struct render_row row = row_of(&a);
    struct buf out;

    for (int f = RENDER_NDJSON; f <= RENDER_TSV; f++) {
        struct render r = renderer((enum render_format)f);
        buf_init(&out, 32);
        render_row(&r, &row, &out);
        assert_true(out.failed);
        buf_deinit(&out);
    }
}

static void test_choose(void **state)
{
    (void)state;
    static const struct {
        const char *path, *format, *packing;
        int code;
        enum render_format want_format;
        enum frame_packing want_packing;
    } cases[] = {
        {"out.ndjson.zst", NULL, NULL, 0, RENDER_NDJSON, FRAME_ZSTD},
        {"out.ndjson", NULL, NULL, 0, RENDER_NDJSON, FRAME_PLAIN},
        {"out.jsonl.gz", NULL, NULL, 0, RENDER_NDJSON, FRAME_GZIP},
        {"dir.csv/out.json", NULL, NULL, 0, RENDER_NDJSON, FRAME_PLAIN},
        {"out.csv", NULL, NULL, 0, RENDER_CSV, FRAME_PLAIN},
        {"OUT.CSV.ZST", NULL, NULL, 0, RENDER_CSV, FRAME_ZSTD},
        {"out.tsv.gz", NULL, NULL, 0, RENDER_TSV, FRAME_GZIP},
        {"-", NULL, NULL, 0, RENDER_NDJSON, FRAME_PLAIN},
        {"-", "csv", "zstd", 0, RENDER_CSV, FRAME_ZSTD},
        {"out", "tsv", NULL, 0, RENDER_TSV, FRAME_PLAIN},
        {"out.zst", "csv", NULL, 0, RENDER_CSV, FRAME_ZSTD},
        {"out.csv.zst", "ndjson", "none", 0, RENDER_NDJSON, FRAME_PLAIN},
        {"out.csv.zst", NULL, "gzip", 0, RENDER_CSV, FRAME_GZIP},
        {"out", NULL, NULL, ERR_USAGE, 0, 0},
        {"out.zst", NULL, NULL, ERR_USAGE, 0, 0},
        {"out.xlsx", NULL, NULL, ERR_USAGE, 0, 0},
        {"out.zst.csv2", NULL, NULL, ERR_USAGE, 0, 0},
        {"", NULL, NULL, ERR_USAGE, 0, 0},
        {"out.csv", "xml", NULL, ERR_USAGE, 0, 0},
        {"out.csv", NULL, "lz4", ERR_USAGE, 0, 0},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        enum render_format format;
        enum frame_packing packing;
        struct error e = {0};
        int code =
            render_choose(cases[i].path, cases[i].format, cases[i].packing, &format, &packing, &e);
        if (code != cases[i].code)
            fail_msg("%s: code %d, %s", cases[i].path, code, e.message);
        if (code != 0) {
            /* What would have been right is named. */
            assert_true(strstr(e.message, "csv") || strstr(e.message, "zstd"));
            continue;
        }
        assert_int_equal(format, cases[i].want_format);
        assert_int_equal(packing, cases[i].want_packing);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ndjson_found),     cmocka_unit_test(test_ndjson_not_asked),
        cmocka_unit_test(test_ndjson_duplicate), cmocka_unit_test(test_reason_never_missing),
        cmocka_unit_test(test_bad_utf8),         cmocka_unit_test(test_scalars),
        cmocka_unit_test(test_header),           cmocka_unit_test(test_csv_row),
        cmocka_unit_test(test_quoting),          cmocka_unit_test(test_defusing),
        cmocka_unit_test(test_every_byte),       cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_choose),           cmocka_unit_test(test_account_columns),
        cmocka_unit_test(test_each_column),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
