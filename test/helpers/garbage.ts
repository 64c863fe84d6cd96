import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Now and whole, also without the option of the program that runs the tests. */
export const collectGarbage = (): void => {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
};
