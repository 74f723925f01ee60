/* Arenas and buffers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/arena.h"
#include "base/buf.h"

static void test_arena_alignment(void **state)
{
        (void)state;
        _cleanup_arena_ struct arena *a = arena_new();
        for (size_t i = 1; i < 300; i++) {
                arena_alloc_raw(a, i % 7, 1);
                unsigned char *p = arena_alloc(a, i);
                assert_int_equal((uintptr_t)p % 16, 0);
                for (size_t k = 0; k < i; k++)
                        assert_int_equal(p[k], 0);
                memset(p, 0xAA, i);
                assert_int_equal((uintptr_t)arena_alloc_raw(a, i, 8) % 8, 0);
        }
}

static void test_arena_large(void **state)
{
        (void)state;
        _cleanup_arena_ struct arena *a = arena_new();
        char *small = arena_alloc(a, 10), *large = arena_alloc(a, (size_t)5 << 20), *after = arena_alloc(a, 10);
        small[9] = large[((size_t)5 << 20) - 1] = after[9] = 1;
        assert_true(arena_used(a) == ((size_t)5 << 20) + 20);
        arena_reset(a);
        assert_int_equal(arena_used(a), 0);
        char *again = arena_alloc(a, 10);
        assert_int_equal(again[9], 0);
        assert_non_null(arena_alloc(a, 0));
        arena_free(NULL);
}

static void test_arena_texts(void **state)
{
        (void)state;
        _cleanup_arena_ struct arena *a = arena_new();
        struct str s = arena_str(a, STR("a\0b"));
        assert_int_equal(s.n, 3);
        assert_int_equal(s.p[3], 0);
        assert_string_equal(arena_cstr(a, STR_NONE), "");
        s = arena_printf(a, "%s-%d-%5000d", "x", 7, 1);
        assert_int_equal(s.n, 5004);
        assert_int_equal(s.p[5003], '1');
        assert_int_equal(s.p[5004], 0);
}

static void test_buf_grows_to_its_maximum(void **state)
{
        (void)state;
        _cleanup_buf_ struct buf b = BUF(10);
        assert_null(buf_str(&b).p);
        buf_add(&b, STR_NONE);
        buf_add_c(&b, "12345");
        buf_addf(&b, "%d", 678);
        buf_add_char(&b, '9');
        buf_add_char(&b, '0');
        assert_false(b.overflow);
        assert_string_equal(b.p, "1234567890");
        buf_add_char(&b, 'x');
        assert_true(b.overflow);
        buf_addf(&b, "%s", "more");
        assert_string_equal(b.p, "1234567890");
        buf_clear(&b);
        assert_false(b.overflow);
        assert_int_equal(b.n, 0);
        assert_string_equal(b.p, "");
        assert_false(buf_reserve(&b, SIZE_MAX));
}

static void test_buf_many(void **state)
{
        (void)state;
        struct buf b = BUF((size_t)1 << 20);
        for (int i = 0; i < 10000; i++)
                buf_addf(&b, "%d,", i);
        assert_false(b.overflow);
        assert_true(str_ends(buf_str(&b), STR("9998,9999,")));
        assert_int_equal(b.p[b.n], 0);
        buf_free(&b);
        assert_null(b.p);
        assert_true(b.max == (size_t)1 << 20);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_arena_alignment), cmocka_unit_test(test_arena_large), cmocka_unit_test(test_arena_texts),
                cmocka_unit_test(test_buf_grows_to_its_maximum), cmocka_unit_test(test_buf_many),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
