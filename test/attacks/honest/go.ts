import type { HonestChange, HonestProject } from "./change.js";

/** A test file in the package at the top. */
const test = (name: string, imports: readonly string[], body: string): string =>
  `package shop\n\nimport (\n${["testing", ...imports]
    .sort()
    .map((path) => `\t"${path}"\n`)
    .join("")})\n\nfunc Test${name}(t *testing.T) {\n${body.replace(/^/gm, "\t")}\n}\n`;

const work: readonly HonestChange[] = [
  { does: "repairs the bug" },
  {
    does: "adds a package and its tests",
    write: {
      "discount/discount.go":
        "// Package discount takes off.\npackage discount\n\n// Half of it.\nfunc Half(cents int) int { return cents / 2 }\n",
      "discount/discount_test.go":
        'package discount\n\nimport "testing"\n\nfunc TestHalf(t *testing.T) {\n\tif Half(4) != 2 {\n\t\tt.Fatal("no")\n\t}\n}\n',
    },
  },
  { does: "renames a source file", move: { "sign.go": "currency.go" } },
  {
    does: "moves code into an internal package",
    remove: ["sign.go"],
    write: { "internal/sign/sign.go": 'package sign\n\nconst Sign = "EUR"\n' },
    edit: {
      "money.go": [
        /import "fmt"\n([\s\S]*)Sign\)/,
        'import (\n\t"fmt"\n\n\t"example.test/shop/internal/sign"\n)\n$1sign.Sign)',
      ],
    },
  },
  { does: "deletes dead code", remove: ["legacy.go"] },
  {
    does: "adds sources whose names only look like tests",
    write: {
      "contest.go": "package shop\n\nfunc Winner() int { return 1 }\n",
      "attestation.go": "package shop\n\nfunc Attested() bool { return true }\n",
      "testing_notes.md": "# Notes\n",
    },
  },
  {
    does: "adds golden files with the test that reads them",
    write: {
      "testdata/receipt.golden": "1.50 EUR",
      "golden_test.go": test(
        "Golden",
        ["os"],
        'want, err := os.ReadFile("testdata/receipt.golden")\nif err != nil || Show(150) != string(want) {\n\tt.Fatal(err, Show(150))\n}',
      ),
    },
  },
  {
    does: "adds tests with subtests, helpers, an example and a skip",
    write: {
      "many_test.go":
        'package shop\n\nimport (\n\t"fmt"\n\t"testing"\n)\n\nfunc TestMany(t *testing.T) {\n\tfor n := 0; n < 5; n++ {\n\t\tt.Run(fmt.Sprintf("case %d", n), func(t *testing.T) { t.Parallel() })\n\t}\n}\n\nfunc TestLater(t *testing.T) { t.Skip("on another system") }\n\nfunc ExampleShow() {\n\tfmt.Println(Show(150))\n\t// Output: 1.50 EUR\n}\n\nfunc BenchmarkSum(b *testing.B) {}\n\nfunc FuzzShow(f *testing.F) {\n\tf.Add(1)\n\tf.Fuzz(func(t *testing.T, cents int) { Show(cents) })\n}\n',
    },
  },
  {
    does: "adds a test that serves over the loopback",
    write: {
      "server_test.go": test(
        "Server",
        ["io", "net/http", "net/http/httptest"],
        'server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "open") }))\ndefer server.Close()\nanswer, err := http.Get(server.URL)\nif err != nil {\n\tt.Fatal(err)\n}\nsaid, _ := io.ReadAll(answer.Body)\nif string(said) != "open" {\n\tt.Fatal(string(said))\n}',
      ),
    },
  },
  {
    does: "adds a test that starts programs and works in temporary files",
    write: {
      "program_test.go": test(
        "Program",
        ["os", "os/exec", "path/filepath"],
        'file := filepath.Join(t.TempDir(), "a")\nif err := os.WriteFile(file, []byte("1"), 0o600); err != nil {\n\tt.Fatal(err)\n}\nsaid, err := exec.Command("cat", file).Output()\nif err != nil || string(said) != "1" {\n\tt.Fatal(err)\n}',
      ),
    },
  },
  {
    does: "adds a test that says a great deal",
    write: {
      "loud_test.go": test(
        "Loud",
        ["fmt"],
        'for n := 0; n < 20000; n++ {\n\tfmt.Println("a line of fifty characters or so, again and again")\n}\nt.Log("--- FAIL: not really")',
      ),
    },
  },
  {
    does: "adds a test with its own main",
    write: {
      "main_test.go":
        'package shop\n\nimport (\n\t"os"\n\t"testing"\n)\n\nfunc TestMain(m *testing.M) {\n\tos.Setenv("SHOP", "open")\n\tos.Exit(m.Run())\n}\n',
    },
  },
  {
    does: "adds a test of an outer package, of threads and variables",
    write: {
      "outer_test.go":
        'package shop_test\n\nimport (\n\t"os"\n\t"sync"\n\t"testing"\n\n\t"example.test/shop"\n)\n\nfunc TestOuter(t *testing.T) {\n\tt.Setenv("SHOP", "open")\n\tvar all sync.WaitGroup\n\tfor n := 0; n < 8; n++ {\n\t\tall.Add(1)\n\t\tgo func() { defer all.Done(); shop.Sum(nil) }()\n\t}\n\tall.Wait()\n\tif os.Getenv("SHOP") != "open" {\n\t\tt.Fatal("closed")\n\t}\n}\n',
    },
  },
  {
    does: "embeds a file",
    write: {
      "assets/logo.txt": "shop\n",
      "assets.go": 'package shop\n\nimport _ "embed"\n\n//go:embed assets/logo.txt\nvar Logo string\n',
    },
  },
  {
    does: "generates code and builds for other systems",
    write: {
      "zz_generated.go":
        "// Code generated. DO NOT EDIT.\npackage shop\n\nvar table = [3]int{1, 2, 3}\n\nvar _ = table\n",
      "open_windows.go": "package shop\n\nfunc open() {}\n",
      "doc.go": "// Package shop adds prices.\npackage shop\n",
    },
  },
  {
    does: "adds a command beside the library",
    write: {
      "cmd/shop/main.go":
        'package main\n\nimport (\n\t"fmt"\n\n\t"example.test/shop"\n)\n\nfunc main() { fmt.Println(shop.Show(150)) }\n',
    },
    plan: { acceptance_criteria: [{ description: "it builds", validator: { type: "build_pass" } }] },
  },
  {
    does: "repairs what one package asks for",
    step: { validator: { type: "test_pass", target: ".", params: { min_tests: 2, no_skips: true } } },
  },
];

