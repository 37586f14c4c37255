"""speak.py -- speech for tests: flite says a text, test/media/encode.c writes it into any container.  16 kHz, mono, 16 bits."""
import os
import subprocess
import tempfile
import wave

from server import ROOT, Failure

RATE = 16000
PATHS = ('/usr/bin/flite', '/usr/local/bin/flite')


def silence(seconds):
    return bytes(2 * int(RATE * seconds))


def say(text, voice='rms'):
    """The samples of a text."""
    flite = next((p for p in PATHS if os.path.exists(p)), None)
    if not flite:
        raise Failure('no flite on this machine')
    with tempfile.TemporaryDirectory() as d:
        subprocess.run([flite, '-voice', voice, '-t', text, '-o', f'{d}/a.wav'], check=True, stdin=subprocess.DEVNULL)
        with wave.open(f'{d}/a.wav') as w:
            if (w.getframerate(), w.getnchannels(), w.getsampwidth()) != (RATE, 1, 2):
                raise Failure('flite speaks otherwise than it did')
            return w.readframes(w.getnframes())


def encoder():
    """Beside the program that is tested, which is of the same build; else of the sanitized one."""
    build = os.path.dirname(os.environ.get('SCRIPED_EXTRACT', '')) or os.path.join(ROOT, 'build', 'asan')
    return os.path.join(build, 'encode')


def record(samples, name, *options):
    """A recording: name gives the container ("a.mp3"), options are those of test/media/encode.c."""
    with tempfile.TemporaryDirectory() as d:
        p = subprocess.run([encoder(), os.path.join(d, name), *map(str, options)], input=samples, capture_output=True)
        if p.returncode:
            raise Failure(f'{name} {options}: {p.stderr.decode().strip()}')
        with open(os.path.join(d, name), 'rb') as f:
            return f.read()


def wer(said, heard):
    """The word error rate: substitutions, insertions and deletions by word of what was said."""
    a, b = (''.join(c if c.isalnum() or c == "'" else ' ' for c in t.lower()).split() for t in (said, heard))
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for k, y in enumerate(b, 1):
            last, row[k] = row[k], min(row[k] + 1, row[k - 1] + 1, last + (x != y))
    return row[-1] / len(a)
