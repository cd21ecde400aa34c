export const icebergErrors = {};
