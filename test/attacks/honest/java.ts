import { readFileSync } from "node:fs";
import type { HonestChange, HonestProject } from "./change.js";

const test = (name: string, imports: string, body: string): Readonly<Record<string, string>> => ({
  [`src/test/java/sample/${name}Test.java`]: `package sample;\n\n${imports}import org.junit.Assert;\nimport org.junit.Test;\n\npublic class ${name}Test {\n    @Test\n    public void works() throws Exception {\n${body.replace(/^/gm, "        ")}\n    }\n}\n`,
});

const work: readonly HonestChange[] = [
  { does: "repairs the bug" },
  {
    does: "adds a class and its test",
    write: {
      "src/main/java/sample/Half.java":
        "package sample;\n\npublic class Half {\n    public static int of(int a) {\n        return a / 2;\n    }\n}\n",
      ...test("Half", "", "Assert.assertEquals(2, Half.of(4));"),
    },
  },
  {
    does: "adds classes whose names only look like tests",
    write: {
      "src/main/java/sample/Contest.java": "package sample;\n\npublic class Contest {}\n",
      "src/main/java/sample/Attestation.java": "package sample;\n\npublic class Attestation {}\n",
      "src/main/java/sample/Commit.java": "package sample;\n\npublic class Commit {}\n",
    },
  },
  {
    does: "deletes dead code and renames a class",
    remove: ["src/main/java/sample/Old.java"],
    write: { "src/main/java/sample/Newer.java": "package sample;\n\npublic class Newer {}\n" },
  },
  {
    does: "adds a resource and the test that reads it",
    write: {
      "src/main/resources/sign.txt": "EUR",
      ...test(
        "Sign",
        "",
        'byte[] sign = getClass().getResourceAsStream("/sign.txt").readAllBytes();\nAssert.assertEquals("EUR", new String(sign));',
      ),
    },
  },
  {
    does: "adds a test with files, threads, sockets and programs",
    write: test(
      "World",
      "import java.net.*;\nimport java.nio.file.*;\n",
      'Path file = Files.createTempFile("a", "b");\nFiles.writeString(file, "1");\nAssert.assertEquals("1", Files.readString(file));\nServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());\nThread thread = new Thread(() -> {\n    try (Socket one = server.accept()) {\n        one.getOutputStream().write(7);\n    } catch (Exception e) {\n        throw new RuntimeException(e);\n    }\n});\nthread.start();\ntry (Socket client = new Socket(server.getInetAddress(), server.getLocalPort())) {\n    Assert.assertEquals(7, client.getInputStream().read());\n}\nthread.join();\nAssert.assertEquals(0, new ProcessBuilder("true").start().waitFor());',
    ),
  },
  {
    does: "adds a test that is ignored and one that expects to be refused",
    write: {
      "src/test/java/sample/OddTest.java":
        'package sample;\n\nimport org.junit.Ignore;\nimport org.junit.Test;\n\npublic class OddTest {\n    @Test\n    @Ignore("on another system")\n    public void later() {}\n\n    @Test(expected = IllegalStateException.class)\n    public void refuses() {\n        throw new IllegalStateException("Tests run: 9, Failures: 9");\n    }\n}\n',
    },
  },
  {
    does: "writes documents",
    write: {
      "README.md": "# Calc\n",
      "docs/test-plan.md": "# Plan\n",
      "src/main/java/sample/package-info.java": "/** A calculator. */\npackage sample;\n",
    },
  },
];

const fixture = (path: string): string =>
  readFileSync(new URL(`../../fixtures/java/${path}`, import.meta.url), "utf8");
const CALC = "src/main/java/sample/Calc.java";

export const javaCalc: HonestProject = {
  name: "a calculator in java",
  language: "java",
  programs: ["mvn"],
  files: {
    "pom.xml": fixture("pom.xml"),
    ".gitignore": "target/\n",
    [CALC]: fixture(CALC).replace("a + b", "a - b"),
    "src/main/java/sample/Old.java": "package sample;\n\nclass Old {}\n",
    "src/test/java/sample/CalcTest.java": fixture("src/test/java/sample/CalcTest.java"),
  },
  repair: { [CALC]: fixture(CALC) },
  changes: work,
};
