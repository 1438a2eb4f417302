// SPDX-License-Identifier: MIT
//
// A page of omegaUp's frontend, as far as events are concerned. Constants come from the test:
// URI, COOKIE, ORIGIN, CA (a file or null), PING_MS (there: five minutes), RETRY_MS (there: a random
// time up to 150 s).
'use strict';
const fs = require('fs');
const Socket = require('ws');

const SUBPROTOCOL = 'com.omegaup.events';
const RETRIES = 10; // in the life of the page

// What each of the page's stores takes out of a message.
const STORES = {
  '/run/update/': (message) => message.run,
  '/clarification/update/': (message) => message.clarification,
  '/scoreboard/update/': (message) => [message.scoreboard_type, message.scoreboard],
  '/contest/problem/update/': (message) => [message.type, message.problem_alias],
};

let retriesLeft = RETRIES;

function connect() {
  const headers = COOKIE === null ? {} : { Cookie: COOKIE };
  const options = { headers, origin: ORIGIN, perMessageDeflate: true };
  if (CA !== null) {
    options.ca = fs.readFileSync(CA);
  }
  const socket = new Socket(URI, SUBPROTOCOL, options);
  let hasOpened = false;
  let pings = null;

  socket.on('open', () => {
    hasOpened = true;
    pings = setInterval(() => socket.send('"ping"'), PING_MS);
    report('open', socket.protocol);
  });
  socket.on('message', (data, isBinary) => {
    if (isBinary) {
      report('binary');
      return;
    }
    const message = JSON.parse(data.toString('utf8'));
    const store = STORES[message.message];
    report(store ? message.message : 'stranger', store ? store(message) : message);
  });
  socket.on('unexpected-response', (_, response) => {
    report('refused', response.statusCode);
    socket.terminate();
  });
  socket.on('error', () => {}); // close follows
  socket.on('close', (code, reason) => {
    clearInterval(pings);
    report('close', code, reason.toString());
    if (!hasOpened || retriesLeft === 0) {
      report('gives up', RETRIES - retriesLeft);
      return;
    }
    retriesLeft--;
    setTimeout(connect, RETRY_MS);
  });
}

connect();
