/* Types of KFP parameters: conversions and text forms; quantities; lightweight components. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "dialect/kfp/kfp.h"
#include "text/json.h"

static struct arena *a;
static int set_up(void **state) { a = arena_new(); return 0; }
static int tear_down(void **state) { arena_free(a); return 0; }

static const char *converted(struct val v, enum kfp_type type)
{
        struct val out = VAL_NOTHING;
        struct error e = {0};
        if (!kfp_convert(v, type, STR("it"), a, &out, &e))
                return arena_cstr(a, arena_printf(a, "error: %s", e.text));
        return arena_cstr(a, arena_printf(a, "%s %.*s", out.kind == VAL_TEXT ? "text" : "json", STR_FMT(out.text)));
}

static void integers_are_whole(void **state)
{
        assert_string_equal(converted(val_text(STR(" 7\n")), KFP_INTEGER), "json 7");
        assert_string_equal(converted(val_json(STR("7.0")), KFP_INTEGER), "json 7");
        assert_string_equal(converted(val_json(STR("3e2")), KFP_INTEGER), "json 300");
        assert_string_equal(converted(val_text(STR("-12345678901234567890")), KFP_INTEGER), "json -12345678901234567890");
        assert_string_equal(converted(val_text(STR("7.5")), KFP_INTEGER), "error: it must be an integer, and is '7.5'");
        assert_string_equal(converted(val_json(STR("[1]")), KFP_INTEGER), "error: it must be an integer, and is [1]");
        assert_string_equal(converted(val_text(STR("")), KFP_INTEGER), "error: it must be an integer, and is ''");
}

static void doubles_booleans_and_strings(void **state)
{
        assert_string_equal(converted(val_text(STR("1.0")), KFP_DOUBLE), "json 1");
        assert_string_equal(converted(val_text(STR("0.25")), KFP_DOUBLE), "json 0.25");
        assert_string_equal(converted(val_text(STR("1e-3")), KFP_DOUBLE), "json 0.001");
        assert_string_equal(converted(val_text(STR("1e400")), KFP_DOUBLE), "error: it must be a number, and is '1e400'");
        assert_string_equal(converted(val_json(STR("[1e400,-1e999]")), KFP_LIST), "json [1e400,-1e999]");
        assert_string_equal(converted(val_text(STR("x")), KFP_DOUBLE), "error: it must be a number, and is 'x'");
        assert_string_equal(converted(val_text(STR("True")), KFP_BOOLEAN), "json true");
        assert_string_equal(converted(val_text(STR("yes")), KFP_BOOLEAN), "error: it must be true or false, and is 'yes'");
        assert_string_equal(converted(val_json(STR("2.0")), KFP_STRING), "text 2");
        assert_string_equal(converted(val_json(STR("true")), KFP_STRING), "text true");
        assert_string_equal(converted(val_json(STR("{\"a\":[1.0,2]}")), KFP_STRING), "text {\"a\":[1,2]}");
        assert_string_equal(converted(val_text(STR(" raw\n")), KFP_STRING), "text  raw\n");
}

static void lists_and_structs_are_json(void **state)
{
        assert_string_equal(converted(val_text(STR(" [1.0, {\"b\": 2.5}] ")), KFP_LIST), "json [1,{\"b\":2.5}]");
        assert_string_equal(converted(val_json(STR("\"[1]\"")), KFP_LIST), "json [1]");
        assert_string_equal(converted(val_text(STR("{}")), KFP_STRUCT), "json {}");
        assert_string_equal(converted(val_text(STR("{}")), KFP_LIST), "error: it must be a list in JSON, and is '{}'");
        assert_string_equal(converted(val_text(STR("[1")), KFP_LIST), "error: it must be a list in JSON, and is '[1'");
        assert_string_equal(converted(kfp_null, KFP_LIST), "json null");
}

static void quantities(void **state)
{
        double d;
        assert_true(kfp_quantity(STR("500m"), &d) && d == 0.5);
        assert_true(kfp_quantity(STR("512Mi"), &d) && d == 536870912);
        assert_true(kfp_quantity(STR("2"), &d) && d == 2);
        assert_true(kfp_quantity(STR("1.5G"), &d) && d == 1.5e9);
        assert_false(kfp_quantity(STR("much"), &d));
        assert_false(kfp_quantity(STR("-1"), &d));
        assert_false(kfp_quantity(STR("Mi"), &d));
}

static void paths_of_artifacts(void **state)
{
        assert_true(str_eq_c(kfp_artifact_path(STR("gs://b/k"), a), "/gcs/b/k"));
        assert_true(str_eq_c(kfp_artifact_path(STR("s3://b/k"), a), "/s3/b/k"));
        assert_true(str_eq_c(kfp_artifact_path(STR("minio://b/k"), a), "/minio/b/k"));
        assert_true(str_eq_c(kfp_artifact_path(STR("/data/x"), a), "/data/x"));
}

static struct kfp_executor lightweight(const char *pip)
{
        struct str *command = ARENA_ARRAY(a, struct str, 7);
        size_t n = 0;
        if (pip) {
                command[n++] = STR("sh");
                command[n++] = STR("-c");
                command[n++] = str_from(pip);
        }
        command[n++] = STR("sh");
        command[n++] = STR("-ec");
        command[n++] = STR("python3 -m kfp.dsl.executor_main --component_module_path x \"$@\"");
        command[n++] = STR("def f(): pass");
        return (struct kfp_executor){.command = command, .command_n = n};
}

static const char *packages(const struct kfp_executor *x)
{
        struct str s = STR("");
        for (size_t i = 0; i < x->python.packages_n; i++)
                s = arena_printf(a, "%.*s%s%.*s", STR_FMT(s), i ? "|" : "", STR_FMT(x->python.packages[i]));
        return arena_cstr(a, s);
}

static void lightweight_components_are_recognised(void **state)
{
        struct kfp_executor x = lightweight("\nif ! [ -x \"$(command -v pip)\" ]; then\n    python3 -m ensurepip || apt-get install python3-pip\nfi\n\n"
                                            "PIP_DISABLE_PIP_VERSION_CHECK=1 python3 -m pip install --quiet --no-warn-script-location 'kfp==2.17.0' '--no-deps' "
                                            "'typing-extensions>=3.7.4,<5; python_version<\"3.9\"'  &&  python3 -m pip install --quiet "
                                            "--no-warn-script-location --index-url https://pypi.example/simple 'six==1.16.0' && \"$0\" \"$@\"\n");
        kfp_python_detect(&x, STR("kfp-2.17.0"), a);
        assert_true(x.python.is);
        assert_int_equal(x.python.skip, 3);
        assert_string_equal(packages(&x), "--index-url=https://pypi.example/simple|six==1.16.0|--no-deps|kfp==2.17.0|"
                                          "typing-extensions>=3.7.4,<5; python_version<\"3.9\"");
}

/* SDK 2.0, and the version 2 mode of 1.8. */
static void lightweight_components_of_older_sdks(void **state)
{
        static const char *const modules[] = {"kfp.components.executor_main", "kfp.v2.components.executor_main"};
        for (size_t i = 0; i < sizeof modules / sizeof *modules; i++) {
                struct kfp_executor x = lightweight("python3 -m pip install --quiet     --no-warn-script-location 'kfp==2.0.1' && \"$0\" \"$@\"\n");
                x.command[5] = arena_printf(a, "python3 -m %s --component_module_path x \"$@\"", modules[i]);
                kfp_python_detect(&x, STR("kfp-2.0.1"), a);
                assert_true(x.python.is);
                assert_int_equal(x.python.skip, 3);
                assert_string_equal(packages(&x), "kfp==2.0.1");
        }
}

