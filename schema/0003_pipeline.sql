-- From files to knowledge to a post in a person's voice.

-- --- voice: profile, samples and pillars of a project ---

-- what was said of how somebody writes; sliders in thousandths, words as JSON arrays of strings
CREATE TABLE voice (
	workspace    {id}  NOT NULL,
	project      {id}  NOT NULL,
	profile      TEXT  NOT NULL,
	formality    {i64},
	warmth       {i64},
	energy       {i64},
	complexity   {i64},
	prefer_words TEXT  NOT NULL,
	avoid_words  TEXT  NOT NULL,
	structure    TEXT  NOT NULL,
	updated_at   {i64} NOT NULL,
	PRIMARY KEY (workspace, project),
	FOREIGN KEY (workspace, project) REFERENCES project (workspace, id)
){strict};

-- post: the one that it was made of, which may have changed since
CREATE TABLE voice_sample (
	workspace {id} NOT NULL,
	id        {id} NOT NULL,
	project   {id} NOT NULL,
	post      {id},
	title     TEXT,
	content   TEXT NOT NULL,
	PRIMARY KEY (workspace, id),
	FOREIGN KEY (workspace, project) REFERENCES project (workspace, id)
){strict};
CREATE INDEX voice_sample_page ON voice_sample (workspace, project, id);

CREATE TABLE pillar (
	workspace {id} NOT NULL,
	id        {id} NOT NULL,
	project   {id} NOT NULL,
	name      TEXT NOT NULL,
	about     TEXT NOT NULL,
	PRIMARY KEY (workspace, id),
	FOREIGN KEY (workspace, project) REFERENCES project (workspace, id)
){strict};
CREATE INDEX pillar_page ON pillar (workspace, project, id);

-- --- sources: what is analysed, and when ---

-- where in a file or a recording stretches of the text were found, packed (text/marked.h)
ALTER TABLE source_text ADD COLUMN marks {bytes};

-- --- uploads: by which job they were used: one that fails gives them back ---

ALTER TABLE upload ADD COLUMN job {id};
CREATE INDEX upload_job ON upload (workspace, job) WHERE job IS NOT NULL;

-- What a job read of its upload, until it ends: another start need not read it, or pay for it, again.  duration: -1 of what is no recording.
CREATE TABLE upload_text (
	workspace {id}  NOT NULL,
	job       {id}  NOT NULL,
	type      TEXT,
	title     TEXT,
	duration  {i64} NOT NULL,
	body      TEXT  NOT NULL,
	marks     {bytes},
	PRIMARY KEY (workspace, job)
){strict};

-- --- knowledge: where documents come from, and their embeddings ---

-- What the text of a document is to be made of (upload, url), and once that is read its marks; body is empty before.
ALTER TABLE knowledge_unlisted ADD COLUMN url TEXT;
ALTER TABLE knowledge_unlisted ADD COLUMN upload {id};
ALTER TABLE knowledge_unlisted ADD COLUMN marks {bytes};
-- its bytes go with the document
ALTER TABLE knowledge ADD COLUMN upload {id};
-- on which page of the file it begins
ALTER TABLE knowledge_passage ADD COLUMN page {i64};

-- Embeddings of the passages from `place` on, n of them: of each the scale (float, little-endian) and a signed byte a dimension.
-- Those of another model than the one that is set are passed over, and made anew.
CREATE TABLE knowledge_vector (
	workspace {id}    NOT NULL,
	document  {id}    NOT NULL,
	place     {i64}   NOT NULL,
	model     {id}    NOT NULL,
	n         {i64}   NOT NULL,
	data      {bytes} NOT NULL,
	PRIMARY KEY (workspace, document, place)
){clustered};

-- Which model all passages of the document have vectors of ('': none), and until when somebody makes them, or nobody shall
-- try.  Who makes them looks for documents of all workspaces.
ALTER TABLE knowledge ADD COLUMN vectors {id} NOT NULL DEFAULT '';
ALTER TABLE knowledge ADD COLUMN vectors_at {i64} NOT NULL DEFAULT 0;
CREATE INDEX knowledge_vectors ON knowledge (vectors, workspace, id);

-- counts what came, went or got vectors: a cache asks whether it is still true
ALTER TABLE knowledge_size ADD COLUMN changes {i64} NOT NULL DEFAULT 0;

-- --- uploads in a bucket ---
