export const projectErrors = {
  "project/several-errors": (p: { count: number }) => `${p.count} errors in the project`,
};
