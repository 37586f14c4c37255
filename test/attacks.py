#!/usr/bin/env python3
"""attacks.py -- all attacks on the authorization server, on people at a browser, and on the MCP server, with the servers they share.

    python3 test/attacks.py [--only WORDS] [--engine sqlite|postgres]

TAP lines, and `N passed, N failed` at the end.  Each file also runs by itself."""
import importlib.util
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, 'lib'), os.path.join(HERE, 'mcp')]

import cases

for name in ('oauth/attacks', 'oauth/browsers', 'oauth/documents', 'oauth/load', 'mcp/attacks'):
    spec = importlib.util.spec_from_file_location(name.replace('/', '_'), os.path.join(HERE, name + '.py'))
    spec.loader.exec_module(importlib.util.module_from_spec(spec))

if __name__ == '__main__':
    sys.exit(cases.main('Attacks on the servers for programs that act for people.', 'attacks', clock=True))
