/* The live page of a run: one HTML document with its style and script inside, which names nothing
 * outside of itself. It says everything without its script too, and then asks for itself again every
 * few seconds. */
#ifndef TRANCHE_REPORT_PAGE_H
#define TRANCHE_REPORT_PAGE_H

#include "base/buf.h"
#include "report/report.h"

#define PAGE_CONTENT_TYPE "text/html; charset=utf-8"
#define PAGE_BYTES_MAX    ((size_t)256 << 10)
/* Hexadecimal digits of a nonce: 128 bits. */
#define PAGE_NONCE_LEN 32

/* The value of the Content-Security-Policy that goes with the page: no script and no style runs but
 * those that carry the nonce, and nothing is loaded but from where the page came. */
#define PAGE_POLICY_FORMAT                                                                         \
    "default-src 'none'; style-src 'nonce-%s'; script-src 'nonce-%s'; connect-src 'self'; "        \
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/* Append the page as the run stands. nonce: PAGE_NONCE_LEN digits, new for every page. */
void page_write(const struct report *r, const char *nonce, struct buf *out);

#endif
