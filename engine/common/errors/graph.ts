export const graphErrors = {};
