-- An event waits until it has a row in `handled`, unless no script wants it. Events before the one of the fact
-- `store.handled_before` in `meta` do not wait: nobody needs to look there.
DROP TABLE waiting;
ALTER TABLE events ADD COLUMN unwanted INTEGER; -- 1: no script wanted it, so it never waited
