/* YAML: how scalars resolve, what is refused and where, and that what is written reads back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/hash.h"
#include "text/json.h"
#include "text/yaml.h"
#include "yaml_cases.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static struct arena *a;
static struct error e;
static int setup(void **state) { (void)state; a = arena_new(); return 0; }
static int teardown(void **state) { (void)state; arena_free(a); return 0; }

static struct value read(enum yaml_schema schema, struct str s)
{
        struct value *d;
        size_t n;
        if (!yaml_read(s, schema, NULL, a, &d, &n, &e))
                fail_msg("%.*s: %s", STR_FMT(s), e.text);
        if (n != 1)
                fail_msg("%.*s: %zu documents", STR_FMT(s), n);
        return d[0];
}

static void gives(enum yaml_schema schema, const char *in, const char *out)
{
        struct value v = read(schema, str_from(in));
        assert_string_equal(json_text(&v, 0, a).p, out);
}

static void refused_as(enum error_kind kind, const char *in, uint32_t line, uint32_t column, const char *says)
{
        struct value *d;
        size_t n;
        e = (struct error){0};
        if (yaml_read(str_from(in), YAML_KUBERNETES, NULL, a, &d, &n, &e))
                fail_msg("accepted: %s", in);
        assert_int_equal(e.kind, kind);
        if (e.line != line || e.column != column || !strstr(e.text, says))
                fail_msg("%s: %u:%u %s", in, e.line, e.column, e.text);
}

static void refused(const char *in, uint32_t line, uint32_t column, const char *says) { refused_as(ERROR_INVALID, in, line, column, says); }

struct row { const char *yaml, *json; };

static void unquoted(enum yaml_schema schema, const char *scalar, const char *json)
{
        struct value *d;
        size_t n;
        struct str text = arena_printf(a, "v: %s\n", scalar);
        if (!yaml_read(text, schema, NULL, a, &d, &n, &e)) {
                if (json || !e.line || !e.column)
                        fail_msg("%s: %s", scalar, e.text);
                return;
        }
        if (!json)
                fail_msg("accepted: %s", scalar);
        struct str want = arena_printf(a, "{\"v\":%s}", json), got = json_text(&d[0], 0, a);
        if (n != 1 || !str_eq(want, got))
                fail_msg("%s gave %s, not %s", scalar, got.p, want.p);
}

static void test_scalars_as_others_read_them(void **state)
{
        (void)state;
        for (size_t i = 0; i < COUNT(scalar_cases); i++) {
                unquoted(YAML_KUBERNETES, scalar_cases[i].yaml, scalar_cases[i].kubernetes);
                unquoted(YAML_KFP, scalar_cases[i].yaml, scalar_cases[i].kfp);
        }
        for (size_t i = 0; i < COUNT(string_cases); i++) {
                struct value v = value_string(str_from(string_cases[i]));
                unquoted(YAML_KUBERNETES, string_cases[i], json_text(&v, 0, a).p);
                unquoted(YAML_KFP, string_cases[i], json_text(&v, 0, a).p);
        }
}

static void test_documents_as_kubernetes_reads_them(void **state)
{
        (void)state;
        for (size_t i = 0; i < COUNT(document_cases); i++) {
                struct value v = read(YAML_KUBERNETES, str_from(document_cases[i].yaml));
                struct str json = json_text(&v, 0, a);
                if (!str_eq_c(json, document_cases[i].json))
                        fail_msg("%s gave %s, not %s", document_cases[i].yaml, json.p, document_cases[i].json);
        }
        for (size_t i = 0; i < COUNT(refused_cases); i++) {
                struct value *d;
                size_t n;
                e = (struct error){0};
                if (yaml_read(str_from(refused_cases[i]), YAML_KUBERNETES, NULL, a, &d, &n, &e))
                        fail_msg("accepted: %s", refused_cases[i]);
                assert_true(e.kind != ERROR_NONE && e.text[0] && e.line && e.column);
        }
}

/* Where we read something else than others, and why. */
static void test_read_otherwise_on_purpose(void **state)
{
        (void)state;
        /* Beyond 64 bits with a sign: the next step of Kubernetes, JSON into objects, makes floating point of it. */
        gives(YAML_KUBERNETES, "a: 12345678901234567890\n", "{\"a\":12345678901234567000}");
        gives(YAML_KUBERNETES, "a: 0xFFFFFFFFFFFFFFFF\n", "{\"a\":18446744073709552000}");
        /* KFP's server makes them floating point at once; we keep the digits until somebody calculates. */
        gives(YAML_KFP, "a: 123456789012345678901234567890\n", "{\"a\":123456789012345678901234567890}");
        /* KFP's server turns a date into a time of day, a string that nobody wrote. */
        gives(YAML_KFP, "a: 2020-01-01\nb: 2020-1-1\n", "{\"a\":\"2020-01-01\",\"b\":\"2020-1-1\"}");
        /* Go merges in the order of the document, so that a later `<<` wins over the map's own key, and strict readers refuse it. The
         * specification lets the map's own keys win. */
        gives(YAML_KUBERNETES, "a: &x {p: 1}\nb: {p: 2, <<: *x}\n", "{\"a\":{\"p\":1},\"b\":{\"p\":2}}");
        gives(YAML_KUBERNETES, "b: {<<: [{p: 1}, {p: 2}]}\n", "{\"b\":{\"p\":1}}");
        /* Go ignores what follows the first document's end; we read every document, and refuse what is none. */
        refused("{a: b}}\n", 1, 7, "document start");
        refused("a: 1\n...\nb: 2\n", 3, 1, "document start");
        refused("  a: 1\n b: 2\n", 2, 2, "document start");
        /* Keys that differ only as YAML and become the same in JSON lose one of them in Go. */
        refused("1: a\n'1': b\n", 2, 1, "stands twice");
        /* Go's library refuses version 1.2 of YAML; both versions read the same here. */
        gives(YAML_KUBERNETES, "%YAML 1.2\n---\na: yes\n", "{\"a\":true}");
        /* UTF-16 is read by none of our users' editors as it should; the message says what to do. */
        refused("\xff\xfe" "a\n", 1, 1, "save the document as UTF-8");
        /* JSON's pairs of escapes are no YAML, but Python writes them into pipelines. */
        gives(YAML_KUBERNETES, "{\"a\": \"\\ud83d\\ude80\"}", "{\"a\":\"\xf0\x9f\x9a\x80\"}");
        gives(YAML_KFP, "\n [\"\\ud83d\\ude80\", \"a\\/b\"]\n", "[\"\xf0\x9f\x9a\x80\",\"a/b\"]");
}

