import { requireSession } from "../../src/core/decide/guards.js";
import { intentNotFound, requireIntent } from "../../src/core/decide/intents.js";
import { runOfIntent } from "../../src/core/intents.js";
import * as limit from "../../src/core/limits.js";
import { someText } from "../../src/core/shapes.js";
import { closed, textOf } from "../../src/core/wire.js";
import { shownOf } from "../../src/ledger/shown-intent.js";
import { IntentTold, intentTold } from "../intent-views.js";
import { defineTool } from "../tool.js";

export const intentStatus = defineTool({
  name: "intent_status",
  title: "What became of an intent",
  role: "execution",
  readOnly: true,
  description:
    "Tell whether something that you asked to do outside was allowed, and whether it was executed.",
  input: closed({ run_id: someText, intent_id: textOf(limit.INTENT_NAME_CHARS) }),
  output: IntentTold,
  handle: async ({ run_id, intent_id }, caller, { ledger, duties }) => {
    requireSession(await ledger.load(run_id), caller);
    if (runOfIntent(intent_id) !== run_id) throw intentNotFound(intent_id);
    await duties.expire(run_id);
    return intentTold(await shownOf(ledger, requireIntent(await ledger.load(run_id), intent_id)));
  },
});
