"""tls.py -- an authority for a test, and certificates that it signs.

    ca = Authority(folder)          # ca.file is for SSL_CERT_FILE
    cert, key = ca.certify('127.0.0.1')

Needs openssl."""
import ipaddress
import os
import subprocess


class Authority:
    def __init__(self, folder):
        self.folder, self.file, self.key = folder, os.path.join(folder, 'ca.pem'), os.path.join(folder, 'ca.key')
        self.openssl('req', '-x509', *self.fresh(self.key), '-days', '2', '-subj', '/CN=An authority of a test', '-out', self.file)

    @staticmethod
    def openssl(*args):
        subprocess.run(['openssl', *args], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    @staticmethod
    def fresh(key):
        return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key]

    def certify(self, name):
        """The paths of a certificate of that host or address, and of its key."""
        cert, key, request, more = (os.path.join(self.folder, f'{name}.{end}') for end in ('pem', 'key', 'csr', 'ext'))
        try:
            kind = f'IP:{ipaddress.ip_address(name)}'
        except ValueError:
            kind = f'DNS:{name}'
        with open(more, 'w', encoding='ascii') as f:
            f.write(f'subjectAltName={kind}\n')
        self.openssl('req', *self.fresh(key), '-subj', f'/CN={name}', '-out', request)
        self.openssl('x509', '-req', '-in', request, '-CA', self.file, '-CAkey', self.key, '-CAcreateserial', '-days', '2', '-extfile', more, '-out', cert)
        return cert, key
