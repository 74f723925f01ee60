/* An object store over another one, which fails as a plan says: for tests. */
#pragma once
#include "objects/objects.h"

enum objects_operation { OBJECTS_OPEN = 1, OBJECTS_PUT = 2, OBJECTS_GET = 4, OBJECTS_READ = 8, OBJECTS_LOOK = 16 /* stat, exists */, OBJECTS_REMOVE = 32 };

struct objects_plan { /* all zero: nothing fails */
        unsigned operations;   /* that count */
        uint64_t nth, times;   /* the nth of them fails, and those after it until `times` have; 0: one */
        enum error_kind kind;  /* 0: ERROR_IO */
        bool after;            /* it is done, and fails all the same: the answer was lost */
};

void objects_faulty_plan(const struct objects_plan *plan); /* counts from 0; while nobody uses the store */
extern const struct objects_ops objects_faulty;            /* over objects_folder */
