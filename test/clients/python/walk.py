"""What an integration does first, with the client that openapi-generator makes of the document for Python."""
import os
import sys
import uuid

import scripe
from scripe.exceptions import NotFoundException

failed = 0
project = os.environ['API_PROJECT']
client = scripe.ApiClient(scripe.Configuration(host=os.environ['API_URL'], access_token=os.environ['API_KEY']))
notes, posts = scripe.NotesApi(client), scripe.PostsApi(client)


def check(what, ok):
    global failed
    failed += not ok
    print('ok' if ok else 'not ok', '- python:', what)


def who_am_i():
    me = scripe.WorkspacesApi(client).get_workspace()
    check('who am I', me.principal.type == 'api_key' and me.workspace.features.api_access)


def write_once():
    note = scripe.NoteCreate(project_id=project, content='Written once.', content_type='EDUCATIONAL')
    key = str(uuid.uuid4())
    first = notes.create_note_with_http_info(note, idempotency_key=key)
    again = notes.create_note_with_http_info(note, idempotency_key=key)
    check('a retry with the same key is a replay', again.data.data.id == first.data.data.id and
          [a.headers['Idempotent-Replayed'] for a in (first, again)] == ['false', 'true'])
    check('what may be null is None or there', first.data.data.updated_at is None and first.data.data.slot.content_type == 'EDUCATIONAL')


def pages():
    cursor = None
    while True:
        page = notes.list_notes(project, limit=3, cursor=cursor)
        yield page.data
        if not page.pagination.has_more:
            return
        cursor = page.pagination.next_cursor


def list_all():
    for i in range(7):
        notes.create_note(scripe.NoteCreate(project_id=project, content=f'Note {i}'))
    found = list(pages())
    ids = {note.id for page in found for note in page}
    check('a list is walked to its end', len(found) == 3 and len(ids) == 8)


def keep_source():
    """Its id.  The operation answers with a source or, of a file, with the job that makes one."""
    text = scripe.SourceCreateText(type='text', project_id=project, text='We changed one form. Support calls fell by half.')
    source = scripe.SourcesApi(client).create_source(scripe.SourceCreate(text)).data.actual_instance
    check('an answer that is one of two is what it is', isinstance(source, scripe.Source) and source.has_full_text)
    return source.id


def generate(source_id):
    source = scripe.GenerationSource(scripe.GenerationSourceSource(source_id=source_id))
    job = posts.generate_post(scripe.GenerationCreate(
        project_id=project, source=source, wait_for_completion_ms=20000)).data
    check('a generation is waited for', job.status == 'DONE' and job.result.post_id)
    post = posts.get_post(job.result.post_id).data
    check('the job names its post', post.status == 'draft' and 'Support calls' in post.content)


def indexed():
    knowledge = scripe.KnowledgeApi(client)
    text = scripe.KnowledgeCreateText(type='text', name='Prices', text='The team plan is 29 euros a month.')
    page = scripe.KnowledgeCreateUrl(type='url', url='http://localhost.invalid/prices')
    jobs = [knowledge.create_knowledge(scripe.KnowledgeCreate(made)).data.type for made in (text, page)]
    check('each kind of knowledge has a type of its own', jobs == ['KB_INGEST_TEXT', 'KB_INGEST_URL'])


def refused():
    try:
        notes.get_note('note_01J9ZAB12CD34E56F7G8H9JKMN')
        check('a refusal is an exception', False)
    except NotFoundException as e:
        check('a refusal is an exception with code, message and request id',
              e.status == 404 and e.data.error.code == 'not_found' and e.data.error.request_id == e.headers['X-Request-Id'])


def tomorrow():
    p = scripe.Project.from_json('{"id":"proj_01J9ZAB12CD34E56F7G8H9JKMN","name":"N","type":"NEWSLETTER","status":"ASLEEP","url":null,'
                                 '"createdAt":"2026-08-01T00:00:00.000Z","later":1}')
    check('fields and words of tomorrow are read', p.status == 'ASLEEP' and p.type == 'NEWSLETTER')


who_am_i()
write_once()
list_all()
generate(keep_source())
indexed()
refused()
tomorrow()
sys.exit(failed > 0)
