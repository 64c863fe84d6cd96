import { keyedRows } from "./keyed-rows.js";

/** What stands behind it are files, of which alone discovery loads the tests. */
export const FILES = "--files";

/**
 * Runs unittest as its command line does and writes a report that names every test, which its text does not: the text
 * differs between versions, joins lines and mixes with what tests print.
 */
export const unittestMain = `
import os, sys
sys.path[:] = [entry for entry in sys.path if entry not in ("", os.getcwd())]
import json, unittest
sys.path.insert(0, os.getcwd())
${keyedRows}
class Result(unittest.TextTestResult):
    def tell(self, test, outcome):
        tell(id=test.id(), file=type(test).__module__, outcome=outcome)
    def addSuccess(self, test):
        super().addSuccess(test)
        self.tell(test, "passed")
    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.tell(test, "failed")
    def addError(self, test, error):
        super().addError(test, error)
        if type(test).__name__ == "_FailedTest":
            tell(broken=test._testMethodName)
        elif type(test).__name__ == "_ErrorHolder":
            tell(broken=test.id().split("(")[-1].rstrip(")").rsplit(".", 1)[0])
        else:
            self.tell(test, "failed")
    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.tell(test, "skipped")
    def addExpectedFailure(self, test, error):
        super().addExpectedFailure(test, error)
        self.tell(test, "skipped")
    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.tell(test, "failed")
    def addSubTest(self, test, subtest, error):
        super().addSubTest(test, subtest, error)
        if error is not None:
            self.tell(test, "failed")
    def stopTestRun(self):
        super().stopTestRun()
        tell(end=True)

class Runner(unittest.TextTestRunner):
    resultclass = Result

class OfFiles(unittest.TestLoader):
    def discover(self, start_dir, pattern="test*.py", top_level_dir=None):
        if not files:
            return super().discover(start_dir, pattern, top_level_dir)
        return self.suiteClass(super(OfFiles, self).discover(start_dir, os.path.basename(file), top_level_dir) for file in files)

at = sys.argv.index("${FILES}") if "${FILES}" in sys.argv else len(sys.argv)
files = sys.argv[at + 1:]
del sys.argv[at:]
unittest.main(module=None, testRunner=Runner, testLoader=OfFiles(), verbosity=2)
`;