/* A document that is JSON goes through the reader of JSON, and its numbers come out as YAML's do. */
static void test_json_documents(void **state)
{
        (void)state;
        gives(YAML_KUBERNETES, "[1.50, 1e3, 12345678901234567890, -0, 1e-7]", "[1.5,1000,12345678901234567000,0,1e-7]");
        gives(YAML_KFP, "[1.50, 1e3, 12345678901234567890]", "[1.50,1e3,12345678901234567890]");
        char key[5000];
        memset(key, 'k', sizeof key);
        struct str json = arena_printf(a, "{\"%.*s\": {\"x\": [1, \"2\"]}}", (int)sizeof key, key);
        struct value v = read(YAML_KUBERNETES, json);
        assert_int_equal(v.map.members[0].key.n, sizeof key);
        refused("{\"a\": 1, \"a\": 2}", 1, 10, "stands twice");
        refused("{\"a\": \"\xc3\xa9\", \"b\": @}", 1, 17, "cannot start any token");
        struct value *d;
        size_t n;
        gives(YAML_KUBERNETES, "[1e400, -1e400]", "[\"1e400\",\"-1e400\"]"); /* as unquoted YAML */
        assert_false(yaml_read(STR("[1,2,3]"), YAML_KUBERNETES, &(struct yaml_limits){.values_max = 3}, a, &d, &n, &e));
        assert_int_equal(e.kind, ERROR_LIMIT);
}

/* Positions count characters, and lines whatever ends them. */
static void test_positions_of_errors(void **state)
{
        (void)state;
        refused("a: 1\r\nb: 2\r\na: 3\r\n", 3, 1, "stands twice");
        refused("a: 1\rb: 2\ra: 3\r", 3, 1, "stands twice");
        refused("# \xc3\xa9\n\xc3\xa9: {\xe2\x82\xac: 1, \xe2\x82\xac: 2}\n", 2, 11, "stands twice");
        refused("a:\t\t.inf\n", 1, 5, "no place in JSON");
        refused("- '\xf0\x9f\x98\x80'\n- [\xf0\x9f\x98\x80, *x]\n", 2, 7, "names an anchor");
        refused("\xef\xbb\xbf" "a: .inf\n", 1, 4, "no place in JSON");
        refused("a: |\n  \xc3\xa9\x01\n", 2, 4, "U+0001");
        refused("a: \"x\ny\"\r\nb: .nan", 3, 4, "no place in JSON");
        struct value *d;
        size_t n;
        static const char nul[] = "a: 1\nb: \0\n";
        assert_false(yaml_read((struct str){nul, sizeof nul - 1}, YAML_KUBERNETES, NULL, a, &d, &n, &e));
        assert_true(e.line == 2 && e.column == 4);
}

