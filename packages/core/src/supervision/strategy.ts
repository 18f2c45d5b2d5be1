/** Which siblings go down and come up again with a failed child. Pure. @see supervisor(3), "Restart Strategy" */

export type Strategy = "one_for_one" | "one_for_all" | "rest_for_one";

/**
 * The children, in start order, that restart together with `failed`; the failed one included. They are stopped in
 * reverse order and started in this one.
 */
export function restartGroup<Child>(strategy: Strategy, children: readonly Child[], failed: Child): readonly Child[] {
  switch (strategy) {
    case "one_for_one":
      return [failed];
    case "one_for_all":
      return children;
    case "rest_for_one":
      return children.slice(children.indexOf(failed));
  }
}
