export const format = () => "";
