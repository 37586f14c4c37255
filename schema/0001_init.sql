-- The tables of scriped.  Every key begins with the workspace; times are milliseconds since 1970; a row's moment of
-- creation is inside its id.  Words in braces are replaced for each engine (src/db/db.h).

CREATE TABLE workspace (
	id           {id}   NOT NULL PRIMARY KEY,
	name         TEXT   NOT NULL,
	plan         TEXT   NOT NULL,
	subscription TEXT   NOT NULL DEFAULT 'active',
	amplifiers   {i64}  NOT NULL DEFAULT 0,
	engagement   {i64}  NOT NULL DEFAULT 0,
	updated_at   {i64}
){strict};

CREATE TABLE person (
	id    {id} NOT NULL PRIMARY KEY,
	email TEXT NOT NULL,
	name  TEXT NOT NULL
){strict};
CREATE UNIQUE INDEX person_email ON person (email);

CREATE TABLE membership (
	workspace {id} NOT NULL REFERENCES workspace (id),
	person    {id} NOT NULL REFERENCES person (id),
	role      TEXT NOT NULL,
	PRIMARY KEY (workspace, person)
){strict};

-- hash is how a token finds its workspace: the one index that cannot begin with it
CREATE TABLE api_key (
	workspace      {id}    NOT NULL REFERENCES workspace (id),
	id             {id}    NOT NULL,
	hash           {bytes} NOT NULL,
	name           TEXT    NOT NULL,
	mode           TEXT    NOT NULL,
	scopes         TEXT    NOT NULL,
	last4          TEXT    NOT NULL,
	created_by     TEXT,
	expires_at     {i64},
	last_used_at   {i64},
	revoked_at     {i64},
	revoked_by     TEXT,
	revoked_reason TEXT,
	PRIMARY KEY (workspace, id)
){strict};
CREATE UNIQUE INDEX api_key_hash ON api_key (hash);

CREATE TABLE project (
	workspace  {id}  NOT NULL REFERENCES workspace (id),
	id         {id}  NOT NULL,
	name       TEXT  NOT NULL,
	type       TEXT  NOT NULL,
	status     TEXT  NOT NULL,
	url        TEXT,
	updated_at {i64},
	version    {i64} NOT NULL DEFAULT 1,
	PRIMARY KEY (workspace, id)
){strict};

CREATE TABLE folder (
	workspace {id} NOT NULL,
	id        {id} NOT NULL,
	project   {id} NOT NULL,
	name      TEXT NOT NULL,
	PRIMARY KEY (workspace, id),
	FOREIGN KEY (workspace, project) REFERENCES project (workspace, id)
){strict};

CREATE TABLE post_status (
	workspace  {id}  NOT NULL,
	id         {id}  NOT NULL,
	project    {id}  NOT NULL,
	name       TEXT  NOT NULL,
	category   TEXT  NOT NULL,
	is_default {i64} NOT NULL,
	position   {i64} NOT NULL,
	PRIMARY KEY (workspace, id),
	FOREIGN KEY (workspace, project) REFERENCES project (workspace, id)
){strict};
CREATE INDEX post_status_order ON post_status (workspace, project, category, position);

CREATE TABLE note (
	workspace  {id}  NOT NULL,
	id         {id}  NOT NULL,
	project    {id}  NOT NULL,
	folder     {id},
	content    TEXT  NOT NULL,
	slot       {id},
	slot_date  {i64},
	slot_type  TEXT,
	updated_at {i64},
	version    {i64} NOT NULL DEFAULT 1,
	PRIMARY KEY (workspace, id),
	FOREIGN KEY (workspace, project) REFERENCES project (workspace, id)
){strict};
CREATE INDEX note_page ON note (workspace, project, id, slot_date);
CREATE INDEX note_folder ON note (workspace, project, folder, id) WHERE folder IS NOT NULL;

