#!/usr/bin/env python3
"""recordings.py -- audio and video become text: what scriped-extract makes of every container, what it makes of hostile ones,
and the way from an upload to a source with times, by the built-in transcriber and by an endpoint.

    python3 test/recordings.py [--only WORDS] [--engine postgres]

SCRIPED_BIN and SCRIPED_EXTRACT name the programs.  Speech is made by flite, containers by test/media/encode.c.
TAP lines, and `N passed, N failed` at the end."""
import functools
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, 'lib'), os.path.join(HERE, 'provider'), os.path.join(HERE, 'scenario')]

import cases
from cases import case, need
from provider import Provider
from server import ROOT, program as server_program, wait_for
from speak import RATE, record, say, silence, wer

EXTRACT = os.environ.get('SCRIPED_EXTRACT') or os.path.join(os.path.dirname(server_program()[-1]), 'scriped-extract')
EXTRACT = os.path.abspath(EXTRACT)
TALK = ('Good evening. We moved all of our support into a public issue tracker. The first month was terrible. '
        'Then the number of questions went down, and people began to answer each other.')


LONG = 'SCRIPED_LONG' in os.environ         # everything; without it a part of what takes much and rarely finds something


@functools.cache
def talk():
    return say(TALK)


record = functools.cache(record)


# ------------------------------------------------------------------------------------------------------ the program

class Run:
    def __init__(self, lines, sound, status, seconds):
        self.lines, self.sound, self.status, self.seconds = lines, sound, status, seconds
        self.error, self.message = lines[-1].get('error'), lines[-1].get('message', '')
        self.type = lines[0].get('type')
        self.ms = next((n['durationMs'] for n in lines if 'durationMs' in n), None)
        self.said = [n for n in lines if 'fromMs' in n]
        self.text = ' '.join(n['text'] for n in self.said)


def run(data, *options, kind='', wants=True):
    """One run; the sound it leaves."""
    with tempfile.TemporaryDirectory() as d:
        with open(os.path.join(d, 'file'), 'wb+') as f, open(os.path.join(d, 'sound'), 'wb+') as sound:
            f.write(data)
            f.seek(0)
            args = [EXTRACT, *(['--type', kind] if kind else []), *map(str, options)]
            shell = 'exec 3<>sound; exec "$@"' if wants else 'exec 3>&-; exec "$@"'
            start = time.monotonic()
            p = subprocess.run(['sh', '-c', shell, 'sh', *args], stdin=f, capture_output=True, cwd=d, timeout=900)
            seconds = time.monotonic() - start
            lines = [json.loads(line) for line in p.stdout.decode().splitlines()]
            need(lines and ('end' in lines[-1] or 'error' in lines[-1]), f'no end: {p.stdout[-300:]!r} {p.stderr[-2000:].decode()}')
            need(p.returncode == (0 if 'end' in lines[-1] else 1), f'status {p.returncode} behind {lines[-1]}')
            return Run(lines, sound.read(), p.returncode, seconds)


def fails(r, code, words):
    need(r.error == code and words in r.message, f'wanted {code}, "{words}", got {r.error}: {r.message}')
    need(r.message.endswith('.') and len(r.message) < 200, f'the message is {r.message!r}')


def loudness(samples, seconds):
    """The mean square of each piece."""
    size = int(RATE * seconds)
    v = struct.unpack(f'<{len(samples) // 2}h', samples)
    return [sum(x * x for x in v[i:i + size]) / size for i in range(0, len(v) - size, size)]


