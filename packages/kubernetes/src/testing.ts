/** What tests of programs on Kubernetes need: an API server in memory. */

export { FakeApiServer, type FakeApiServerOptions, type FakeFault } from "./testing/fake-api-server.ts";
