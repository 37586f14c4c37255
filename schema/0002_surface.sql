-- The whole documented surface, and what the command line needs beside it.

-- --- sources and their topics ---

-- what is shown of a source; times of a recording in milliseconds
CREATE TABLE source (
	workspace   {id}  NOT NULL,
	id          {id}  NOT NULL,
	project     {id}  NOT NULL,
	status      TEXT  NOT NULL,
	name        TEXT,
	file_type   TEXT,
	duration_ms {i64},
	preview     TEXT  NOT NULL,
	truncated   {i64} NOT NULL,
	has_text    {i64} NOT NULL,
	updated_at  {i64},
	PRIMARY KEY (workspace, id),
	FOREIGN KEY (workspace, project) REFERENCES project (workspace, id)
){strict};

-- the whole text, apart: a change of the row would write it anew, and who reads the row does not want it
CREATE TABLE source_text (
	workspace {id} NOT NULL,
	source    {id} NOT NULL,
	body      TEXT NOT NULL,
	PRIMARY KEY (workspace, source),
	FOREIGN KEY (workspace, source) REFERENCES source (workspace, id)
){strict};

-- takeaways: a JSON array of strings; score in thousandths
CREATE TABLE source_topic (
	workspace {id}  NOT NULL,
	id        {id}  NOT NULL,
	source    {id}  NOT NULL,
	title     TEXT  NOT NULL,
	summary   TEXT  NOT NULL,
	takeaways TEXT  NOT NULL,
	ranking   {i64} NOT NULL,
	score     {i64} NOT NULL,
	from_ms   {i64},
	to_ms     {i64},
	PRIMARY KEY (workspace, id),
	FOREIGN KEY (workspace, source) REFERENCES source (workspace, id)
){strict};
CREATE INDEX source_topic_rank ON source_topic (workspace, source, ranking, id);

CREATE TABLE source_hook (
	workspace    {id}  NOT NULL,
	id           {id}  NOT NULL,
	source       {id}  NOT NULL,
	topic        {id}  NOT NULL,
	position     {i64} NOT NULL,
	content      TEXT  NOT NULL,
	post_type    TEXT  NOT NULL,
	content_type TEXT  NOT NULL,
	PRIMARY KEY (workspace, id),
	FOREIGN KEY (workspace, topic) REFERENCES source_topic (workspace, id)
){strict};
CREATE INDEX source_hook_order ON source_hook (workspace, source, topic, position, id);

-- --- projects, folders, columns, people: what editing them needs ---

-- what this workspace calls a member; the name in table person is nobody's to change but the person's
ALTER TABLE membership ADD COLUMN name TEXT;

CREATE INDEX folder_page ON folder (workspace, project, id);
CREATE INDEX post_status_place ON post_status (workspace, project, position);
-- folders and columns that are gone while notes and posts still name them: the keeper walks it in the order of its key
CREATE TABLE vacated (
	workspace {id}  NOT NULL,
	id        {id}  NOT NULL,
	kind      TEXT  NOT NULL,
	project   {id}  NOT NULL,
	category  TEXT,
	since     {i64} NOT NULL,
	PRIMARY KEY (workspace, id)
){clustered};

-- --- the request log ---

-- not indexed by what it is filtered by, errors excepted: it is bounded, and each index would be written with each row; failed is
-- the id again, of an error (an index of ids with a condition would be passed over for the key)
CREATE TABLE request_log (
	workspace   {id}  NOT NULL,
	id          {id}  NOT NULL,
	principal   {id}  NOT NULL,
	mode        TEXT,
	method      TEXT  NOT NULL,
	operation   {id}  NOT NULL,
	path        TEXT  NOT NULL,
	query       TEXT,
	status      {i64} NOT NULL,
	failed      {id},
	error       {id}  NOT NULL,
	us          {i64} NOT NULL,
	bytes_in    {i64} NOT NULL,
	bytes_out   {i64} NOT NULL,
	ip          TEXT  NOT NULL,
	agent       TEXT,
	version     TEXT,
	idempotency TEXT  NOT NULL,
	ignored     TEXT,
	weight      {i64} NOT NULL,
	PRIMARY KEY (workspace, id)
){clustered};
CREATE INDEX request_log_failed ON request_log (workspace, failed) WHERE failed IS NOT NULL;

-- how many rows the log of a workspace has: counted in the transactions that add and remove them
CREATE TABLE request_log_size (
	workspace {id}  NOT NULL PRIMARY KEY,
	n         {i64} NOT NULL
){clustered};

-- a row for each day and each counter that ran (run): sums, so that writing one twice does no harm
CREATE TABLE usage_day (
	workspace {id}  NOT NULL,
	day       {i64} NOT NULL,
	run       {id}  NOT NULL,
	requests  {i64} NOT NULL,
	writes    {i64} NOT NULL,
	errors    {i64} NOT NULL,
	PRIMARY KEY (workspace, day, run)
){clustered};

-- --- how many posts a column holds ---

