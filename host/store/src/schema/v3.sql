-- Calls of the API that must not be done twice, by their Idempotency-Key, for as long as they are remembered.
CREATE TABLE idempotent_calls (
  caller      TEXT NOT NULL,       -- the name of the caller's key, empty if the host has none
  account     TEXT NOT NULL,
  key         TEXT NOT NULL,
  fingerprint BLOB NOT NULL,       -- what was asked for
  begun_at    INTEGER NOT NULL,
  answer      TEXT,                -- JSON; NULL: it is under way, or was when the host ended
  PRIMARY KEY (caller, account, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotent_calls_by_age ON idempotent_calls (begun_at);
