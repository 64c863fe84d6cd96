import { execFileSync } from "node:child_process";

/** A project with one bug, the file that holds it, and the file repaired. */
export type ToolchainSample = {
  readonly name: string;
  /** Programs without which its tests are skipped. */
  readonly programs: readonly string[];
  readonly files: Readonly<Record<string, string>>;
  readonly bug: string;
  readonly repaired: string;
};

export const has = (program: string): boolean => {
  try {
    execFileSync("sh", ["-c", `command -v "${program}"`], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
};

const GO: ToolchainSample = {
  name: "go",
  programs: ["go"],
  files: {
    "go.mod": "module example.test/shop\n\ngo 1.20\n",
    "sum.go": "package shop\n\nfunc Sum(prices []int) int { return len(prices) }\n",
    "sum_test.go":
      'package shop\n\nimport "testing"\n\nfunc TestSum(t *testing.T) {\n\tif got := Sum([]int{2, 3}); got != 5 {\n\t\tt.Fatalf("got %d", got)\n\t}\n}\n',
  },
  bug: "sum.go",
  repaired:
    "package shop\n\nfunc Sum(prices []int) int {\n\ttotal := 0\n\tfor _, price := range prices {\n\t\ttotal += price\n\t}\n\treturn total\n}\n",
};

const NODE: ToolchainSample = {
  name: "node",
  programs: ["node", "npm"],
  files: {
    "package.json":
      '{ "name": "shop", "type": "module", "scripts": { "build": "node --check src/sum.mjs", "test": "node --test" } }\n',
    "src/sum.mjs": "export const sum = (prices) => prices.length;\n",
    "test/sum.test.mjs":
      'import assert from "node:assert/strict";\nimport { test } from "node:test";\nimport { sum } from "../src/sum.mjs";\ntest("prices add up", () => assert.equal(sum([2, 3]), 5));\n',
  },
  bug: "src/sum.mjs",
  repaired: "export const sum = (prices) => prices.reduce((total, price) => total + price, 0);\n",
};

const PYTHON: ToolchainSample = {
  name: "python",
  programs: ["python3"],
  files: {
    "pyproject.toml": '[project]\nname = "shop"\nversion = "0.1"\n',
    "shop.py": "def total(prices):\n    return len(prices)\n",
    "test_shop.py":
      "import unittest\nfrom shop import total\n\n\nclass TestTotal(unittest.TestCase):\n    def test_prices_add_up(self):\n        self.assertEqual(total([2, 3]), 5)\n",
  },
  bug: "shop.py",
  repaired: "def total(prices):\n    return sum(prices)\n",
};

const RUST: ToolchainSample = {
  name: "rust",
  programs: ["cargo"],
  files: {
    "Cargo.toml": '[package]\nname = "shop"\nversion = "0.1.0"\nedition = "2021"\n',
    "Cargo.lock": 'version = 3\n\n[[package]]\nname = "shop"\nversion = "0.1.0"\n',
    ".gitignore": "target/\n",
    "src/lib.rs": "pub fn sum(prices: &[i32]) -> i32 {\n    prices.len() as i32\n}\n",
    "tests/sum.rs": "#[test]\nfn prices_add_up() {\n    assert_eq!(shop::sum(&[2, 3]), 5);\n}\n",
  },
  bug: "src/lib.rs",
  repaired: "pub fn sum(prices: &[i32]) -> i32 {\n    prices.iter().sum()\n}\n",
};

export const toolchainSamples: readonly ToolchainSample[] = [GO, NODE, PYTHON, RUST];
