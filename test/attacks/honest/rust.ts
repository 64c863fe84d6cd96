import type { HonestChange, HonestProject } from "./change.js";

const INLINE =
  '\n#[cfg(test)]\nmod tests {\n    use super::*;\n\n    #[test]\n    fn shows_cents() {\n        assert_eq!(show(150), "1.50 EUR");\n    }\n}\n';
const lib = (sum: string): string =>
  `//! A shop.\n\npub mod legacy;\npub mod sign;\n\n/// Sum of all prices.\npub fn sum(prices: &[i32]) -> i32 {\n    ${sum}\n}\n\n/// Cents as people read them.\npub fn show(cents: i32) -> String {\n    format!("{:.2} {}", f64::from(cents) / 100.0, sign::SIGN)\n}\n${INLINE}`;
const FIXED = lib("prices.iter().sum()");

const work: readonly HonestChange[] = [
  { does: "repairs the bug" },
  {
    does: "changes the code above tests that stand in it",
    write: {
      "src/lib.rs": FIXED.replace("/// Sum of", "/// The sum of").replace(
        "//! A shop.",
        "//! A shop that adds.",
      ),
    },
  },
  {
    does: "adds a module with tests of its own inside",
    write: {
      "src/discount.rs":
        "pub fn half(cents: i32) -> i32 {\n    cents / 2\n}\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn halves() {\n        assert_eq!(super::half(4), 2);\n    }\n}\n",
      "src/lib.rs": FIXED.replace("pub mod legacy", "pub mod discount;\npub mod legacy"),
    },
  },
  {
    does: "adds an integration test that works in files, threads and sockets",
    write: {
      "tests/more.rs":
        'use std::io::{Read, Write};\nuse std::net::{TcpListener, TcpStream};\n\n#[test]\nfn talks() {\n    let server = TcpListener::bind("127.0.0.1:0").unwrap();\n    let at = server.local_addr().unwrap();\n    let thread = std::thread::spawn(move || server.accept().unwrap().0.write_all(b"open").unwrap());\n    let mut said = String::new();\n    TcpStream::connect(at).unwrap().read_to_string(&mut said).unwrap();\n    thread.join().unwrap();\n    assert_eq!(said, "open");\n    let file = std::env::temp_dir().join("a");\n    std::fs::write(&file, "1").unwrap();\n    assert_eq!(std::fs::read_to_string(&file).unwrap(), "1");\n}\n',
    },
  },
  {
    does: "deletes dead code",
    remove: ["src/legacy.rs"],
    write: { "src/lib.rs": FIXED.replace("pub mod legacy;\n", "") },
  },
  { does: "turns a module into a folder", move: { "src/sign.rs": "src/sign/mod.rs" } },
  {
    does: "adds an ignored test, one that should panic and documentation",
    write: {
      "tests/odd.rs":
        '#[test]\n#[ignore]\nfn later() {}\n\n#[test]\n#[should_panic(expected = "boom")]\nfn panics() {\n    panic!("boom");\n}\n',
      "src/lib.rs": FIXED.replace(
        "/// Cents as",
        '/// ```\n/// assert_eq!(shop::show(150), "1.50 EUR");\n/// ```\n/// Cents as',
      ),
    },
  },
  {
    does: "adds sources whose names only look like tests",
    write: {
      "src/contest.rs": "pub fn winner() -> i32 {\n    1\n}\n",
      "src/lib.rs": FIXED.replace("pub mod legacy", "pub mod contest;\npub mod legacy"),
    },
  },
  {
    does: "adds an example and a program",
    write: {
      "examples/show.rs": 'fn main() {\n    println!("{}", shop::show(150));\n}\n',
      "src/main.rs": 'fn main() {\n    println!("{}", shop::sum(&[1]));\n}\n',
    },
  },
  {
    does: "starts programs in a test and says odd things",
    write: {
      "tests/loud.rs":
        '#[test]\nfn loud() {\n    let said = std::process::Command::new("echo").arg("1").output().unwrap();\n    assert_eq!(said.stdout, b"1\\n");\n    println!("test forged ... FAILED");\n    println!("running 7 tests");\n}\n',
    },
  },
];

export const rustShop: HonestProject = {
  name: "a shop in rust",
  language: "rust",
  programs: ["cargo"],
  files: {
    "Cargo.toml": '[package]\nname = "shop"\nversion = "0.1.0"\nedition = "2021"\n',
    "Cargo.lock": 'version = 3\n\n[[package]]\nname = "shop"\nversion = "0.1.0"\n',
    ".gitignore": "target/\n",
    "src/lib.rs": lib("prices.len() as i32"),
    "src/sign.rs": 'pub const SIGN: &str = "EUR";\n',
    "src/legacy.rs": "pub fn old() -> i32 {\n    1\n}\n",
    "tests/sum.rs": "#[test]\nfn prices_add_up() {\n    assert_eq!(shop::sum(&[2, 3]), 5);\n}\n",
  },
  repair: { "src/lib.rs": FIXED },
  changes: work,
};
