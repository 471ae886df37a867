/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"

#include <time.h>

int64_t assay_os_now(void) { return time(NULL); }