export const goShop: HonestProject = {
  name: "a shop in go",
  language: "go",
  programs: ["go"],
  files: {
    "go.mod": "module example.test/shop\n\ngo 1.20\n",
    "sum.go": "package shop\n\n// Sum of all prices.\nfunc Sum(prices []int) int { return len(prices) }\n",
    "money.go":
      'package shop\n\nimport "fmt"\n\n// Show cents.\nfunc Show(cents int) string { return fmt.Sprintf("%.2f %s", float64(cents)/100, Sign) }\n',
    "sign.go": 'package shop\n\n// Sign of the currency.\nconst Sign = "EUR"\n',
    "legacy.go": "package shop\n\nfunc Old() int { return 1 }\n",
    "shop_test.go":
      'package shop\n\nimport "testing"\n\nfunc TestSum(t *testing.T) {\n\tif got := Sum([]int{2, 3}); got != 5 {\n\t\tt.Fatalf("got %d", got)\n\t}\n}\n\nfunc TestShow(t *testing.T) {\n\tif got := Show(150); got != "1.50 EUR" {\n\t\tt.Fatal(got)\n\t}\n}\n',
  },
  repair: {
    "sum.go":
      "package shop\n\n// Sum of all prices.\nfunc Sum(prices []int) int {\n\ttotal := 0\n\tfor _, price := range prices {\n\t\ttotal += price\n\t}\n\treturn total\n}\n",
  },
  changes: work,
};
