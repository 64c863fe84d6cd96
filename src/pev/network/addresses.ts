import { lookup } from "node:dns/promises";
import { BlockList, isIPv6 } from "node:net";

/** Addresses that mean this machine, its network, nobody or many; and those that carry another address inside. */
const INNER_V4 = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
] as const;
/** Of version 6 only what is routed in the world passes. */
const OUTER_V6 = ["2000::", 3] as const;
const INNER_V6 = [
  ["2001::", 32],
  ["2001:db8::", 32],
  ["2002::", 16],
] as const;

const blocked = new BlockList();
for (const [net, prefix] of INNER_V4) blocked.addSubnet(net, prefix, "ipv4");
for (const [net, prefix] of INNER_V6) blocked.addSubnet(net, prefix, "ipv6");
const routed = new BlockList();
routed.addSubnet(...OUTER_V6, "ipv6");

const isPublicAddress = (address: string): boolean =>
  isIPv6(address)
    ? routed.check(address, "ipv6") && !blocked.check(address, "ipv6")
    : !blocked.check(address, "ipv4");

/**
 * Where a host that may be reached is: looked up once and connected to by address, so that a name cannot mean one machine
 * when it is checked and another one when it is called. Undefined when there is none that may be called.
 */
export const addressOf = async (host: string, mayBeInner: boolean): Promise<string | undefined> =>
  callableIn(await addressesOf(host), mayBeInner);

/** All of a name; none where it cannot be resolved. */
export const addressesOf = async (host: string): Promise<readonly string[]> => {
  const found = await lookup(host, { all: true }).catch(() => []);
  return found.map(({ address }) => address);
};

export const callableIn = (addresses: readonly string[], mayBeInner: boolean): string | undefined =>
  addresses.find((address) => mayBeInner || isPublicAddress(address));
