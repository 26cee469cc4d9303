-- The state of the scripts as a person reads it: `SELECT * FROM state`. A chat is its address, * what all chats share; times are UTC.
-- What has expired is left out. A value may hold any character: `hex(value)` shows one with a NUL.
CREATE VIEW state AS
  SELECT script, scope AS chat, key, value, strftime('%Y-%m-%d %H:%M:%S', expires_at / 1000.0, 'unixepoch') AS expires
    FROM kv
   WHERE expires_at IS NULL OR expires_at > (julianday('now') - 2440587.5) * 86400000;

-- Acts that answer no event, by their ends: the old ones go by themselves, the others with their events.
CREATE INDEX outbox_ended ON outbox (ended_at) WHERE cause IS NULL AND ended_at IS NOT NULL;
