import type Database from "better-sqlite3";
import type { ProposalCount } from "./store.js";

type CountProposals = (agent: string, since: ProposalCount["since"]) => ProposalCount["found"];

/** Reads the index of `policy_checked` alone. Most ledgers have no such event, so it is prepared when it is first asked. */
export const proposalCounter = (sqlite: Database.Database): CountProposals => {
  let statement: Database.Statement<[object], [number, number]> | undefined;
  return (agent, { hour, day }) => {
    statement ??= sqlite.prepare<[object], [number, number]>(COUNT).raw();
    return statement.get({ agent, hour, day }) ?? [0, 0];
  };
};

const COUNT = `SELECT count(*) FILTER (WHERE at > @hour), count(*) FROM events
  WHERE type = 'policy_checked' AND actor_name = @agent AND at > @day`;
