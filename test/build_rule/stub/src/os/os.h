/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STUB_OS_H
#define STUB_OS_H
#include "base/base.h"
/* assay_os_now - seconds since 1970. */
int64_t assay_os_now(void);
#endif
