import { describe, expect, test } from "vitest";

import { KubernetesError } from "../errors.ts";
import { errorOf, type Status, statusIn } from "./status.ts";

const leases = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", plural: "leases", namespace: "shop" };
const target = { verb: "update", resource: leases, name: "printer" };
const error = (code: number, status: Status): KubernetesError => errorOf(target, "https://api", code, status);

describe("an answer that is no success", () => {
  test.each<[number, Status, string, string]>([
    [401, {}, "UNAUTHORIZED", "https://api does not know who asks"],
    [404, { message: "no such lease", details: { kind: "leases", name: "printer" } }, "NOT_FOUND", "no such lease"],
    [404, { message: "the server could not find the requested resource" }, "NOT_FOUND", "does not know this resource"],
    [409, { reason: "AlreadyExists" }, "ALREADY_EXISTS", "it is there already"],
    [409, { reason: "Conflict", message: "the object has been modified" }, "CONFLICT", "has been modified"],
    [410, { reason: "Expired" }, "EXPIRED", "kept no more"],
    [
      422,
      { message: "spec is wrong", details: { causes: [{ field: "spec.x", message: "no" }] } },
      "INVALID",
      "spec is wrong",
    ],
    [400, { message: "no JSON" }, "INVALID", "no JSON"],
    [429, { message: "too many requests" }, "THROTTLED", "too many requests"],
    [500, { message: "etcdserver: leader changed" }, "FAILED", "500 etcdserver: leader changed"],
    [502, statusIn("<html>Bad gateway</html>"), "FAILED", "502 <html>Bad gateway</html>"],
  ])("%i %o is %s and says %j", (code, status, name, text) => {
    const found = error(code, status);
    expect(found).toBeInstanceOf(KubernetesError);
    expect(found.code).toBe(`INTERLOCK_KUBERNETES_${name}`);
    expect(found.message).toContain('Cannot update leases.coordination.k8s.io "printer" in namespace shop: ');
    expect(found.message).toContain(text);
    expect(found.hint.length).toBeGreaterThan(20);
  });
});

test("a refusal of RBAC says what to grant, and whom", () => {
  const message =
    'leases.coordination.k8s.io "printer" is forbidden: User "system:serviceaccount:shop:web" cannot update resource ' +
    '"leases" in API group "coordination.k8s.io" in the namespace "shop"';
  expect(error(403, { message })).toMatchObject({
    message:
      'Cannot update leases.coordination.k8s.io "printer" in namespace shop: RBAC grants system:serviceaccount:shop:web no ' +
      '{ apiGroups: ["coordination.k8s.io"], resources: ["leases"], resourceNames: ["printer"], verbs: ["update"] } in namespace shop',
    details: { verb: "update", user: "system:serviceaccount:shop:web", name: "printer", namespace: "shop" },
  });
});

test("what admission forbids is nothing that RBAC could grant", () => {
  const message = 'pods "web-0" is forbidden: exceeded quota: pods, requested: pods=1, used: pods=5, limited: pods=5';
  expect(error(403, { message })).toMatchObject({
    message: expect.stringContaining("exceeded quota"),
    details: { rule: undefined, user: undefined, problem: message },
  });
});

test("the managers of a conflict are named with their fields", () => {
  const causes = [
    {
      reason: "FieldManagerConflict",
      message: 'conflict with "kubectl-client-side-apply" using apps/v1',
      field: ".spec.replicas",
    },
    { reason: "FieldManagerConflict", message: 'conflict with "a \\"b\\"" with subresource "scale"', field: ".spec.x" },
  ];
  expect(error(409, { reason: "Conflict", details: { causes } })).toMatchObject({
    details: {
      conflicts: [
        { manager: "kubectl-client-side-apply", field: ".spec.replicas" },
        { manager: 'a \\"b\\"', field: ".spec.x" },
      ],
    },
  });
});
