/* SPDX-License-Identifier: Apache-2.0 */
#include "os_internal.h"

#include <dlfcn.h>

assay_err assay_os_library(void *functions[], const char *name, const char *const names[], size_t count, char *why,
                           size_t why_cap) {
    void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    for (size_t i = 0; library && i < count; i++)
        if (!(functions[i] = dlsym(library, names[i]))) library = NULL;
    if (library) return ASSAY_OK;
    assay_os_format(why, why_cap, "%s", dlerror());
    return ASSAY_F_NO_PATH;
}