-- Counted in the transaction that moves a post: to count a million of them takes 50 ms of a thread that serves others.  Where
-- many write, a column's number is in parts, or all of them would wait for one row; its posts are their sum.
CREATE TABLE post_count (
	workspace {id}  NOT NULL,
	status_id {id}  NOT NULL,
	part      {i64} NOT NULL,
	posts     {i64} NOT NULL,
	PRIMARY KEY (workspace, status_id, part)
){clustered};
INSERT INTO post_count (workspace, status_id, part, posts)
	SELECT workspace, status_id, 0, count(*) FROM post WHERE status_id IS NOT NULL GROUP BY workspace, status_id;

-- --- idempotency: found by a name of 25 bytes ---

-- Where a key was up to 64 characters behind a route and a workspace, each record dirtied a leaf of an index that was twice
-- as wide.  The name is what model/ledger.c makes of all three: it begins as the key does, so that keys in the order of
-- time land together, and ends with 16 bytes of their SHA-256.  It holds the workspace, so it need not begin with it; every
-- statement binds both.  SQL cannot make the names of the old records: ledger_adopt moves them at the first start, before
-- anybody is served, and leaves their table empty.
ALTER TABLE idempotency RENAME TO idempotency_old;
DROP INDEX idempotency_age;
CREATE TABLE idempotency (
	workspace  {id}    NOT NULL,
	name       {bytes} NOT NULL,
	hash       {bytes} NOT NULL,
	status     {i64}   NOT NULL,
	body       TEXT    NOT NULL,
	created_at {i64}   NOT NULL,
	PRIMARY KEY (name)
){strict};
CREATE INDEX idempotency_age ON idempotency (workspace, created_at);

-- --- versions of the API: what a key speaks when a request names none ---

ALTER TABLE api_key ADD COLUMN version TEXT;

-- --- knowledge: documents, their passages, and the index of the words in them ---

-- Documents that are whole; type and preview as they are shown.  hash is that of the text and its scope.
CREATE TABLE knowledge (
	workspace  {id}    NOT NULL,
	id         {id}    NOT NULL,
	project    {id},
	type       TEXT    NOT NULL,
	name       TEXT    NOT NULL,
	url        TEXT,
	language   TEXT,
	characters {i64}   NOT NULL,
	passages   {i64}   NOT NULL,
	words      {i64}   NOT NULL,
	preview    TEXT    NOT NULL,
	truncated  {i64}   NOT NULL,
	hash       {bytes} NOT NULL,
	PRIMARY KEY (workspace, id),
	FOREIGN KEY (workspace, project) REFERENCES project (workspace, id)
){strict};
CREATE INDEX knowledge_scope ON knowledge (workspace, project, id);
CREATE UNIQUE INDEX knowledge_hash ON knowledge (workspace, hash);

-- Documents whose passages are being written (by that job) or removed (job is NULL): a search passes them over.  What a job
-- that failed or was cancelled left here, the keeper removes; it walks all workspaces in the order of the key.
CREATE TABLE knowledge_unlisted (
	workspace {id} NOT NULL,
	id        {id} NOT NULL,
	job       {id},
	project   {id},
	type      TEXT NOT NULL,
	name      TEXT NOT NULL,
	body      TEXT NOT NULL,
	PRIMARY KEY (workspace, id)
){strict};

CREATE TABLE knowledge_passage (
	workspace {id}  NOT NULL,
	document  {id}  NOT NULL,
	place     {i64} NOT NULL,
	heading   TEXT  NOT NULL,
	body      TEXT  NOT NULL,
	PRIMARY KEY (workspace, document, place)
){clustered};

-- In which passages of a document a word is, and how often: know/know.h says how hits are written.  One row for a word and a
-- document, so that a long document costs few of them.
CREATE TABLE knowledge_term (
	workspace {id}    NOT NULL,
	term      {id}    NOT NULL,
	document  {id}    NOT NULL,
	project   {id},
	hits      {bytes} NOT NULL,
	PRIMARY KEY (workspace, term, document)
){clustered};

-- Which terms were written for a document, a row for each transaction that wrote some: it is how they are found again.
CREATE TABLE knowledge_slice (
	workspace {id}  NOT NULL,
	document  {id}  NOT NULL,
	place     {i64} NOT NULL,
	terms     TEXT  NOT NULL,
	PRIMARY KEY (workspace, document, place)
){clustered};

-- how much there is to search, kept by whoever adds or removes a document
CREATE TABLE knowledge_size (
	workspace {id}  NOT NULL PRIMARY KEY,
	passages  {i64} NOT NULL,
	words     {i64} NOT NULL
){clustered};

-- --- uploads ---

-- since: when it came into its state; attempt: the PUT that completed it
CREATE TABLE upload (
	workspace    {id}  NOT NULL,
	id           {id}  NOT NULL,
	state        TEXT  NOT NULL,
	content_type TEXT  NOT NULL,
	max_size     {i64} NOT NULL,
	expires_at   {i64} NOT NULL,
	external     {i64} NOT NULL,
	size         {i64},
	attempt      {id},
	since        {i64} NOT NULL,
	PRIMARY KEY (workspace, id)
){strict};
CREATE INDEX upload_age ON upload (workspace, state, since);
