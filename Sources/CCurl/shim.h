// Functions with fixed arguments for curl's variadic functions, which Swift cannot call.
#pragma once

#include <curl/curl.h>

// Receives bytes of a response; any return value other than their number ends the transfer.
typedef size_t (*ccurl_take)(char *bytes, size_t size, size_t count, void *owner);
// Called regularly; any return value other than 0 ends the transfer.
typedef int (*ccurl_watch)(void *owner, curl_off_t, curl_off_t, curl_off_t, curl_off_t);

static inline CURLcode ccurl_set_text(CURL *handle, CURLoption option, const char *text) {
    return curl_easy_setopt(handle, option, text);
}

static inline CURLcode ccurl_set_number(CURL *handle, CURLoption option, long number) {
    return curl_easy_setopt(handle, option, number);
}

static inline void ccurl_set_headers(CURL *handle, struct curl_slist *headers) {
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
}

static inline void ccurl_set_body(CURL *handle, FILE *file, curl_off_t size) {
    curl_easy_setopt(handle, CURLOPT_POST, 1L);
    curl_easy_setopt(handle, CURLOPT_READDATA, file);
    curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, size);
}

static inline void ccurl_set_owner(CURL *handle, ccurl_take take, ccurl_watch watch, void *owner) {
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, owner);
    curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, watch);
    curl_easy_setopt(handle, CURLOPT_XFERINFODATA, owner);
}

// The status of the response; 0 if none has arrived.
static inline long ccurl_status(CURL *handle) {
    long status = 0;
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

// The header Content-Type of the response, or NULL.
static inline const char *ccurl_type(CURL *handle) {
    char *type = NULL;
    curl_easy_getinfo(handle, CURLINFO_CONTENT_TYPE, &type);
    return type;
}

// The header Content-Length of the response, or -1.
static inline curl_off_t ccurl_length(CURL *handle) {
    curl_off_t length = -1;
    curl_easy_getinfo(handle, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    return length;
}
