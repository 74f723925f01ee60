/* What is uploaded as a pipeline: YAML or JSON, or an archive with one in it. */
#pragma once
#include "base/arena.h"
#include "base/error.h"

enum { UPLOAD_BYTES_MAX = 32 << 20, UPLOAD_ENTRIES_MAX = 1000 };

/* `name`: of the file, which decides the format: .yaml, .yml, .json, .zip, .tar.gz, .tgz. From an archive comes pipeline.yaml, or the only file that
 * could be a pipeline. Nothing is written anywhere. ERROR_INVALID, ERROR_LIMIT. */
bool upload_read(struct str name, struct str content, struct arena *a, struct str *ret, struct error *e);
/* The name without folders and ending: what a pipeline is called when nobody said. */
struct str upload_stem(struct str name);
