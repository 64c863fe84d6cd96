export const count = () => new Map();
