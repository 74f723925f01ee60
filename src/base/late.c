/* Libraries that are loaded when they are needed. */
#include "base/late.h"
#include <dlfcn.h>

bool late_load(const char *soname, const char *package, const struct late_function *functions, size_t n, struct error *e)
{
        void *library = dlopen(soname, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        if (!library)
                return error_set(e, ERROR_UNSUPPORTED, "this needs the library %s, which cannot be loaded (%s): install the package %s", soname, dlerror(), package);
        for (size_t i = 0; i < n; i++) {
                *functions[i].slot = dlsym(library, functions[i].name);
                if (!*functions[i].slot)
                        return error_set(e, ERROR_UNSUPPORTED, "the library %s has no function %s: install the package %s of Debian 12 or later", soname, functions[i].name, package);
        }
        return true;
}
