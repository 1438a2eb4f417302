# SPDX-License-Identifier: MIT
"""bench/harness: figures of rounds, the plots, and the page that is made of them."""
import re
import sys
import unittest
import xml.etree.ElementTree as ET
from pathlib import Path
from types import SimpleNamespace

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

from harness import docs, figures, loadgen, results, runs, runs_boards, scenarios, svg  # noqa: E402

MACHINE = {"cpu": "a CPU", "cores": 2, "kernel": "6", "load": 0.5, "commit": "abc",
           "time": "2026-01-02T03:04:05Z"}


def stored(**peers):
    """A store whose fan-out has these peers' CPU per delivery."""
    rounds = [{p: {"cpu": v, **{n: 1.0 for n in ("p50", "p99", "whole")}}
               for p, v in peers.items()}]
    scenario = scenarios.ALL["fanout"]
    return {"scenarios": {"fanout": {
        "title": scenario.title, "machine": MACHINE, "parameters": {}, "rounds": 1,
        "left_out": {}, "peers": results.medians(scenario, rounds)}}}


class Figures(unittest.TestCase):
    def test_ratio_is_the_median_of_the_rounds_ratios(self):
        scenario = SimpleNamespace(figures={
            "cpu": figures.Figure("µs", 1, of="cpu"),
            "to": figures.Figure("×", 2, ratio_to="epoll", of="cpu")})
        rounds = [{"epoll": {"cpu": e}, "broadcaster": {"cpu": b}}
                  for e, b in ((1, 2), (10, 10), (4, 2))]
        ours = results.medians(scenario, rounds)["broadcaster"]
        self.assertEqual(ours["cpu"]["median"], 2)
        self.assertEqual(ours["to"], {"median": 1, "rounds": [2, 1, 0.5]})

    def test_peer_that_dropped_out_and_figure_that_is_missing_are_left_out(self):
        scenario = SimpleNamespace(figures={
            "cpu": figures.Figure("µs", 1, of="cpu"),
            "to": figures.Figure("×", 2, ratio_to="epoll", of="cpu")})
        found = results.medians(scenario, [{"node": {"cpu": 1}, "nchan": {"cpu": 3}},
                                           {"nchan": {"cpu": 5}}])
        self.assertEqual(found, {"nchan": {"cpu": {"median": 4, "rounds": [3, 5]}}})

    def test_limit_of_p99_is_taken_from_bare_epoll(self):
        figure = scenarios.ALL["latency"].figures["limit"]
        one_round = {"epoll": {"whole": 5, "p99": 5}, "broadcaster": {"p99": 16}}
        self.assertEqual(figure.value(one_round, "broadcaster"), 2)
        self.assertIsNone(figure.value({"broadcaster": {"p99": 16}}, "broadcaster"))

    def test_lateness_is_the_bound_of_the_last_bucket_that_grew(self):
        name = "broadcaster_loop_lag_seconds"

        def page(*counts):
            bounds = ("0.01", "0.025", "0.1", "+Inf")
            return {**{f'{name}_bucket{{le="{b}"}}': c for b, c in zip(bounds, counts)},
                    f"{name}_sum": sum(counts) / 1000}
        self.assertEqual(runs.lateness(page(5, 5, 6, 6), page(8, 9, 10, 10))[0], 0.025)
        self.assertEqual(runs.lateness(page(5, 5, 6, 6), page(8, 8, 9, 9))[0], 0.01)

    def test_scoreboard_is_always_the_same_and_of_its_size(self):
        text = runs_boards.scoreboard(30000)
        self.assertEqual(text, runs_boards.scoreboard(30000))
        self.assertTrue(30000 <= len(text) < 33000)
        self.assertNotIn("@", text)  # nothing that the load generator would fill in


class Reports(unittest.TestCase):
    def test_what_is_wrong_is_said_in_one_line(self):
        report = {"trouble": None, "posts": {"failed": 2}, "delivery": {"missing": 3, "torn": 0},
                  "connections": {"failed": 0, "closed": 1, "surprise": "a connection ended: x"}}
        self.assertEqual(loadgen.why(report), "messages or connections are wrong; 1 closed, "
                         "3 missing, 2 posts refused; a connection ended: x")
        self.assertEqual(loadgen.why({"trouble": "epoll failed"}), "epoll failed; nothing counted")


