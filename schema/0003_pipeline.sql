-- From files to knowledge to a post in a person's voice.

-- --- voice: profile, samples and pillars of a project ---

-- --- sources: what is analysed, and when ---

-- --- knowledge: where documents come from, and their embeddings ---

-- --- uploads in a bucket ---
