import { writeFileSync } from "node:fs";

// What a model would find out; the demo knows it.
const fixes = {
  sum: ["src/sum.mjs", "export const sum = (prices) => prices.reduce((total, price) => total + price, 0);\n"],
  tax: ["src/tax.mjs", "export const withTax = (amount, percent) => amount * (1 + percent / 100);\n"],
  invoice: [
    "src/invoice.mjs",
    [
      'import { sum } from "./sum.mjs";',
      'import { withTax } from "./tax.mjs";',
      "",
      'export const invoice = (prices, percent) => "Total: " + withTax(sum(prices), percent);',
      "",
    ].join("\n"),
  ],
};

const feedback = process.env.RUNLEDGER_FEEDBACK;
if (feedback) console.log(`The last attempt was refused: ${JSON.parse(feedback).message}`);
const [file, text] = fixes[process.env.RUNLEDGER_STEP_ID];
writeFileSync(file, text);
console.log(`Rewrote ${file}.`);