class Page(unittest.TestCase):
    def test_only_what_stands_between_markers_changes(self):
        text = "a\n<!-- bench: goals -->\nold\n<!-- /bench -->\nb\n"
        made = docs.page(text, stored(epoll=4.0, broadcaster=5.0))
        self.assertTrue(made.startswith("a\n<!-- bench: goals -->\n| scenario"))
        self.assertTrue(made.endswith("|\n<!-- /bench -->\nb\n"))
        self.assertNotIn("old", made)
        self.assertEqual(docs.page(made, stored(epoll=4.0, broadcaster=5.0)), made)

    def test_goals_name_what_is_missed_reached_and_not_measured(self):
        lines = docs.goals(stored(epoll=4.0, nchan=10.0, broadcaster=5.0))
        self.assertIn("≤ 1.1 | 1.25 | **missed** |", lines[2])
        self.assertIn("≤ 0.7 | 0.50 | reached |", lines[3])
        self.assertIn("≤ 0.45 |  | not measured |", lines[4])

    def test_what_was_measured_on_a_busy_machine_says_so(self):
        store = stored(epoll=4.0, broadcaster=5.0)
        quiet = docs.goals(store) + docs.scenario_table(store, "fanout")
        self.assertNotIn("isturbed", "\n".join(quiet))
        store["scenarios"]["fanout"]["machine"] = {**MACHINE, "load": 4.5}
        self.assertIn("| **missed**, disturbed |", docs.goals(store)[2])
        self.assertIn("**Disturbed: a load of 4.5", docs.scenario_table(store, "fanout")[-1])

    def test_failed_scenario_says_so(self):
        store = {"scenarios": {"lag": {"machine": MACHINE, "failed": "failed: it broke"}}}
        self.assertIn("failed: it broke", "\n".join(docs.goals(store)))
        self.assertEqual(docs.section(store, "table", "lag"), ["`lag`: failed: it broke."])

    def test_unknown_section_is_an_error(self):
        for kind, argument in (("table", "nothing"), ("plot", "nothing"), ("other", None)):
            with self.assertRaises(docs.Failure):
                docs.section({"scenarios": {}}, kind, argument)

    def test_page_shows_every_scenario_and_every_plot(self):
        found = {(m[2], m[3]) for m in docs.MARKED.finditer(docs.PAGE.read_text())}
        self.assertLessEqual({("table", name) for name in scenarios.ALL}, found)
        self.assertLessEqual({("plot", name) for name in docs.PLOTS}, found)

    def test_committed_page_is_made_of_the_committed_figures(self):
        text = docs.PAGE.read_text()
        self.assertEqual(docs.page(text, docs.load(docs.FIGURES)), text,
                         "tools/bench --docs was not run")


class Plots(unittest.TestCase):
    def test_bars_are_as_high_as_their_values(self):
        text = svg.bars("a < b", "µs", [("one", [1.0], False), ("two", [4.0], True)], target=2.0)
        root = ET.fromstring(text)
        heights = [float(r.get("height")) for r in root.iter() if r.tag.endswith("rect")]
        self.assertAlmostEqual(heights[1] / heights[0], 4, delta=0.05)
        self.assertEqual(root.get("aria-label"), "a < b")
        self.assertIn("prefers-color-scheme:dark", text)

    def test_grid_is_round(self):
        for top, step in ((1, 0.2), (7, 2), (10, 2), (11, 5), (4300, 1000), (0.3, 0.1)):
            self.assertAlmostEqual(svg.step_of(top), step)

    def test_numbers_are_short(self):
        for value, text in ((0, "0"), (0.123456, "0.123"), (5.6789, "5.68"), (12345, "12,345"),
                            (200.0, "200"), (20.0, "20")):
            self.assertEqual(svg.number(value), text)

    def test_plot_of_nothing_is_none(self):
        for key in docs.PLOTS:
            self.assertIsNone(docs.plot({"scenarios": {}}, key))
        text = docs.plot(stored(epoll=4.0, broadcaster=5.0), "fanout")
        self.assertTrue(re.search(r'class="ours"', text))


if __name__ == "__main__":
    unittest.main()
