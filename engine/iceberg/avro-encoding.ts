// Avro's binary encoding (specification 1.11), as far as Iceberg's manifests use it. Longs are read as
// bigint and written from either, because snapshot ids and sequence numbers exceed 53 bits.

const firstCapacity = 16 * 1024;

/** Appends values to a growing buffer. */
export class AvroWriter {
  #buffer: Buffer = Buffer.allocUnsafe(firstCapacity);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** The bytes written so far; valid until the next write. */
  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
  }

  writeLong(value: number | bigint): void {
    if (typeof value === "bigint") {
      if (value < -0x1_0000_0000_0000n || value > 0x1_0000_0000_0000n) return this.#writeWide(value);
      value = Number(value);
    }
    this.#reserve(10);
    let rest = value >= 0 ? value * 2 : -value * 2 - 1;
    while (rest >= 0x80) {
      this.#buffer[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#buffer[this.#length++] = rest;
  }

  #writeWide(value: bigint): void {
    this.#reserve(10);
    let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
    while (rest >= 0x80n) {
      this.#buffer[this.#length++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#buffer[this.#length++] = Number(rest);
  }

  writeBoolean(value: boolean): void {
    this.#reserve(1);
    this.#buffer[this.#length++] = value ? 1 : 0;
  }

  writeFloat(value: number): void {
    this.#reserve(4);
    this.#length = this.#buffer.writeFloatLE(value, this.#length);
  }

  writeDouble(value: number): void {
    this.#reserve(8);
    this.#length = this.#buffer.writeDoubleLE(value, this.#length);
  }

  writeBytes(value: Uint8Array): void {
    this.writeLong(value.length);
    this.writeFixed(value);
  }

  writeString(value: string): void {
    const length = Buffer.byteLength(value);
    this.writeLong(length);
    this.#reserve(length);
    this.#length += this.#buffer.write(value, this.#length);
  }

  /** Raw bytes without a length. */
  writeFixed(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#buffer.set(value, this.#length);
    this.#length += value.length;
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}

/** Thrown by `AvroReader`; `avro.ts` turns it into `iceberg/bad-avro` with the file's path. */
export class AvroFormatError extends Error {}

/** Reads values one after another; every read past the end is an `AvroFormatError`. */
export class AvroReader {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get at(): number {
    return this.#at;
  }

  get remaining(): number {
    return this.#buffer.length - this.#at;
  }

  /** An int or long that must fit a number: counts, lengths, union branches, field ids. */
  readInt(): number {
    let factor = 1;
    let value = 0;
    for (let index = 0; index < 7; index += 1) {
      const byte = this.#buffer[this.#at++];
      if (byte === undefined) throw new AvroFormatError("it ends in the middle of a number");
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      factor *= 0x80;
    }
    throw new AvroFormatError("a count or id is out of range");
  }

  readLong(): bigint {
    const start = this.#at;
    let factor = 1;
    let value = 0;
    for (let index = 0; index < 7; index += 1) {
      const byte = this.#buffer[this.#at++];
      if (byte === undefined) throw new AvroFormatError("it ends in the middle of a number");
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return BigInt(value % 2 === 0 ? value / 2 : -(value + 1) / 2);
      factor *= 0x80;
    }
    return this.#readWide(start);
  }

  #readWide(start: number): bigint {
    this.#at = start;
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#buffer[this.#at++];
      if (byte === undefined) throw new AvroFormatError("it ends in the middle of a number");
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) {
        const unsigned = BigInt.asUintN(64, value);
        return BigInt.asIntN(64, (unsigned >> 1n) ^ -(unsigned & 1n));
      }
    }
    throw new AvroFormatError("a number is longer than 64 bits");
  }

  /** Steps over an int or long without making a value of it. */
  skipLong(): void {
    for (let index = 0; index < 10; index += 1) {
      const byte = this.#buffer[this.#at++];
      if (byte === undefined) throw new AvroFormatError("it ends in the middle of a number");
      if (byte < 0x80) return;
    }
    throw new AvroFormatError("a number is longer than 64 bits");
  }

  /** Steps over a value that is preceded by its length: bytes or text. */
  skipBytes(): void {
    this.#advance(this.readInt());
  }

  /** Steps over pairs of a number and a number, or a number and bytes. */
  skipPairs(count: number, ofBytes: boolean): void {
    for (let index = 0; index < count; index += 1) {
      this.skipLong();
      if (ofBytes) this.skipBytes();
      else this.skipLong();
    }
  }

  /** The branch of a union: mostly one byte, 0 or 1. */
  readBranch(): number {
    const byte = this.#buffer[this.#at];
    if (byte !== 0 && byte !== 2) return this.readInt();
    this.#at += 1;
    return byte >> 1;
  }

  readBoolean(): boolean {
    return this.readFixed(1)[0] !== 0;
  }

  readFloat(): number {
    return this.#buffer.readFloatLE(this.#advance(4));
  }

  readDouble(): number {
    return this.#buffer.readDoubleLE(this.#advance(8));
  }

  /** A view of the block, not a copy: nearly all of a block is such values anyway. */
  readBytes(): Uint8Array {
    const length = this.readInt();
    const start = this.#advance(length);
    return new Uint8Array(this.#buffer.buffer, this.#buffer.byteOffset + start, length);
  }

  readString(): string {
    const length = this.readInt();
    const start = this.#advance(length);
    return this.#buffer.toString("utf8", start, start + length);
  }

  /** Raw bytes without a length, still sharing the block's memory. */
  readFixed(length: number): Uint8Array {
    const start = this.#advance(length);
    return this.#buffer.subarray(start, start + length);
  }

  skip(length: number): void {
    this.#advance(length);
  }

  /** Moves forward and returns where it was. */
  #advance(length: number): number {
    const start = this.#at;
    if (length < 0 || length > this.#buffer.length - start) {
      throw new AvroFormatError(`a length of ${length} bytes where ${this.#buffer.length - start} are left`);
    }
    this.#at = start + length;
    return start;
  }
}