static void a_component_whose_image_has_kfp(void **state)
{
        struct kfp_executor x = lightweight(NULL), other = {.command = (struct str[]){STR("sh"), STR("-c"), STR("pip install x")}, .command_n = 3};
        kfp_python_detect(&x, STR("kfp-2.9.0"), a);
        assert_true(x.python.is);
        assert_int_equal(x.python.skip, 0);
        assert_string_equal(packages(&x), "--no-deps|kfp==2.9.0|typing-extensions>=3.7.4,<5; python_version<\"3.9\"");
        kfp_python_detect(&other, STR("kfp-2.9.0"), a);
        assert_false(other.python.is);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(integers_are_whole, set_up, tear_down),
                cmocka_unit_test_setup_teardown(doubles_booleans_and_strings, set_up, tear_down),
                cmocka_unit_test_setup_teardown(lists_and_structs_are_json, set_up, tear_down),
                cmocka_unit_test_setup_teardown(quantities, set_up, tear_down),
                cmocka_unit_test_setup_teardown(paths_of_artifacts, set_up, tear_down),
                cmocka_unit_test_setup_teardown(lightweight_components_are_recognised, set_up, tear_down),
                cmocka_unit_test_setup_teardown(lightweight_components_of_older_sdks, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_component_whose_image_has_kfp, set_up, tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
