// SPDX-License-Identifier: MIT
// The descriptions as trees that unfold (YAML shows its structure by indentation, so no parser of it
// is needed), and a WebSocket to try.

const OPEN_LEVELS = 1;
const LOG_LINES = 200;

function element(name, text, className) {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

function indentOf(line) {
  return line.length - line.trimStart().length;
}

/** Lines from `at` that are indented deeper than `indent`, as nodes in `parent`; where it ends. */
function showBlock(lines, at, indent, parent, level) {
  while (at < lines.length && indentOf(lines[at]) > indent) {
    const own = indentOf(lines[at]);
    const hasMore = at + 1 < lines.length && indentOf(lines[at + 1]) > own;
    if (!hasMore) {
      parent.append(element('p', lines[at].trim(), 'line'));
      at += 1;
      continue;
    }
    const details = document.createElement('details');
    details.open = level < OPEN_LEVELS;
    details.append(element('summary', lines[at].trim()));
    parent.append(details);
    at = showBlock(lines, at + 1, own, details, level + 1);
  }
  return at;
}

async function showDescription(section) {
  const answer = await fetch(section.dataset.description);
  if (!answer.ok) {
    section.append(element('p', `The description cannot be read: ${answer.status}`));
    return;
  }
  const lines = (await answer.text()).split('\n')
    .filter((line) => line.trim() && !line.trimStart().startsWith('# '));
  showBlock(lines, 0, -1, section, 0);
}

function setUpTrial() {
  const find = (id) => document.getElementById(`try-${id}`);
  const log = find('log');
  let socket = null;

  function note(mark, text) {
    log.append(element('li', `${mark} ${text}`));
    while (log.childElementCount > LOG_LINES) log.firstElementChild.remove();
    log.scrollTop = log.scrollHeight;
  }

  function showState() {
    const isOpen = socket?.readyState === WebSocket.OPEN;
    find('connect').disabled = socket !== null;
    find('disconnect').disabled = socket === null;
    find('send').disabled = !isOpen;
  }

  find('connect').addEventListener('click', () => {
    const url = new URL(find('path').value, location.href);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    socket = new WebSocket(url);
    socket.onopen = () => { note('•', `connected to ${url}`); showState(); };
    socket.onmessage = (event) => note('←', event.data);
    socket.onclose = (event) => {
      note('•', `closed: ${event.code} ${event.reason}`);
      socket = null;
      showState();
    };
    showState();
  });
  find('disconnect').addEventListener('click', () => socket?.close());
  find('form').addEventListener('submit', (event) => {
    event.preventDefault();
    if (socket?.readyState !== WebSocket.OPEN) return;
    socket.send(find('text').value);
    note('→', find('text').value);
  });
  showState();
}

setUpTrial();
for (const section of document.querySelectorAll('[data-description]')) {
  showDescription(section).catch((error) => section.append(element('p', String(error))));
}
