"""youtube.py -- the video platform of web.py: watch pages with a player response in them, and captions in three forms.

What a video does is told by its id, eleven letters."""
import json
import re
import urllib.parse

# Each line of captions: from, to in ms, text.
ENGLISH = ((0, 2500, 'Welcome to the harbour of Brandon Point.'), (2500, 6000, 'Every evening the ferry'),
    (6000, 9000, 'brings four hundred people home.'), (9000, 12000, '[Music]'), (12500, 16000, 'It has done so for sixty years &amp; more.'),
    (65000, 70000, 'The new ferry is electric, and it needs nine minutes.'))
GERMAN = ((0, 3000, 'Willkommen im Hafen.'), (3000, 6000, 'Jeden Abend bringt die Fähre die Leute nach Hause.'))
SPOKEN = ((0, 3000, 'welcome to the harbor every evening the'), (2000, 6000, 'the ferry brings people home'))


def json3(lines, auto=False):
    events = [{'tStartMs': 0, 'dDurationMs': 70000, 'id': 1, 'wpWinPosId': 1}] if auto else []
    for start, end, text in lines:
        words = text.replace('&amp;', '&').split(' ')
        events.append({'tStartMs': start, 'dDurationMs': end - start, 'segs': [{'utf8': w if i == 0 else ' ' + w, 'tOffsetMs': i * 10} for i, w in enumerate(words)]})
        if auto:
            events.append({'tStartMs': start, 'dDurationMs': 10, 'aAppend': 1, 'segs': [{'utf8': '\n'}]})
    return json.dumps({'wireMagic': 'pb3', 'events': events})


def srv3(lines):
    rows = ''.join(f'<p t="{s}" d="{e - s}"><s>{t[:5]}</s><s t="9">{t[5:]}</s></p>\n' for s, e, t in lines)
    return f'<?xml version="1.0" encoding="utf-8" ?><timedtext format="3"><head><ws id="0"/></head><body>{rows}</body></timedtext>'


def srv1(lines):
    rows = ''.join(f'<text start="{s / 1000}" dur="{(e - s) / 1000}">{t.replace("&amp;", "&amp;amp;")}</text>' for s, e, t in lines)
    return f'<?xml version="1.0" encoding="utf-8" ?><transcript>{rows}</transcript>'


def vtt(lines):
    def clock(ms):
        return f'{ms // 3600000:02}:{ms // 60000 % 60:02}:{ms // 1000 % 60:02}.{ms % 1000:03}'
    return 'WEBVTT\nKind: captions\n\nNOTE no cue\n\n' + ''.join(f'{i}\n{clock(s)} --> {clock(e)} align:start\n<c.yellow>{t}</c>\n\n' for i, (s, e, t) in enumerate(lines))


def track(lang, kind=None, form='json3', **more):
    t = {'baseUrl': f'https://www.youtube.com/api/timedtext?v=x&lang={lang}&form={form}' + (f'&kind={kind}' if kind else ''),
        'name': {'simpleText': lang}, 'vssId': '.' + lang, 'languageCode': lang, 'isTranslatable': True, **more}
    return {**t, 'kind': kind} if kind else t


def playable(*tracks, **details):
    r = {'responseContext': {'a': ['}', '{', '"', '\\']}, 'playabilityStatus': {'status': 'OK', 'playableInEmbed': True},
        'videoDetails': {'videoId': 'x', 'title': 'The ferry of Brandon Point; </script> & "more"', 'lengthSeconds': '70', **details}}
    if tracks:
        r['captions'] = {'playerCaptionsTracklistRenderer': {'captionTracks': list(tracks), 'audioTracks': [{'captionTrackIndices': [0]}]}}
    return r


def refused(status, reason, **more):
    return {'playabilityStatus': {'status': status, 'reason': reason, **more}, 'videoDetails': {'videoId': 'x', 'title': 'A title'}}


def deep(n):
    return json.loads('[' * n + ']' * n)


