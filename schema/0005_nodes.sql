-- Many nodes over one database.

-- --- who is there, and who does what for all ---

-- A row for each process that serves or works, renewed every few seconds.
CREATE TABLE node (
	id       {id}  NOT NULL PRIMARY KEY,
	role     TEXT  NOT NULL,
	host     TEXT  NOT NULL,
	version  TEXT  NOT NULL,
	began_at {i64} NOT NULL,
	seen_at  {i64} NOT NULL,
	settings TEXT  NOT NULL DEFAULT ''	-- those that all nodes are to have alike, a line name=value each, without secrets; empty: not known
){strict};

-- Duties that one node at a time does for all: who has it until when, and when it is next due.
CREATE TABLE duty (
	name    {id}  NOT NULL PRIMARY KEY,
	holder  {id}  NOT NULL,
	until   {i64} NOT NULL,
	next_at {i64} NOT NULL
){strict};

-- --- reading from replicas ---

-- One row, moved by a node that cannot tell the others what it writes: until it stands still, nobody reads from replicas; floor is how far in the log a replica
-- must be from then on (src/kv/seen.h).
CREATE TABLE replica_gate (
	id    {i64} NOT NULL PRIMARY KEY,
	turn  {i64} NOT NULL,
	floor {i64} NOT NULL
){strict};

-- --- what nodes count and remember together where there is no Valkey: gone after a crash, and no loss ---

-- How often a name was taken: moments and blocks of nodes, packed (src/kv/slots.h).  ends_at is rounded up, so that it changes seldom.
CREATE {unlogged} TABLE rate_window (
	name    {id}    NOT NULL PRIMARY KEY,
	slots   {bytes} NOT NULL,
	ends_at {i64}   NOT NULL
){strict}{pg} WITH (fillfactor = 60){/pg};
CREATE INDEX rate_window_end ON rate_window (ends_at);

-- How far a job is that runs on another node: the last word of it, kept an hour (src/model/progress.h).
CREATE {unlogged} TABLE job_progress (
	workspace  {id}  NOT NULL,
	job        {id}  NOT NULL,
	millionths {i64} NOT NULL,
	message    TEXT  NOT NULL,
	updated_at {i64} NOT NULL,
	ends_at    {i64} NOT NULL,
	PRIMARY KEY (workspace, job)
){strict}{pg} WITH (fillfactor = 60){/pg};
CREATE INDEX job_progress_end ON job_progress (ends_at);

-- --- importing: which exports are in, or on their way in ---

-- chunk: the last one that is in, written in its transaction, so that an import that was interrupted goes on behind it.  hash: the
-- chain of all chunks up to there (src/move/format.h).
CREATE TABLE moved (
	export  {id}    NOT NULL PRIMARY KEY,
	scope   {id}    NOT NULL,
	chunk   {i64}   NOT NULL,
	hash    {bytes} NOT NULL,
	done_at {i64}
){strict};
