# SPDX-License-Identifier: MIT
"""The client code that the reference pages print, run as printed."""
import re

import pytest
from support import events
from support.node import NodeScript
from support.process import ROOT
from support.users import reference_place, token_of

SNIPPETS = ROOT / "tests/fixtures/reference"
CONTEST = "/contest/annual-2024"


def snippet(name):
    return (SNIPPETS / name).read_text()


@pytest.fixture
def node(stack, tmp_path):
    """node(text, …): the text under Node.js, told where the gateway is."""
    scripts = []

    def start(text, **constants):
        constants.setdefault("EVENTS_URL", f"ws://127.0.0.1:{stack.gateway.port}/events/")
        scripts.append(NodeScript(text, tmp_path, **constants))
        return scripts[-1]

    yield start
    for script in scripts:
        script.stop()


REALTIME_HANDLERS = """
const getAuthToken = () => authToken;
const scheduleReconnect = () => report('scheduleReconnect');
const handleRunUpdate = (data) => report('run_update', data);
const handleScoreboardUpdate = (data) => report('scoreboard_update', data);
const handleClarification = (data) => report('clarification', data);
const handleContestUpdate = (data) => report('contest_update', data);
const onAuthSuccess = () => { report('auth_success'); channels.forEach(subscribe); };
const onSubscribed = (channel) => report('subscribed', channel);
"""


def test_connection_authentication_subscription_and_the_four_events(stack, node):
    script = node(REALTIME_HANDLERS + snippet("realtime.js"), authToken=token_of("contestant1"),
                  channels=[CONTEST])
    assert script.report() == ["auth_success"]
    assert script.report() == ["subscribed", CONTEST]
    for kind, event in events.REFERENCE.items():
        stack.post(event)
        assert script.report() == [kind, event["data"]]


def test_unknown_channel_is_unsubscribed_by_the_printed_error_handler(stack, node):
    """handleError() unsubscribes the channel that a not_found error names."""
    script = node(REALTIME_HANDLERS + snippet("realtime.js") + """
        const printed = ws.onmessage;
        ws.onmessage = (event) => {
          const message = JSON.parse(event.data);
          if (message.type === 'error' || message.type === 'unsubscribed') {
            report(message.type, message.error, message.channel);
          }
          printed(event);
        };
        """, authToken=token_of("ana"), channels=["/scoreboard/NoSuchToken"])
    assert script.report() == ["auth_success"]
    assert script.report() == ["error", "not_found", "/scoreboard/NoSuchToken"]
    assert script.report() == ["unsubscribed", None, "/scoreboard/NoSuchToken"]


def test_unauthorized_makes_the_printed_error_handler_authenticate_again(stack, node):
    script = node("""
        let asked = 0;
        const getAuthToken = () => (asked++ === 0 ? 'expired' : authToken);
        """ + REALTIME_HANDLERS.replace("const getAuthToken = () => authToken;", "")
                  + snippet("realtime.js"), authToken=token_of("ana"), channels=[])
    assert script.report() == ["auth_success"]


def test_architecture_pages_handlers(stack, node):
    script = node("""
        const updateSubmissionStatus = (data) => report('run', data.verdict);
        const refreshScoreboard = () => report('scoreboard');
        const showClarificationNotification = (data) => report('clarification', data.message);
        const ws = new WebSocket(EVENTS_URL);
        """ + snippet("architecture.js") + """
        const authenticate = ws.onopen, handle = ws.onmessage;
        ws.onopen = () => {
          authenticate();
          ws.send(JSON.stringify({type: 'subscribe', channel: '/contest/annual-2024'}));
        };
        ws.onmessage = (event) => {
          if (JSON.parse(event.data).type === 'subscribed') report('subscribed');
          handle(event);
        };
        """, authToken=token_of("contestant1"))
    assert script.report() == ["subscribed"]
    for kind in ("run_update", "scoreboard_update", "clarification"):
        stack.post(events.REFERENCE[kind])
    assert script.report() == ["run", "AC"]
    assert script.report() == ["scoreboard"]
    assert script.report() == ["clarification", "The input is guaranteed to be positive."]


def test_scoreboard_token_subscribes_without_auth(stack, node):
    script = node("""
        const ws = new WebSocket(EVENTS_URL);
        ws.onopen = () => {
        """ + snippet("scoreboard.js") + """
        };
        ws.onmessage = (event) => report(JSON.parse(event.data));
        """, scoreboardToken=reference_place().scoreboard)
    assert script.report()[0]["type"] == "subscribed"
    stack.post(events.REFERENCE["scoreboard_update"])
    message = script.report()[0]
    assert (message["type"], message["data"]) == \
        ("scoreboard_update", events.REFERENCE["scoreboard_update"]["data"])


# What the page's class leaves to its reader.
RECONNECTION_REST = """
EventConnection.prototype.authenticate = function () {
  this.ws.send(JSON.stringify({type: 'auth', token: authToken}));
};
EventConnection.prototype.subscribe = function (channel) {
  this.ws.send(JSON.stringify({type: 'subscribe', channel}));
};
EventConnection.prototype.onMessage = function (event) {
  const message = JSON.parse(event.data);
  if (message.type !== 'position') report(message.type, message.channel, message.data);
};
const connection = new EventConnection();
connection.subscriptions.add('/contest/annual-2024');
connection.subscriptions.add('/user/contestant1');
connection.connect();
"""


def test_reconnection_logic_finds_a_restarted_gateway(make_stack, node):
    own = make_stack()
    script = node(snippet("reconnection.js") + RECONNECTION_REST,
                  authToken=token_of("contestant1"),
                  EVENTS_URL=f"ws://127.0.0.1:{own.gateway.port}/events/")

    def is_listening():
        assert script.report(20)[0] == "auth_success"
        assert {script.report()[1] for _ in range(2)} == {CONTEST, "/user/contestant1"}

    is_listening()
    own.post(events.REFERENCE["contest_update"])
    assert script.report()[:2] == ["contest_update", CONTEST]
    own.gateway.kill()
    own.gateway.start()
    is_listening()
    own.post(events.REFERENCE["run_update"])
    assert {tuple(script.report()[:2]) for _ in range(2)} == \
        {("run_update", CONTEST), ("run_update", "/user/contestant1")}


def without_types(text):
    """The page's TypeScript as JavaScript."""
    for pattern in (r"\bprivate ", r": WebSocket \| null", r": Map<string, Set<Function>>",
                    r": (string|Function|void|MessageEvent)\b", r"(?<=\))!"):
        text = re.sub(pattern, "", text)
    return text


def test_event_service_class_finds_the_channel_in_each_event(stack, node):
    script = node(without_types(snippet("event_service.ts")) + """
        EventService.prototype.authenticate = function (token) {
          this.ws.send(JSON.stringify({type: 'auth', token}));
          this.subscribe('/contest/annual-2024', (data) => report('contest', data.type));
          this.subscribe('/user/contestant1', (data) => report('user', data.type));
        };
        new EventService().connect(authToken);
        """, authToken=token_of("contestant1"))
    assert {tuple(script.report()) for _ in range(2)} == \
        {("contest", "subscribed"), ("user", "subscribed")}
    stack.post(events.REFERENCE["run_update"])
    stack.post(events.REFERENCE["clarification"])
    assert sorted(script.report() for _ in range(3)) == \
        [["contest", "clarification"], ["contest", "run_update"], ["user", "run_update"]]
