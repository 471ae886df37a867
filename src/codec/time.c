/* SPDX-License-Identifier: Apache-2.0
 *
 * RFC 3339 times, read as json.c writes them. */
#include "codec/codec.h"

static bool digits(int64_t *out, assay_bytes *text, size_t count) {
    *out = 0;
    if (text->len < count) return false;
    for (size_t i = 0; i < count; i++) {
        if (text->ptr[i] < '0' || text->ptr[i] > '9') return false;
        *out = *out * 10 + (text->ptr[i] - '0');
    }
    *text = (assay_bytes){text->ptr + count, text->len - count};
    return true;
}

static bool literal(assay_bytes *text, char c) {
    if (text->len == 0 || text->ptr[0] != (uint8_t)c) return false;
    *text = (assay_bytes){text->ptr + 1, text->len - 1};
    return true;
}

/* Days from 1970-01-01 in the proleptic Gregorian calendar; month is 1 to 12. Years are counted from March, so that
 * the leap day ends one: 146,097 days are 400 years. */
static int64_t days_since_epoch(int64_t year, int64_t month, int64_t day) {
    int64_t from_march = month > 2 ? month - 3 : month + 9, y = month > 2 ? year : year - 1;
    return y * 365 + y / 4 - y / 100 + y / 400 + (153 * from_march + 2) / 5 + day - 1 - 719468;
}

static int64_t days_in_month(int64_t year, int64_t month) {
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

static bool time_parse(assay_time *out, assay_bytes text) {
    int64_t year, month, day, hour, minute, second, nanos = 0, scale = 1000000000;
    bool ok = digits(&year, &text, 4) && literal(&text, '-') && digits(&month, &text, 2) && literal(&text, '-') &&
              digits(&day, &text, 2) && literal(&text, 'T') && digits(&hour, &text, 2) && literal(&text, ':') &&
              digits(&minute, &text, 2) && literal(&text, ':') && digits(&second, &text, 2);
    if (!ok || year < 1 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month)) return false;
    if (hour > 23 || minute > 59 || second > 59) return false;
    if (literal(&text, '.')) {
        int64_t digit, last = 0;
        while (scale > 1 && digits(&digit, &text, 1)) {
            scale /= 10;
            nanos += digit * scale;
            last = digit;
        }
        if (last == 0) return false; /* no digit, or a zero at the end */
    }
    if (!literal(&text, 'Z') || text.len != 0) return false;
    out->seconds = days_since_epoch(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
    out->nanos = (int32_t)nanos;
    return true;
}

assay_err assay_codec_time_get(assay_time *out, assay_bytes text) {
    return time_parse(out, text) ? ASSAY_OK : ASSAY_E_ENCODING;
}
