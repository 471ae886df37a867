/* SPDX-License-Identifier: Apache-2.0 */
#include "http_internal.h"

#include <string.h>

static bool parse_v4(uint8_t out[4], const char *text) {
    for (int part = 0; part < 4; part++) {
        size_t len = 0;
        while (text[len] >= '0' && text[len] <= '9' && len < 4) len++;
        uint64_t value;
        if (assay_base_undecimal(&value, (assay_bytes){(const uint8_t *)text, len}) || value > 255) return false;
        out[part] = (uint8_t)value;
        text += len;
        if (*text != (part < 3 ? '.' : 0)) return false;
        text++;
    }
    return true;
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* RFC 4291 2.2, forms 1 and 2: eight groups of hex, of which one "::" may stand for one or more zero groups. */
static bool parse_v6(uint8_t out[16], const char *text) {
    uint8_t bytes[16] = {0};
    int count = 0, gap = -1;
    if (text[0] == ':' && text[1] == ':') gap = 0, text += 2;
    while (*text) {
        int value = 0, digits = 0;
        for (; hex_value(*text) >= 0 && digits < 4; text++, digits++) value = value * 16 + hex_value(*text);
        if (digits == 0 || count == 8) return false;
        bytes[2 * count] = (uint8_t)(value >> 8);
        bytes[2 * count + 1] = (uint8_t)value;
        count++;
        if (*text == 0) break;
        if (*text++ != ':' || *text == 0) return false;
        if (*text == ':') {
            if (gap >= 0) return false;
            gap = count;
            text++;
        }
    }
    if (gap < 0 ? count != 8 : count > 7) return false;
    int head = gap < 0 ? 8 : gap, tail = count - head;
    memset(out, 0, 16);
    memcpy(out, bytes, 2 * (size_t)head);
    memcpy(out + 16 - 2 * tail, bytes + 2 * head, 2 * (size_t)tail);
    return true;
}

bool http_address_parse(http_address *out, const char *text, uint16_t port) {
    *out = (http_address){.port = {(uint8_t)(port >> 8), (uint8_t)port}};
    uint8_t v4[4], v6[16];
    if (parse_v4(v4, text)) {
        out->family = AF_INET;
        memcpy(out->of.v4.address, v4, sizeof v4);
    } else if (parse_v6(v6, text)) {
        out->family = AF_INET6;
        memcpy(out->of.v6.address, v6, sizeof v6);
    }
    return out->family != 0;
}

bool assay_http_is_address(const char *text) {
    http_address address;
    return http_address_parse(&address, text, 1);
}

uint64_t http_address_peer(const void *sockaddr) {
    http_address address;
    uint16_t family;
    uint64_t peer = 0;
    if (!sockaddr) return 0;
    memcpy(&family, sockaddr, sizeof family);
    if (family == AF_INET) {
        memcpy(&address, sockaddr, offsetof(http_address, of.v4.zero));
        memcpy(&peer, address.of.v4.address, sizeof address.of.v4.address);
        /* No global IPv6 network begins like this: ffff::/16 is multicast. */
        peer |= UINT64_C(0xffffffff) << 32;
    } else if (family == AF_INET6) {
        memcpy(&address, sockaddr, sizeof address);
        memcpy(&peer, address.of.v6.address, sizeof peer);
    }
    return peer;
}
