/** What travels over a visitor's socket, as JSON. What visitors send is checked; what does not fit is refused. */
import { z } from "zod";

/** Rooms are made by walking in, so their names are kept to what reads well in a list. */
const roomName = z.string().regex(/^[a-z][a-z0-9-]{0,23}$/);
const maxTextLength = 500;

const visitorName = z
  .string()
  // Control and direction characters would let a name rearrange other people's lines.
  .transform((name) =>
    name
      .replace(/[\p{Cc}\p{Cf}]/gu, "")
      .trim()
      .slice(0, 24),
  )
  .refine((name) => name !== "", "a name has letters");

export const fromVisitor = z.discriminatedUnion("type", [
  z.object({ type: z.literal("join"), room: roomName, name: visitorName }),
  z.object({
    type: z.literal("say"),
    text: z.string().trim().min(1).max(maxTextLength),
    /** What the sender calls these words, so that they may be sent again when it is not sure: they are said once. */
    id: z.string().min(1).max(40).optional(),
  }),
]);
export type FromVisitor = z.infer<typeof fromVisitor>;

export interface Said {
  readonly type: "said";
  readonly room: string;
  /** Counts what was said in the room. */
  readonly number: number;
  readonly id: string;
  readonly from: string;
  readonly text: string;
  /** Unix epoch, milliseconds. */
  readonly at: number;
}

export interface People {
  readonly type: "people";
  readonly room: string;
  readonly people: readonly string[];
  readonly count: number;
}

/** A refusal or a warning, as coded as the errors of the HTTP side. */
export interface Notice {
  readonly type: "notice";
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

export type ToVisitor =
  | Said
  | People
  | Notice
  | {
      readonly type: "joined";
      readonly room: string;
      readonly name: string;
      readonly history: readonly Said[];
      /** The room had fallen over, and was opened again. */
      readonly returned: boolean;
      /** The node that the visitor's socket ends at, and that of the room. */
      readonly node: string;
      readonly roomNode: string;
    }
  | { readonly type: "room-down"; readonly room: string; readonly reason: string };

/** A visitor's frame, or what is wrong with it. */
export function readFrame(data: string | undefined): FromVisitor | Notice {
  if (data === undefined) return badMessage("A binary frame.");
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    return badMessage("Not JSON.");
  }
  const read = fromVisitor.safeParse(value);
  if (read.success) return read.data;
  const issue = read.error.issues[0];
  return badMessage(`${issue?.path.join(".") || "message"}: ${issue?.message ?? "not understood"}.`);
}

function badMessage(problem: string): Notice {
  return {
    type: "notice",
    code: "NEWSROOM_CHAT_BAD_MESSAGE",
    message: `That message was not understood. ${problem}`,
    hint: `Send {"type":"join","room","name"} or {"type":"say","text"}, with an "id" if it may come twice, of at most ${maxTextLength} characters.`,
  };
}
