// JSON without loss: Iceberg's snapshot ids are random 63-bit integers, which `JSON.parse` rounds.

export type Json =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };
