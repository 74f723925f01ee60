/* An uploaded file: the first byte chooses its name. */
#include <stdlib.h>
#include "api/upload.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char *const names[] = {"a.yaml", "a.zip", "a.tar.gz", "dir/b.tgz", "c", ""};
        _cleanup_arena_ struct arena *a = arena_new();
        struct str ret = STR_NONE;
        struct error e = {0};
        if (!size)
                return 0;
        struct str name = str_from(names[data[0] % (sizeof names / sizeof *names)]);
        if (upload_read(name, (struct str){(const char *)data + 1, size - 1}, a, &ret, &e)) {
                if (ret.n > UPLOAD_BYTES_MAX)
                        abort();
        } else if ((e.kind != ERROR_INVALID && e.kind != ERROR_LIMIT) || !e.text[0])
                abort();
        return 0;
}