VIDEOS = {
    'captioned00': playable(track('en', 'asr'), track('de'), track('en')),          # manual ones in the language that is spoken
    'automatic00': playable(track('en', 'asr'), track('de')),                       # spoken, before a translation by hand
    'germanonly0': playable(track('de')),
    'srv3caption': playable(track('en', form='srv3')),
    'srv1caption': playable(track('en', form='srv1')),
    'vttcaption0': playable(track('en', form='vtt')),
    'deepjson000': {'adSlots': deep(200), **playable(track('en'))},
    'elsewhere00': playable(track('en', baseUrl='http://169.254.169.254/api/timedtext?lang=en&form=json3')),
    'withheld000': playable(track('en', form='empty')),
    'noisecapt00': playable(track('en', form='noise')),
    'brokencapt0': playable(track('en', form='broken')),
    'nocaptions0': playable(),
    'livestream0': playable(isLive=True, isLiveContent=True),
    'upcoming000': refused('LIVE_STREAM_OFFLINE', 'This live event will begin in 2 hours.'),
    'private0000': refused('LOGIN_REQUIRED', 'This video is private', messages=['This is a private video. Please sign in to verify that you may see it.']),
    'agegated000': refused('LOGIN_REQUIRED', 'Sign in to confirm your age', desktopLegacyAgeGateReason=1),
    'botwall0000': refused('LOGIN_REQUIRED', 'Sign in to confirm you’re not a bot'),
    'removed0000': refused('ERROR', 'Video unavailable'),
    'blockedland': refused('UNPLAYABLE', 'The uploader has not made this video available in your country'),
}


def watch(video, headers):
    if video == 'consent0000':
        return 302, 'text/html', '', {'Location': 'https://consent.youtube.com/m?continue=x'}
    if video == 'sorrypage00':
        return 302, 'text/html', '', {'Location': 'https://www.google.com/sorry/index?continue=x'}
    if video == 'toomany0000':
        return 429, 'text/html', 'Too many requests', {'Retry_After': '1'}
    if video == 'broken00000':
        return 503, 'text/html', 'Try later', {}
    if video == 'nothinghere':
        return 200, 'text/html', '<html><body>A page without a player.</body></html>', {}
    if video == 'cutoff00000':
        return 200, 'text/html', '<script>var ytInitialPlayerResponse = {"playabilityStatus": {"status": "OK"', {}
    response = json.dumps(VIDEOS.get(video, VIDEOS['removed0000'])).replace('</', '<\\/')
    return 200, 'text/html; charset=utf-8', ('<!DOCTYPE html><html><head><title>x - YouTube</title></head><body><script nonce="a">if (window.ytInitialPlayerResponse) {}'
        f'</script><script nonce="a">var ytInitialPlayerResponse = {response};var meta = document.createElement("meta");</script>'
        '<script>var ytInitialData = {"contents": {}};</script></body></html>'), {}


def captions(query):
    form, lines = query.get('form', ['json3'])[0], {'de': GERMAN}.get(query['lang'][0], ENGLISH)
    auto = query.get('kind') == ['asr']
    if form == 'json3':
        return 200, 'application/json', json3(SPOKEN if auto else lines, auto), {}
    made = {'srv3': srv3, 'srv1': srv1, 'vtt': vtt, 'empty': lambda _: '', 'noise': lambda _: json3(((0, 1000, '[Music]'), (1000, 2000, '♪♪'))),
        'broken': lambda _: '{"events": [{"tStartMs":'}[form](lines)
    return 200, 'text/xml', made, {}


def answer(path, headers):
    """Status, type, body, headers."""
    name, _, query = path.partition('?')
    query = urllib.parse.parse_qs(query)
    if name == '/watch' and re.fullmatch(r'[\w-]{11}', query.get('v', [''])[0]):
        return watch(query['v'][0], headers)
    if name == '/api/timedtext':
        return captions(query)
    return 404, 'text/html', 'no such page', {}
