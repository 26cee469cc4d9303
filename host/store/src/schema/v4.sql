-- What was asked for and is no act in the outbox: actions that were refused, run dry or done by the host itself, faults of
-- scripts, commands of operators, alerts. The table of the first version, which had less of it, is taken over.
ALTER TABLE audit RENAME TO audit_v1;
DROP INDEX audit_seq;
CREATE TABLE audit (
  number  INTEGER PRIMARY KEY,     -- from the counter of acts: no act has the same
  at      INTEGER NOT NULL,
  actor   TEXT NOT NULL,           -- script:NAME, api, api:KEY, webhook, operator:ID, host
  script  TEXT,                    -- the script it concerns
  release TEXT,                    -- its release, 64 hex digits
  address TEXT,                    -- where
  action  TEXT NOT NULL,           -- shutup, kick ...; fault, command, pause, resume, alert
  outcome TEXT NOT NULL,           -- as the states of the outbox
  code    TEXT,                    -- ok, or the rule that stood against it
  text    TEXT NOT NULL,           -- the same in a sentence
  reason  TEXT,                    -- why, in the words of who asked
  seq     INTEGER,                 -- the event it was asked on
  body    TEXT,                    -- the action, JSON, long texts cut
  details TEXT                     -- the backtrace of a fault
) STRICT;
CREATE INDEX audit_seq ON audit (seq) WHERE seq IS NOT NULL;
INSERT INTO audit (number, at, actor, script, address, action, outcome, code, text, seq)
  SELECT id, at, actor, script, address, what, iif(what = 'refused', 'refused', 'done'), code, text, seq FROM audit_v1;
DROP TABLE audit_v1;

-- Every action that was asked for, whatever became of it, and what else an operator may want to look up. The casts give both
-- halves the same types, without which SQLite would copy all of it before it looks for anything.
CREATE VIEW actions AS
  SELECT number, at, at AS ended_at, actor, script, release, address, action, outcome, code, text, reason, seq, body,
         CAST(NULL AS TEXT) AS message_id, details
    FROM audit
  UNION ALL
  SELECT number, decided_at, ended_at, actor, CAST(iif(actor LIKE 'script:%', substr(actor, 8), NULL) AS TEXT),
         CAST(act ->> '$.by.script.release' AS TEXT), address, action, state, code, text, CAST(act ->> '$.reason' AS TEXT),
         cause, CAST(act -> '$.body' AS TEXT), message_id, CAST(NULL AS TEXT)
    FROM outbox;

-- Dead letters are looked up by their event.
CREATE INDEX dead_letters_seq ON dead_letters (seq) WHERE seq IS NOT NULL;
