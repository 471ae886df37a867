/* SPDX-License-Identifier: Apache-2.0
 *
 * assay - publish models, verify them offline, look at the network that vouches for them, and run one on this machine.
 */
#include "assay_internal.h"

#include <stdlib.h>

#define TEXT_CAP ((size_t)64 << 10)

static assay_err begin(call *c, assay_os_region *keep, assay_os_region *scratch) {
    ASSAY_TRY(assay_os_stop_init());
    ASSAY_TRY(assay_os_reserve(keep, ASSAY_MODEL_ARENA_SIZE));
    ASSAY_TRY(assay_os_reserve(scratch, ASSAY_MODEL_ARENA_SIZE));
    c->keep = assay_os_region_arena(keep);
    c->scratch = assay_os_region_arena(scratch);
    c->text = (assay_buf){ASSAY_NEW(&c->keep, uint8_t, TEXT_CAP), 0, TEXT_CAP};
    return c->text.ptr ? ASSAY_OK : ASSAY_F_MEMORY;
}

int main(int argc, char **argv) {
    call *c = calloc(1, sizeof *c);
    if (!c) return assay_base_err_exit(ASSAY_F_MEMORY);
    assay_os_region keep = {0}, scratch = {0};
    assay_err err = begin(c, &keep, &scratch);
    if (err == ASSAY_OK) err = options_parse(c, argc, argv);
    if (err == ASSAY_OK) err = has(c, OPTION_HELP) ? run_help(c) : c->command->run(c);
    int code = report(c, err);
    assay_http_client_close(c->client);
    assay_os_unreserve(&keep);
    assay_os_unreserve(&scratch);
    free(c);
    return code;
}
