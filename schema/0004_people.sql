-- People who sign in, and programs that act for them.

-- --- people ---

-- password: Argon2id in its textual form; NULL until one was chosen.  Sessions from before password_at are over.
ALTER TABLE person ADD COLUMN password TEXT;
ALTER TABLE person ADD COLUMN password_at {i64};

-- which workspaces a person belongs to
CREATE INDEX membership_of ON membership (person, workspace);

-- hash is that of the cookie: it finds the person
CREATE TABLE session (
	hash       {bytes} NOT NULL PRIMARY KEY,
	person     {id}    NOT NULL REFERENCES person (id),
	began_at   {i64}   NOT NULL,
	seen_at    {i64}   NOT NULL,
	expires_at {i64}   NOT NULL,
	ip         TEXT    NOT NULL,
	agent      TEXT
){strict};
CREATE INDEX session_of ON session (person, began_at);
CREATE INDEX session_end ON session (expires_at);

-- hash is that of the link: it finds the workspace
CREATE TABLE invitation (
	workspace   {id}    NOT NULL REFERENCES workspace (id),
	id          {id}    NOT NULL,
	hash        {bytes} NOT NULL,
	email       TEXT    NOT NULL,
	name        TEXT    NOT NULL,
	role        TEXT    NOT NULL,
	invited_by  TEXT    NOT NULL,
	expires_at  {i64}   NOT NULL,
	accepted_at {i64},
	PRIMARY KEY (workspace, id)
){strict};
CREATE UNIQUE INDEX invitation_hash ON invitation (hash);
CREATE INDEX invitation_end ON invitation (expires_at);

-- --- OAuth 2.1: programs, what people allowed them, and their tokens ---

-- A program is no workspace's.  url: its client_id where that is a metadata document, which is believed until fresh_until.
-- redirects: a JSON array; metadata: the rest as it was registered.  Without a consent it is removed 30 days after created_at.
-- changed_at: when name or redirects became what they are; who allowed it something before is asked again.
CREATE TABLE oauth_client (
	id           {id}  NOT NULL PRIMARY KEY,
	url          TEXT,
	name         TEXT  NOT NULL,
	auth_method  TEXT  NOT NULL,
	scopes       TEXT,
	redirects    TEXT  NOT NULL,
	metadata     TEXT  NOT NULL,
	secret       {bytes},
	registration {bytes},
	verified     {i64} NOT NULL DEFAULT 0,
	created_at   {i64} NOT NULL,
	fresh_until  {i64},
	consented_at {i64},
	changed_at   {i64} NOT NULL
){strict};
CREATE UNIQUE INDEX oauth_client_url ON oauth_client (url) WHERE url IS NOT NULL;
CREATE INDEX oauth_client_orphan ON oauth_client (created_at) WHERE consented_at IS NULL;

-- What a person allowed a program: one row for both, changed when they allow more.  workspace is the token's default.
CREATE TABLE consent (
	person     {id}  NOT NULL REFERENCES person (id),
	id         {id}  NOT NULL,
	client     {id}  NOT NULL REFERENCES oauth_client (id),
	workspace  {id}  NOT NULL REFERENCES workspace (id),
	scopes     TEXT  NOT NULL,
	given_at   {i64} NOT NULL,
	used_at    {i64},
	revoked_at {i64},
	PRIMARY KEY (person, id)
){strict};
CREATE UNIQUE INDEX consent_of ON consent (person, client);
CREATE INDEX consent_client ON consent (client, person, id);
CREATE INDEX consent_workspace ON consent (workspace, id) WHERE revoked_at IS NULL;

-- hash is all that is kept of a code.  family: what it was exchanged for, so that a second use revokes it.
CREATE TABLE oauth_code (
	hash       {bytes} NOT NULL PRIMARY KEY,
	client     {id}    NOT NULL,
	person     {id}    NOT NULL,
	consent    {id}    NOT NULL,
	workspace  {id}    NOT NULL,
	scopes     TEXT    NOT NULL,
	redirect   TEXT    NOT NULL,
	challenge  TEXT    NOT NULL,
	resource   TEXT    NOT NULL,
	expires_at {i64}   NOT NULL,
	family     {id}
){strict};
CREATE INDEX oauth_code_end ON oauth_code (expires_at);

-- All tokens that came of one code.  A token is this row's id, a number and a MAC under the server's secret, so that none is kept.
-- turn: the number of the refresh token that holds; turned_at: since when, and the moment in the access token given with it.
-- expires_at slides with each turn.
CREATE TABLE oauth_family (
	id           {id}  NOT NULL PRIMARY KEY,
	client       {id}  NOT NULL,
	person       {id}  NOT NULL,
	consent      {id}  NOT NULL,
	workspace    {id}  NOT NULL,
	scopes       TEXT  NOT NULL,
	resource     TEXT  NOT NULL,
	turn         {i64} NOT NULL,
	turned_at    {i64} NOT NULL,
	expires_at   {i64} NOT NULL,
	revoked_at   {i64}
){strict};
CREATE INDEX oauth_family_of ON oauth_family (person, consent);
CREATE INDEX oauth_family_end ON oauth_family (expires_at);

-- --- who did it: a program for a person ---

ALTER TABLE audit ADD COLUMN client {id};
ALTER TABLE request_log ADD COLUMN client {id};

-- --- what agents list and wait for ---

CREATE INDEX source_of ON source (workspace, project, id);

-- --- MCP: sessions of the protocol versions that have them, so that any node can serve any request ---

-- hash is that of the session id; principal: whose it is, and nobody else's (a hash, too); subscriptions: a JSON array of URIs
CREATE TABLE mcp_session (
	hash          {bytes} NOT NULL PRIMARY KEY,
	principal     {bytes} NOT NULL,
	version       TEXT    NOT NULL,
	client        TEXT    NOT NULL,
	log_level     TEXT    NOT NULL,
	subscriptions TEXT    NOT NULL,
	began_at      {i64}   NOT NULL,
	seen_at       {i64}   NOT NULL
){strict};
CREATE INDEX mcp_session_end ON mcp_session (seen_at);
