/* Every statement that the ledger runs: its name, what it is for (as in "cannot add a shard: ..."),
 * its text.
 *
 * Parameters are bound and columns are read in the order in which they stand here. All are prepared
 * when a ledger is opened, so that a schema that does not fit stops a run before it sends anything.
 */
#ifndef TRANCHE_LEDGER_SQL_H
#define TRANCHE_LEDGER_SQL_H

/* clang-format off */
#define DB_SQL_LIST(X) \
    X(DB_BEGIN, "begin a transaction", "BEGIN IMMEDIATE") \
    X(DB_COMMIT, "commit", "COMMIT") \
    X(DB_SET, "keep a setting", \
      "INSERT INTO setting (key, value) VALUES (?, ?)" \
      " ON CONFLICT (key) DO UPDATE SET value = excluded.value") \
    X(DB_GET, "read a setting", "SELECT value FROM setting WHERE key = ?") \
    X(DB_SET_OUTPUT, "keep the length of the output", "UPDATE output SET bytes = ?, shards = ?") \
    X(DB_GET_OUTPUT, "read the length of the output", "SELECT bytes, shards FROM output") \
    X(DB_ADD_SHARD, "add a shard", \
      "INSERT INTO shard (number, first_record, records, line, offset, bytes, hash," \
      " spool_offset, spool_bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)") \
    X(DB_COUNT_SHARDS, "count the shards", "SELECT count(*) FROM shard") \
    X(DB_EACH_SHARD, "read the shards", \
      "SELECT number, first_record, records, line, offset, bytes, hash," \
      " spool_offset, spool_bytes FROM shard ORDER BY number") \
    X(DB_ADD_ENTRY, "add a shard's entry into a step", \
      "INSERT INTO entry (step, shard, identities, firsts) VALUES (?, ?, ?, ?)" \
      " ON CONFLICT (step, shard) DO UPDATE" \
      " SET identities = excluded.identities, firsts = excluded.firsts") \
    X(DB_EACH_ENTRY, "read the entries into a step", \
      "SELECT shard, identities, firsts FROM entry" \
      " WHERE step = ? AND shard BETWEEN ? AND ? ORDER BY shard") \
    X(DB_PUT_BATCH, "keep a batch", \
      "INSERT INTO batch (id, parent, step, state, items, alone, form, attempt, token, body_sha256," \
      " body_bytes, cost_max, credits, vendor_id, vendor_items, armed_ms, accepted_ms, ended_ms," \
      " note)" \
      " VALUES (?, nullif(?, 0), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)" \
      " ON CONFLICT (id) DO UPDATE SET parent = excluded.parent, step = excluded.step," \
      " state = excluded.state, items = excluded.items, alone = excluded.alone," \
      " form = excluded.form, attempt = excluded.attempt," \
      " token = excluded.token, body_sha256 = excluded.body_sha256," \
      " body_bytes = excluded.body_bytes, cost_max = excluded.cost_max," \
      " credits = excluded.credits, vendor_id = excluded.vendor_id," \
      " vendor_items = excluded.vendor_items, armed_ms = excluded.armed_ms," \
      " accepted_ms = excluded.accepted_ms, ended_ms = excluded.ended_ms, note = excluded.note") \
    X(DB_EACH_BATCH, "read the batches", \
      "SELECT id, ifnull(parent, 0), step, state, items, alone, form, attempt, token, body_sha256," \
      " body_bytes," \
      " cost_max, credits, vendor_id, vendor_items, armed_ms, accepted_ms, ended_ms, note" \
      " FROM batch ORDER BY id") \
    X(DB_FIND_BATCH, "read a batch", \
      "SELECT id, ifnull(parent, 0), step, state, items, alone, form, attempt, token, body_sha256," \
      " body_bytes," \
      " cost_max, credits, vendor_id, vendor_items, armed_ms, accepted_ms, ended_ms, note" \
      " FROM batch WHERE id = ?") \
    X(DB_ADD_SLICE, "add a batch's members", \
      "INSERT INTO slice (batch, shard, members) VALUES (?, ?, ?)" \
      " ON CONFLICT (batch, shard) DO UPDATE SET members = excluded.members") \
    X(DB_EACH_SLICE, "read a batch's members", \
      "SELECT batch, shard, members FROM slice WHERE batch = ? ORDER BY shard") \
    X(DB_ALL_SLICES, "read the members of all batches", \
      "SELECT batch, shard, members FROM slice ORDER BY batch, shard") \
    X(DB_ADD_ATTEMPT, "add an attempt", \
      "INSERT INTO attempt (batch, attempt, token, body_sha256, body_bytes, cost_max, armed_ms)" \
      " VALUES (?, ?, ?, ?, ?, ?, ?)") \
    X(DB_END_ATTEMPT, "end an attempt", \
      "UPDATE attempt SET end = ?, detail = ?, ended_ms = ? WHERE batch = ? AND attempt = ?") \
    X(DB_EACH_ATTEMPT, "read the attempts", \
      "SELECT batch, attempt, token, body_sha256, body_bytes, cost_max, armed_ms, ended_ms, end," \
      " detail FROM attempt ORDER BY batch, attempt") \
    X(DB_ADD_DECISION, "add a decision", \
      "INSERT INTO decision (batch, choice, vendor_id, decided_by, at_ms) VALUES (?, ?, ?, ?, ?)") \
    X(DB_EACH_DECISION, "read the decisions", \
      "SELECT batch, choice, vendor_id, decided_by, at_ms FROM decision ORDER BY id") \
    X(DB_ADD_REPLY, "keep a reply", \
      "INSERT INTO reply (batch, kind, page, status, raw_bytes, zstd) VALUES (?, ?, ?, ?, ?, ?)" \
      " ON CONFLICT (batch, kind, page) DO NOTHING") \
    X(DB_MARK_SCATTERED, "mark a reply as scattered", \
      "UPDATE reply SET scattered = 1 WHERE batch = ? AND kind = ? AND page = ?") \
    X(DB_EACH_REPLY, "read the replies to a batch", \
      "SELECT kind, page, status, raw_bytes, scattered, zstd FROM reply" \
      " WHERE batch = ? ORDER BY kind, page") \
    X(DB_EACH_REPLY_HEAD, "list the replies to a batch", \
      "SELECT kind, page, status, raw_bytes, scattered FROM reply" \
      " WHERE batch = ? ORDER BY kind, page") \
    X(DB_DROP_REPLIES, "forget the replies to a batch", \
      "DELETE FROM reply WHERE batch = ? AND kind <> 4") \
    X(DB_DROP_ANSWERS, "forget the answers of a batch", \
      "DELETE FROM answers WHERE batch = ?1" \
      " AND step = (SELECT step FROM batch WHERE id = ?1)" \
      " AND shard IN (SELECT shard FROM slice WHERE batch = ?1)") \
    X(DB_DROP_CONCLUSIONS, "forget what was concluded about a batch", \
      "DELETE FROM answers WHERE batch = ?1 AND page = 0" \
      " AND step = (SELECT step FROM batch WHERE id = ?1)" \
      " AND shard IN (SELECT shard FROM slice WHERE batch = ?1)") \
    X(DB_ADD_ANSWERS, "keep answers", \
      "INSERT INTO answers (step, shard, batch, page, answers) VALUES (?, ?, ?, ?, ?)" \
      " ON CONFLICT (shard, step, batch, page) DO UPDATE SET answers = excluded.answers") \
    X(DB_EACH_ANSWERS, "read the answers of a shard", \
      "SELECT step, batch, page, answers FROM answers" \
      " WHERE shard = ? ORDER BY step, batch DESC, page")
/* clang-format on */

#endif
