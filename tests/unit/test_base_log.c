/* Lines for the operator: one line each, JSON that can be read whatever the message holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/log.h"

/* What `say` writes to standard error. */
static const char *written(void (*say)(void))
{
        static char text[8192];
        int kept = dup(STDERR_FILENO), fd = memfd_create("log", MFD_CLOEXEC);
        assert_true(kept >= 0 && fd >= 0 && dup2(fd, STDERR_FILENO) >= 0);
        say();
        dup2(kept, STDERR_FILENO);
        ssize_t n = pread(fd, text, sizeof text - 1, 0);
        text[n > 0 ? n : 0] = 0;
        close(fd);
        close(kept);
        return text;
}

static void say_two(void)
{
        log_line(LOG_DEBUG, 0, STR_NONE, 0, "not %s", "shown");
        log_line(LOG_WARNING, 1500000, STR("r-1"), 7, "a \"b\" \\ \n%s", "\xc3\xa9\xff\xe2\x82" "c");
}

static void test_json(void **state)
{
        (void)state;
        log_set(LOG_INFO, true);
        assert_string_equal(written(say_two), "{\"time\":\"1970-01-01T00:00:01.500Z\",\"level\":\"warning\",\"run\":\"r-1\",\"node\":7,"
                                              "\"message\":\"a \\\"b\\\" \\\\ \\u000a\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" "c\"}\n");
}

static void test_text(void **state)
{
        (void)state;
        log_set(LOG_DEBUG, false);
        const char *text = written(say_two);
        assert_non_null(strstr(text, "1970-01-01T00:00:00.000Z debug not shown\n"));
        assert_non_null(strstr(text, "warning run r-1 node 7 a \"b\""));
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_json), cmocka_unit_test(test_text)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
