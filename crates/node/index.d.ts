/// <reference types="node" />

/** A number of bytes: a whole number below 2^53, a bigint, or a string of digits, as some clients of XAPI give sizes. */
export type Bytes = number | bigint | string

/** How many: as {@link Bytes}, but not of bytes. */
export type Count = number | bigint | string

/** How a bitmap is written down: the call's answer is `base64`; `bits` is one `0` or `1` a block. */
export type Encoding = 'base64' | 'raw-msb0' | 'raw-lsb0' | 'bits' | 'cbtlog'

/**
 * A bitmap in memory: text, or bytes. A string is for `base64` and `bits` only.
 *
 * An asynchronous call copies its bytes, or its lists, before it returns, if they have at most 4 MiB in all. Longer ones are
 * copied in turns of the event loop: do not change them until the promise settles. If they are transferred, or made smaller,
 * before that, the promise is rejected.
 */
export type Answer = string | Uint8Array | Uint8ClampedArray | Int8Array | DataView | ArrayBufferLike

/**
 * A bitmap in memory, or its chunks: a `Readable`, a web stream, or any other async iterable. One that is not read to its end
 * is destroyed, cancelled, or returned from, also if the call is refused.
 */
export type AsyncAnswer = Answer | AsyncIterable<Answer>

/**
 * Byte ranges: offset, length, offset, length, … They are sorted and disjoint, none is empty, and none are adjacent, but for
 * the pieces of a split. Calls that take a list take such pieces, too: adjacent ones are one range.
 */
export type List = Float64Array | BigUint64Array

/**
 * What is known of a bitmap. Options are a plain object: others are refused, as is a name that is not known.
 */
export interface AnswerOptions {
  /** `base64` if nothing is said. */
  encoding?: Encoding
  /** How many bytes one bit stands for: a fact about the bitmap, 65,536 if nothing is said. A power of two from 512 to 2^30. */
  blockSize?: Bytes
  /**
   * The size of the disk. Give it wherever it is known: without it, a text that was cut short at a multiple of four
   * characters cannot be told from a whole one. `undefined` is refused: where it is not known, leave it out.
   */
  virtualSize?: Bytes
  /** Whether a `.cbtlog` may be read that is not marked as consistent. Changes may be missing from it. */
  allowInconsistent?: boolean
}

/** What is to become of the ranges, in this order. */
export interface ExtentOptions extends AnswerOptions {
  /** Unchanged gaps of at most so many bytes are read through. */
  mergeGap?: Bytes
  /** Starts and ends move outward to multiples of so many bytes, never beyond the end of the disk. */
  align?: Bytes
  /** At most so many ranges, for the fewest bytes. */
  atMost?: Count
  /** Pieces of at most so many bytes, with borders on multiples of that. */
  split?: Bytes
  /** Whether the list is a `BigUint64Array`: for disks beyond 2^53 bytes (8 PiB). */
  bigint?: boolean
}

/** What is known of a bitmap, and what is asked of it. */
export interface BlockOptions extends AnswerOptions {
  /** The size of the blocks that are asked for, such as 2 MiB; a power of two from 512 to 2^30, that of the bitmap if nothing is said. */
  at?: Bytes
}

/** A signal rejects the promise at once, with its reason. */
export interface Abortable {
  signal?: AbortSignal
}

/** Which module does the work: the native one, or WebAssembly where there is no native one for this system. */
export const binding: 'native' | 'wasm'

/**
 * The byte ranges that changed, as pairs of offset and length.
 *
 * A gap between ranges means "unchanged", never "zeros".
 *
 * @throws {ChangedBlocksError} if the answer could hide a change: damaged, cut short, another disk's. There is never a part
 * of a list. With the code `unsafe-integer` if a range ends beyond 2^53 bytes and `bigint` is not set.
 * @example
 * const list = extents(answer, { virtualSize: 100 * 2 ** 30 })
 * for (let i = 0; i < list.length; i += 2) {
 *   await read(list[i], list[i + 1])
 * }
 */
export function extents(answer: Answer, options: ExtentOptions & { bigint: true }): BigUint64Array
export function extents(answer: Answer, options?: ExtentOptions & { bigint?: false }): Float64Array
export function extents(answer: Answer, options?: ExtentOptions): List

/** As {@link extents}, away from the event loop; of a stream, too. */
export function extentsAsync(
  answer: AsyncAnswer,
  options: ExtentOptions & Abortable & { bigint: true }
): Promise<BigUint64Array>
export function extentsAsync(
  answer: AsyncAnswer,
  options?: ExtentOptions & Abortable & { bigint?: false }
): Promise<Float64Array>
export function extentsAsync(answer: AsyncAnswer, options?: ExtentOptions & Abortable): Promise<List>

/**
 * The blocks that changed, at the block size of the bitmap or at one's own: a larger block is changed if any byte of it is
 * part of a changed one.
 *
 * @throws {ChangedBlocksError} as {@link extents} does.
 * @example
 * const changed = blocks(answer, { virtualSize, at: 2 * 1024 * 1024 })
 * for (const index of changed) {
 *   await copyBlock(index)
 * }
 */
