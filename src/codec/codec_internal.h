/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of this folder see besides codec.h. */
#ifndef ASSAY_CODEC_INTERNAL_H
#define ASSAY_CODEC_INTERNAL_H

#include "codec/codec.h"

/* assay_codec_bech32m_split - checks text as BIP 350 defines it, whatever its prefix and its data mean, and writes the
 * data's 5-bit values (without the checksum) to values. BIP 350's own vectors are stated in these terms.
 * ASSAY_E_ENCODING if it is not bech32m of 8 to 90 characters. */
ASSAY_MUST_USE assay_err assay_codec_bech32m_split(size_t *prefix_len, uint8_t values[ASSAY_BECH32M_LEN_MAX],
                                                   size_t *count, assay_bytes text);

#endif
