import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hostNameOf, requireOwnSite } from "../../../src/ui/http/guards.js";
import { type Desk, openDesk, shop } from "../../helpers/cli.js";

describe("a name that a server is to go by", () => {
  it.each([
    ["Ledger.Example", "ledger.example:7420"],
    ["10.0.0.7", "10.0.0.7"],
    ["2001:DB8:0:0:0:0:0:1", "[2001:db8::1]:7420"],
    ["[2001:db8:0::1]", "[2001:db8::1]"],
    ["::ffff:10.0.0.7", "[::ffff:a00:7]"],
    ["fe80::1%eth0", "[fe80::1]"],
  ])("%s is the one of requests to %s", (name, host) => {
    expect(() => requireOwnSite(new Headers({ host }), [hostNameOf(name)])).not.toThrow();
    expect(() => requireOwnSite(new Headers({ host }), ["other.example"])).toThrow();
  });

  it.each([
    ...["ledger.example:8443", "[::1]:80", "https://ledger.example", "ledger.example/mcp"],
    ...["ada@ledger.example", "", "a b", "ledger.example?x", "%zz"],
  ])("is not %j", (name) => {
    expect(() => hostNameOf(name)).toThrow(expect.objectContaining({ code: "invalid_input" }));
  });
});

describe("serve", () => {
  let desk: Desk;
  beforeAll(async () => {
    desk = await openDesk(shop);
  });
  afterAll(() => desk.dispose());

  it.each([
    ["--allow-host", "ledger.example:8443"],
    ["--host", "http://127.0.0.1"],
  ])("does not begin with %s %s", async (flag, name) => {
    const { code, err } = await desk.type("serve", flag, name);
    expect([code, err]).toEqual([2, expect.stringContaining(`"${name}" is no host name.`)]);
  });
});
