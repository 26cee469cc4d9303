-- Times are milliseconds since 1970: `datetime(at / 1000, 'unixepoch')` shows one.
-- An address is a chat as text, `account/kind/id`, or an account.

-- The journal: what happened. A row never changes.
CREATE TABLE events (
  seq         INTEGER PRIMARY KEY, -- the event's number, one counter for the host
  received_at INTEGER NOT NULL,    -- by the host's clock
  address     TEXT NOT NULL,
  kind        TEXT NOT NULL,       -- message-received, member-joined ...
  event       TEXT NOT NULL        -- all of it, JSON
) STRICT;

-- The events that are in the journal and not handled yet.
CREATE TABLE waiting (
  seq INTEGER PRIMARY KEY
) STRICT;

-- The events that are handled, and which scripts were called for it.
CREATE TABLE handled (
  seq        INTEGER PRIMARY KEY,
  handled_at INTEGER NOT NULL,
  calls      TEXT NOT NULL         -- JSON
) STRICT;

-- The state of the scripts.
CREATE TABLE kv (
  script     TEXT NOT NULL,
  scope      TEXT NOT NULL,        -- an address; * is what all chats share
  key        TEXT NOT NULL,
  value      TEXT NOT NULL,
  expires_at INTEGER,              -- the value is gone from this time on; NULL is never
  PRIMARY KEY (script, scope, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX kv_expiring ON kv (expires_at) WHERE expires_at IS NOT NULL;

-- What was decided, and what became of it.
CREATE TABLE outbox (
  number     INTEGER PRIMARY KEY,  -- the act's number, one counter for the host
  state      TEXT NOT NULL,        -- decided: not yet handed to the network
                                   -- sending: handed to it, no answer yet
                                   -- done, failed, refused, unsupported, unknown, expired, dry-run
  address    TEXT NOT NULL,        -- where it acts
  account    TEXT NOT NULL,        -- who acts
  action     TEXT NOT NULL,        -- send, shutup, kick ...
  actor      TEXT NOT NULL,        -- who asked: script:NAME, api, webhook
  cause      INTEGER,              -- the event it was decided on
  decided_at INTEGER NOT NULL,
  act        TEXT NOT NULL,        -- all of it, JSON
  ended_at   INTEGER,              -- NULL while it is decided or sending
  code       TEXT,                 -- ok, or why not
  text       TEXT,                 -- the same in a sentence
  message_id TEXT,                 -- of the message that was sent
  done_order INTEGER               -- the order in which the account's acts were done
) STRICT;
CREATE INDEX outbox_open ON outbox (number) WHERE ended_at IS NULL;
CREATE INDEX outbox_done ON outbox (account, done_order) WHERE done_order IS NOT NULL;
CREATE INDEX outbox_cause ON outbox (cause) WHERE cause IS NOT NULL;

-- Where the list of what an account did begins anew.
CREATE TABLE resets (
  account    TEXT PRIMARY KEY,
  reset_at   INTEGER NOT NULL,
  done_order INTEGER NOT NULL      -- acts up to this one are no longer listed
) STRICT, WITHOUT ROWID;

-- What scripts want to be woken for.
CREATE TABLE timers (
  script  TEXT NOT NULL,
  address TEXT NOT NULL,           -- where it was set
  tag     TEXT NOT NULL,           -- its name there
  due     INTEGER NOT NULL,
  timer   TEXT NOT NULL,           -- all of it, JSON
  PRIMARY KEY (script, address, tag)
) STRICT, WITHOUT ROWID;

-- What was refused, changed or ordered, and by whom.
CREATE TABLE audit (
  id      INTEGER PRIMARY KEY,
  at      INTEGER NOT NULL,
  actor   TEXT NOT NULL,           -- script:NAME, api, webhook, operator, host
  what    TEXT NOT NULL,           -- refused, script-loaded, account-reset ...
  script  TEXT,
  address TEXT,
  seq     INTEGER,                 -- the event it has to do with
  code    TEXT,
  text    TEXT NOT NULL
) STRICT;
CREATE INDEX audit_seq ON audit (seq) WHERE seq IS NOT NULL;

-- Events and acts that could not be dealt with and were set aside.
CREATE TABLE dead_letters (
  id     INTEGER PRIMARY KEY,
  at     INTEGER NOT NULL,
  seq    INTEGER,                  -- the event
  act    INTEGER,                  -- the act's number
  script TEXT,
  code   TEXT NOT NULL,
  text   TEXT NOT NULL
) STRICT;

-- Single facts about the host. Names that begin with `store.` are the store's own.
CREATE TABLE meta (
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
