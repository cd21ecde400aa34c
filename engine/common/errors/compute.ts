export const computeErrors = {};
