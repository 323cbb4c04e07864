/* Domains that say nothing about where somebody works. */
#ifndef TRANCHE_RECORD_MAILBOX_H
#define TRANCHE_RECORD_MAILBOX_H

#include <stdbool.h>

#include "base/slice.h"

/* Whether the domain (lower case, no "www.") is one under which a well-known provider gives
 * mailboxes to anybody: gmail.com, hotmail.co.uk, ... */
bool mailbox_provider(struct slice domain);

#endif
