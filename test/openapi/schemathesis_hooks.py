"""What Schemathesis cannot know of the document: loaded by SCHEMATHESIS_HOOKS.  Each filter takes something out of all cases, and says why."""
import datetime

import schemathesis
from hypothesis import strategies as st

days = st.dates().map(str)
moments = st.datetimes(timezones=st.just(datetime.timezone.utc)).map(lambda t: t.isoformat().replace('+00:00', 'Z'))
schemathesis.openapi.format('date-or-date-time', days | moments)
schemathesis.openapi.format('line', st.text(st.characters(categories=['L', 'N', 'P', 'S'], exclude_characters='\u2800\u3164'), min_size=1, max_size=100))
schemathesis.openapi.format('web-address', st.from_regex(r'\Ahttps?://[!-~]{1,80}\Z'))


@schemathesis.hook
def before_call(context, case, kwargs):
    """A cursor is what a list gave before, and no generator makes one; bad ones are the matter of the stories."""
    if case.meta is not None and case.meta.generation.mode.is_positive and isinstance(case.query, dict):
        case.query.pop('cursor', None)


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """An Idempotency-Key of another form is ignored and the answer says so (contract 2.9); a filter by what is no folder's id finds nothing."""
    del raw_schema['components']['parameters']['IdempotencyKey']['schema']['pattern']
    for p in raw_schema['paths']['/v1/notes']['get']['parameters']:
        if p.get('name') == 'folderId':
            del p['schema']['pattern']


@schemathesis.hook
def filter_body(context, body):
    """Whole numbers beyond 64 bits are not read, not even in a field that nobody knows."""
    if isinstance(body, dict):
        return all(filter_body(context, v) for v in body.values())
    if isinstance(body, list):
        return all(filter_body(context, v) for v in body)
    return not isinstance(body, int) or -2**63 <= body < 2**63