/* libyaml compares each %TAG directive with all before it: a megabyte of them would take minutes. */
static void test_many_directives(void **state)
{
        (void)state;
        struct buf b = BUF(1 << 22);
        struct value *d;
        size_t n;
        for (int i = 0; i < 100; i++)
                buf_addf(&b, "%%TAG !t%d! tag:x,2000:\n", i);
        buf_add_c(&b, "---\na: !t7!x |\n  %TAG\n");
        assert_string_equal(json_text(&(struct value[]){read(YAML_KUBERNETES, buf_str(&b))}[0], 0, a).p, "{\"a\":\"%TAG\\n\"}");
        buf_clear(&b);
        for (int i = 0; i < 100000; i++)
                buf_addf(&b, "%%TAG !t%d! tag:x,2000:\r", i);
        buf_add_c(&b, "---\na\n");
        assert_false(yaml_read(buf_str(&b), YAML_KUBERNETES, NULL, a, &d, &n, &e));
        assert_int_equal(e.kind, ERROR_LIMIT);
        buf_free(&b);
}

/* Scalars of megabytes, in every style, cost what they weigh. */
static void test_large_scalars(void **state)
{
        (void)state;
        enum { N = 3 << 20 };
        static const char *const around[][2] = {{"a: ", "\n"}, {"a: \"", "\""}, {"a: '", "'"}, {"a: |\n  ", "\n"}, {"a: >-\n  ", "\n"}, {"{\"a\": \"", "\"}"}, {"a: [", "]"}};
        char *x = test_malloc(N);
        memset(x, 'x', N);
        for (size_t i = 0; i < COUNT(around); i++) {
                struct buf b = BUF(N + 100);
                buf_add_c(&b, around[i][0]);
                buf_add(&b, (struct str){x, N});
                buf_add_c(&b, around[i][1]);
                struct value v = read(YAML_KUBERNETES, buf_str(&b)), *inner = (struct value *)value_get_c(&v, "a");
                struct str text = inner->kind == VALUE_LIST ? inner->list.items[0].text : inner->text;
                assert_true(text.n >= N && text.n <= N + 1 && !memcmp(text.p, x, N));
                assert_true(arena_used(a) < 40u << 20);
                arena_reset(a);
                buf_free(&b);
        }
        test_free(x);
}

static void test_keys_as_written(void **state)
{
        (void)state;
        static const char in[] = "y: 1\nY: 2\nno: 3\n010: 4\n1.50: 5\nTrue: 6\n~: 7\n? 1e3\n: 8\n";
        static const char out[] = "{\"y\":1,\"Y\":2,\"no\":3,\"010\":4,\"1.50\":5,\"True\":6,\"~\":7,\"1e3\":8}";
        gives(YAML_KFP, in, out);
        gives(YAML_CORE, in, out);
        gives(YAML_KFP, "a: {<<: {y: 1}, n: y}\n", "{\"a\":{\"y\":1,\"n\":\"y\"}}");
        refused("~: 1\n", 1, 1, "a null cannot be a key");
}

static void test_scalars_of_the_core_schema(void **state)
{
        (void)state;
        static const struct row t[] = {
                {"yes", "\"yes\""}, {"on", "\"on\""}, {"n", "\"n\""}, {"true", "true"}, {"FALSE", "false"}, {"010", "10"}, {"0o10", "8"}, {"0x1F", "31"}, {"0b11", "\"0b11\""}, {"-0x10", "\"-0x10\""},
                {"1_000", "\"1_000\""}, {"1.50", "1.50"}, {"1e3", "1e3"}, {"+5", "5"}, {".5", "0.5"}, {"12:30", "\"12:30\""}, {"1e400", "\"1e400\""}, {"12345678901234567890123", "12345678901234567890123"},
        };
        for (size_t i = 0; i < COUNT(t); i++)
                gives(YAML_CORE, arena_printf(a, "%s\n", t[i].yaml).p, t[i].json);
}

