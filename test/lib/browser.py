"""browser.py -- a person at a browser without JavaScript: follows redirects on one origin, keeps cookies, reads forms and sends them.

    b = Browser(s)
    page = b.get('/oauth/authorize?…')          # the page behind all redirects on this origin
    page = b.send(page.form(), email='ada@example.com', password='…')
    there = b.send(page.form(), button='Allow') # leads elsewhere: there.leads_to is the URL

Standard library only.  A Browser belongs to one thread."""
import html.parser
import http.cookies
import urllib.parse

from server import Client, Failure

REDIRECTS = (301, 302, 303, 307, 308)


class Form:
    """fields: pairs of what would be sent without a button; buttons: pairs (words on it, (name, value)); choices: name to values."""

    def __init__(self, action, method):
        self.action, self.method = action, method
        self.fields, self.buttons, self.choices, self.types = [], [], {}, {}

    def value(self, name):
        return next((v for n, v in self.fields if n == name), None)


class Reader(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.forms, self.text, self.title, self.within = [], [], '', []
        self.select = self.button = None

    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        form = self.forms[-1] if self.forms and 'form' in self.within else None
        if tag not in ('input', 'meta', 'link', 'br', 'hr', 'img'):
            self.within.append(tag)
        if tag == 'form':
            self.forms.append(Form(a.get('action', ''), a.get('method', 'get').upper()))
        elif form and tag == 'input':
            self.input(form, a)
        elif form and tag == 'select':
            self.select = a['name']
            form.choices[self.select] = []
        elif form and tag == 'option':
            self.option(form, a)
        elif form and tag == 'button':
            self.button = (a.get('name'), a.get('value', ''))
            form.buttons.append(['', self.button])

    def input(self, form, a):
        kind, name, value = a.get('type', 'text'), a.get('name'), a.get('value', '')
        if kind == 'submit':
            form.buttons.append([value, (name, value)])
        elif name:
            form.types[name] = kind
            if kind in ('radio', 'checkbox'):
                form.choices.setdefault(name, []).append(value)
            if kind not in ('radio', 'checkbox') or 'checked' in a:
                form.fields.append((name, value))

    def option(self, form, a):
        values = form.choices[self.select]
        values.append(a.get('value', ''))
        if 'selected' in a or len(values) == 1:
            form.fields = [f for f in form.fields if f[0] != self.select] + [(self.select, values[-1])]

    def handle_endtag(self, tag):
        if tag in self.within:
            while self.within.pop() != tag:
                pass
        if tag == 'button':
            self.button = None

    def handle_data(self, data):
        if self.within[-1:] == ['title']:
            self.title += data
        elif 'style' not in self.within:
            self.text.append(data)
        if self.button:
            self.forms[-1].buttons[-1][0] += data


class Page:
    """An answer with where it came from; leads_to: the URL of another origin that it redirects to."""

    def __init__(self, answer, url, leads_to=None):
        self.answer, self.url, self.leads_to = answer, url, leads_to
        self.status = answer.status
        reader = Reader()
        if (answer.get('Content-Type') or '').startswith('text/html'):
            reader.feed(answer.body.decode())
        self.forms, self.title, self.text = reader.forms, reader.title, ' '.join(' '.join(reader.text).split())

    def form(self, button=None):
        """The only form, or the one with that button."""
        found = [f for f in self.forms if button is None or any(button.lower() in words.lower() for words, _ in f.buttons)]
        if len(found) != 1:
            raise Failure(f'{len(found)} forms {button or ""} at {self.url}: {self.status} {self.title!r} {self.text[:300]!r}')
        return found[0]

    def query(self):
        """The parameters of where it leads."""
        return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.leads_to).query, keep_blank_values=True))

    def __repr__(self):
        return f'<{self.url} {self.status} {self.title!r} {self.text[:300]!r} {self.leads_to or ""}>'


class Browser:
    def __init__(self, server, cookies=None):
        self.origin, self.cookies = server.url, dict(cookies or {})
        self.client = Client(server.host, server.port, key='')
        self.set_cookies = []       # whole Set-Cookie lines, in order

    def close(self):
        self.client.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def request(self, method, url, body=None, headers=()):
        """One exchange, cookies kept, no redirect followed."""
        more = {'Accept': 'text/html', **dict(headers)}
        if self.cookies and 'Cookie' not in more:
            more['Cookie'] = '; '.join(f'{k}={v}' for k, v in self.cookies.items())
        target = url.removeprefix(self.origin) or '/'
        answer = self.client.request(method, target, body, {k: v for k, v in more.items() if v is not None})
        for line in answer.all('Set-Cookie'):
            self.set_cookies.append(line)
            for name, morsel in http.cookies.SimpleCookie(line).items():
                if morsel['max-age'] == '0' or morsel.value == '':
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value
        return answer

    def follow(self, method, url, body=None, headers=()):
        for _ in range(10):
            url = urllib.parse.urljoin(self.origin + '/', url)
            answer = self.request(method, url, body, headers)
            if answer.status not in REDIRECTS:
                return Page(answer, url)
            to = urllib.parse.urljoin(url, answer.get('Location'))
            if not (to + '/').startswith(self.origin + '/') and not to.startswith((self.origin + '?')):
                return Page(answer, url, leads_to=to)
            if answer.status in (301, 302, 303):
                method, body, headers = 'GET', None, ()
            url = to
        raise Failure(f'redirects without end at {url}')

    def get(self, url, headers=()):
        return self.follow('GET', url, headers=headers)

    def send(self, form, button=None, headers=None, **values):
        """Sends a form as a browser does: its fields, some of them changed, and the button whose words contain `button`; else the first one."""
        pairs = [(n, v) for n, v in form.fields if n not in values] + [(n, v) for n, v in values.items() if v is not None]
        pressed = [p for words, p in form.buttons if button is None or button.lower() in words.lower()]
        if not pressed:
            raise Failure(f'no button {button!r} among {form.buttons}')
        if pressed[0][0]:
            pairs.append(pressed[0])
        data = urllib.parse.urlencode(pairs)
        if form.method == 'GET':
            return self.get(form.action + '?' + data)
        own = {'Content-Type': 'application/x-www-form-urlencoded', 'Origin': self.origin, 'Sec-Fetch-Site': 'same-origin', **(headers or {})}
        return self.follow('POST', form.action, data.encode(), own)

    def sign_in(self, page, email, password):
        form = page.form()
        fields = {next(n for n, t in form.types.items() if t == 'email'): email, next(n for n, t in form.types.items() if t == 'password'): password}
        return self.send(form, **fields)

    def allow(self, url, email, password):
        """Opens a page of /oauth/authorize, signs in if asked, and allows; the page that leads back to the program."""
        page = self.get(url)
        if not page.leads_to and any('password' in f.types.values() for f in page.forms):
            page = self.sign_in(page, email, password)
        return page if page.leads_to else self.send(page.form('allow'), button='allow')
