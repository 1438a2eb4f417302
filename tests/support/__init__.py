# SPDX-License-Identifier: MIT
"""What the integration tests stand on: real processes, real sockets, a fake judge."""
