import { keyedRows } from "./keyed-rows.js";

/**
 * Runs pytest as its command line does, with a plugin that tells every test by its node id: its own XML names no test that
 * passed on a second try, and stands where any test can write it.
 */
export const pytestMain = `
import os, sys
sys.path[:] = [entry for entry in sys.path if entry not in ("", os.getcwd())]
import json, pytest
sys.path.insert(0, os.getcwd())
${keyedRows}
class Teller:
    def __init__(self):
        self.outcomes, self.retried, self.broken = {}, set(), []
    def pytest_runtest_logreport(self, report):
        if report.outcome == "rerun":
            self.retried.add(report.nodeid)
            # What an earlier try said is taken back.
            self.outcomes.pop(report.nodeid, None)
            return
        known = self.outcomes.get(report.nodeid)
        if report.outcome == "failed" or known is None or (known == "passed" and report.outcome == "skipped"):
            self.outcomes[report.nodeid] = report.outcome
    def pytest_collectreport(self, report):
        if report.outcome == "failed":
            self.broken.append(report.nodeid)
        elif report.outcome == "skipped":
            self.outcomes[report.nodeid] = "skipped"
    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self):
        for id, outcome in self.outcomes.items():
            row = dict(id=id, file=id.split("::")[0], outcome=outcome)
            if id in self.retried and outcome == "passed":
                row["retried"] = True
            tell(**row)
        for id in self.broken:
            tell(broken=id.split("::")[0])
        tell(end=True)

sys.exit(pytest.main(plugins=[Teller()]))
`;