export function blocks(answer: Answer, options?: BlockOptions): Blocks

/** As {@link blocks}, away from the event loop; of a stream, too. */
export function blocksAsync(answer: AsyncAnswer, options?: BlockOptions & Abortable): Promise<Blocks>

/**
 * The changed blocks of a disk: a bitmap, one bit a block. It cannot be cloned, so that a worker is sent its numbers, or the
 * answer.
 */
export class Blocks implements Iterable<number> {
  private constructor()
  /** How many blocks changed. */
  readonly count: number
  /** Whether any block changed. */
  readonly any: boolean
  /** How many blocks the disk has; without `virtualSize` how many bits the bitmap has, which may be some more. */
  readonly length: number
  /** The size of a block in bytes. */
  readonly blockSize: number
  /** The size of the disk in bytes, where it is known; a bigint from 2^53 on. */
  readonly virtualSize: number | bigint | undefined
  /**
   * Whether a block changed.
   *
   * @throws {ChangedBlocksError} if the disk has no such block.
   */
  has(index: number): boolean
  /** The numbers of the changed blocks, in ascending order. */
  [Symbol.iterator](): Iterator<number>
  /** The numbers of the changed blocks, in ascending order. */
  toUint32Array(): Uint32Array
}

/** Reads through unchanged gaps of at most `longestGap` bytes: the ranges on both sides become one. */
export function merge<L extends List>(list: L, longestGap: Bytes): L
/** Moves starts and ends outward to multiples of `size` bytes, never beyond the end of the disk, if that is known. */
export function align<L extends List>(list: L, size: Bytes, options?: { virtualSize?: Bytes }): L
/** At most `count` ranges that cover all of the list, for the fewest bytes. */
export function budget<L extends List>(list: L, count: Count): L
/** Pieces of at most `longest` bytes, with borders on multiples of that. They may be adjacent. */
export function split<L extends List>(list: L, longest: Bytes): L
/** The bytes that are in either list. */
export function union<L extends List>(a: L, b: L): L
/** The bytes that are in both lists. */
export function intersection<L extends List>(a: L, b: L): L
/** The bytes that are in `a` and not in `b`. */
export function difference<L extends List>(a: L, b: L): L
/** The bytes that are in exactly one of the lists. */
export function symmetricDifference<L extends List>(a: L, b: L): L

export function mergeAsync<L extends List>(list: L, longestGap: Bytes, options?: Abortable): Promise<L>
export function alignAsync<L extends List>(
  list: L,
  size: Bytes,
  options?: Abortable & { virtualSize?: Bytes }
): Promise<L>
export function budgetAsync<L extends List>(list: L, count: Count, options?: Abortable): Promise<L>
export function splitAsync<L extends List>(list: L, longest: Bytes, options?: Abortable): Promise<L>
export function unionAsync<L extends List>(a: L, b: L, options?: Abortable): Promise<L>
export function intersectionAsync<L extends List>(a: L, b: L, options?: Abortable): Promise<L>
export function differenceAsync<L extends List>(a: L, b: L, options?: Abortable): Promise<L>
export function symmetricDifferenceAsync<L extends List>(a: L, b: L, options?: Abortable): Promise<L>

/**
 * The caller's next step after an error:
 *
 * - `full-backup`: what changed is not known. Read the whole disk.
 * - `retry`: try the same again.
 * - `operator`: a person has to look at it, or the system needs more memory.
 * - `wrong-usage`: the call makes no sense. Mend the program.
 */
export type Consequence = 'full-backup' | 'retry' | 'operator' | 'wrong-usage'

/** The kind of an error: one of the library's, or one of the last four, which are this package's own. */
export type Code =
  | 'block-beyond-end'
  | 'block-size'
  | 'block-size-mismatch'
  | 'byte-range'
  | 'changed'
  | 'consistent-flag'
  | 'empty'
  | 'empty-list'
  | 'grown'
  | 'header-too-short'
  | 'header-virtual-size'
  | 'image-limit'
  | 'incomplete-group'
  | 'inconsistent'
  | 'invalid-bit'
  | 'invalid-symbol'
  | 'length-mismatch'
  | 'list'
  | 'misplaced-padding'
  | 'missing-padding'
  | 'no-virtual-size'
  | 'not-a-bitmap'
  | 'offset-overflow'
  | 'out-of-memory'
  | 'read'
  | 'shrunk'
  | 'too-long'
  | 'too-short'
  | 'trailing-bits'
  | 'unavailable-tier'
  | 'unequal-block-sizes'
  | 'unknown-block-size'
  | 'unknown-encoding'
  | 'unknown-tier'
  | 'virtual-size'
  | 'virtual-size-mismatch'
  | 'invalid-argument'
  | 'unsafe-integer'
  | 'system'
  | 'internal'

/** An error of a bitmap, or of a call that makes no sense. A stream's own errors are passed on as they are. */
export class ChangedBlocksError extends Error {
  private constructor()
  readonly name: 'ChangedBlocksError'
  readonly code: Code
  readonly consequence: Consequence
  /** Where in the input, in bytes from its start, where it is at a place. */
  readonly offset?: number
  /** Advice, where there is more to say. */
  readonly hint?: string
}
