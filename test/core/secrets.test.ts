import { describe, expect, it } from "vitest";
import { type KnownVariables, secretsIn } from "../../src/core/secrets.js";

const sorted = (environment: Readonly<Record<string, string>>, more: Partial<KnownVariables> = {}) =>
  secretsIn({
    environment,
    passed: [],
    names: [],
    except: [],
    exists: (path) => path.startsWith("/there"),
    ...more,
  });
const namesOf = (...given: Parameters<typeof sorted>): readonly string[] =>
  sorted(...given).secrets.map(({ name, value }) => `${name}=${value}`);

describe("a variable is secret", () => {
  it.each([
    "GITHUB_TOKEN",
    "githubToken",
    "AWS_SECRET_ACCESS_KEY",
    "DB_PASSWORD",
    "MYSQL_PWD",
    "SSH_KEY",
    "APIKEY",
    "RUNLEDGER_KEY",
    "RUNLEDGER_SDK_KEY",
    "RUNLEDGER_PROMISE_TOKEN",
  ])("by its name: %s", (name) => expect(namesOf({ [name]: "hunter22" })).toEqual([`${name}=hunter22`]));

  it.each([
    "PATH",
    "PWD",
    "KEYBOARD",
    "MONKEYS",
    "COMPASS",
    "AUTHOR",
    "GPG_TTY",
    "RUNLEDGER_SET_TOKEN",
    "RUNLEDGER_EFFECT_KEY",
  ])("not by a name like %s", (name) => expect(namesOf({ [name]: "hunter22" })).toEqual([]));

  it("when the settings pass it on, unless it is something ordinary", () => {
    const ordinary = {
      NODE_ENV: "production-2",
      AWS_REGION: "eu-central-1",
      STAGE: "production",
      BASE: "http://localhost:8080",
      CONFIG: "/nowhere/a/b:/c",
      PORTS: "10000,20000",
    };
    const secret = { SHOP: "q7zt-p4wx", DATABASE: "postgres://app:s3cr%2Ft-word@db/shop" };
    const environment = { ...ordinary, ...secret, OTHER: "q7zt-p4wx" };
    expect(namesOf(environment, { passed: Object.keys({ ...ordinary, ...secret }) })).toEqual([
      "SHOP=q7zt-p4wx",
      "DATABASE=postgres://app:s3cr%2Ft-word@db/shop",
      "DATABASE=s3cr%2Ft-word",
      "DATABASE=s3cr/t-word",
    ]);
  });

  it("when the settings say so, and never when they say that it is none", () => {
    const environment = { STAGE: "production", DEPLOY_TOKEN: "hunter22" };
    expect(namesOf(environment, { names: ["STAGE"], except: ["DEPLOY_TOKEN"] })).toEqual([
      "STAGE=production",
    ]);
  });

  it("not when it only says where something lies", () => {
    expect(namesOf({ A_KEY: "/there/key.pem", B_KEY: "/gone/key.pem" })).toEqual(["B_KEY=/gone/key.pem"]);
  });

  it("not when it is too short to be looked for, which is told", () => {
    expect(sorted({ A_TOKEN: "seven77", B_TOKEN: "true", C_TOKEN: "", D_TOKEN: " \n" })).toEqual({
      secrets: [],
      tooShort: [],
    });
    const passed = { passed: ["A", "B", "C"], names: ["D"] };
    expect(sorted({ A: "q7zt-p4", B: "short", C: "", D: "short" }, passed).tooShort).toEqual(["A", "D"]);
  });

  it("with each line of its own that is no prose", () => {
    const line = "b3BlbnNzaC1rZXktdjEAAAAABG5v";
    expect(namesOf({ A_KEY: `first words\n${line}\n` })).toEqual([
      `A_KEY=first words\n${line}`,
      `A_KEY=${line}`,
    ]);
  });
});
