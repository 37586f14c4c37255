-- Many nodes over one database.

-- --- who is there, and who does what for all ---

-- A row for each process that serves or works, renewed every few seconds.
CREATE TABLE node (
	id       {id}  NOT NULL PRIMARY KEY,
	role     TEXT  NOT NULL,
	host     TEXT  NOT NULL,
	version  TEXT  NOT NULL,
	began_at {i64} NOT NULL,
	seen_at  {i64} NOT NULL
){strict};

-- Duties that one node at a time does for all: who has it until when, and when it is next due.
CREATE TABLE duty (
	name    {id}  NOT NULL PRIMARY KEY,
	holder  {id}  NOT NULL,
	until   {i64} NOT NULL,
	next_at {i64} NOT NULL
){strict};

-- --- what nodes count and remember together where there is no Valkey: gone after a crash, and no loss ---
