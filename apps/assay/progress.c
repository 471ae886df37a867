/* SPDX-License-Identifier: Apache-2.0
 *
 * progress - how far long work is: bytes, rate, time left. A moving line on a terminal, else one line each 10 seconds.
 */
#include "assay_internal.h"

#define TTY_STEP_NS 100000000ull
#define LINE_STEP_NS 10000000000ull

progress_bar progress_begin(const call *c, const char *label) {
    uint64_t now = assay_os_monotonic_ns();
    return (progress_bar){c, label, now, now, assay_os_is_tty(ASSAY_OS_STDERR), false};
}

bool progress_bytes(progress_bar *bar, uint64_t done, uint64_t total) {
    uint64_t now = assay_os_monotonic_ns();
    if (done > total) done = total;
    bool silent = quiet(bar->c) || json_wanted(bar->c);
    if (!silent && total && now - bar->shown_ns >= (bar->tty ? TTY_STEP_NS : LINE_STEP_NS)) {
        char a[24], b[24], rate[24], left[48] = "";
        double seconds = (double)(now - bar->started_ns) / 1e9, speed = (double)done / seconds;
        if (speed >= 1) {
            char span[32];
            assay_os_format(left, sizeof left, ", %s left",
                            span_text(span, (uint64_t)((double)(total - done) / speed)));
        }
        assay_os_printf(ASSAY_OS_STDERR, "%s%s  %3u %%  %s of %s  %s/s%s%s", bar->tty ? "\r" : "", bar->label,
                        (unsigned)((double)done * 100 / (double)total), size_text(a, done), size_text(b, total),
                        size_text(rate, (uint64_t)speed), left, bar->tty ? "\x1b[K" : "\n");
        bar->shown_ns = now;
        bar->shown = true;
    }
    return !assay_os_stop_requested();
}

bool progress_show(void *bar, const assay_model_progress *progress) {
    return progress_bytes(bar, progress->done, progress->total);
}

void progress_end(progress_bar *bar) {
    if (bar->shown && bar->tty) assay_os_printf(ASSAY_OS_STDERR, "\r\x1b[K");
    bar->shown = false;
}
