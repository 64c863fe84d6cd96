import type { HonestChange, HonestProject } from "./change.js";

const unit = (imports: string, body: string): string =>
  `import unittest\n${imports}\n\nclass TestMore(unittest.TestCase):\n    def test_more(self):\n${body.replace(/^/gm, "        ")}\n`;

const shop: readonly HonestChange[] = [
  { does: "repairs the bug" },
  {
    does: "adds a module and its tests",
    write: {
      "shop/discount.py": "def discount(cents, percent):\n    return round(cents * (1 - percent / 100))\n",
      "tests/test_discount.py": unit(
        "from shop.discount import discount\n",
        "self.assertEqual(discount(200, 50), 100)",
      ),
    },
  },
  {
    does: "renames a module and what imports it",
    move: { "shop/sign.py": "shop/currency.py" },
    edit: { "shop/money.py": ["shop.sign", "shop.currency"] },
  },
  {
    does: "splits a module into a package",
    remove: ["shop/legacy.py"],
    write: {
      "shop/legacy/__init__.py": "from .old import old\n",
      "shop/legacy/old.py": "def old():\n    return 1\n",
    },
  },
  { does: "deletes dead code", remove: ["shop/legacy.py"] },
  {
    does: "adds docstrings and comments",
    edit: {
      "shop/money.py": ["def show(cents):\n", 'def show(cents):\n    """Cents as people read them."""\n'],
    },
  },
  {
    does: "adds sources whose names only look like tests",
    write: {
      "shop/contest.py": "WINNER = 1\n",
      "shop/latest.py": "LATEST = 1\n",
      "shop/attestation.py": "OK = True\n",
    },
  },
  {
    does: "adds a test that works in temporary files",
    write: {
      "tests/test_files.py": unit(
        "import tempfile\nfrom pathlib import Path\n",
        'with tempfile.TemporaryDirectory() as folder:\n    Path(folder, "a").write_text("1")\n    self.assertEqual(Path(folder, "a").read_text(), "1")',
      ),
    },
  },
  {
    does: "adds a test that talks over the loopback",
    write: {
      "tests/test_sockets.py": unit(
        "import socket\nimport threading\n",
        'server = socket.create_server(("127.0.0.1", 0))\n\ndef answer():\n    one, _ = server.accept()\n    one.sendall(b"open")\n    one.close()\n\nthread = threading.Thread(target=answer)\nthread.start()\nwith socket.create_connection(server.getsockname()) as client:\n    self.assertEqual(client.recv(10), b"open")\nthread.join()\nserver.close()',
      ),
    },
  },
  {
    does: "adds a test that starts programs and processes",
    write: {
      "tests/test_programs.py": unit(
        "import multiprocessing\nimport subprocess\nimport sys\n",
        'said = subprocess.run([sys.executable, "-c", "print(2)"], capture_output=True, text=True, check=True)\nself.assertEqual(said.stdout, "2\\n")\nwith multiprocessing.get_context("fork").Pool(2) as pool:\n    self.assertEqual(pool.map(abs, [-1, -2]), [1, 2])',
      ),
    },
  },
  {
    does: "adds a test that says a great deal",
    write: {
      "tests/test_loud.py": unit(
        "",
        'for _ in range(50_000):\n    print("a line of fifty characters or so, again and again")',
      ),
    },
  },
  {
    does: "adds names of all scripts",
    write: {
      "shop/größe.py": "WEITE = '寸法'\n",
      "tests/test_größe.py": unit("from shop.größe import WEITE\n", 'self.assertEqual(WEITE, "寸法")'),
    },
  },
  {
    does: "adds a test of dates and languages",
    write: {
      "tests/test_dates.py": unit(
        "import locale\nimport os\nimport time\n",
        'os.environ["TZ"] = "Asia/Tokyo"\ntime.tzset()\nself.assertEqual(time.localtime(0).tm_hour, 9)\nlocale.setlocale(locale.LC_ALL, "C")\nself.assertIn("ä", "ä")',
      ),
    },
  },
  {
    does: "adds a test with subtests, a skip and an expected failure",
    write: {
      "tests/test_many.py":
        'import unittest\n\n\nclass TestMany(unittest.TestCase):\n    def test_each(self):\n        for n in range(5):\n            with self.subTest(n=n):\n                self.assertLess(n, 5)\n\n    @unittest.skip("on another system")\n    def test_skipped(self):\n        self.fail()\n\n    @unittest.expectedFailure\n    def test_expected(self):\n        self.fail()\n',
    },
  },
  {
    does: "adds data and the test that reads it",
    write: {
      "tests/data/prices.csv": "1,2\n",
      "tests/test_data.py": unit(
        "from pathlib import Path\n",
        'self.assertEqual(Path(__file__).with_name("data").joinpath("prices.csv").read_text(), "1,2\\n")',
      ),
    },
  },
  {
    does: "adds a test that writes compiled files and logs that are ignored",
    write: {
      "tests/test_logs.py": unit(
        "import py_compile\nfrom pathlib import Path\n",
        'py_compile.compile("shop/money.py")\nPath("debug.log").write_text("1")',
      ),
    },
  },
  {
    does: "writes CRLF, tabs and no last line end",
    write: { "shop/windows.py": "ONE = 1\r\nTWO = 2\r\n", "shop/bare.py": "BARE = 1" },
  },
  {
    does: "adds a program of the package with its mode",
    write: { "bin/shop": "#!/usr/bin/env python3\nprint(1)\n", "shop/__main__.py": "print(1)\n" },
  },
  {
    does: "leaves caches that are ignored",
    write: { "shop/__pycache__/a.pyc": "1", ".mypy_cache/a.json": "{}", "shop.egg-info/PKG-INFO": "1" },
  },
  { does: "keeps its sources compiling", step: { validator: { type: "build_pass" } } },
];

export const pythonShop: HonestProject = {
  name: "a shop for unittest or pytest",
  language: "python",
  programs: ["python3"],
  files: {
    "pyproject.toml": '[project]\nname = "shop"\nversion = "1.0"\n',
    ".gitignore": "__pycache__/\n*.pyc\n*.log\n.mypy_cache/\n*.egg-info/\n.pytest_cache/\n",
    "shop/__init__.py": "",
    "shop/sums.py": "def total(prices):\n    return len(prices)\n",
    "shop/sign.py": 'SIGN = "EUR"\n',
    "shop/money.py":
      'from shop.sign import SIGN\n\n\ndef show(cents):\n    return f"{cents / 100:.2f} {SIGN}"\n',
    "shop/legacy.py": "def old():\n    return 1\n",
    "tests/test_shop.py":
      'import unittest\nfrom shop.money import show\nfrom shop.sums import total\n\n\nclass TestShop(unittest.TestCase):\n    def test_prices_add_up(self):\n        self.assertEqual(total([2, 3]), 5)\n\n    def test_show(self):\n        self.assertEqual(show(150), "1.50 EUR")\n',
  },
  repair: { "shop/sums.py": "def total(prices):\n    return sum(prices)\n" },
  changes: shop,
};