CREATE TABLE post (
	workspace    {id}  NOT NULL,
	id           {id}  NOT NULL,
	project      {id}  NOT NULL,
	status       TEXT  NOT NULL,
	status_id    {id},
	category     TEXT  NOT NULL,
	content_type TEXT  NOT NULL,
	title        TEXT  NOT NULL,
	content      TEXT  NOT NULL,
	scheduled_at {i64},
	auto_like    {i64} NOT NULL DEFAULT 0,
	auto_comment {i64} NOT NULL DEFAULT 0,
	job          {id},
	updated_at   {i64},
	version      {i64} NOT NULL DEFAULT 1,
	PRIMARY KEY (workspace, id),
	FOREIGN KEY (workspace, project) REFERENCES project (workspace, id)
){strict};
CREATE INDEX post_page ON post (workspace, project, id);
CREATE INDEX post_by_status ON post (workspace, project, status, id);
CREATE INDEX post_by_column ON post (workspace, status_id) WHERE status_id IS NOT NULL;
CREATE UNIQUE INDEX post_job ON post (workspace, job) WHERE job IS NOT NULL;

-- run_at, lease_until and queued_us steer the queue; reserved is in cents, spent in millionths of a cent
CREATE TABLE job (
	workspace     {id}  NOT NULL,
	id            {id}  NOT NULL,
	project       {id},
	type          TEXT  NOT NULL,
	status        TEXT  NOT NULL,
	input         TEXT  NOT NULL,
	result        TEXT,
	error_code    TEXT,
	error_message TEXT,
	attempts      {i64} NOT NULL DEFAULT 0,
	lost_leases   {i64} NOT NULL DEFAULT 0,
	run_at        {i64} NOT NULL,
	queued_us     {i64} NOT NULL,
	lease_until   {i64},
	worker        TEXT,
	started_at    {i64},
	completed_at  {i64},
	updated_at    {i64} NOT NULL,
	reserved      {i64} NOT NULL DEFAULT 0,
	receipt       TEXT,
	PRIMARY KEY (workspace, id)
){strict};
CREATE INDEX job_by_kind ON job (workspace, type, status, id);
-- the queue is one for all workspaces: a worker asks for the next job, whoever's it is
CREATE INDEX job_ready ON job (run_at, id) WHERE status = 'QUEUED';
CREATE INDEX job_leased ON job (lease_until) WHERE status = 'RUNNING';

CREATE TABLE spend (
	workspace {id}  NOT NULL,
	day       {i64} NOT NULL,
	reserved  {i64} NOT NULL DEFAULT 0,
	spent     {i64} NOT NULL DEFAULT 0,
	PRIMARY KEY (workspace, day)
){strict};

-- not clustered: its keys come in no order, and whole answers scattered over the table cost three times the writes
CREATE TABLE idempotency (
	workspace  {id}    NOT NULL,
	route      TEXT    NOT NULL,
	key        TEXT    NOT NULL,
	hash       {bytes} NOT NULL,
	status     {i64}   NOT NULL,
	body       TEXT    NOT NULL,
	created_at {i64}   NOT NULL,
	PRIMARY KEY (workspace, route, key)
){strict};
CREATE INDEX idempotency_age ON idempotency (workspace, created_at);

CREATE TABLE audit (
	workspace {id}  NOT NULL,
	id        {id}  NOT NULL,
	principal TEXT  NOT NULL,
	mode      TEXT  NOT NULL,
	method    TEXT  NOT NULL,
	route     TEXT  NOT NULL,
	status    {i64} NOT NULL,
	request   TEXT  NOT NULL,
	resource  TEXT,
	ip        TEXT  NOT NULL,
	PRIMARY KEY (workspace, id)
){clustered};

-- the outbox: each change is announced in the transaction that makes it
CREATE TABLE event (
	workspace {id} NOT NULL,
	id        {id} NOT NULL,
	type      TEXT NOT NULL,
	project   {id},
	body      TEXT NOT NULL,
	PRIMARY KEY (workspace, id)
){clustered};

-- the server secret (PostgreSQL), what setup made
CREATE TABLE server_fact (
	name  TEXT    NOT NULL PRIMARY KEY,
	value {bytes} NOT NULL
){strict};