static void test_structure(void **state)
{
        (void)state;
        gives(YAML_KUBERNETES, "a:\n- 1\n- b: {c: d}\n  e: []\nf: |\n  two\n  lines\ng: >-\n  folded\n  text\n", "{\"a\":[1,{\"b\":{\"c\":\"d\"},\"e\":[]}],\"f\":\"two\\nlines\\n\",\"g\":\"folded text\"}");
        gives(YAML_KUBERNETES, "{\"json\": [1, \"2\", null], \"k\": true}", "{\"json\":[1,\"2\",null],\"k\":true}");
        gives(YAML_KUBERNETES, "yes: 1\n010: 2\n1.50: 4\n", "{\"true\":1,\"8\":2,\"1.5\":4}");
        gives(YAML_KUBERNETES, "a: &x [1]\nb: *x\nc: *x\n", "{\"a\":[1],\"b\":[1],\"c\":[1]}");
        gives(YAML_KUBERNETES, "a: &x 1\nb: &x 2\nc: *x\n", "{\"a\":1,\"b\":2,\"c\":2}");
        gives(YAML_KUBERNETES, "\xef\xbb\xbf" "a: \xc3\xa9\r\nb: 1\r\n", "{\"a\":\"\xc3\xa9\",\"b\":1}");
        gives(YAML_KUBERNETES, "--- \"\"\n", "\"\"");
}

static void test_merge_keys(void **state)
{
        (void)state;
        gives(YAML_KUBERNETES, "- &x {p: 1, q: 2}\n- {q: 3, <<: *x, r: 4}\n", "[{\"p\":1,\"q\":2},{\"q\":3,\"p\":1,\"r\":4}]");
        gives(YAML_KUBERNETES, "- &x {p: 1}\n- &y {p: 2, q: 2}\n- {<<: [*x, *y], r: 4}\n", "[{\"p\":1},{\"p\":2,\"q\":2},{\"p\":1,\"q\":2,\"r\":4}]");
        gives(YAML_KUBERNETES, "{\"<<\": 1}", "{\"<<\":1}");
        struct value v = read(YAML_KUBERNETES, STR("- &x {p: 1}\n- <<: *x\n  q: 2\n"));
        assert_int_equal(v.list.items[1].map.members[0].line, 1);
        assert_int_equal(v.list.items[1].map.members[0].column, 7);
        refused("<<: 5\n", 1, 5, "merges a map, and this is a number");
        refused("<<: [{a: 1}, 5]\n", 1, 15, "list of something else");
        refused("- &x {p: 1}\n- {<<: *x, q: 1, q: 2}\n", 2, 18, "'q' stands twice");
        struct buf b = BUF(1 << 20); /* more than the few that are compared one by one */
        buf_add_c(&b, "- &x\n");
        for (int i = 0; i < 50; i++)
                buf_addf(&b, "  k%d: %d\n", i, i);
        buf_add_c(&b, "- <<: *x\n  k7: own\n  <<: *x\n");
        v = read(YAML_KUBERNETES, buf_str(&b));
        buf_free(&b);
        assert_int_equal(v.list.items[1].map.n, 50);
        assert_true(str_eq_c(value_get_c(&v.list.items[1], "k7")->text, "own"));
        assert_true(str_eq_c(value_get_c(&v.list.items[1], "k49")->text, "49"));
}

static void test_documents(void **state)
{
        (void)state;
        struct value *d;
        size_t n = 99;
        assert_true(yaml_read(STR("---\na: 1\n---\n---\n# nothing\n---\nb: &x 2\n...\n---\n[3]\n"), YAML_KUBERNETES, NULL, a, &d, &n, &e));
        assert_int_equal(n, 3);
        assert_string_equal(json_text(&d[2], 0, a).p, "[3]");
        assert_int_equal(value_get_c(&d[1], "b")->line, 7);
        assert_true(yaml_read(STR(""), YAML_KUBERNETES, NULL, a, &d, &n, &e));
        assert_int_equal(n, 0);
        assert_true(yaml_read(STR_NONE, YAML_KUBERNETES, NULL, a, &d, &n, &e));
        refused("a: &x 1\n---\nb: *x\n", 3, 4, "'*x' names an anchor that does not exist");
}

