/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/codec.h"

int main(void) { return assay_codec_twice(2) == 4 ? 0 : 1; }
