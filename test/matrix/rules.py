"""rules.py -- what the contract says of single fields and operations, beside what holds for every field of a kind (faults.py).

This is the expectation.  It is not read from the program: a row here and a row there must say the same."""

# Caps in code points (2.10, 12.1 Units).  A text over its cap is 413; anything else that is too long, a title or a name, is 400.
TEXT_CAPS = {('create_note', 'content'): 100000, ('create_post', 'content'): 100000, ('update_post', 'content'): 100000,
             ('generate_post', 'source.text'): 100000, ('create_source', 'text'): 1000000, ('create_knowledge', 'text'): 1000000}
NAME_CAPS = {('create_voice_sample', 'title'): 500, ('create_post', 'title'): 500, ('update_post', 'title'): 500, ('generate_post', 'options.instructions'): 2000}

# The whole body: 1.5 MB for texts, 12 MB for sources and knowledge, else 256,000 bytes (12.1 Units).
BODY_CAPS = {'update_voice': 1500000, 'create_note': 1500000, 'create_post': 1500000, 'update_post': 1500000, 'generate_post': 1500000,
             'create_source': 12000000, 'create_knowledge': 12000000}
BODY_CAP = 256000

# An unknown word in a body is 400 but for these: 422 (2.7, division of labour).
RULED_WORDS = {'contentType'}
# A reference in a body that names nothing: 404 for these, 422 for the others (12.1 References).
FOUND_OR_404 = {'projectId', 'source.noteId', 'source.sourceId'}
# In a change, these may be null (12.1); every other null is 400.
ERASED = {('update_post', 'scheduledFor'), ('update_key', 'expiresAt'), ('update_key', 'apiVersion'), ('update_project', 'url'),
          *(('update_voice', f) for f in ('profile', 'formality', 'warmth', 'energy', 'complexity', 'prefer', 'avoid', 'structure')), ('update_pillar', 'about')}
# Moments that must lie in the future: 422 (2.7).
FUTURE = {'scheduledFor'}
# Numbers over the top count as the top (6.6).
CLAMPED = {'wait_for_completion_ms': 25000}
# Texts that may not be empty: 400 (12.1 Units).
NOT_EMPTY = {('generate_post', 'source.text'), ('create_source', 'text'), ('create_knowledge', 'text')}

# Objects of which exactly one member is given (12.2): without one, or with two, the object is at fault.
ONE_OF = {('create_voice_sample', ''): ('text', 'postId'), ('generate_post', 'source'): ('text', 'noteId', 'sourceId')}

# References that must be of the project in the path, which is a new one where something is taken: the stories have them.
OF_THE_PROJECT = {('create_voice_sample', 'postId')}

# A good body, where the fields that must be there do not make one.  ~name~ is an id of the world.
BASES = {
    'generate_post': {'projectId': '~project~', 'source': {'text': 'A sentence to write from.'}},
    'update_post': {'autoLike': True},
    ('create_knowledge', 'url'): {'type': 'url', 'url': 'https://example.com/'}, ('create_knowledge', 'youtube'): {'type': 'youtube', 'url': 'https://example.com/'},
    'create_folder': {'projectId': '~roomy~', 'name': 'Folder ~unique~'}, 'update_folder': {'name': 'Folder ~unique~'},
    'create_post_status': {'projectId': '~roomy~', 'name': 'Column ~unique~', 'category': 'draft'}, 'update_post_status': {'name': 'Column ~unique~'},
    'create_upload': {'contentType': 'audio/mpeg'},
    'create_voice_sample': {'text': 'A sample.'}, 'create_pillar': {'name': 'Pillar ~unique~'}, 'update_pillar': {'name': 'Pillar ~unique~'},
    'create_member': {'email': 'ada-~unique~@example.com', 'name': 'Ada', 'role': 'Client'}, 'create_invitation': {'email': 'ada-~unique~@example.com'},
}
# In which resource a field is found again, where its name differs.
SHOWN_AS = {('create_source', 'text'): 'textPreview', ('create_knowledge', 'type'): 'the job says another one', ('update_workspace', 'name'): 'workspace.name', ('create_note', 'date'): 'slot.date',
            ('create_note', 'contentType'): 'slot.contentType',
            ('create_post', 'scheduledFor'): 'scheduledAt',
            ('update_post', 'scheduledFor'): 'scheduledAt'}