static void test_positions(void **state)
{
        (void)state;
        struct value v = read(YAML_KUBERNETES, STR("spec:\n  \xc3\xa9: x\n  list:\n  - a\n  - {k: 1}\n"));
        const struct value *spec = value_get_c(&v, "spec"), *list = value_get_c(spec, "list");
        assert_int_equal(spec->line, 2);
        assert_int_equal(spec->column, 3);
        assert_int_equal(spec->map.members[0].value.column, 6); /* characters, not bytes */
        assert_int_equal(spec->map.members[1].line, 3);
        assert_int_equal(list->list.items[1].line, 5);
        assert_int_equal(list->list.items[1].map.members[0].column, 6);
        assert_int_equal(list->list.items[1].map.members[0].value.column, 9);
}

static void test_refused(void **state)
{
        (void)state;
        refused("a: 1\nb: 2\na: 3\n", 3, 1, "'a' stands twice");
        refused("yes: 1\ntrue: 2\n", 2, 1, "'true' stands twice");
        refused("a: &x [*x]\n", 1, 8, "cannot contain itself");
        refused("&x {a: {b: *x}}\n", 1, 12, "cannot contain itself");
        refused("a: *nobody\n", 1, 4, "'*nobody' names an anchor");
        refused("a: .inf\n", 1, 4, "'.inf' has no place in JSON");
        refused("- -.Inf\n", 1, 3, "has no place in JSON");
        refused("- .NaN\n", 1, 3, "has no place in JSON");
        refused("? [1]\n: 2\n", 1, 3, "a list cannot be a key");
        refused("? {a: 1}\n: 2\n", 1, 3, "a map cannot be a key");
        refused("- !!int abc\n", 1, 3, "'abc' is not what its tag");
        refused("- !!int 1.5\n", 1, 3, "is not what its tag");
        refused("- !!bool 5\n", 1, 3, "is not what its tag");
        refused_as(ERROR_UNSUPPORTED, "- !!binary aGk=\n", 1, 3, "!!binary");
        refused("a: [1, 2\n", 2, 1, "while parsing a flow sequence that begins at line 1");
        refused("a: \"abc\n", 2, 1, "unexpected end of stream");
        refused("a: {b: 1\n", 2, 1, "flow mapping that begins at line 1");
        refused("a: b: c\n", 1, 5, "mapping values are not allowed");
        refused("a:\n\t- 1\n", 2, 1, "cannot start any token");
        refused("a: 1\n b: 2\n", 2, 3, "mapping values are not allowed");
        refused("a: @b\n", 1, 4, "cannot start any token");
        refused("a: 1\nb: \x01\n", 2, 4, "U+0001");
        refused("a: 1\nb: \xc3\xa9\xff\n", 2, 5, "0xff is not UTF-8");
        refused("\xff\xfe" "a\n", 1, 1, "0xff is not UTF-8");
}

static void test_billion_laughs(void **state)
{
        (void)state;
        for (int merged = 0; merged < 2; merged++) {
                struct buf b = BUF(1 << 20);
                buf_add_c(&b, merged ? "a0: &a0 {k: 1}\n" : "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n");
                for (int i = 1; i < 30; i++) {
                        buf_addf(&b, merged ? "a%d: &a%d {<<: [" : "a%d: &a%d [", i, i);
                        for (int k = 0; k < 10; k++)
                                buf_addf(&b, merged ? "%s{<<: *a%d, k%d: 1}" : "%s*a%d", k ? "," : "", i - 1, k);
                        buf_add_c(&b, merged ? "]}\n" : "]\n");
                }
                struct value *d;
                size_t n;
                assert_false(yaml_read(buf_str(&b), YAML_KUBERNETES, NULL, a, &d, &n, &e));
                assert_int_equal(e.kind, ERROR_LIMIT);
                assert_true(e.line > 1 && e.column > 1);
                assert_non_null(strstr(e.text, "1000000 values"));
                buf_free(&b);
        }
}

