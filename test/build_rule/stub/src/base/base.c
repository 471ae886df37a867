/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

assay_amount assay_base_zero(void) { return (assay_amount){0}; }
