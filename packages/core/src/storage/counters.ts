/** Counters without a process: numbers that everybody may add to. @see counters(3) */
import { badArgument } from "../errors.ts";

/**
 * Numbered from 0 to `size` - 1, each 0 at first. They are numbers and exact between -(2^53 - 1) and 2^53 - 1; beyond
 * that small additions are lost. (Erlang numbers them from 1 and wraps around at 64 bits.)
 */
export interface Counters {
  readonly size: number;
  add(index: number, increment: number): void;
  sub(index: number, decrement: number): void;
  get(index: number): number;
  put(index: number, value: number): void;
}

class CounterArray implements Counters {
  readonly size: number;
  readonly #values: Float64Array;

  constructor(size: number) {
    this.size = size;
    this.#values = new Float64Array(size);
  }

  add(index: number, increment: number): void {
    this.put(index, this.get(index) + increment);
  }

  sub(index: number, decrement: number): void {
    this.put(index, this.get(index) - decrement);
  }

  get(index: number): number {
    const value = this.#values[index];
    if (value === undefined) throw badArgument("index", index, `a whole number from 0 to ${this.size - 1}`);
    return value;
  }

  put(index: number, value: number): void {
    if (!Number.isInteger(value)) throw badArgument("the value of a counter", value, "a whole number");
    this.get(index);
    this.#values[index] = value;
  }
}

/**
 * Makes `size` counters. They belong to nobody and last as long as somebody holds them.
 *
 * @example
 * const served = counters(2);
 * served.add(0, 1);
 * console.log(served.get(0)); // 1
 */
export function counters(size: number): Counters {
  if (!Number.isInteger(size) || size < 1) throw badArgument("size", size, "a whole number, 1 or more");
  return new CounterArray(size);
}
