/** MurmurHash3, x86, 32 bits, seed 0: the hash of bucket partitions. Signed, as in the specification. */
export function murmur3(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = bytes.byteLength;
  const blocks = length - (length % 4);
  let hash = 0;
  for (let offset = 0; offset < blocks; offset += 4) {
    hash ^= mixBlock(view.getInt32(offset, true));
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe654_6b64) | 0;
  }
  let tail = 0;
  for (let offset = length - 1; offset >= blocks; offset--) tail = (tail << 8) | (bytes[offset] as number);
  if (blocks < length) hash ^= mixBlock(tail);
  hash ^= length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return (hash ^ (hash >>> 16)) | 0;
}

function mixBlock(block: number): number {
  const mixed = Math.imul(block, 0xcc9e_2d51);
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b87_3593);
}
