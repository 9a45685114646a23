// What the API shows instead of a value that is masked.
export const MASK = "*****";

/** Whether a value, or something in it, is not shown. */
export const isMasked = (value: unknown): boolean =>
  JSON.stringify(value)?.includes(`"${MASK}"`) ?? false;
