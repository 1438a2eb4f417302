// SPDX-License-Identifier: MIT
//
// An EventSource that tells all it sees. Constants come from the test: URI, HEADERS, CA (a file or
// null), NAMES (events beside `message`).
'use strict';
const fs = require('fs');
const EventSource = require('eventsource');

const source = new EventSource(URI, {
  headers: HEADERS,
  https: CA === null ? {} : { ca: fs.readFileSync(CA) },
});
source.onopen = () => report('open');
source.onerror = (error) => {
  setImmediate(() => report('error', error.status ?? null, source.readyState)); // it closes after this
};
for (const name of ['message', ...NAMES]) {
  source.addEventListener(name, (event) => report(name, event.data, event.lastEventId));
}
