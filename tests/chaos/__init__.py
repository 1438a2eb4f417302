# SPDX-License-Identifier: MIT
"""Faults on purpose: real processes, a proxy that misbehaves, and a checker of the promise."""
