# SPDX-License-Identifier: MIT
"""What a fault is."""


class Fault:
    """inject() does the harm and ends it, except what World.heal() undoes; traffic goes on
    meanwhile. When it returns everything is as it was, or comes right by itself."""

    name = ""
    about = ""            # for docs/reliability.md
    settings = None       # over those of the world
    redis_options = ()
    sentinels = 0
    fresh = False         # a world of its own for each run
    rate = 60.0           # events per second
    pad_bytes = 0         # greatest padding of an event, 0: small ones
    clients = 200
    seconds = 4.5         # about so long is a run, for the order of a campaign
    heavy = False         # not two of these at the same time
    settle_limit = 45.0   # seconds until everybody must be complete

    async def prepare(self, run):
        """Before the clients start."""

    async def clean(self, run):
        """After the clients have gone."""

    async def inject(self, run):
        raise NotImplementedError
