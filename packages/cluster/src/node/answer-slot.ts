/** A reference that takes an answer without a process: for calls that another process than the asked one may answer. */
import { Reference } from "@interlock/core/distribution";

export abstract class AnswerSlot extends Reference {
  abstract take(value: unknown): void;
}
