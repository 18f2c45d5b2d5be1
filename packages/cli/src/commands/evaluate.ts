/** What is typed at a prompt, evaluated: what it gives is waited for, so that nobody has to write `await`. */
import { type Context, Script } from "node:vm";

const DECLARATION = /^\s*(?:const|let|var)\s+([A-Za-z_$][\w$]*)\s*=([^=][\s\S]*)$/;

/** Whether more has to be typed before it can be evaluated. */
export function isUnfinished(code: string): boolean {
  try {
    compiled(code);
    return false;
  } catch (error) {
    return /^(Unexpected end of input|Unterminated template|missing \) after)/.test((error as Error).message);
  }
}

/** Rejects with what it throws, and with a SyntaxError. `const x = await f()` makes `x` what `f` gives. */
export async function evaluate(code: string, context: Context): Promise<unknown> {
  const { name, script } = compiled(code);
  const value: unknown = await script.runInContext(context);
  if (name === undefined) return value;
  context[name] = value;
  return undefined;
}

function compiled(code: string): { readonly name?: string; readonly script: Script } {
  const [, name, of] = DECLARATION.exec(code) ?? [];
  const expression = of === undefined ? undefined : asExpression(of);
  if (name !== undefined && expression !== undefined) return { name, script: expression };
  return { script: asExpression(code) ?? new Script(code, { filename: "prompt" }) };
}

/** Undefined: it is none. First as one, for `{}` to be an object. */
function asExpression(code: string): Script | undefined {
  try {
    const text = code.trim().replace(/;$/, "");
    // A function that is declared is there afterwards; as an expression it would not be.
    return text === "" || /^(async\s+)?(function|class)\b/.test(text)
      ? undefined
      : new Script(`(async () => (${text}\n))()`, { filename: "prompt" });
  } catch {
    return undefined;
  }
}
