import { it, afterAll } from "vitest";
import { openDesk, planOf, shop, step } from "../../helpers/cli.js";
it("explores", async () => {
  const desk = await openDesk(shop);
  const say = async (...argv: string[]) => { const t = Date.now(); const r = await desk.type(...argv); console.log(`$ ${argv.join(" ")}  → ${r.code} ${Date.now()-t}ms\n--out\n${r.out}--err\n${r.err}`); };
  try {
  await say(); await say("--help"); await say("rnu","x"); await say("show"); await say("list"); await say("show","last"); await say("config"); await say("policy","--help");
  const ok = await planOf(desk, "ok.json", [step("a","maker"), step("b","maker",{depends_on:["a"]})], {acceptance_criteria:[{description:"both",validator:{type:"command_pass",target:"ls out/a.txt out/b.txt"}}]});
  await say("run", ok);
  await say("show","last"); await say("why","last"); await say("journal","last"); await say("logs","last","a"); await say("patch","last"); await say("apply","last"); await say("apply","last");
  const bad = await planOf(desk, "bad.json", [step("a","makr"), {id:"b c", goal:"", owner_agent:"maker", validator:{type:"test_pas"}, extra: 1}]);
  await say("run", bad); await say("run", bad, "--json");
  const lie = await planOf(desk, "lie.json", [step("a","liar"), step("b","breaker")]);
  await say("run", lie); await say("show","last"); await say("show","last","--json");
  await say("journal","last","--since","abc"); await say("journal","last","--type","bogus");
  await say("logs","last","a","--attempt","9"); await say("note","last","x"); await say("note","last","x","y"); await say("note","last","x","");
  await say("policy","last","a","decompose","--reason","r"); await say("policy","last","a","decompose","--reason","r","--steps","nope.json"); await say("-C","/nope","list"); await say("status"); await say("doctor"); await say("worker","--once");
  } finally { await desk.dispose(); }
});
