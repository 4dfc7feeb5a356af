"""The demo's audit: reads the result topic, the ledger and the simulator's record from outside."""

import collections
import json
import subprocess
import urllib.request

from services import Postgres

GOOD_OUTCOMES = {"succeeded", "skipped"}
BAD_VERDICTS = {"failed", "too_open"}


class Audit:
    def __init__(self, env, campaign, selected):
        self.env, self.campaign, self.selected = env, campaign, selected
        self.lines = []
        self.good = True

    # ---- what others know ---------------------------------------------------------------------

    def read_results(self):
        """Every result of the topic, as a read_committed consumer sees it, up to its end."""
        out = subprocess.run(
            ["kcat", "-C", "-q", "-e", "-b", self.env["REBUILD_KAFKA_BOOTSTRAP_SERVERS"], "-t",
             "rebuild.results.v1", "-o", "beginning", "-X", "isolation.level=read_committed",
             "-f", "%s\\n"], check=True, stdout=subprocess.PIPE, timeout=60).stdout
        return [json.loads(line)["data"] for line in out.splitlines()]

    def read_requests(self):
        """The request ids of the ledger."""
        out = subprocess.run(
            [Postgres.program("psql"), "-qXAt", self.env["REBUILD_DATABASE_URL"], "-c",
             f"select request_id from rebuild.item where campaign_id::text = '{self.campaign}'"],
            check=True, stdout=subprocess.PIPE, text=True, timeout=60).stdout
        return set(out.split())

    def read_builds(self):
        """What the replicas were asked for."""
        with urllib.request.urlopen(self.env["SIMULATOR_ADMIN"] + "/audit?summary=1") as answer:
            return json.load(answer)

    # ---- what must hold -----------------------------------------------------------------------

    def line(self, name, value, holds=None):
        verdict = "" if holds is None else "ok" if holds else "DOES NOT HOLD"
        self.lines.append(f"  {name:34} {value!s:44} {verdict}".rstrip())
        self.good = self.good and holds is not False

    def check_results(self):
        """Returns how many items were built, as the results say."""
        requests, results = self.read_requests(), self.read_results()
        counts = collections.Counter(result["request_id"] for result in results)
        twice = sum(1 for n in counts.values() if n > 1)
        self.line("requests", len(requests), len(requests) == self.selected > 0)
        self.line("results", len(results))
        self.line("requests without a result", len(requests - set(counts)), requests <= set(counts))
        self.line("requests with more than one", twice, twice == 0)
        self.line("results without a request", len(set(counts) - requests), set(counts) <= requests)
        outcomes = collections.Counter(result["outcome"] for result in results)
        self.line("outcomes", self.listed(outcomes), set(outcomes) <= GOOD_OUTCOMES)
        verdicts = collections.Counter(result["access"]["verdict"] for result in results)
        self.line("access verdicts", self.listed(verdicts), not BAD_VERDICTS & set(verdicts))
        self.line("adopted from the killed worker",
                  sum(1 for result in results if result.get("adopted")))

        return outcomes["succeeded"]

    def check_builds(self, succeeded):
        builds = self.read_builds()
        self.line("items that Connect built", builds["guids_built"],
                  builds["guids_built"] == succeeded > 0)
        self.line("builds per replica", self.listed(builds["per_replica"]))
        self.line("built twice", builds["built_twice"], builds["built_twice"] == 0)
        self.line("most at once per replica", self.listed(builds["max_inflight_per_replica"]))
        self.line(f"started over the limit of {builds['limit']}", builds["over_limit"],
                  builds["over_limit"] == 0 < builds["limit"])

    @staticmethod
    def listed(counts):
        return ", ".join(f"{name} {n}" for name, n in sorted(counts.items()))

    def report(self):
        """Prints what was found; True if all of it holds."""
        self.check_builds(self.check_results())
        print("Audit, from the result topic, the ledger and the replicas:")
        print("\n".join(self.lines))
        print("Everything holds." if self.good else "Something does not hold.", flush=True)
        return self.good
