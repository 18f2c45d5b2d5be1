/** Which siblings go down and come up again with a failed child. Pure. @see supervisor(3), "Restart Strategy" */

export type Strategy = "one_for_one" | "one_for_all" | "rest_for_one";

/**
 * The children, in start order, that restart together with `failed`; the failed one included. They are stopped in
 * reverse order and started in this one.
 */
export function restartGroup<Child>(strategy: Strategy, children: Iterable<Child>, failed: Child): readonly Child[] {
  // Ten thousand children that fail one for one must not cost ten thousand walks along them.
  if (strategy === "one_for_one") return [failed];
  const all = [...children];
  return strategy === "one_for_all" ? all : all.slice(all.indexOf(failed));
}
