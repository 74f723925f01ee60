/* Messages read by their tables: spellings, types, and what is said about a wrong one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "api/member.h"
#include "text/json.h"

static struct arena *a;
static struct error e;
static int setup(void **state) { (void)state; a = arena_new(); return 0; }
static int teardown(void **state) { (void)state; arena_free(a); return 0; }

static const struct member inner[] = {{"pipeline_id", MEMBER_STRING, .required = true}, {"interval_second", MEMBER_INT64}, {NULL}};
static const struct member table[] = {
        {"display_name", MEMBER_STRING},
        {"enabled", MEMBER_BOOL},
        {"code", MEMBER_INT32},
        {"max_concurrency", MEMBER_INT64},
        {"ratio", MEMBER_DOUBLE},
        {"created_at", MEMBER_TIME},
        {"mode", MEMBER_ENUM, .choices = "MODE_UNSPECIFIED|ENABLE|DISABLE"},
        {"tags", MEMBER_MAP},
        {"by_name", MEMBER_MAP, .members = inner},
        {"anything", MEMBER_ANY},
        {"reference", MEMBER_OBJECT, .members = inner},
        {"references", MEMBER_OBJECT, .list = true, .members = inner},
        {"words", MEMBER_STRING, .list = true},
        {NULL},
};

static bool read(const char *text, bool camel, struct value *ret)
{
        struct value v;
        assert_true(json_read(str_from(text), NULL, a, &v, &e));
        e = (struct error){0};
        return members_read(&v, table, camel, a, ret, &e);
}

static void gives(const char *text, bool camel, const char *wanted)
{
        struct value v;
        if (!read(text, camel, &v))
                fail_msg("%s: %s", text, e.text);
        assert_string_equal(json_text(&v, 0, a).p, wanted);
}

static void refused(const char *text, bool camel, const char *says)
{
        struct value v;
        if (read(text, camel, &v))
                fail_msg("accepted: %s", text);
        assert_int_equal(e.kind, ERROR_INVALID);
        assert_true(e.line >= 1 && e.column >= 1);
        if (!strstr(e.text, says))
                fail_msg("%s: %s", text, e.text);
}

static void test_both_spellings(void **state)
{
        (void)state;
        gives("{\"displayName\":\"x\",\"maxConcurrency\":\"3\",\"mode\":1}", true, "{\"display_name\":\"x\",\"max_concurrency\":3,\"mode\":\"ENABLE\"}");
        gives("{\"display_name\":\"x\",\"max_concurrency\":3,\"mode\":\"ENABLE\"}", true, "{\"display_name\":\"x\",\"max_concurrency\":3,\"mode\":\"ENABLE\"}");
        gives("{\"reference\":{\"pipelineId\":\"p\",\"intervalSecond\":\"9007199254740993\"}}", true,
              "{\"reference\":{\"pipeline_id\":\"p\",\"interval_second\":9007199254740993}}");
        refused("{\"displayName\":\"x\"}", false, "unknown field 'displayName' in the message (did you mean 'display_name'?)");
        refused("{\"max_concurrency\":\"3\"}", false, "max_concurrency must be a whole number of 64 bits, not a string");
        refused("{\"displayName\":\"x\",\"display_name\":\"y\"}", true, "display_name is there twice");
        refused("{\"display_Name\":\"x\"}", true, "unknown field");
}

static void test_types(void **state)
{
        (void)state;
        gives("{}", true, "{}");
        gives("{\"display_name\":null,\"code\":null}", true, "{}");
        gives("{\"enabled\":false,\"code\":-2147483648,\"ratio\":1.50,\"created_at\":\"2026-01-02T03:04:05Z\"}", false,
              "{\"enabled\":false,\"code\":-2147483648,\"ratio\":1.50,\"created_at\":\"2026-01-02T03:04:05Z\"}");
        gives("{\"ratio\":\"2.5\"}", true, "{\"ratio\":2.5}");
        gives("{\"tags\":{\"any Key\":1},\"anything\":[null]}", true, "{\"tags\":{\"any Key\":1},\"anything\":[null]}");
        gives("{\"words\":[\"a\",\"b\"],\"references\":[{\"pipeline_id\":\"x\"}]}", true, "{\"words\":[\"a\",\"b\"],\"references\":[{\"pipeline_id\":\"x\"}]}");
        gives("{\"by_name\":{\"one\":{\"pipelineId\":\"x\"}}}", true, "{\"by_name\":{\"one\":{\"pipeline_id\":\"x\"}}}");
        refused("{\"code\":2147483648}", true, "code must be a whole number of 32 bits");
        refused("{\"code\":1.5}", true, "code must be");
        refused("{\"enabled\":\"true\"}", true, "enabled must be true or false, not a string");
        refused("{\"ratio\":\"NaN\"}", true, "ratio must be a number");
        refused("{\"created_at\":\"yesterday\"}", true, "created_at must be a time");
        refused("{\"created_at\":\"\"}", true, "created_at must be a time");
        refused("{\"mode\":3}", true, "mode cannot be '3': it is one of MODE_UNSPECIFIED|ENABLE|DISABLE");
        refused("{\"mode\":\"on\"}", true, "mode cannot be 'on'");
        refused("{\"mode\":1}", false, "mode must be a name");
        refused("{\"tags\":[]}", true, "tags must be a map, not a list");
        refused("[]", true, "the message must be a map");
}

static void test_places(void **state)
{
        (void)state;
        refused("{\"references\":[{\"pipeline_id\":\"x\"},{\"pipeline_id\":1}]}", true, "references[1].pipeline_id must be a text, not a number");
        refused("{\"references\":[{}]}", true, "references[0].pipeline_id is missing");
        refused("{\"reference\":{\"pipeline_id\":null}}", true, "reference.pipeline_id is missing");
        refused("{\"by_name\":{\"one\":{\"pipeline_ids\":1}}}", true, "unknown field 'pipeline_ids' in by_name.one (did you mean 'pipeline_id'?)");
        refused("{\"words\":\"a\"}", true, "words must be a list");
        refused("{\n  \"words\": [\"a\",\n 7]}", true, "words[1] must be a text");
        assert_int_equal(e.line, 3);
        assert_int_equal(e.column, 2);
}

static void test_nothing_long_is_repeated(void **state)
{
        (void)state;
        struct buf b = BUF(1 << 20);
        buf_add_c(&b, "{\"");
        for (int i = 0; i < 5000; i++)
                buf_add_char(&b, 'k');
        buf_add_c(&b, "\":1}");
        refused(b.p, true, "unknown field");
        assert_true(strlen(e.text) < 400);
        buf_free(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_both_spellings, setup, teardown),
                cmocka_unit_test_setup_teardown(test_types, setup, teardown),
                cmocka_unit_test_setup_teardown(test_places, setup, teardown),
                cmocka_unit_test_setup_teardown(test_nothing_long_is_repeated, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
