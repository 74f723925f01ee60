/* A store around another that fails the operation it is told to: for tests of what stands above a store. */
#pragma once
#include "store/store.h"

enum faulty_operation {
        FAULTY_OPEN = 1 << 0,
        FAULTY_COMMIT = 1 << 1,
        FAULTY_READ = 1 << 2, /* every operation of a reader, opening it included */
};

/* Process-wide, and read by every store and reader of `store_faulty`: set it while none of them works. */
struct faulty_plan {
        const struct store_ops *under; /* NULL: store_sqlite */
        unsigned operations;           /* faulty_operation bits that count and may fail; 0: nothing fails */
        uint64_t nth;                  /* the n-th of them fails, counted from 1 since the plan was made */
        uint64_t times;                /* so many fail in a row; 0: one */
        enum error_kind kind;          /* with this; ERROR_NONE: ERROR_IO */
        bool after;                    /* a commit is made durable before it is reported as failed, as by a crash in between */
};
void store_faulty_plan(const struct faulty_plan *plan);
/* Operations counted so far. */
uint64_t store_faulty_count(void);

extern const struct store_ops store_faulty;