static void test_limits(void **state)
{
        (void)state;
        struct value *d;
        size_t n;
        char deep[50001];
        memset(deep, '[', sizeof deep - 1);
        deep[sizeof deep - 1] = 0;
        refused_as(ERROR_LIMIT, deep, 1, 101, "nested more than 100 deep");
        for (size_t i = 0; i + 2 < sizeof deep; i += 2)
                memcpy(deep + i, "- ", 2);
        refused_as(ERROR_LIMIT, deep, 1, 201, "nested more than 100 deep");
        assert_true(yaml_read(STR("[[1]]"), YAML_KUBERNETES, &(struct yaml_limits){.depth_max = 2, .values_max = 3, .bytes_max = 5}, a, &d, &n, &e));
        assert_false(yaml_read(STR("[[1]]"), YAML_KUBERNETES, &(struct yaml_limits){.depth_max = 1}, a, &d, &n, &e));
        assert_false(yaml_read(STR("[[1]]"), YAML_KUBERNETES, &(struct yaml_limits){.values_max = 2}, a, &d, &n, &e));
        assert_false(yaml_read(STR("[[1]]"), YAML_KUBERNETES, &(struct yaml_limits){.bytes_max = 4}, a, &d, &n, &e));
        assert_int_equal(e.kind, ERROR_LIMIT);
        assert_false(yaml_read(STR("["), YAML_KUBERNETES, NULL, a, &d, &n, NULL));
}

/* Anchors, aliases and merges must not cost the square of their number. */
static void test_many_anchors_and_merges(void **state)
{
        (void)state;
        struct buf b = BUF((size_t)16 << 20);
        enum { N = 30000 };
        for (int i = 0; i < N; i++)
                buf_addf(&b, "- &a%d 1\n", i);
        for (int i = 0; i < N; i++)
                buf_addf(&b, "- *a%d\n", i);
        struct value v = read(YAML_KUBERNETES, buf_str(&b));
        assert_int_equal(v.list.n, 2 * N);
        buf_clear(&b);
        buf_add_c(&b, "- &x\n");
        for (int i = 0; i < N; i++)
                buf_addf(&b, "  k%d: 1\n", i);
        buf_add_c(&b, "- <<: *x\n");
        for (int i = N - 1; i >= 0; i--)
                buf_addf(&b, "  k%d: 2\n", i);
        v = read(YAML_KUBERNETES, buf_str(&b));
        assert_int_equal(v.list.items[1].map.n, N);
        assert_true(str_eq_c(v.list.items[1].map.members[0].value.text, "2"));
        buf_free(&b);
}

static void round_trip_value(struct value v)
{
        struct value again;
        for (int schema = YAML_KUBERNETES; schema <= YAML_CORE; schema++) {
                struct buf b = BUF(1 << 20);
                yaml_write(&v, &b);
                again = read((enum yaml_schema)schema, buf_str(&b));
                if (!value_equal(&v, &again))
                        fail_msg("became other than it was: %s", b.p);
                buf_free(&b);
        }
}

static void round_trip(struct str in) { round_trip_value(read(YAML_KUBERNETES, in)); }

static void test_written_reads_back(void **state)
{
        (void)state;
        round_trip(STR("{a: [1, [2, [], [{b: c, d: [e]}]], {}], '': '', 'yes': 'no', '010': '0x1', k: ~, t: true, n: 1.50, '~': '~', '- a': '? b', 'a: b': '#c', ' x ': \"l1\\nl2\\n\", '<<': {a: b}, '---': '...'}"));
        round_trip(STR("[\"\\u0085\\u2028\\u2029\\ufeff\\x7f\\x80\\x01\\0\\e\\t\\r\\n\\\"\\\\\\ufffd\\U0001F600\", 'null', 'Null', 'NULL', 'On', 'y', 'inf', '.inf', '=', '1_0', '1:2', 'a-', '/a.b', '\xc3\xa9\xf0\x9f\x98\x80', '*a', '&a', '!a', '%a', '@', '`', '|', '>']"));
        struct value_builder list = {.arena = a};
        struct map_builder map = {.arena = a};
        char key[3000];
        memset(key, 'k', sizeof key);
        for (size_t n = 100; n <= sizeof key; n += 100)
                map_push(&map, arena_str(a, (struct str){key, n}), n % 200 ? value_i64((int64_t)n, a) : value_map(map.members, map.n / 2));
        value_push(&list, value_map(map.members, map.n));
        round_trip_value(value_list(list.items, list.n));
        round_trip(STR("just text"));
        round_trip(STR("[]"));
}

