/* The PostgreSQL store: the shared suites. Runs under tests/with_postgres.py. */
#include "store_suite.h"

int main(void) { return store_suite(&store_postgres) + store_lists_suite(&store_postgres); }
