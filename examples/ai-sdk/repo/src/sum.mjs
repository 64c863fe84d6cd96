export const sum = (prices) => prices.length;
