"""tap.py -- prints outcomes as TAP, in colour only on a terminal, and the line `N passed, N failed` at the end."""
import sys
import threading


class Tap:
    def __init__(self, out=sys.stdout):
        self.out, self.colour, self.lock = out, out.isatty(), threading.Lock()
        self.n = self.passed = self.failed = self.skipped = 0

    def paint(self, code, text):
        return f'\033[{code}m{text}\033[0m' if self.colour else text

    def line(self, title, outcome=None):
        """outcome: None for a pass, an Exception for a skip with its reason, a text for a failure."""
        self.n += 1
        if outcome is None:
            self.passed += 1
            print(self.paint(32, 'ok'), self.n, '-', title, file=self.out)
        elif isinstance(outcome, Exception):
            self.skipped += 1
            print(self.paint(33, 'ok'), self.n, '-', title, '# SKIP', outcome, file=self.out)
        else:
            self.failed += 1
            print(self.paint(31, 'not ok'), self.n, '-', title, file=self.out)
            for part in outcome.strip().split('\n'):
                print('  #', part, file=self.out)
        self.out.flush()

    def block(self, results):
        """Lines that belong together, (title, outcome) each."""
        with self.lock:
            for title, outcome in results:
                self.line(title, outcome)

    def end(self):
        """The plan and the summary; the exit status."""
        print(f'1..{self.n}', file=self.out)
        skipped = f', {self.skipped} skipped' if self.skipped else ''
        print(self.paint(31 if self.failed else 32, f'{self.passed} passed, {self.failed} failed') + skipped, file=self.out)
        return 1 if self.failed else 0
