/** Whether an object is let go. Needs `--expose-gc`, which the workspace's vitest.config.ts gives. */

/** Whether nothing holds what `ref` refers to, after collecting a few times. */
export async function collected(ref: WeakRef<object>): Promise<boolean> {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) throw new Error("run with --expose-gc");
  for (let round = 0; round < 10; round++) {
    // A reference that was looked at is held until the end of the job.
    await new Promise((resolve) => void setImmediate(resolve));
    gc();
    if (ref.deref() === undefined) return true;
  }
  return false;
}
