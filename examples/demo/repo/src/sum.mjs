export const sum = (prices) => prices.reduce((total, price) => total + price, 1);
