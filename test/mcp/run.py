#!/usr/bin/env python3
"""run.py -- the stories of MCP: the protocol, its streams, and what agents find beside the tools, with the servers they share; over two nodes.

    python3 test/mcp/run.py [--only WORDS] [--engine sqlite|postgres]

TAP lines, and `N passed, N failed` at the end.  Each file also runs by itself."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, '..', 'lib')]

import cases
import agents, nodes, protocol, streams # each registers its cases

if __name__ == '__main__':
    sys.exit(cases.main('The Model Context Protocol.', 'mcp'))
