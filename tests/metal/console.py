# SPDX-License-Identifier: Apache-2.0
"""A machine on its serial port: what both emulators' machines have in common."""
import re

import pexpect

PROMPT = r'/root # '


class Console:
    """console: a pexpect child on the serial port. timeout: seconds that an answer may take."""
    console = None
    timeout = 150

    def expect(self, *patterns, timeout=None):
        for pattern in patterns:
            self.console.expect(pattern, timeout=timeout or self.timeout)
        return self.console.match

    def command(self, text):
        """Types a line at the guest's prompt; the answer, without what other VMs say meanwhile."""
        self.console.sendline(text)
        self.expect(re.escape(text), PROMPT)
        return re.sub(r'(?m)^\w+\| .*\n?', '', self.console.before.replace('\r', ''))

    def operator(self, text):
        """Types a line at the hypervisor's prompt; the answer."""
        self.console.send('\x1d')
        self.expect('trivet> ')
        self.console.send(text + '\r')
        self.expect(r'\((\S+); Ctrl-] for the prompt\)')
        return self.console.before.replace('\r', '')

    def ended(self, timeout=60):
        """Waits until the machine is off; the rest of the console."""
        self.console.expect(pexpect.EOF, timeout=timeout)
        return self.console.before.replace('\r', '')
