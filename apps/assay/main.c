/* SPDX-License-Identifier: Apache-2.0
 *
 * assay - publish models, verify them offline, look at the network that vouches for them, and run one on this machine.
 */
#include "assay_internal.h"

#define ARENA_SIZE ASSAY_MODEL_ARENA_SIZE

int main(int argc, char **argv) {
    static call c;
    c.exit_override = -1;
    assay_err err = assay_os_stop_init();
    if (err == ASSAY_OK) err = assay_os_reserve(&c.keep_region, ARENA_SIZE);
    if (err == ASSAY_OK) err = assay_os_reserve(&c.scratch_region, ARENA_SIZE);
    if (err == ASSAY_OK) {
        c.keep = assay_os_region_arena(&c.keep_region);
        c.scratch = assay_os_region_arena(&c.scratch_region);
        err = options_parse(&c, argc, argv);
    }
    if (err == ASSAY_OK) err = has(&c, OPTION_HELP) ? run_help(&c) : c.command->run(&c);
    int code = report(&c, err);
    if (c.client) assay_http_client_close(c.client);
    assay_os_unreserve(&c.keep_region);
    assay_os_unreserve(&c.scratch_region);
    /* Data that did not reach its reader was not delivered, whatever the work's outcome. */
    return code == 0 && out_failed() ? assay_base_err_exit(ASSAY_F_STORAGE) : code;
}
