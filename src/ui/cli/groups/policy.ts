import type { Command as Cli } from "commander";
import type { Register } from "../program.js";

const commands = () => import("../commands/policy.js");

export const addPolicyCommands = (cli: Cli, { bench, end }: Register): void => {
  const policy = cli.command("gate-policy").description("the policies that intents are decided by");
  const which = "the policy's name, or a file; left out: all in the folder of gate.policies";

  policy
    .command("list")
    .description("every policy of the project, and whether it can be read")
    .action(async () => end(await (await commands()).listPolicies(bench())));

  policy
    .command("show")
    .description("the rules of one policy that hold here, in the order in which they are asked")
    .argument("<policy>", "the policy's name, or a file")
    .action(async (given: string) => end(await (await commands()).showPolicy(bench(), given)));

  policy
    .command("check")
    .description("whether policies say what they may say; every defect with its line")
    .argument("[policy...]", which)
    .action(async (given: string[]) => end(await (await commands()).checkPolicies(bench(), given)));

  policy
    .command("test")
    .description("ask policies about the cases that lie beside them, as NAME.cases.yaml")
    .argument("[policy...]", which)
    .action(async (given: string[]) => end(await (await commands()).testPolicies(bench(), given)));

  policy
    .command("schema")
    .description("the JSON Schema of a policy's file, for editors")
    .action(async () => end((await commands()).printPolicySchema(bench())));
};
