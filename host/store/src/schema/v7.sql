-- The audit is kept actor by actor, so that one who asks for much pushes out nobody else's entries. SQLite ends each entry of
-- an index with the row's number.
CREATE INDEX audit_actor ON audit (actor);
