// Thrift over a plain socket has no length in front of a message: its end is found by walking through it.
// The walk goes on where it stopped when more bytes arrive, so a large reply costs no more than its size.
import { MalformedMessage, wire } from "./thrift-codec.ts";

interface Level {
  readonly kind: "struct" | "elements";
  /** Of elements: how many are still to come, and their types in turn (a map has two). */
  left: number;
  readonly types: readonly number[];
}

const fixedSizes: Readonly<Record<number, number>> = {
  [wire.bool]: 1,
  [wire.byte]: 1,
  [wire.i16]: 2,
  [wire.i32]: 4,
  [wire.i64]: 8,
  [wire.double]: 8,
};

const deepest = 64;
const strictVersion = 0x8001;

/** Collects the bytes of one message after another. */
export class MessageScanner {
  readonly #largestBytes: number;
  #bytes: Buffer = Buffer.allocUnsafe(16 * 1024);
  #length = 0;
  #at = 0;
  #levels: Level[] = [];
  #inMessage = false;

  constructor(largestBytes: number) {
    this.#largestBytes = largestBytes;
  }

  /** Adds what arrived; gives the message's bytes once it is whole. Throws `MalformedMessage`. */
  add(chunk: Buffer): Buffer | null {
    const length = this.#length + chunk.length;
    if (length > this.#largestBytes) {
      throw new MalformedMessage(`a message of more than ${this.#largestBytes} bytes`);
    }
    if (length > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(length, this.#bytes.length * 2));
      this.#bytes.copy(grown, 0, 0, this.#length);
      this.#bytes = grown;
    }
    chunk.copy(this.#bytes, this.#length);
    this.#length = length;
    if (!this.#inMessage && !this.#header()) return null;
    while (this.#levels.length > 0) if (!this.#step()) return null;
    if (this.#at < this.#length) throw new MalformedMessage("bytes after the end of the reply");
    const message = Buffer.from(this.#bytes.subarray(0, this.#length));
    this.#length = this.#at = 0;
    this.#inMessage = false;
    return message;
  }

  /** Version and type, name, sequence number; the struct after them is the body. */
  #header(): boolean {
    if (!this.#has(8)) return false;
    if (this.#bytes.readUInt16BE(0) !== strictVersion) {
      throw new MalformedMessage("the answer is not Thrift's binary protocol");
    }
    const nameBytes = this.#bytes.readInt32BE(4);
    if (nameBytes < 0 || nameBytes > 1024) throw new MalformedMessage("the method's name has no length");
    if (!this.#has(12 + nameBytes)) return false;
    this.#at = 12 + nameBytes;
    this.#inMessage = true;
    this.#levels = [{ kind: "struct", left: 0, types: [] }];
    return true;
  }

  /** One field or element; false where its bytes are not there yet, with nothing consumed. */
  #step(): boolean {
    const level = this.#levels.at(-1) as Level;
    if (level.kind === "struct") {
      if (!this.#has(1)) return false;
      const type = this.#bytes[this.#at] as number;
      if (type === wire.stop) {
        this.#at += 1;
        this.#levels.pop();
        return true;
      }
      return this.#value(type, 3);
    }
    if (level.left === 0) {
      this.#levels.pop();
      return true;
    }
    const type = level.types[level.left % level.types.length] as number;
    // Counted down first: the value may put a level of its own on top.
    level.left -= 1;
    if (this.#value(type, 0)) return true;
    level.left += 1;
    return false;
  }

  #value(type: number, before: number): boolean {
    const at = this.#at + before;
    const size = fixedSizes[type];
    if (size !== undefined) return this.#consume(before + size);
    switch (type) {
      case wire.string: {
        if (!this.#has(before + 4)) return false;
        return this.#consume(before + 4 + this.#count(at));
      }
      case wire.struct:
        if (!this.#consume(before)) return false;
        this.#push({ kind: "struct", left: 0, types: [] });
        return true;
      case wire.list:
      case wire.set: {
        if (!this.#has(before + 5)) return false;
        const element = this.#bytes[at] as number;
        this.#push({ kind: "elements", left: this.#count(at + 1), types: [element] });
        return this.#consume(before + 5);
      }
      case wire.map: {
        if (!this.#has(before + 6)) return false;
        // `left` counts down from an even number: the key's turn is at even, the value's at odd.
        const types = [this.#bytes[at] as number, this.#bytes[at + 1] as number];
        this.#push({ kind: "elements", left: this.#count(at + 2) * 2, types });
        return this.#consume(before + 6);
      }
      default:
        throw new MalformedMessage(`unknown type ${type}`);
    }
  }

  #push(level: Level): void {
    if (this.#levels.length >= deepest) throw new MalformedMessage(`nested deeper than ${deepest} levels`);
    this.#levels.push(level);
  }

  #count(at: number): number {
    const count = this.#bytes.readInt32BE(at);
    if (count < 0 || count > this.#largestBytes) throw new MalformedMessage(`a length of ${count}`);
    return count;
  }

  #has(lengthBytes: number): boolean {
    return this.#at + lengthBytes <= this.#length;
  }

  #consume(lengthBytes: number): boolean {
    if (!this.#has(lengthBytes)) return false;
    this.#at += lengthBytes;
    return true;
  }
}
