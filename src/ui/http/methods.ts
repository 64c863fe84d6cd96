import type { Handler, Hono } from "hono";
import { LedgerError } from "../../index.js";

/**
 * Lets a path that has some methods refuse the others, and say which there are (RFC 9110, 405 and Allow). Called behind the routes
 * themselves, for the first one that fits answers.
 */
export const refuseOtherMethods = (app: Hono, routes: readonly { verb: string; path: string }[]): void => {
  for (const path of new Set(routes.map((route) => route.path)))
    app.all(path, refusing(allowedBy(routes.flatMap((route) => (route.path === path ? [route.verb] : [])))));
};

/** Where something can be read, its head can. */
const allowedBy = (verbs: readonly string[]): string =>
  verbs.flatMap((verb) => (verb === "GET" ? [verb, "HEAD"] : [verb])).join(", ");

const refusing =
  (allow: string): Handler =>
  ({ req }) => {
    throw new LedgerError("method_unknown", `${req.path} takes no ${req.method}.`, {
      hint: `It takes ${allow}.`,
      details: { allow },
    });
  };
