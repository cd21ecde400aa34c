export const templateErrors = {};
