export const planErrors = {};
