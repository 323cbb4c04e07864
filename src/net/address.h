/* Addresses to listen on: "127.0.0.1:8080", "[::1]:8080", "0.0.0.0:0". */
#ifndef TRANCHE_NET_ADDRESS_H
#define TRANCHE_NET_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define ADDRESS_TEXT_SIZE 64 /* what address_format needs */

struct address {
    char host[46]; /* as inet_pton takes it, without brackets */
    uint16_t port; /* 0: any free one */
};

/* Names are not looked up, but for localhost, which is 127.0.0.1: what a listener is open to shall
 * not depend on a name server. ERR_USAGE, with what would be right. */
int address_parse(struct address *out, const char *text, struct error *e);
/* Only programs on this host reach it. */
bool address_is_loopback(const struct address *a);
/* The way address_parse reads it. */
void address_format(const struct address *a, char text[ADDRESS_TEXT_SIZE]);

/* Whether a Host header names no name: an IP address or localhost, with a port or without. A page
 * from elsewhere whose name was made to lead to this host (DNS rebinding) sends that name, so a
 * listener without a password answers only who passes. NULL does not. */
bool address_host_is_literal(const char *header);

#endif