CONTAINERS = [
    ('a.wav', (), 'audio/wav'), ('a.wav', ('pcm_u8', 8000), 'audio/wav'), ('a.wav', ('pcm_alaw', 8000), 'audio/wav'),
    ('a.wav', ('pcm_s24le', 192000, 8), 'audio/wav'), ('a.wav', ('pcm_f32le', 44100, 6), 'audio/wav'), ('a.wav', ('adpcm_ms',), 'audio/wav'),
    ('a.mp3', (), 'audio/mpeg'), ('a.mp3', (0, 44100, 2), 'audio/mpeg'), ('a.m4a', (), 'audio/mp4'), ('a.m4a', ('alac',), 'audio/mp4'),
    ('a.mp4', (0, 44100, 2, '--video'), 'video/mp4'), ('a.mov', ('aac', 48000, 2, '--video'), 'video/quicktime'), ('a.ogg', (), 'audio/ogg'),
    ('a.opus', ('libopus', 48000), 'audio/ogg'), ('a.webm', ('libopus', 48000), 'video/webm'), ('a.mkv', (0, 16000, 1, '--video'), 'video/x-matroska'),
    ('a.flac', (), 'audio/flac'), ('a.aiff', (), 'audio/aiff'), ('a.aac', (), 'audio/aac'), ('a.wma', (), 'video/x-ms-asf'),
    ('a.avi', (0, 44100, 2, '--video'), 'video/x-msvideo'), ('a.flv', ('aac', 44100), 'video/x-flv'),
    ('a.ts', ('aac', 44100, 2, '--video'), 'video/mp2t'), ('a.mpg', ('mp2', 44100, 2), 'video/mpeg'),
]


