-- The whole documented surface, and what the command line needs beside it.

-- --- sources and their topics ---

-- --- projects, folders, columns, people: what editing them needs ---

-- --- the request log ---

-- --- versions of the API: what a key speaks when a request names none ---

ALTER TABLE api_key ADD COLUMN version TEXT;
