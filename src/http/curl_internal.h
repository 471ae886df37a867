/* SPDX-License-Identifier: Apache-2.0
 *
 * libcurl's functions, loaded when a client is opened. Linked, it and the twenty libraries behind it cost every start
 * of `assay` 2 ms, and its end 2 more: of the 20 ms in which `assay verify` checks a 90 MB model (measured). And a
 * program that only verifies has no use for network code in its memory. */
#ifndef ASSAY_HTTP_CURL_INTERNAL_H
#define ASSAY_HTTP_CURL_INTERNAL_H

#include <curl/curl.h>

#define HTTP_CURL_LIBRARY "libcurl.so.4" /* the ABI of <curl/curl.h> since 2006 */

/* By libcurl's names without the prefix, and with libcurl's own types. */
#define HTTP_CURL_FUNCTIONS(X)                                                                                         \
    X(global_init)                                                                                                     \
    X(global_cleanup)                                                                                                  \
    X(easy_init)                                                                                                       \
    X(easy_cleanup)                                                                                                    \
    X(easy_setopt)                                                                                                     \
    X(easy_getinfo)                                                                                                    \
    X(easy_perform)                                                                                                    \
    X(easy_strerror)                                                                                                   \
    X(slist_append)                                                                                                    \
    X(slist_free_all)                                                                                                  \
    X(url)                                                                                                             \
    X(url_cleanup)                                                                                                     \
    X(url_get)                                                                                                         \
    X(url_set)                                                                                                         \
    X(free)

typedef struct http_curl {
#define HTTP_CURL_MEMBER(name) __typeof__(&curl_##name) name;
    HTTP_CURL_FUNCTIONS(HTTP_CURL_MEMBER)
#undef HTTP_CURL_MEMBER
} http_curl;

#endif
