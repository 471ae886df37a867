/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/codec.h"

uint64_t assay_codec_twice(uint64_t n) { return 2 * n + assay_base_zero().units; }
