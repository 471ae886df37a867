/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STUB_CODEC_H
#define STUB_CODEC_H
#include "base/base.h"
/* assay_codec_twice - 2 * n. */
uint64_t assay_codec_twice(uint64_t n);
#endif
