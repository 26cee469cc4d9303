-- Reports on their way to the webhooks of their accounts. A row goes when its report has arrived.
CREATE TABLE deliveries (
  account   TEXT NOT NULL,
  address   TEXT NOT NULL,         -- where it happened: reports of one address go out in order
  seq       INTEGER NOT NULL,      -- the event
  queued_at INTEGER NOT NULL,
  report    TEXT,                  -- JSON; NULL: it is made when the account knows its roster
  PRIMARY KEY (account, address, seq)
) STRICT;

-- How far the events of an account are looked at for its webhook.
CREATE TABLE webhooks (
  account TEXT PRIMARY KEY,
  next    INTEGER NOT NULL         -- the first event that is not
) STRICT, WITHOUT ROWID;

-- A dead letter that is a report can be sent again.
ALTER TABLE dead_letters ADD COLUMN address TEXT;
ALTER TABLE dead_letters ADD COLUMN report TEXT;
