/* What every store must do: run by the test of each back end. */
#pragma once
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "store/store.h"

int store_suite(const struct store_ops *ops);
int store_lists_suite(const struct store_ops *ops); /* records, lists, metrics, changes */

/* A folder of its own for each test, removed afterwards. */
struct store_place { char folder[64], path[96], url[512]; }; /* url: PostgreSQL, a schema in the database that $WEFT_TEST_POSTGRES names; empty: SQLite */
void store_place_make(struct store_place *p);
/* The same for this back end. */
void store_place_make_for(const struct store_ops *ops, struct store_place *p);
void store_place_remove(const struct store_place *p);
struct store_settings store_place_settings(const struct store_place *p);

struct store *suite_open(const struct store_ops *ops, const struct store_settings *settings);
/* Commits one run row and node rows; asserts that it works. */
uint64_t suite_commit(const struct store_ops *ops, struct store *s, const struct commit *c);
struct run_row suite_run(const char *uid, const char *name);
struct node_row suite_node(uint32_t no);
/* Nodes of the run, asserting that reading works. */
size_t suite_count(const struct store_ops *ops, struct store_reader *r, const char *uid, uint64_t after);