# Only so many code points of these are shown (6.7).
PREVIEWS = {('create_source', 'text'): 2000}
# Only the day of these is kept (12.2).
DAY_ONLY = {('create_note', 'date')}
# What is stored when a field is left out (12.2).
DEFAULTS = {
    ('create_upload', 'maxSizeBytes'): 500000000, ('create_note', 'content'): '', ('create_note', 'folderId'): None, ('create_note', 'contentType'): 'PERSONAL',
    ('create_source', 'name'): None, ('create_project', 'type'): 'PERSONAL_BRAND', ('create_project', 'url'): None, ('create_key', 'mode'): 'live',
    ('create_key', 'expiresAt'): None,
    ('create_key', 'apiVersion'): None, ('create_member', 'role'): 'Creator', ('create_invitation', 'role'): 'Creator',
    ('create_post', 'content'): ' ', ('create_post', 'title'): '', ('create_post', 'contentType'): 'PERSONAL', ('create_post', 'scheduledFor'): None,
}
# Places among others: what is beyond the last one becomes the last one.
PLACES = {('create_post_status', 'order'), ('update_post_status', 'order')}
# Words that are well formed and yet refused alone: a scheduled post needs a time (12.2).
WORDS_REFUSED = {('create_post_status', 'category', 'suggested'): (400, 'invalid_request', 'category'),
                 ('update_post', 'statusCategory', 'scheduled'): (422, 'unprocessable', 'scheduledFor')}
# The event of a create, and its resource (8.4).
# Forms of bodies that nothing of the world fits, and what they give: no upload there has its bytes, and few URLs are those of a video.
FORMS_REFUSED = {('create_source', 'file'): (422, 'unprocessable', 'uploadId'), ('create_knowledge', 'file'): (422, 'unprocessable', 'uploadId'),
                 ('create_knowledge', 'youtube'): (422, 'unprocessable', 'url')}
CREATED_EVENT = {'note': 'note.created', 'post': 'post.created', 'src': 'source.created'}

# What a 404 calls a thing (12.1 not_found).
NOUNS = {'proj': 'Project', 'note': 'Note', 'post': 'Post', 'job': 'Job', 'src': 'Source', 'kb': 'Knowledge document', 'smp': 'Voice sample', 'plr': 'Content pillar', 'org': 'Workspace'}

# What is happening: each request adds to it, so that no two answers are alike.
LIVING = {'list_request_logs', 'get_request_log', 'list_audit_log', 'get_usage', 'get_rate_limits'}
# Names: one line of text, not blank; anything else is 400.
LINES = {(op, 'name') for op in ('create_folder', 'update_folder', 'create_post_status', 'update_post_status', 'create_project', 'update_project',
                                 'create_key', 'update_key', 'create_member', 'update_member', 'create_invitation',
                                 'update_workspace', 'create_knowledge', 'create_pillar', 'update_pillar')}
LINKS = (['https://www.linkedin.com/in/ada', 'http://a', 'HTTPS://EXAMPLE.COM/', 'https://exämple.com/ü?a=b#c'],
         ['javascript:alert(1)', 'data:text/html,x', 'www.linkedin.com', '//example.com', 'ftp://example.com', 'https:/example.com',
          ' https://example.com', 'https://a\nb'])
VERSIONS = (['2026-08-01'], ['2020-01-01', '2026-13-01', '2026-8-001', 'the latest', '2026-08-1', '2026-08-010', '２026-08-01'])
EMAILS = (['ada-~unique~@example.com', 'a~unique~@b', 'é~unique~@exämple.com', "o'neil+~unique~@example.com"],
          ['ada', 'ada@', '@example.com', 'a b@example.com', 'ada@exa mple.com', 'a,b@example.com', '<ada@example.com>',
           'a@b\n', '@', '@@@'])
# Texts with a grammar: what is taken, and what is near it; any other text is 400.
GRAMMARS = {
    ('create_upload', 'contentType'): (['audio/mpeg', 'video/mp4', 'image/png', 'application/pdf', 'application/msword', 'text/plain', 'text/html', 'Text/Markdown',
                                        'application/vnd.openxmlformats-officedocument.wordprocessingml.document', 'text/plain; charset=utf-8', 'audio/x.y+z'],
                                       ['audio', 'audio/', '/mpeg', 'audio/*x/y', 'audio/mpeg\r\nX-Evil: 1', ' audio/mpeg', 'audio/mpeg ', 'audio/mpég',
                                        'application/zip', 'application/octet-stream', 'text/csv', 'text/plainest', 'multipart/form-data', 'font/woff']),
    ('create_project', 'url'): LINKS, ('update_project', 'url'): LINKS, ('create_knowledge', 'url'): LINKS, ('create_key', 'apiVersion'): VERSIONS,
    ('update_key', 'apiVersion'): VERSIONS,
    ('create_member', 'email'): EMAILS, ('create_invitation', 'email'): EMAILS,
    ('list_request_logs', 'status'): (['100', '200', '404', '599', '2xx', '4xx', '5xx'],
                                      ['099', '600', '6xx', '0xx', 'xx', '4x', '4x4', '40', '4XX', ' 40', '-40', '4.4', '４０４']),
}
# Of these a text that does not fit breaks a rule: 422 (6.8).
RULED_GRAMMARS = {('create_upload', 'contentType')}
# How many days back a moment may lie: 400.
DAYS_BACK = {('get_usage', 'dateFrom'): 366}
# Actions whose body says nothing that must be said: none at all is taken.
BODY_OPTIONAL = {'revoke_key'}