@case('Of every container and codec the sound is the same', own=True)
def containers(_):
    want, ms = loudness(talk(), 0.25), len(talk()) * 1000 // 2 // RATE
    for name, options, kind in CONTAINERS:
        r = run(record(talk(), name, *options))
        need(r.error is None and r.type == kind, f'{name} {options}: {r.lines[-1]}, type {r.type}')
        need(abs(r.ms - ms) <= 150 and len(r.sound) // 2 == r.ms * RATE // 1000 or abs(len(r.sound) / 2 / RATE * 1000 - r.ms) <= 1, f'{name} {options}: {r.ms} ms')
        got = loudness(r.sound, 0.25)
        # loud where it was loud: the correlation of the loudness by quarters of a second.  Some codecs begin a few hundredths late.
        n = min(len(want), len(got))
        a, b = [x ** 0.5 for x in want[:n]], [x ** 0.5 for x in got[:n]]
        ma, mb = sum(a) / n, sum(b) / n
        top = sum((x - ma) * (y - mb) for x, y in zip(a, b))
        r2 = top / (sum((x - ma) ** 2 for x in a) * sum((y - mb) ** 2 for y in b)) ** 0.5
        need(r2 > 0.8, f'{name} {options}: it sounds otherwise ({r2:.2f})')
    need(run(record(talk(), 'a.wav')).sound == talk(), 'what is 16 kHz already was changed')


@case('A container that holds audio or video is what its sender calls it', own=True)
def kinds(_):
    need(run(record(talk(), 'a.webm', 'libopus', 48000), kind='audio/webm').type == 'audio/webm', 'audio/webm')
    need(run(record(talk(), 'a.mp4', 'aac'), kind='audio/mp4').type == 'audio/mp4', 'audio/mp4')
    need(run(record(talk(), 'a.mp3'), kind='audio/mp3').type == 'audio/mpeg', 'audio/mp3')
    need(run(record(talk(), 'a.mp3'), kind='video/mp4').type == 'audio/mpeg', 'mp3 as video')
    fails(run(record(talk(), 'a.mp3'), kind='application/pdf'), 'unsupported_media', 'declared as application/pdf')
    fails(run(b'Just words.', kind='audio/mpeg'), 'unsupported_media', 'declared as audio/mpeg')
    r = run(b'For free you get nothing. ' * 20)
    need(r.type == 'text/plain', f'a text that has `free` where a box has its name is {r.type}')


@case('Nobody wants the sound: only its length is told', own=True)
def unwanted(_):
    r = run(record(talk(), 'a.mp3'), wants=False)
    need(r.error is None and r.ms > 5000 and r.sound == b'', f'{r.lines}')


@case('A pause that was not recorded is silence, and times stay', own=True)
def gaps(_):
    one = record(talk()[:RATE * 4], 'a.mkv', 'flac')
    r = run(one)
    need(abs(r.ms - 2000) <= 20, f'{r.ms} ms')
    # the clusters of Matroska carry times: the last ones come two seconds later
    at = one.rindex(b'\x1f\x43\xb6\x75')
    head = one[at:at + 16]
    stamp = head.index(b'\xe7')
    size = head[stamp + 1] & 0x7f
    old = int.from_bytes(head[stamp + 2:stamp + 2 + size], 'big')
    if size == 1:
        return                                                  # one cluster only: nothing to move
    late = one[:at + stamp + 2] + (old + 2000).to_bytes(size, 'big') + one[at + stamp + 2 + size:]
    r = run(late)
    need(abs(r.ms - 4000) <= 120, f'{r.ms} ms')


# ------------------------------------------------------------------------------------------------------ hostile files

@case('A video without sound says so', own=True)
def mute(_):
    fails(run(record(b'\0' * 64000, 'a.mp4', '--video', '--mute')), 'empty_text', 'The video has no sound')


@case('Truncated recordings end with what there is, or say that they are damaged', own=True)
def truncated(_):
    for name, options, _kind in CONTAINERS:
        whole = record(talk(), name, *options)
        for share in (0.05, 0.7) if LONG else (0.7,):
            r = run(whole[:int(len(whole) * share)])
            need(r.error in (None, 'extraction_failed', 'unsupported_media', 'empty_text'), f'{name} {share}: {r.lines[-1]}')
            need(r.error is not None or r.ms <= 13000, f'{name} {share}: {r.ms} ms')
    fails(run(record(talk(), 'a.m4a')[:20000]), 'extraction_failed', 'damaged or incomplete')


@case('Noise behind the head of a recording harms nothing', own=True)
def noise(_):
    junk = os.urandom(300_000)
    for name, options, _kind in CONTAINERS:
        whole = record(talk(), name, *options)
        for keep in (64, 5000) if LONG else (5000,):
            r = run(whole[:keep] + junk)
            need(r.error in (None, 'extraction_failed', 'unsupported_media', 'empty_text', 'upload_too_large'), f'{name} {keep}: {r.lines[-1]}')
    fails(run(record(talk(), 'a.mp3')[:4] + junk), 'extraction_failed', 'Export it again')


@case('Bits that flip harm nothing', own=True)
def flips(_):
    import random
    dice = random.Random(7)
    for name, options, _kind in CONTAINERS:
        whole = record(talk(), name, *options)
        for _i in range(30 if LONG else 1):
            b = bytearray(whole)
            for _k in range(dice.choice((1, 5, 50))):
                b[dice.randrange(min(len(b), dice.choice((200, 2000, len(b)))))] = dice.randrange(256)
            r = run(bytes(b))
            need(r.error in (None, 'extraction_failed', 'unsupported_media', 'empty_text', 'upload_too_large'), f'{name}: {r.lines[-1]}')


@case('What a head claims is not believed: 0 Hz, no channel, 1,000 hours', own=True)
def claims(_):
    wav = bytearray(record(talk(), 'a.wav'))
    for at, value, size in ((24, 0, 4), (22, 0, 2), (24, 0xffffffff, 4), (22, 0xffff, 2)):
        b = bytearray(wav)
        b[at:at + size] = value.to_bytes(size, 'little')
        r = run(bytes(b))
        need(r.error in ('extraction_failed', 'unsupported_media'), f'{value} at {at}: {r.lines[-1]}')
    avi = bytearray(record(talk(), 'a.avi', 0, 44100, 2, '--video'))
    at = avi.index(b'avih') + 8
    avi[at + 16:at + 20] = (36_000_000).to_bytes(4, 'little')    # frames: 1,000 hours
    for _i in range(2):
        at = avi.index(b'strh', at + 1)
        avi[at + 8 + 32:at + 8 + 36] = (0x7fffffff).to_bytes(4, 'little')
    r = run(bytes(avi))
    need(r.error is None and r.ms < 13000, f'{r.lines[-1]} {r.ms}')


@case('Playlists and references to files are no recordings, and nothing is opened', own=True)
def playlists(_):
    for text in (b'#EXTM3U\n#EXTINF:10,\n/etc/passwd\n', b'ffconcat version 1.0\nfile /etc/passwd\n',
                 b'#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:1/a.ts\n#EXT-X-ENDLIST\n',
                 b'v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nm=audio 5004 RTP/AVP 0\n', b'[playlist]\nFile1=/etc/passwd\n',
                 b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period/></MPD>'):
        for kind in ('audio/mpegurl', 'video/mp4', 'application/vnd.apple.mpegurl'):
            r = run(text, kind=kind)
            need(r.sound == b'' and r.ms is None and 'root:' not in json.dumps(r.lines), f'{text!r} as {kind}: {r.lines}')
    # QuickTime with its sound in another file: a reference of type `alis` or `url `
    mov = record(talk(), 'a.mov', 'aac')
    for kind in (b'alis', b'url '):
        at = mov.index(b'dref')
        b = bytearray(mov)
        b[at + 12:at + 20] = (int.from_bytes(mov[at + 8:at + 12], 'big')).to_bytes(4, 'big') + kind
        r = run(bytes(b))
        need(r.error in (None, 'extraction_failed', 'empty_text', 'unsupported_media'), f'{kind}: {r.lines[-1]}')


@case('A recording of more than six hours is too large', own=True)
def long_one(_):
    mp3 = record(silence(600), 'a.mp3', 0, 8000)
    r = run(mp3 * 37)                                           # 6 h 10 min of it
    fails(r, 'upload_too_large', 'longer than 360 minutes')
    need(len(r.sound) <= 6 * 3600 * RATE * 2 + 200_000, f'{len(r.sound)} bytes of sound')
    what = [n['what'] for n in r.lines if 'what' in n]
    need(any(re.fullmatch(r'decoding, \d+ (of \d+ )?minutes', w) for w in what), f'it told {what[:5]}')


# ------------------------------------------------------------------------------------------------- writing down

@case('The built-in transcriber writes down a draft: sentences by the pauses, and times', own=True)
def builtin(_):
    sound = talk()[:0] + say('The first month was terrible.') + silence(1) + say('People began to answer each other.')
    r = run(sound, '--transcribe')
    rate = wer('the first month was terrible people began to answer each other', r.text)
    need(rate < 0.4, f'{rate:.0%} of the words are wrong: {r.text}')
    need(len(r.said) == 2 and all(n['text'][0].isupper() and n['text'].endswith('.') for n in r.said), f'{r.said}')
    first, second = r.said
    end = len(say('The first month was terrible.')) / 2 / RATE * 1000
    need(first['fromMs'] < 600 and abs(first['toMs'] - end) < 400 and abs(second['fromMs'] - end - 1000) < 600, f'{r.said}')
    need(second['toMs'] <= len(sound) / 2 / RATE * 1000 + 10, f'{r.said}')
    need(r.type is None and r.lines[0]['what'] == 'transcribing, 0 of 1 minute', f'{r.lines[0]}')


@case('The built-in transcriber on a whole talk in two voices', own=True)
def builtin_talk(_):
    for voice in ('rms', 'slt') if LONG else ('slt',):
        r = run(say(TALK, voice), '--transcribe')
        rate = wer(TALK, r.text)
        need(rate < 0.4, f'{voice}: {rate:.0%} of the words are wrong: {r.text}')
        print(f'# {voice}: word error rate {rate:.0%} in {r.seconds:.1f} s for {len(say(TALK, voice)) / 2 / RATE:.1f} s')


@case('No speech, no text: silence, a hum, a click, nothing at all', own=True)
def no_speech(_):
    import math
    tone = b''.join(struct.pack('<h', int(20 * math.sin(i / 5))) for i in range(RATE))
    for sound in (silence(5), tone * 3, b'', b'\0', silence(1) + b'\xff\x7f' + silence(1)):
        r = run(sound, '--transcribe') if sound else None
        if r:
            fails(r, 'empty_text', 'No speech was found')


# ---------------------------------------------------------------------------------------------------- the server

def upload(c, data, kind):
    from uploads import put
    u = c.post('/v1/uploads', {'contentType': kind}).json()['data']
    need(put(c.server, u, data).status == 200, 'the PUT failed')
    return u['id']


def submit(s, data, kind, name=None):
    """The job of a recording."""
    c = s.client()
    c.server = s
    a = c.post('/v1/sources', {'type': 'file', 'projectId': s.project, 'uploadId': upload(c, data, kind), **({'name': name} if name else {})})
    need(a.status == 200, f'{a}')
    return c, a.json()['data']


def follow(c, job, seconds=600):
    """The job when it has ended, and all that its progress told."""
    told = []

    def ended():
        j = c.get(f"/v1/jobs/{job['id']}").json()['data']
        if j['progress'] and j['progress']['message'] not in told:
            told.append(j['progress']['message'])
        return j if j['status'] in ('DONE', 'FAILED') else None
    j = wait_for(ended, seconds)
    need(j, f'the job has not ended; it told {told}')
    return j, told


def source_of(c, job):
    need(job['status'] == 'DONE', f"{job['errorCode']}: {job['errorMessage']}")
    return c.get(f"/v1/sources/{job['result']['sourceId']}").json()['data']


@case('From an upload to a source with its times, by the built-in transcriber', own=True)
def way_builtin(engine):
    with cases.Server({'workers': 2}, db=engine) as s:
        c, job = submit(s, record(talk(), 'a.mp3'), 'audio/mpeg', 'A talk')
        j, told = follow(c, job)
        source = source_of(c, j)
        need(source['fileType'] == 'audio/mpeg' and source['name'] == 'A talk', f'{source}')
        need(abs(source['durationSeconds'] - len(talk()) / 2 / RATE) < 0.3, f"{source['durationSeconds']} s")
        need(wer(TALK, source['textPreview']) < 0.4, source['textPreview'])
        need(any(re.fullmatch(r'transcribing, 0 of 1 minute', m) for m in told), f'it told {told}')
        c, job = submit(s, record(silence(3), 'a.m4a'), 'audio/mp4')
        j, _told = follow(c, job)
        need((j['errorCode'], j['attemptCount']) == ('empty_text', 1) and 'No speech was found' in j['errorMessage'], f'{j}')
        c, job = submit(s, record(talk(), 'a.mp4', '--video', '--mute'), 'video/mp4')
        j, _told = follow(c, job)
        need(j['errorCode'] == 'empty_text' and 'no sound' in j['errorMessage'], f'{j}')
        need(not os.listdir(os.path.join(s.data, 'tmp')), 'something is left in DIR/tmp')


@case('From an upload to a source with its times, by an endpoint, and what it costs', own=True)
def way_endpoint(engine):
    with Provider() as p, cases.Server({'transcribe_url': p.url('normal'), 'transcribe_key': 'sk-hush', 'transcribe_price': 3600, 'job_backoff': 20,
                                        'transcribe_piece': 10}, db=engine) as s:
        c, job = submit(s, record(talk() * 2, 'a.webm', 'libopus', 48000), 'video/webm')
        need(wait_for(lambda: follow(c, job)[0]), 'no end')
        j, _told = follow(c, job)
        source = source_of(c, j)
        need(source['textPreview'].startswith('Piece 1, part 1. Piece 1, part 2.'), source['textPreview'])
        sent = p.requests()
        need(3 <= len(sent) <= 4 and all(r['body']['file']['ms'] <= 10000 and r['headers']['Authorization'] == 'Bearer sk-hush' for r in sent), f'{sent}')
        spend = c.get('/v1/rate-limits').json()['data']['spend']
        seconds = len(talk()) / RATE
        need(abs(spend['spentCents'] - seconds) <= 2 and spend['reservedCents'] == 0, f'{spend} for {seconds:.0f} s')


@case('An endpoint that fails: retried where that helps, and the key is in no message', own=True)
def way_faults(engine):
    rows = [('busy-0', 'provider_unavailable', 3), ('leak', 'provider_rejected', 1), ('html', 'provider_unavailable', 3), ('hush', 'empty_text', 1),
            ('flaky-2', None, 3)]
    for behaviour, code, starts in rows:
        with Provider() as p, cases.Server({'transcribe_url': p.url(behaviour), 'transcribe_key': 'sk-hush-hush', 'job_backoff': 20}, db=engine) as s:
            c, job = submit(s, record(talk(), 'a.ogg'), 'audio/ogg')
            j, _told = follow(c, job)
            need((j['errorCode'], j['attemptCount']) == (code, starts), f"{behaviour}: {j['errorCode']} after {j['attemptCount']}: {j['errorMessage']}")
            need('sk-hush' not in json.dumps(j) + s.log_text(), f'{behaviour}: the key is shown')


@case('Nobody writes down recordings: the job says so', own=True)
def way_none(engine):
    with cases.Server({'transcriber': 'none'}, db=engine) as s:
        c, job = submit(s, record(talk(), 'a.mp3'), 'audio/mpeg')
        j, _told = follow(c, job)
        need(j['errorCode'] == 'transcription_failed' and '`transcriber` is none' in j['errorMessage'], f'{j}')


@case('SIGTERM while an endpoint works: the server stops at once, and the job goes on after the start', own=True)
def way_stopped(engine):
    with Provider() as p, cases.Server({'transcribe_url': p.url('mute'), 'transcribe_stall': 600000, 'drain_time': 600}, db=engine) as s:
        c, job = submit(s, record(talk(), 'a.mp3'), 'audio/mpeg')
        need(wait_for(lambda: p.requests()), 'it was never asked')
        s.stop()
        s.settings['transcribe_url'] = p.url('normal')
        s.start()
        j, _told = follow(s.client(), job)
        need(source_of(s.client(), j)['textPreview'].startswith('Piece 1'), f'{j}')


@case('kill -9 while a recording is written down: no process stays, and there is one source', own=True)
def way_killed(engine):
    with cases.Server({}, db=engine) as s:
        c, job = submit(s, record(talk() * 2, 'a.mp3'), 'audio/mpeg')
        need(wait_for(lambda: (c.get(f"/v1/jobs/{job['id']}").json()['data']['progress'] or {}).get('message', '').startswith('transcribing')), 'it never began')
        s.kill()
        mine = lambda: subprocess.run(['pgrep', '-f', f'^{EXTRACT}|{s.data}'], capture_output=True, text=True).stdout.split()
        need(wait_for(lambda: not [n for n in mine() if is_orphan(n)]), 'a process outlived the server')
        s.start()
        c = s.client()
        j, _told = follow(c, job)
        source_of(c, j)
        need(wait_for(lambda: not os.listdir(os.path.join(s.data, 'tmp'))), 'something is left in DIR/tmp')


def is_orphan(pid):
    """Whether its parent is gone: others may test at the same time."""
    try:
        with open(f'/proc/{pid}/stat') as f:
            return f.read().rsplit(')', 1)[1].split()[1] == '1'
    except OSError:
        return False


if __name__ == '__main__':
    sys.exit(cases.main(__doc__.split('\n')[0], 'recordings'))
