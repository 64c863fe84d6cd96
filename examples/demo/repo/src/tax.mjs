export const withTax = (amount, percent) => amount + percent;