static struct str random_text(struct random_source *r)
{
        static const char *const parts[] = {"a", "y", "n", "no", "on", "null", "~", "0", "1", "_", "x", "o", "b", "e", ".", "-", "+", ":", " ", "#", "'", "\"", "\\", "\n", "\t", "\r", "%", "@", "&", "*", "!", "|",
                                            ">", "?", ",", "[", "]", "{", "}", "<<", "=", "---", "...", "\x01", "\x7f", "\xc2\x85", "\xc3\xa9", "\xe2\x80\xa8", "\xef\xbb\xbf", "\xf0\x9f\x98\x80", ".inf", "12:30", "true", "\0"};
        char text[64];
        size_t n = 0;
        for (uint64_t k = random_below(r, 6); k; k--) {
                uint64_t which = random_below(r, COUNT(parts));
                size_t m = which + 1 == COUNT(parts) ? 1 : strlen(parts[which]);
                memcpy(text + n, parts[which], m);
                n += m;
        }
        return arena_str(a, (struct str){text, n});
}

static struct value random_tree(struct random_source *r, int depth)
{
        switch (random_below(r, depth ? 7 : 5)) {
        case 0: return value_null;
        case 1: return value_bool(random_below(r, 2));
        case 2: return value_i64((int64_t)random_next(r) >> random_below(r, 64), a);
        case 3: return value_double((double)(int64_t)random_next(r) / (double)(random_below(r, 1000000) + 1), a);
        case 4: return value_string(random_text(r));
        case 5: {
                struct value_builder b = {.arena = a};
                for (uint64_t n = random_below(r, 4); n; n--)
                        value_push(&b, random_tree(r, depth - 1));
                return value_list(b.items, b.n);
        }
        default: {
                struct map_builder b = {.arena = a};
                for (uint64_t n = random_below(r, 4); n; n--)
                        map_set(&b, random_text(r), random_tree(r, depth - 1));
                return value_map(b.members, b.n);
        }
        }
}

static void test_anything_written_reads_back(void **state)
{
        (void)state;
        struct random_source r = {77};
        for (int i = 0; i < 4000; i++) {
                struct value v = random_tree(&r, 5);
                if (v.kind != VALUE_NULL) /* an empty document is none */
                        round_trip_value(v);
                arena_reset(a);
        }
}

static void test_written_form(void **state)
{
        (void)state;
        struct value v = read(YAML_KUBERNETES, STR("{name: x, num: 5, 'q': '5', list: [a, {b: 1, c: [2]}, [3]], none: [], e: {}}"));
        struct buf b = BUF(1 << 20);
        yaml_write(&v, &b);
        assert_string_equal(b.p, "name: x\nnum: 5\nq: \"5\"\nlist:\n  - a\n  - b: 1\n    c:\n      - 2\n  - - 3\nnone: []\ne: {}\n");
        buf_free(&b);
}

static void test_damaged(void **state)
{
        (void)state;
        const char *whole = "a: &x [1.5e3, \"x\\u00e9\", {b: ~, c: [true]}]\nd: 'it''s'\n<<: &m {k: v}\ne: |\n  text\n  more\nf: *x\n---\n- g\n";
        size_t n = strlen(whole);
        struct random_source r = {5};
        for (int i = 0; i < 5000; i++) {
                size_t length = i < (int)n ? (size_t)i : n, m;
                char *copy = memcpy(test_malloc(n + 1), whole, n);
                struct value *d;
                for (uint64_t k = 0, changes = i < (int)n ? 0 : 1 + random_below(&r, 3); k < changes; k++)
                        copy[random_below(&r, n)] = (char)(random_next(&r) & (i & 1 ? 0x7F : 0xFF));
                e = (struct error){0};
                if (!yaml_read((struct str){copy, length}, YAML_KUBERNETES, NULL, a, &d, &m, &e))
                        assert_true(e.kind != ERROR_NONE && e.text[0] && e.line && e.column);
                arena_reset(a);
                test_free(copy);
        }
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
        const struct CMUnitTest tests[] = {
                T(test_scalars_as_others_read_them), T(test_documents_as_kubernetes_reads_them), T(test_read_otherwise_on_purpose), T(test_json_documents), T(test_keys_as_written), T(test_positions_of_errors), T(test_many_directives), T(test_large_scalars), T(test_anything_written_reads_back), T(test_scalars_of_the_core_schema), T(test_structure), T(test_merge_keys), T(test_documents), T(test_positions), T(test_refused),
                T(test_billion_laughs), T(test_limits), T(test_many_anchors_and_merges), T(test_written_reads_back), T(test_written_form), T(test_damaged),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
