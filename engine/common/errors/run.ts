export const runErrors = {};
