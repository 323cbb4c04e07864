/* Between the machine's batch and the ledger's row. */
#include "run/shape.h"

#include <stdio.h>
#include <string.h>

void shape_row(const struct batch *b, struct ledger_batch *row)
{
    memset(row, 0, sizeof *row);
    row->id = b->id;
    row->parent = b->parent;
    row->step = b->step;
    snprintf(row->state, sizeof row->state, "%s", batch_machine.states[b->state].name);
    row->items = b->items;
    row->alone = b->alone;
    row->form = b->form;
    row->attempt = b->attempt;
    memcpy(row->token, b->token, sizeof row->token);
    memcpy(row->body_sha256, b->body_sha256, sizeof row->body_sha256);
    row->body_bytes = b->body_bytes;
    row->cost_max = b->cost_max;
    row->credits = b->credits;
    memcpy(row->vendor_id, b->vendor_id, sizeof row->vendor_id);
    row->vendor_items = b->vendor_items;
    row->armed_ms = b->armed_ms;
    row->accepted_ms = b->accepted_ms;
    row->ended_ms = b->ended_ms;
    memcpy(row->note, b->note, sizeof row->note);
}

int shape_batch(struct batch *b, const struct ledger_batch *row, struct error *e)
{
    int state = machine_find(&batch_machine, row->state);
    if (state < 0)
        return error_set(e, ERR_DATA, "the ledger's batch %u has the unknown state \"%s\"", row->id,
                         row->state);
    b->id = row->id;
    b->parent = row->parent;
    b->step = row->step;
    b->state = (enum batch_state)state;
    b->alone = row->alone;
    b->form = row->form;
    b->attempt = row->attempt;
    memcpy(b->token, row->token, sizeof b->token);
    memcpy(b->body_sha256, row->body_sha256, sizeof b->body_sha256);
    b->body_bytes = row->body_bytes;
    b->cost_max = row->cost_max;
    b->credits = row->credits;
    b->used = row->credits;
    memcpy(b->vendor_id, row->vendor_id, sizeof b->vendor_id);
    b->vendor_items = row->vendor_items;
    b->armed_ms = row->armed_ms;
    b->accepted_ms = row->accepted_ms;
    b->ended_ms = row->ended_ms;
    memcpy(b->note, row->note, sizeof b->note);
    return 0;
}
