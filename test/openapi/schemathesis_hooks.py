"""What Schemathesis cannot know of the document: loaded by SCHEMATHESIS_HOOKS.  Each filter takes something out of all cases, and says why."""
import datetime
import re

import schemathesis
from hypothesis import strategies as st

days = st.dates().map(str)
moments = st.datetimes(timezones=st.just(datetime.timezone.utc)).map(lambda t: t.isoformat().replace('+00:00', 'Z'))
schemathesis.openapi.format('date-or-date-time', days | moments)


@schemathesis.hook
def before_call(context, case, kwargs):
    """A cursor is what a list gave before, and no generator makes one; bad ones are the matter of the stories."""
    if case.meta is not None and case.meta.generation.mode.is_positive and isinstance(case.query, dict):
        case.query.pop('cursor', None)


@schemathesis.hook
def filter_headers(context, headers):
    """An Idempotency-Key of another form is ignored, not refused (contract 2.9); the answer says so."""
    key = (headers or {}).get('Idempotency-Key')
    return key is None or re.fullmatch('[A-Za-z0-9_-]{1,64}', str(key)) is not None


@schemathesis.hook
def filter_query(context, query):
    """A filter by an id that no folder has finds nothing (contract 12.1), whatever its form."""
    folder = (query or {}).get('folderId')
    return folder is None or re.fullmatch('fold_[0-7][0-9A-HJKMNP-TV-Z]{25}', str(folder)) is not None


@schemathesis.hook
def filter_body(context, body):
    """Whole numbers beyond 64 bits are not read, not even in a field that nobody knows."""
    if isinstance(body, dict):
        return all(filter_body(context, v) for v in body.values())
    if isinstance(body, list):
        return all(filter_body(context, v) for v in body)
    return not isinstance(body, int) or -2**63 <= body < 2**63
